//! Who did what to which record. Appended, never changed.

use super::{Store, moment};
use crate::model::id::TenantId;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row, Sqlite};

/// A line to be written.
#[derive(Clone, Debug)]
pub struct NewAudit {
    pub actor: String,
    pub what: &'static str,
    pub subject: String,
    pub detail: String,
}

/// A line of the audit log.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AuditLine {
    pub at: Timestamp,
    pub actor: String,
    pub what: String,
    pub detail: String,
}

impl Store {
    /// Writes down that somebody looked into a mail or a file.
    pub async fn opened(&self, tenant: &TenantId, subject: String, actor: String) -> anyhow::Result<()> {
        let tenant = tenant.clone();
        let line = NewAudit { actor, what: "opened", subject, detail: String::new() };
        self.write(move |c| {
            Box::pin(async move {
                insert(c, &[(&tenant, Timestamp::now(), &line)]).await?;
                Ok(())
            })
        })
        .await
    }

    /// The lines about one record, oldest first.
    pub async fn audit_of(&self, tenant: &TenantId, subject: &str) -> anyhow::Result<Vec<AuditLine>> {
        let rows = sqlx::query("select at, actor, what, detail from audit_log where tenant = $1 and subject = $2 order by id")
            .bind(tenant.as_str())
            .bind(subject)
            .fetch_all(&self.reads)
            .await?;
        let line = |row: &sqlx::sqlite::SqliteRow| AuditLine {
            at: moment(row.get("at")),
            actor: row.get("actor"),
            what: row.get("what"),
            detail: row.get("detail"),
        };
        Ok(rows.iter().map(line).collect())
    }
}

pub(super) async fn insert(c: &mut SqliteConnection, lines: &[(&TenantId, Timestamp, &NewAudit)]) -> Result<(), sqlx::Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("insert into audit_log (tenant, id, at, actor, what, subject, detail) ");
    query.push_values(lines, |mut b, (tenant, at, line)| {
        b.push_bind(tenant.as_str()).push_bind(ulid::Ulid::new().to_string()).push_bind(at.as_millisecond());
        b.push_bind(&line.actor).push_bind(line.what).push_bind(&line.subject).push_bind(&line.detail);
    });
    query.build().execute(c).await.map(drop)
}

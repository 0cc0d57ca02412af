//! Rows that `verify` walks through, a page at a time: its memory does not grow with the data.

use super::Store;
use super::history::{Document, document};
use crate::model::digest;
use crate::model::id::{ArrivalId, TenantId};
use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use sqlx::Row;

/// Rows of one page.
const PAGE: i64 = 200;

/// An arrival as `verify` compares it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub tenant: TenantId,
    pub id: ArrivalId,
    pub sha256: String,
    pub size: u64,
    pub disposition: Option<String>,
    pub reason: Option<String>,
    pub entry: Option<String>,
    pub is_open: bool,
    /// Its bytes were removed, and nothing else of it.
    pub raw_gone: bool,
}

/// What a history entry says of its mail.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// People who were told.
    pub told: u64,
    /// Notices about the mail that there are.
    pub notices: u64,
    /// Parts that were filed as documents.
    pub files: u64,
}

/// A sentence about something that does not agree.
pub type Finding = String;

impl Store {
    /// The next page of arrivals of all tenants behind the given one.
    pub async fn recorded_after(&self, after: Option<&Recorded>) -> anyhow::Result<Vec<Recorded>> {
        let (tenant, id) = after.map(|last| (last.tenant.to_string(), last.id.to_string())).unwrap_or_default();
        let rows = sqlx::query(
            "select tenant, id, sha256, size, disposition, reason, entry, closed_at, raw_gone from arrival
             where (tenant, id) > ($1, $2) order by tenant, id limit $3",
        )
        .bind(tenant)
        .bind(id)
        .bind(PAGE)
        .fetch_all(&self.reads)
        .await?;
        let recorded = |row: &sqlx::sqlite::SqliteRow| {
            anyhow::Ok(Recorded {
                tenant: TenantId::new(row.get::<String, _>("tenant")),
                id: row.get::<String, _>("id").parse().context("arrival.id")?,
                sha256: row.get("sha256"),
                size: row.get::<i64, _>("size").try_into().unwrap_or(0),
                disposition: row.get("disposition"),
                reason: row.get("reason"),
                entry: row.get("entry"),
                is_open: row.get::<Option<i64>, _>("closed_at").is_none(),
                raw_gone: row.get("raw_gone"),
            })
        };
        rows.iter().map(recorded).collect()
    }

    /// Hash and size of a mail's raw bytes, read in pieces.
    pub async fn hash_of_raw(&self, tenant: &TenantId, id: ArrivalId) -> anyhow::Result<(String, u64)> {
        let in_database: Option<Vec<u8>> = sqlx::query_scalar("select bytes from raw_mail where tenant = $1 and arrival = $2")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await?;
        let (mut hash, mut size) = (Sha256::new(), 0);
        match in_database {
            Some(bytes) => {
                hash.update(&bytes);
                size = bytes.len() as u64;
            }
            None => {
                let mut pieces = self.blobs().raw_stream(tenant, id).await?.boxed();
                while let Some(piece) = pieces.try_next().await? {
                    hash.update(&piece);
                    size += piece.len() as u64;
                }
            }
        }
        Ok((digest::finished(hash), size))
    }

    /// Documents of one arrival.
    pub async fn documents_of(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<Vec<Document>> {
        let rows = sqlx::query("select d.* from history_entry e join document d on d.tenant = e.tenant and d.entry = e.id where e.tenant = $1 and e.arrival = $2 order by d.position")
            .bind(tenant.as_str())
            .bind(arrival.to_string())
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(document).collect()
    }

    /// How many history entries an arrival has.
    pub async fn entries_of(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar("select count(*) from history_entry where tenant = $1 and arrival = $2")
            .bind(tenant.as_str())
            .bind(arrival.to_string())
            .fetch_one(&self.reads)
            .await?)
    }

    /// What the arrival's entry says, and what there is.
    pub async fn said_of(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<Said> {
        let body: String = sqlx::query_scalar("select body from history_entry where tenant = $1 and arrival = $2")
            .bind(tenant.as_str())
            .bind(arrival.to_string())
            .fetch_one(&self.reads)
            .await?;
        let body: serde_json::Value = serde_json::from_str(&body).context("history_entry.body")?;
        let notices = sqlx::query_scalar::<_, i64>(
            "select count(*) from outbound_message where tenant = $1 and arrival = $2 and purpose = 'reply_imported'",
        )
        .bind(tenant.as_str())
        .bind(arrival.to_string())
        .fetch_one(&self.reads)
        .await?;
        let list = |key: &str| body[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let files = list("parts").iter().filter(|part| part["role"] == "file").count();
        Ok(Said { told: list("told").len() as u64, notices: u64::try_from(notices).unwrap_or(0), files: files as u64 })
    }

    /// Disagreements that one statement finds: the database's own structure, and rows that lack their counterpart.
    pub async fn disagreements(&self) -> anyhow::Result<Vec<Finding>> {
        let mut findings: Vec<Finding> = Vec::new();
        let structure: Vec<String> = sqlx::query_scalar("pragma integrity_check(20)").fetch_all(&self.reads).await?;
        findings.extend(structure.into_iter().filter(|line| line != "ok").map(|line| format!("database: {line}")));
        let missing_parents = sqlx::query("pragma foreign_key_check").fetch_all(&self.reads).await?;
        findings.extend(
            missing_parents
                .iter()
                .take(20)
                .map(|row| format!("database: a row of {} lacks its parent in {}", row.get::<String, _>(0), row.get::<String, _>(2))),
        );
        let checks: [(&str, &str); 4] = [
            ("select id from arrival where disposition = 'filed' and entry is null", "is filed, but names no history entry"),
            (
                "select id from arrival a where disposition in ('filed', 'duplicate') and not exists
                    (select 1 from history_entry e where e.tenant = a.tenant and e.id = a.entry)",
                "names a history entry that is not there",
            ),
            (
                "select arrival from history_entry where arrival is not null group by tenant, arrival having count(*) > 1",
                "has more than one history entry",
            ),
            (
                "select m.id from outbound_message m where m.arrival is not null and not exists
                    (select 1 from arrival a where a.tenant = m.tenant and a.id = m.arrival)",
                "is a message about a mail that is not there",
            ),
        ];
        for (sql, what) in checks {
            let ids: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.reads).await?;
            findings.extend(ids.into_iter().take(20).map(|id| format!("{id} {what}")));
        }
        Ok(findings)
    }
}

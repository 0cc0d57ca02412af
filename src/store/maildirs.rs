//! What is noted of Maildirs' files: a mail leaves its folder after it was accepted, so until then the note tells that it was. Rows go
//! with their files: the table holds no more than lies in the folders. Nobody else writes them: one daemon holds the lock.

use super::audit::{self, NewAudit};
use super::{NotWritten, Store};
use crate::model::id::{ArrivalId, TenantId};
use crate::model::mailbox::{MaildirFile, Note, Notes};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

/// Rows of one statement: each has two values of its own, and SQLite takes 32,766.
const ROWS: usize = 5_000;

/// A file that is not taken.
#[derive(Clone, Debug)]
pub struct RefusedFile {
    pub file: MaildirFile,
    pub tenant: TenantId,
    /// For the audit log: no address, no subject, no file name.
    pub why: String,
}

impl Store {
    /// What was noted of this Maildir's files; none if it has not been read under this name and source.
    pub async fn maildir_notes(&self, name: &str, source: &str) -> anyhow::Result<Option<Notes>> {
        let known: Option<i64> = sqlx::query_scalar("select 1 from maildir where name = $1 and source = $2")
            .bind(name)
            .bind(source)
            .fetch_optional(&self.reads)
            .await?;
        if known.is_none() {
            return Ok(None);
        }
        let rows = sqlx::query("select file, fate, sha256 from maildir_mail where maildir = $1").bind(name).fetch_all(&self.reads).await?;
        let one = |row: &SqliteRow| {
            let note = match (row.get::<&str, _>("fate"), row.get::<Option<String>, _>("sha256")) {
                ("accepted", Some(sha256)) => Note::Accepted { sha256 },
                ("passed", _) => Note::Passed,
                _ => Note::Refused,
            };
            (row.get("file"), note)
        };
        Ok(Some(rows.iter().map(one).collect()))
    }

    /// Begins to read a Maildir: what was said of another one is forgotten, and these files are not ours.
    pub async fn begin_maildir(&self, name: &str, source: &str, passed: Vec<String>) -> anyhow::Result<()> {
        let (name, source) = (name.to_owned(), source.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("delete from maildir_mail where maildir = $1").bind(&name).execute(&mut *c).await?;
                let sql = "insert into maildir (name, source) values ($1, $2) on conflict (name) do update set source = excluded.source";
                sqlx::query(sql).bind(&name).bind(source).execute(&mut *c).await?;
                for rows in passed.chunks(ROWS) {
                    let mut insert: QueryBuilder<Sqlite> = QueryBuilder::new("insert into maildir_mail (maildir, file, fate) ");
                    insert.push_values(rows, |mut b, file| {
                        b.push_bind(&name).push_bind(file).push("'passed'");
                    });
                    insert.push(" on conflict (maildir, file) do nothing").build().execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// A file that is not taken: noted, so that it is told once.
    pub async fn refuse_file(&self, refused: RefusedFile) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let RefusedFile { file, tenant, why } = refused;
                note(c, &file, "refused", None, &tenant, None).await?;
                let actor = format!("maildir:{}", file.maildir);
                let line = NewAudit { subject: format!("{}:{}", file.maildir, file.file), actor, what: "refused_in_maildir", detail: why };
                audit::insert(c, &[(&tenant, Timestamp::now(), &line)]).await?;
                Ok(())
            })
        })
        .await
    }

    /// These files have left the Maildir, and their leaving is durable.
    pub async fn files_have_left(&self, name: &str, files: Vec<String>) -> anyhow::Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let name = name.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                for file in files {
                    let sql = "delete from maildir_mail where maildir = $1 and file = $2";
                    sqlx::query(sql).bind(&name).bind(file).execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Notes that a mail was accepted: in the transaction that accepts it.
pub(super) async fn accepted(
    c: &mut SqliteConnection,
    file: &MaildirFile,
    tenant: &TenantId,
    id: ArrivalId,
    sha256: &str,
) -> Result<(), NotWritten> {
    note(c, file, "accepted", Some(sha256), tenant, Some(id)).await.map_err(NotWritten::of)
}

async fn note(
    c: &mut SqliteConnection,
    file: &MaildirFile,
    fate: &str,
    sha256: Option<&str>,
    tenant: &TenantId,
    arrival: Option<ArrivalId>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into maildir_mail (maildir, file, fate, sha256, tenant, arrival) values ($1, $2, $3, $4, $5, $6)
         on conflict (maildir, file) do update set fate = excluded.fate, sha256 = excluded.sha256, tenant = excluded.tenant,
             arrival = excluded.arrival",
    )
    .bind(&file.maildir)
    .bind(&file.file)
    .bind(fate)
    .bind(sha256)
    .bind(tenant.as_str())
    .bind(arrival.map(|id| id.to_string()))
    .execute(c)
    .await
    .map(drop)
}

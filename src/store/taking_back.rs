//! Taking filed mail back: the mark on its entry, the note beside it, and what comes in its place, in one transaction (G9).

use super::Store;
use super::filing::{self, Filing, NewEntry};
use super::history::{self, Entry, Withdrawn};
use crate::model::arrival::Envelope;
use crate::model::id::{ArrivalId, DocumentId, EntryId, TenantId};
use crate::model::user::Locale;
use anyhow::Context;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

/// An entry with everything that taking it back must know.
#[derive(Clone, Debug)]
pub struct Filed {
    /// With its documents.
    pub entry: Entry,
    /// Its application's id.
    pub application: String,
    pub dedupe_key: Option<String>,
    pub message_id: Option<String>,
    /// The mail that it was made of; none for entries that no mail made.
    pub mail: Option<(ArrivalId, Envelope)>,
    /// Who got a notice about it, in the language it was written in.
    pub noticed: Vec<(String, Locale)>,
}

/// What is to be written when an entry is taken back.
#[derive(Clone, Debug)]
pub struct TakingBack {
    pub tenant: TenantId,
    pub at: Timestamp,
    pub by: String,
    pub why: Option<String>,
    /// The entry that is taken back.
    pub entry: EntryId,
    /// Says so in the same application.
    pub note: NewEntry,
    /// What comes in its place, if it was moved, and the messages and audit lines of both.
    pub leaves: Filing,
    /// Each of the entry's documents, and the one that comes in its place; objects are written already.
    pub documents: Vec<(DocumentId, DocumentId)>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Done,
    /// Somebody was quicker.
    AlreadyTakenBack,
    /// The application that it was to go to has been erased meanwhile.
    NoTarget,
}

impl Store {
    async fn entry_row(&self, tenant: &TenantId, id: EntryId) -> anyhow::Result<Option<SqliteRow>> {
        let entries = history::ENTRIES;
        let sql = AssertSqlSafe(format!("{entries} where e.tenant = $1 and e.id = $2"));
        Ok(sqlx::query(sql).bind(tenant.as_str()).bind(id.to_string()).fetch_optional(&self.reads).await?)
    }

    /// An entry of this tenant, whatever became of it.
    pub async fn filed(&self, tenant: &TenantId, id: EntryId) -> anyhow::Result<Option<Filed>> {
        let row = self.entry_row(tenant, id).await?;
        let Some(row) = row else { return Ok(None) };
        let mut entry = history::entry(&row)?;
        entry.documents = self.documents_of_entry(tenant, id).await?;
        let mail = match row.get::<Option<String>, _>("arrival") {
            None => None,
            Some(arrival) => {
                let envelope: String = sqlx::query_scalar("select envelope from arrival where tenant = $1 and id = $2")
                    .bind(tenant.as_str())
                    .bind(&arrival)
                    .fetch_one(&self.reads)
                    .await
                    .context("the mail of this entry")?;
                Some((arrival.parse().context("history_entry.arrival")?, serde_json::from_str(&envelope).context("envelope")?))
            }
        };
        let noticed: Vec<(String, String)> = sqlx::query_as(
            "select recipient, locale from outbound_message where tenant = $1 and entry = $2 and purpose = 'reply_imported' order by id",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_all(&self.reads)
        .await?;
        Ok(Some(Filed {
            entry,
            application: row.get("application"),
            dedupe_key: row.get("dedupe_key"),
            message_id: row.get("message_id"),
            mail,
            noticed: noticed.into_iter().map(|(to, locale)| (to, Locale::parse(&locale).unwrap_or_default())).collect(),
        }))
    }

    /// Whether an entry was taken back, as operators read it.
    pub async fn withdrawn(&self, tenant: &TenantId, id: EntryId) -> anyhow::Result<Option<Withdrawn>> {
        let row = self.entry_row(tenant, id).await?;
        Ok(row.as_ref().map(history::entry).transpose()?.and_then(|entry| entry.withdrawn))
    }

    /// Commits it, whole or not at all.
    pub async fn take_back(&self, taking: TakingBack) -> anyhow::Result<Taken> {
        self.write(move |c| Box::pin(async move { Ok(write(c, &taking).await?) })).await
    }
}

async fn write(c: &mut SqliteConnection, taking: &TakingBack) -> Result<Taken, sqlx::Error> {
    if let Some(new) = &taking.leaves.entry
        && !may_take(c, taking, new).await?
    {
        return Ok(Taken::NoTarget);
    }
    if !mark(c, taking).await? {
        return Ok(Taken::AlreadyTakenBack);
    }
    insert_note(c, taking).await?;
    cancel_notices(c, taking).await?;
    filing::insert_leavings(c, std::slice::from_ref(&taking.leaves)).await?;
    if let Some(new) = &taking.leaves.entry {
        copy_documents(c, taking, new).await?;
        follow(c, taking, new).await?;
    }
    // Last: the copies have the flags of before.
    sqlx::query("update document set in_files = false, in_documents = false where tenant = $1 and entry = $2")
        .bind(taking.tenant.as_str())
        .bind(taking.entry.to_string())
        .execute(c)
        .await?;
    Ok(Taken::Done)
}

async fn may_take(c: &mut SqliteConnection, taking: &TakingBack, new: &NewEntry) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar("select 1 from application where tenant = $1 and id = $2 and not erased")
        .bind(taking.tenant.as_str())
        .bind(&new.application)
        .fetch_optional(c)
        .await?;
    Ok(found.is_some())
}

/// False, if it is marked already.
async fn mark(c: &mut SqliteConnection, taking: &TakingBack) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update history_entry set withdrawn_at = $3, withdrawn_by = $4, withdrawn_why = $5, withdrawn_entry = $6
         where tenant = $1 and id = $2 and withdrawn_at is null",
    )
    .bind(taking.tenant.as_str())
    .bind(taking.entry.to_string())
    .bind(taking.at.as_millisecond())
    .bind(&taking.by)
    .bind(&taking.why)
    .bind(taking.note.id.to_string())
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn insert_note(c: &mut SqliteConnection, taking: &TakingBack) -> Result<(), sqlx::Error> {
    let note = &taking.note;
    sqlx::query(
        "insert into history_entry (tenant, id, application, at, kind, actor, subject, body, visibility, about)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(taking.tenant.as_str())
    .bind(note.id.to_string())
    .bind(&note.application)
    .bind(note.at.as_millisecond())
    .bind(note.kind)
    .bind(&note.actor)
    .bind(&note.subject)
    .bind(&note.body)
    .bind(note.visibility)
    .bind(taking.entry.to_string())
    .execute(c)
    .await
    .map(drop)
}

/// Notices of the entry that wait go out no more. One that is being handed over is beyond recall, but is tried no second time.
async fn cancel_notices(c: &mut SqliteConnection, taking: &TakingBack) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update outbound_message set cancelled_at = $3,
             done_at = case when state in ('queued', 'deferred') then $3 else done_at end,
             state = case when state in ('queued', 'deferred', 'failed') then 'cancelled' else state end
         where tenant = $1 and entry = $2 and purpose = 'reply_imported'",
    )
    .bind(taking.tenant.as_str())
    .bind(taking.entry.to_string())
    .bind(taking.at.as_millisecond())
    .execute(c)
    .await
    .map(drop)
}

/// New rows for the same bytes: a range of the same raw mail, or the object that was copied.
async fn copy_documents(c: &mut SqliteConnection, taking: &TakingBack, new: &NewEntry) -> Result<(), sqlx::Error> {
    for (old, copy) in &taking.documents {
        sqlx::query(
            "insert into document (tenant, id, application, entry, arrival, position, name, name_as_sent, media_type, declared_type, size,
                 sha256, kind, in_files, in_documents, visibility, range_start, range_end, encoding)
             select tenant, $3, $4, $5, arrival, position, name, name_as_sent, media_type, declared_type, size,
                 sha256, kind, in_files, in_documents, visibility, range_start, range_end, encoding
             from document where tenant = $1 and id = $2",
        )
        .bind(taking.tenant.as_str())
        .bind(old.to_string())
        .bind(copy.to_string())
        .bind(&new.application)
        .bind(new.id.to_string())
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// The mail is filed where it is now.
async fn follow(c: &mut SqliteConnection, taking: &TakingBack, new: &NewEntry) -> Result<(), sqlx::Error> {
    sqlx::query("update arrival set application = $4, entry = $5 where tenant = $1 and id = $2 and entry = $3")
        .bind(taking.tenant.as_str())
        .bind(taking.leaves.arrival.to_string())
        .bind(taking.entry.to_string())
        .bind(&new.application)
        .bind(new.id.to_string())
        .execute(c)
        .await
        .map(drop)
}

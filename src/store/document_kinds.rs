//! Another kind for a filed document: its row, the entry that says so, the audit line, and the rule that was learnt from it.

use super::audit::{self, NewAudit};
use super::filename_rules::{self, Added};
use super::filing::NewEntry;
use super::{Store, history};
use crate::model::file_name::FilenameRule;
use crate::model::id::{DocumentId, TenantId};
use crate::model::message::Kind;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct KindChange {
    pub tenant: TenantId,
    pub document: DocumentId,
    /// What it was when it was decided.
    pub before: String,
    pub kind: Kind,
    pub in_documents: bool,
    /// Says so in the application's history.
    pub note: NewEntry,
    pub audit: NewAudit,
    /// A rule, so that the next such name is judged rightly.
    pub learnt: Option<FilenameRule>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Done(Option<Added>),
    /// Somebody was quicker: it has another kind, or was taken back.
    Overtaken,
}

impl Store {
    /// Commits it, whole or not at all.
    pub async fn change_kind(&self, change: KindChange) -> anyhow::Result<Changed> {
        self.write(move |c| Box::pin(async move { Ok(write(c, &change).await?) })).await
    }
}

async fn write(c: &mut SqliteConnection, change: &KindChange) -> Result<Changed, sqlx::Error> {
    let documents = history::DOCUMENTS;
    let sql = format!("select 1 from ({documents} where d.tenant = $1 and d.id = $2) where withdrawn_at is null and kind = $3");
    let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(change.tenant.as_str())
        .bind(change.document.to_string())
        .bind(&change.before)
        .fetch_optional(&mut *c)
        .await?;
    if found.is_none() {
        return Ok(Changed::Overtaken);
    }
    sqlx::query("update document set kind = $3, in_documents = $4 where tenant = $1 and id = $2")
        .bind(change.tenant.as_str())
        .bind(change.document.to_string())
        .bind(change.kind.as_str())
        .bind(change.in_documents)
        .execute(&mut *c)
        .await?;
    let note = &change.note;
    sqlx::query(
        "insert into history_entry (tenant, id, application, at, kind, actor, subject, body, visibility)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(change.tenant.as_str())
    .bind(note.id.to_string())
    .bind(&note.application)
    .bind(note.at.as_millisecond())
    .bind(note.kind)
    .bind(&note.actor)
    .bind(&note.subject)
    .bind(&note.body)
    .bind(note.visibility)
    .execute(&mut *c)
    .await?;
    audit::insert(c, &[(&change.tenant, note.at, &change.audit)]).await?;
    Ok(Changed::Done(match &change.learnt {
        Some(rule) => Some(filename_rules::add(c, &change.tenant, rule, note.at, &note.actor).await?),
        None => None,
    }))
}

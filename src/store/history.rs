//! Reading what was filed: history entries and documents.

use super::{Store, moment};
use crate::model::id::{ArrivalId, DocumentId, EntryId, TenantId};
use crate::model::message::Encoding;
use crate::model::organisation::Application;
use anyhow::Context;
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use std::ops::Range;

/// One entry of an application's history.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: EntryId,
    pub at: Timestamp,
    pub kind: String,
    pub actor: String,
    pub subject: String,
    /// JSON as it was filed.
    pub body: serde_json::Value,
    pub documents: Vec<Document>,
    pub withdrawn: Option<Withdrawn>,
    /// What it said was taken out: it was taken back, and the reader is no operator.
    pub hidden: bool,
    /// Of a note: the entry that it takes back.
    pub about: Option<EntryId>,
}

/// That an entry was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    pub at: Timestamp,
    pub by: String,
    /// None, if it was not said, or is not for readers of the application: why a mail was moved may tell of another one.
    pub why: Option<String>,
    /// It was filed to another application.
    pub is_move: bool,
    /// The note that takes it back.
    pub entry: EntryId,
}

/// Whether what was taken back is read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// For readers of the application: the mark alone.
    Hidden,
    /// For operators; the caller writes down that it was opened.
    Shown,
}

/// A filed document without its bytes.
#[derive(Clone, Debug)]
pub struct Document {
    pub id: DocumentId,
    pub arrival: ArrivalId,
    /// Its application's id.
    pub application: String,
    pub name: String,
    pub kind: String,
    pub media_type: String,
    pub in_files: bool,
    pub in_documents: bool,
    pub size: u64,
    pub sha256: String,
    /// In the raw mail; none is an object of its own.
    pub range: Option<(Range<u64>, Encoding)>,
    /// Its entry was taken back: nobody but operators may open it.
    pub withdrawn: bool,
}

/// Documents with what their entry says of them.
pub(super) const DOCUMENTS: &str =
    "select d.*, e.withdrawn_at from document d join history_entry e on e.tenant = d.tenant and e.id = d.entry";
/// Entries with the kind of the note that takes them back.
pub(super) const ENTRIES: &str = "select e.*, n.kind as note_kind from history_entry e
    left join history_entry n on n.tenant = e.tenant and n.id = e.withdrawn_entry";

impl Store {
    /// An application's history, oldest entry first.
    pub async fn history(&self, tenant: &TenantId, application: &Application, taken_back: TakenBack) -> anyhow::Result<Vec<Entry>> {
        let rows = sqlx::query(AssertSqlSafe(format!("{ENTRIES} where e.tenant = $1 and e.application = $2 order by e.at, e.id")))
            .bind(tenant.as_str())
            .bind(&application.id)
            .fetch_all(&self.reads)
            .await?;
        let documents =
            sqlx::query(AssertSqlSafe(format!("{DOCUMENTS} where d.tenant = $1 and d.application = $2 order by d.entry, d.position")))
                .bind(tenant.as_str())
                .bind(&application.id)
                .fetch_all(&self.reads)
                .await?;
        let mut entries = rows.iter().map(entry).collect::<anyhow::Result<Vec<_>>>()?;
        for row in &documents {
            let owner: EntryId = row.get::<String, _>("entry").parse().context("document.entry")?;
            if let Some(entry) = entries.iter_mut().find(|entry| entry.id == owner) {
                entry.documents.push(document(row)?);
            }
        }
        if taken_back == TakenBack::Hidden {
            entries.iter_mut().filter(|entry| entry.withdrawn.is_some()).for_each(Entry::hide);
        }
        Ok(entries)
    }

    /// A document of this tenant.
    pub async fn document(&self, tenant: &TenantId, id: DocumentId) -> anyhow::Result<Option<Document>> {
        let row = sqlx::query(AssertSqlSafe(format!("{DOCUMENTS} where d.tenant = $1 and d.id = $2")))
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await?;
        row.as_ref().map(document).transpose()
    }

    /// The bytes behind a document: a stretch of its raw mail, transfer encoding still on, or the object itself.
    pub async fn document_source(&self, tenant: &TenantId, document: &Document) -> anyhow::Result<Vec<u8>> {
        let Some((range, _)) = &document.range else {
            return Ok(self.blobs().document(tenant, document.id).await?.to_vec());
        };
        // SQLite counts from 1.
        let bytes: Option<Vec<u8>> = sqlx::query_scalar("select substr(bytes, $3, $4) from raw_mail where tenant = $1 and arrival = $2")
            .bind(tenant.as_str())
            .bind(document.arrival.to_string())
            .bind(i64::try_from(range.start + 1)?)
            .bind(i64::try_from(range.end - range.start)?)
            .fetch_optional(&self.reads)
            .await?;
        match bytes {
            Some(bytes) => Ok(bytes),
            None if range.is_empty() => Ok(Vec::new()),
            None => Ok(self.blobs().raw_range(tenant, document.arrival, range.clone()).await?.to_vec()),
        }
    }
}

impl Entry {
    /// Takes out everything that the mail said: a mail in a stranger's file has been read by too many already.
    fn hide(&mut self) {
        self.hidden = true;
        self.subject.clear();
        self.documents.clear();
        self.body = json!({"text": "", "original": null, "enclosed": [], "note": "", "flags": [], "parts": [], "told": [], "defects": []});
        if let Some(withdrawn) = self.withdrawn.as_mut().filter(|withdrawn| withdrawn.is_move) {
            withdrawn.why = None;
        }
    }
}

pub(super) fn entry(row: &SqliteRow) -> anyhow::Result<Entry> {
    let id_in = |column: &'static str| row.get::<Option<String>, _>(column).map(|id| id.parse::<EntryId>().context(column)).transpose();
    let withdrawn = match (row.get::<Option<i64>, _>("withdrawn_at"), id_in("withdrawn_entry")?) {
        (Some(at), Some(note)) => Some(Withdrawn {
            at: moment(at),
            by: row.get::<Option<String>, _>("withdrawn_by").unwrap_or_default(),
            why: row.get("withdrawn_why"),
            entry: note,
            is_move: row.get::<Option<&str>, _>("note_kind") != Some("withdrawn"),
        }),
        // Marked, and nobody says by whom: `verify` names it, and nobody reads it.
        (Some(at), None) => Some(Withdrawn { at: moment(at), by: String::new(), why: None, entry: own_id(row)?, is_move: true }),
        (None, _) => None,
    };
    Ok(Entry {
        id: own_id(row)?,
        at: moment(row.get("at")),
        kind: row.get("kind"),
        actor: row.get("actor"),
        subject: row.get("subject"),
        body: serde_json::from_str(row.get("body")).context("history_entry.body")?,
        documents: Vec::new(),
        withdrawn,
        hidden: false,
        about: id_in("about")?,
    })
}

fn own_id(row: &SqliteRow) -> anyhow::Result<EntryId> {
    row.get::<String, _>("id").parse().context("history_entry.id")
}

pub(super) fn document(row: &SqliteRow) -> anyhow::Result<Document> {
    let number = |column: &str| row.get::<i64, _>(column).try_into().unwrap_or(0);
    let range = match row.get::<Option<&str>, _>("encoding") {
        Some(encoding) => {
            let encoding = Encoding::parse(encoding).with_context(|| format!("unknown encoding {encoding}"))?;
            Some((number("range_start")..number("range_end"), encoding))
        }
        None => None,
    };
    Ok(Document {
        id: row.get::<String, _>("id").parse().context("document.id")?,
        arrival: row.get::<String, _>("arrival").parse().context("document.arrival")?,
        application: row.get("application"),
        name: row.get("name"),
        kind: row.get("kind"),
        media_type: row.get("media_type"),
        in_files: row.get("in_files"),
        in_documents: row.get("in_documents"),
        size: number("size"),
        sha256: row.get("sha256"),
        range,
        withdrawn: row.get::<Option<i64>, _>("withdrawn_at").is_some(),
    })
}

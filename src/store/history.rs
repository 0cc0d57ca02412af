//! Reading what was filed: history entries and documents.

use super::{Store, moment};
use crate::model::id::{ArrivalId, DocumentId, EntryId, TenantId};
use crate::model::message::Encoding;
use crate::model::organisation::Application;
use anyhow::Context;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
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
}

/// A filed document without its bytes.
#[derive(Clone, Debug)]
pub struct Document {
    pub id: DocumentId,
    pub arrival: ArrivalId,
    pub name: String,
    pub kind: String,
    pub media_type: String,
    pub in_files: bool,
    pub in_documents: bool,
    pub size: u64,
    pub sha256: String,
    /// In the raw mail; none is an object of its own.
    pub range: Option<(Range<u64>, Encoding)>,
}

impl Store {
    /// An application's history, oldest entry first.
    pub async fn history(&self, tenant: &TenantId, application: &Application) -> anyhow::Result<Vec<Entry>> {
        let rows = sqlx::query(
            "select id, at, kind, actor, subject, body from history_entry where tenant = $1 and application = $2 order by at, id",
        )
        .bind(tenant.as_str())
        .bind(&application.id)
        .fetch_all(&self.reads)
        .await?;
        let documents = sqlx::query("select * from document where tenant = $1 and application = $2 order by entry, position")
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
        Ok(entries)
    }

    /// A document of this tenant.
    pub async fn document(&self, tenant: &TenantId, id: DocumentId) -> anyhow::Result<Option<Document>> {
        let row = sqlx::query("select * from document where tenant = $1 and id = $2")
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

fn entry(row: &SqliteRow) -> anyhow::Result<Entry> {
    Ok(Entry {
        id: row.get::<String, _>("id").parse().context("history_entry.id")?,
        at: moment(row.get("at")),
        kind: row.get("kind"),
        actor: row.get("actor"),
        subject: row.get("subject"),
        body: serde_json::from_str(row.get("body")).context("history_entry.body")?,
        documents: Vec::new(),
    })
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
        name: row.get("name"),
        kind: row.get("kind"),
        media_type: row.get("media_type"),
        in_files: row.get("in_files"),
        in_documents: row.get("in_documents"),
        size: number("size"),
        sha256: row.get("sha256"),
        range,
    })
}

//! Rows that `verify` walks through, a page at a time: its memory does not grow with the data.

use super::Store;
use super::history::{DOCUMENTS, Document, document};
use crate::model::id::{ArrivalId, EntryId, TenantId};
use crate::model::{address, digest};
use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeSet;

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
    pub entry: EntryId,
    pub is_withdrawn: bool,
    /// Addresses that were told.
    pub told: u64,
    /// The same, each once.
    pub people: u64,
    /// Notices about the entry that there are.
    pub notices: u64,
    /// Messages that say it was taken back.
    pub corrections: u64,
    /// Parts that were filed as documents.
    pub files: u64,
}

/// Rows that lack their counterpart: a statement that names them, and what is wrong with them.
const CHECKS: [(&str, &str); 22] = [
    ("select id from arrival where disposition = 'filed' and entry is null", "is filed, but names no history entry"),
    (
        "select id from arrival a where disposition in ('filed', 'duplicate') and not exists
            (select 1 from history_entry e where e.tenant = a.tenant and e.id = a.entry)",
        "names a history entry that is not there",
    ),
    (
        "select arrival from history_entry where arrival is not null and withdrawn_at is null group by tenant, arrival having count(*) > 1",
        "has more than one history entry",
    ),
    (
        "select m.id from outbound_message m where m.arrival is not null and not exists
            (select 1 from arrival a where a.tenant = m.tenant and a.id = m.arrival)",
        "is a message about a mail that is not there",
    ),
    (
        "select a.id from arrival a join history_entry e on e.tenant = a.tenant and e.id = a.entry
         where a.disposition = 'filed' and (e.arrival <> a.id or e.application <> a.application)",
        "names the history entry of another mail or application",
    ),
    (
        "select a.id from arrival a join history_entry e on e.tenant = a.tenant and e.arrival = a.id
         where a.disposition = 'filed' and e.withdrawn_at is null and e.id <> a.entry",
        "names a history entry in whose place another has come",
    ),
    (
        "select e.id from history_entry e where e.withdrawn_at is not null and not exists (select 1 from history_entry n
            where n.tenant = e.tenant and n.id = e.withdrawn_entry and n.about = e.id and n.application = e.application
            and n.kind in ('withdrawn', 'moved'))",
        "is marked as withdrawn, and no entry says so",
    ),
    (
        "select n.id from history_entry n where (n.kind in ('withdrawn', 'moved') or n.about is not null) and not exists
            (select 1 from history_entry e where e.tenant = n.tenant and e.id = n.about and e.withdrawn_at is not null and e.withdrawn_entry = n.id)",
        "takes back an entry that is not marked as withdrawn",
    ),
    (
        "select n.id from history_entry n where n.kind = 'moved' and not exists
            (select 1 from history_entry t where t.tenant = n.tenant and t.moved_from = n.about)",
        "says that an entry was moved, and none has come in its place",
    ),
    (
        "select t.id from history_entry t where t.moved_from is not null and not exists (select 1 from history_entry e
            join history_entry n on n.tenant = e.tenant and n.id = e.withdrawn_entry
            where e.tenant = t.tenant and e.id = t.moved_from and n.kind = 'moved')",
        "came in the place of an entry that was not moved",
    ),
    (
        "select d.id from document d join history_entry e on e.tenant = d.tenant and e.id = d.entry
         where e.withdrawn_at is not null and (d.in_files or d.in_documents)",
        "is a document of a withdrawn entry, and still shown",
    ),
    (
        "select m.id from outbound_message m join history_entry e on e.tenant = m.tenant and e.id = m.entry
         where e.withdrawn_at is not null and m.purpose = 'reply_imported' and (m.cancelled_at is null or m.state in ('queued', 'deferred'))",
        "is a notice about a withdrawn entry, and may still go out",
    ),
    // What waits, heals and was told.
    ("select id from arrival where disposition = 'held' and done_at is null", "is held, and nobody knows since when"),
    ("select id from arrival where disposition is not null and waits_since is not null", "has an end, and waits all the same"),
    (
        "select id from arrival where coalesce(disposition, '') <> 'held' and (heal_due_at is not null or heal_unsettled <> 0)",
        "is to heal by itself, and is not held",
    ),
    (
        "select id from arrival where (disposition is not null and heals is not null)
            or (disposition <> 'held' and (held_number is not null or heal_version is not null))",
        "names what it was held for, and has an end",
    ),
    (
        "select n.arrival from held_named n where not exists (select 1 from arrival a where a.tenant = n.tenant and a.id = n.arrival)
            or not exists (select 1 from outbound_message m where m.tenant = n.tenant and m.id = n.message)",
        "is named by a digest, and either of them is not there",
    ),
    (
        "select coalesce(f.arrival, f.file) from maildir_mail f where f.fate = 'accepted' and not exists
            (select 1 from arrival a where a.tenant = f.tenant and a.id = f.arrival and a.sha256 = f.sha256)",
        "is noted as accepted from a Maildir, and no such mail is there",
    ),
    (
        "select coalesce(f.arrival, f.mailbox) from mailbox_mail f where f.fate = 'accepted' and not exists
            (select 1 from arrival a where a.tenant = f.tenant and a.id = f.arrival)",
        "is noted as accepted from a mailbox, and no such mail is there",
    ),
    (
        // Not by its token: what counts once is shown to nobody.
        "select coalesce(c.arrival, c.door_name) from canary c where c.arrived_at is not null and not exists
            (select 1 from arrival a where a.tenant = c.tenant and a.id = c.arrival)",
        "is noted as a mail to ourselves that arrived, and no such mail is there",
    ),
    ("select tenant from healing_event where kind not in ('number', 'forwarder')", "has an event that no held mail waits for"),
    (
        "select t.kind || ' ' || t.about from alarm_told t where not exists
            (select 1 from alarm a where a.kind = t.kind and a.about = t.about)",
        "was told as an alarm, and there is none",
    ),
];

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

    /// Documents of one entry.
    pub async fn documents_of_entry(&self, tenant: &TenantId, entry: EntryId) -> anyhow::Result<Vec<Document>> {
        let rows = sqlx::query(AssertSqlSafe(format!("{DOCUMENTS} where d.tenant = $1 and d.entry = $2 order by d.position")))
            .bind(tenant.as_str())
            .bind(entry.to_string())
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(document).collect()
    }

    /// What each entry of an arrival says, and what there is; one that was taken back among them.
    pub async fn said_of(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<Vec<Said>> {
        let rows = sqlx::query(
            "select id, body, withdrawn_at,
                 (select count(*) from outbound_message m where m.tenant = e.tenant and m.entry = e.id and m.purpose = 'reply_imported') as notices,
                 (select count(*) from outbound_message m where m.tenant = e.tenant and m.entry = e.id and m.purpose = 'correction') as corrections
             from history_entry e where tenant = $1 and arrival = $2 order by id",
        )
        .bind(tenant.as_str())
        .bind(arrival.to_string())
        .fetch_all(&self.reads)
        .await?;
        let said = |row: &sqlx::sqlite::SqliteRow| {
            let body: serde_json::Value = serde_json::from_str(row.get("body")).context("history_entry.body")?;
            let list = |key: &str| body[key].as_array().map(Vec::as_slice).unwrap_or_default();
            let count = |column: &str| u64::try_from(row.get::<i64, _>(column)).unwrap_or(0);
            let told: BTreeSet<String> = list("told").iter().filter_map(serde_json::Value::as_str).map(address::key).collect();
            anyhow::Ok(Said {
                entry: row.get::<String, _>("id").parse().context("history_entry.id")?,
                is_withdrawn: row.get::<Option<i64>, _>("withdrawn_at").is_some(),
                told: list("told").len() as u64,
                people: told.len() as u64,
                notices: count("notices"),
                corrections: count("corrections"),
                files: list("parts").iter().filter(|part| part["role"] == "file").count() as u64,
            })
        };
        rows.iter().map(said).collect()
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
        for (sql, what) in CHECKS {
            let ids: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.reads).await?;
            findings.extend(ids.into_iter().take(20).map(|id| format!("{id} {what}")));
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests;

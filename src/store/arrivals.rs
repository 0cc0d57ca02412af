//! Accepted mail: writing it down, handing it out to be worked on, taking it back.

use super::{NotWritten, Store, canaries, mailboxes, maildirs, moment};
use crate::model::arrival::{Arrival, Envelope, Raw};
use crate::model::facts::Facts;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::mailbox::Lies;
use crate::model::verdict::{Chosen, HoldReason};
use anyhow::Context;
use bytes::Bytes;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};
use std::time::Duration;

/// A row of an accepted mail and its bytes.
pub(super) struct NewArrival {
    arrival: Arrival,
    envelope: String,
    facts: String,
    /// Where it lies, if it was fetched.
    lies: Option<Lies>,
}

/// What a claim is read from.
pub(super) const CLAIMED: &str = "tenant, id, at, envelope, facts, size, sha256, attempts, fence, alone, assigned_reference, assigned_by,
    assigned_by_forwarder, crashes, heals, heal_tries";

/// An arrival in hand.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: ArrivalId,
    pub tenant: TenantId,
    pub at: Timestamp,
    pub envelope: Envelope,
    pub facts: Facts,
    /// Of the raw mail, in bytes; the bytes themselves are fetched when there is room for them.
    pub size: u64,
    /// Of the raw mail as it was accepted, lower-case hex.
    pub sha256: String,
    pub attempts: u32,
    /// The claim's number: a result is committed only while it is the newest.
    pub fence: i64,
    /// It was in hand when a run ended uncleanly.
    pub alone: bool,
    pub assigned: Option<Assigned>,
    /// Runs that ended uncleanly while it was in hand alone.
    pub crashes: u32,
    /// What it was held for, if it goes through by itself.
    pub heals: Option<HoldReason>,
    /// How often it was looked at by itself.
    pub heal_tries: u32,
}

/// Somebody's decision on where a held mail belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub reference: String,
    pub by: String,
    pub chosen: Chosen,
}

/// Which arrivals to hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Those of a run that ended uncleanly: one at a time, before anything else.
    Alone,
    Together,
}

/// Why claiming ended without an error but a row could not be handed out.
#[derive(Debug, thiserror::Error)]
#[error("arrival {id}: {error:#}")]
pub struct NotReadable {
    pub id: ArrivalId,
    pub tenant: TenantId,
    pub fence: i64,
    pub attempts: u32,
    pub error: anyhow::Error,
}

/// A claim of this run.
#[derive(Debug)]
pub struct Claim {
    pub tenant: TenantId,
    pub id: ArrivalId,
    pub fence: i64,
    pub attempts: u32,
}

impl Store {
    /// Makes the mail durable: raw bytes, envelope, facts and hash (G1).
    pub async fn accept(&self, arrival: Arrival) -> Result<(), NotWritten> {
        self.accept_from(arrival, None).await
    }

    /// The same; and in the same transaction, that this mail of a mailbox or a Maildir was accepted.
    pub async fn accept_from(&self, arrival: Arrival, lies: Option<Lies>) -> Result<(), NotWritten> {
        let json = |value: serde_json::Result<String>| value.map_err(|error| NotWritten::NotNow(error.into()));
        let envelope = json(serde_json::to_string(&arrival.envelope))?;
        let facts = json(serde_json::to_string(&arrival.facts))?;
        self.write_arrival(NewArrival { arrival, envelope, facts, lies }).await
    }

    /// Takes up to `most` waiting arrivals in hand, oldest first. The attempt is counted and committed before they are returned.
    pub async fn claim(&self, turn: Turn, most: u32) -> anyhow::Result<Vec<Result<Claimed, NotReadable>>> {
        let run = self.run.clone();
        let rows = self.write(move |c| {
            Box::pin(async move {
                let alone = turn == Turn::Alone;
                let sql = format!(
                    "update arrival set attempts = attempts + 1, fence = fence + 1, claimed_by = $1
                     where (tenant, id) in (
                         select tenant, id from arrival
                         where disposition is null and due_at <= $2 and claimed_by is null and alone = $3
                         order by due_at, id limit $4)
                     returning {CLAIMED}"
                );
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .bind(&*run)
                    .bind(Timestamp::now().as_millisecond())
                    .bind(alone)
                    .bind(i64::from(most))
                    .fetch_all(c)
                    .await?;
                Ok(rows)
            })
        });
        let mut rows = rows.await?;
        rows.sort_by_key(|row| row.get::<String, _>("id"));
        rows.iter().map(claimed).collect()
    }

    /// The raw bytes of a mail, wherever they lie.
    pub async fn raw_mail(&self, tenant: &TenantId, id: ArrivalId) -> anyhow::Result<Bytes> {
        let bytes: Option<Vec<u8>> = sqlx::query_scalar("select bytes from raw_mail where tenant = $1 and arrival = $2")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await?;
        match bytes {
            Some(bytes) => Ok(bytes.into()),
            None => self.blobs().raw(tenant, id).await,
        }
    }

    /// Puts an arrival back: our fault, try again then. Counts as nothing.
    pub async fn put_back(&self, tenant: &TenantId, id: ArrivalId, fence: i64, after: Duration) -> anyhow::Result<()> {
        let (tenant, id) = (tenant.to_string(), id.to_string());
        let due = Timestamp::now().as_millisecond().saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("update arrival set claimed_by = null, due_at = $4 where tenant = $1 and id = $2 and fence = $3 and disposition is null")
                    .bind(tenant)
                    .bind(id)
                    .bind(fence)
                    .bind(due)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// What this run has claimed and not ended, in the order of the ids.
    pub async fn claims(&self) -> anyhow::Result<Vec<Claim>> {
        let sql = "select tenant, id, fence, attempts from arrival where disposition is null and claimed_by = $1 order by id";
        let rows = sqlx::query(sql).bind(&*self.run).fetch_all(&self.reads).await?;
        let claim = |row: &SqliteRow| {
            anyhow::Ok(Claim {
                tenant: TenantId::new(row.get::<String, _>("tenant")),
                id: row.get::<String, _>("id").parse().context("arrival.id")?,
                fence: row.get("fence"),
                attempts: u32::try_from(row.get::<i64, _>("attempts")).unwrap_or(u32::MAX),
            })
        };
        rows.iter().map(claim).collect()
    }

    /// Puts back everything that this run has in hand: a clean stop.
    pub async fn put_back_all(&self) -> anyhow::Result<()> {
        let run = self.run.clone();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("update arrival set claimed_by = null, attempts = attempts - 1 where claimed_by = $1 and disposition is null")
                    .bind(&*run)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// After an unclean stop: what was in hand will be tried alone; what was alone at its second crash is held when it is its turn.
    /// Only while nobody else works on this database. Returns how many were in hand.
    pub async fn recover(&self) -> anyhow::Result<u64> {
        let run = self.run.clone();
        self.write(move |c| {
            Box::pin(async move {
                let found = sqlx::query(
                    "update arrival set crashes = crashes + (case when alone then 1 else 0 end), alone = true, claimed_by = null
                     where disposition is null and claimed_by is not null and claimed_by <> $1",
                )
                .bind(&*run)
                .execute(c)
                .await?;
                Ok(found.rows_affected())
            })
        })
        .await
    }

    /// When the next arrival is due, if one waits.
    pub async fn next_arrival_due(&self) -> anyhow::Result<Option<Timestamp>> {
        let due: Option<i64> = sqlx::query_scalar("select min(due_at) from arrival where disposition is null and claimed_by is null")
            .fetch_one(&self.reads)
            .await?;
        Ok(due.map(moment))
    }
}

pub(super) fn claimed(row: &SqliteRow) -> anyhow::Result<Result<Claimed, NotReadable>> {
    let id: ArrivalId = row.get::<String, _>("id").parse().context("arrival.id")?;
    let tenant = TenantId::new(row.get::<String, _>("tenant"));
    let attempts = u32::try_from(row.get::<i64, _>("attempts")).unwrap_or(u32::MAX);
    let fence = row.get("fence");
    let read = || {
        let assigned = row.get::<Option<String>, _>("assigned_reference");
        let by = row.get::<Option<String>, _>("assigned_by").unwrap_or_default();
        let chosen = if row.get("assigned_by_forwarder") { Chosen::ByForwarder } else { Chosen::ByOperator };
        anyhow::Ok(Claimed {
            id,
            tenant: tenant.clone(),
            at: moment(row.get("at")),
            envelope: serde_json::from_str(row.get("envelope")).context("envelope")?,
            facts: serde_json::from_str(row.get("facts")).context("facts")?,
            size: row.get::<i64, _>("size").try_into().unwrap_or(0),
            sha256: row.get("sha256"),
            attempts,
            fence,
            alone: row.get("alone"),
            assigned: assigned.map(|reference| Assigned { reference, by, chosen }),
            crashes: u32::try_from(row.get::<i64, _>("crashes")).unwrap_or(u32::MAX),
            heals: row.get::<Option<&str>, _>("heals").and_then(HoldReason::parse),
            heal_tries: u32::try_from(row.get::<i64, _>("heal_tries")).unwrap_or(u32::MAX),
        })
    };
    Ok(read().map_err(|error| NotReadable { id, tenant: tenant.clone(), fence, attempts, error }))
}

/// Writes accepted mails: one statement a table.
pub(super) async fn insert(connection: &mut SqliteConnection, rows: &[NewArrival]) -> Result<(), NotWritten> {
    let mut arrivals: QueryBuilder<Sqlite> = QueryBuilder::new(
        "insert into arrival (tenant, id, door, at, envelope, facts, sha256, size, in_blob_store, attempts, due_at, fence, alone, crashes,
         unvouched) ",
    );
    arrivals.push_values(rows, |mut b, row| {
        let at = row.arrival.at.as_millisecond();
        b.push_bind(row.arrival.tenant.as_str()).push_bind(row.arrival.id.to_string()).push_bind(row.arrival.door.as_str());
        b.push_bind(at).push_bind(&row.envelope).push_bind(&row.facts).push_bind(&row.arrival.sha256);
        b.push_bind(i64::try_from(row.arrival.size).unwrap_or(i64::MAX)).push_bind(matches!(row.arrival.raw, Raw::Object));
        b.push("0").push_bind(at).push("0").push("false").push("0");
        b.push_bind(row.arrival.is_unvouched());
    });
    arrivals.build().execute(&mut *connection).await.map_err(NotWritten::of)?;
    let mut small = rows.iter().filter_map(|row| match &row.arrival.raw {
        Raw::Bytes(bytes) => Some((row, bytes)),
        Raw::Object => None,
    });
    if let Some(first) = small.next() {
        let mut raw: QueryBuilder<Sqlite> = QueryBuilder::new("insert into raw_mail (tenant, arrival, bytes) ");
        raw.push_values(std::iter::once(first).chain(small), |mut b, (row, bytes)| {
            b.push_bind(row.arrival.tenant.as_str()).push_bind(row.arrival.id.to_string()).push_bind(bytes.as_ref());
        });
        raw.build().execute(&mut *connection).await.map_err(NotWritten::of)?;
    }
    for row in rows {
        canaries::arrived(connection, &row.arrival).await?;
        let Arrival { tenant, id, sha256, .. } = &row.arrival;
        match &row.lies {
            Some(Lies::InMailbox(position)) => mailboxes::accepted(connection, position, tenant, *id).await?,
            Some(Lies::InMaildir(file)) => maildirs::accepted(connection, file, tenant, *id, sha256).await?,
            None => (),
        }
    }
    Ok(())
}

//! Listing arrivals by how they ended, and what an operator does to a held one: retry, assign, discard.

use super::audit::{self, NewAudit};
use super::{Store, moment};
use crate::model::arrival::Purpose;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::{Disposition, HoldReason};
use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

/// An arrival as listings show it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: ArrivalId,
    pub tenant: TenantId,
    pub at: Timestamp,
    pub door: String,
    /// None: received, not processed yet.
    pub disposition: Option<Disposition>,
    pub reason: Option<String>,
    pub subject: Option<String>,
    pub from_name: Option<String>,
    pub from_address: Option<String>,
    pub reference: Option<String>,
    pub inner_addresses: Vec<String>,
    /// What the names inside are looked up by.
    pub inner_names: Vec<String>,
    pub sha256: String,
    pub size: u64,
    pub attempts: u32,
    pub entry: Option<String>,
    /// The number that somebody chose for it, and who did.
    pub chosen: Option<(String, String)>,
    pub envelope: serde_json::Value,
    pub facts: serde_json::Value,
    /// Discarded: when, by whom, why.
    pub closed: Option<(Timestamp, String, String)>,
    /// How often it was looked at by itself, and when it is next.
    pub heal_tries: u32,
    pub heal_due: Option<Timestamp>,
    /// Its raw bytes were removed when it was discarded.
    pub raw_gone: bool,
}

impl Listed {
    pub fn hold_reason(&self) -> Option<HoldReason> {
        self.reason.as_deref().and_then(HoldReason::parse)
    }

    /// The application whose reply address it came to, by its id.
    pub fn reply_application(&self) -> Option<String> {
        match Purpose::deserialize(&self.envelope["purpose"]) {
            Ok(Purpose::Reply { application }) => Some(application),
            _ => None,
        }
    }

    /// Whether it waits for an operator.
    pub fn is_held(&self) -> bool {
        self.disposition == Some(Disposition::Held) && self.closed.is_none()
    }
}

/// Which arrivals to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub disposition: Option<Disposition>,
    /// Held and not discarded.
    pub open_only: bool,
    pub most: Option<u32>,
}

impl Store {
    /// Arrivals of a tenant, oldest first.
    pub async fn arrivals(&self, tenant: &TenantId, filter: Filter) -> anyhow::Result<Vec<Listed>> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("select * from (select * from arrival where tenant = ");
        query.push_bind(tenant.as_str());
        if let Some(disposition) = filter.disposition {
            query.push(" and disposition = ").push_bind(disposition.as_str());
        }
        if filter.open_only {
            query.push(" and disposition = 'held' and closed_at is null");
        }
        query.push(" order by id desc limit ").push_bind(filter.most.map_or(i64::MAX, i64::from)).push(") as newest order by id");
        query.build().fetch_all(&self.reads).await?.iter().map(listed).collect()
    }

    pub async fn arrival(&self, tenant: &TenantId, id: ArrivalId) -> anyhow::Result<Option<Listed>> {
        let row = sqlx::query("select * from arrival where tenant = $1 and id = $2")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await?;
        row.as_ref().map(listed).transpose()
    }

    /// Everything that waits for an operator, of all tenants.
    pub async fn all_held(&self) -> anyhow::Result<Vec<Listed>> {
        let rows = sqlx::query("select * from arrival where disposition = 'held' and closed_at is null order by tenant, disposition, id")
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(listed).collect()
    }

    /// Held mail of all tenants with the given hash of its raw bytes.
    pub async fn held_with_hash(&self, sha256: &str) -> anyhow::Result<Vec<Listed>> {
        let rows = sqlx::query("select * from arrival where disposition = 'held' and closed_at is null and sha256 = $1 order by id")
            .bind(sha256)
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(listed).collect()
    }

    /// Sends a held or ignored mail through the pipeline again, or one that waits at once. `assigned`: an operator's decision.
    pub async fn retry(&self, tenant: &TenantId, id: ArrivalId, actor: String, assigned: Option<String>) -> anyhow::Result<()> {
        let Some(found) = self.arrival(tenant, id).await? else { bail!("{id}: there is no such mail") };
        match found.disposition {
            Some(Disposition::Filed) => {
                bail!(
                    "{id}: this mail is filed already; it cannot be filed again, but `rohrpost history move` takes it to another application"
                )
            }
            Some(Disposition::Duplicate) => bail!("{id}: this mail is filed already, as another copy of itself"),
            _ if found.raw_gone => {
                bail!("{id}: this mail was discarded for its age, and its bytes were removed; it cannot be sent through again")
            }
            _ => (),
        }
        let line = NewAudit {
            what: if assigned.is_some() { "assigned" } else { "retried" },
            detail: assigned.clone().unwrap_or_default(),
            subject: id.to_string(),
            actor: actor.clone(),
        };
        self.change(tenant, id, line, move |mut query| {
            let now = Timestamp::now().as_millisecond();
            query.push("update arrival set disposition = null, reason = null, done_at = null, closed_at = null, closed_by = null, closed_why = null,
                heals = null, heal_due_at = null, heal_tries = 0, heal_unsettled = 0, alone = false, crashes = 0, due_at = ").push_bind(now);
            // One that waits already has waited since then.
            query.push(", waits_since = case when disposition is null then waits_since else ").push_bind(now).push(" end");
            if let Some(reference) = assigned {
                query.push(", assigned_reference = ").push_bind(reference).push(", assigned_by = ").push_bind(actor);
                query.push(", assigned_by_forwarder = false");
            }
            query
        }, " and (disposition is null or disposition in ('held', 'ignored')) and claimed_by is null and not raw_gone")
        .await
    }

    /// Closes a held mail. It stays held, and says who and why.
    pub async fn discard(&self, tenant: &TenantId, id: ArrivalId, actor: String, why: String) -> anyhow::Result<()> {
        let line = NewAudit { what: "discarded", detail: why.clone(), subject: id.to_string(), actor: actor.clone() };
        self.change(
            tenant,
            id,
            line,
            move |mut query| {
                query.push("update arrival set closed_at = ").push_bind(Timestamp::now().as_millisecond());
                query.push(", closed_by = ").push_bind(actor).push(", closed_why = ").push_bind(why);
                query
            },
            " and disposition = 'held' and closed_at is null",
        )
        .await
    }

    /// One change of one arrival, with its audit line; an error if the arrival is not in a state for it.
    async fn change(
        &self,
        tenant: &TenantId,
        id: ArrivalId,
        line: NewAudit,
        update: impl FnOnce(QueryBuilder<Sqlite>) -> QueryBuilder<Sqlite> + Send + 'static,
        allowed: &'static str,
    ) -> anyhow::Result<()> {
        let tenant = tenant.clone();
        self.write(move |c| {
            Box::pin(async move {
                let mut query = update(QueryBuilder::new(""));
                query.push(" where tenant = ").push_bind(tenant.as_str()).push(" and id = ").push_bind(id.to_string()).push(allowed);
                let done = query.build().execute(&mut *c).await?;
                if done.rows_affected() == 0 {
                    bail!("{id}: this is not possible for a mail in its present state; see `rohrpost mail show {id}`");
                }
                audit::insert(c, &[(&tenant, Timestamp::now(), &line)]).await?;
                Ok(())
            })
        })
        .await
    }
}

fn listed(row: &SqliteRow) -> anyhow::Result<Listed> {
    let closed_at: Option<i64> = row.get("closed_at");
    let list = |column: &'static str| -> anyhow::Result<Vec<String>> {
        let json: Option<&str> = row.get(column);
        Ok(json.filter(|json| !json.is_empty()).map(serde_json::from_str).transpose().context(column)?.unwrap_or_default())
    };
    Ok(Listed {
        id: row.get::<String, _>("id").parse().context("arrival.id")?,
        tenant: TenantId::new(row.get::<String, _>("tenant")),
        at: moment(row.get("at")),
        door: row.get("door"),
        disposition: row.get::<Option<&str>, _>("disposition").and_then(Disposition::parse),
        reason: row.get("reason"),
        subject: row.get("subject"),
        from_name: row.get("from_name"),
        from_address: row.get("from_address"),
        reference: row.get("reference"),
        inner_addresses: list("inner_addresses")?,
        inner_names: list("inner_names")?,
        sha256: row.get("sha256"),
        size: row.get::<i64, _>("size").try_into().unwrap_or(0),
        attempts: row.get::<i64, _>("attempts").try_into().unwrap_or(u32::MAX),
        entry: row.get("entry"),
        chosen: row
            .get::<Option<String>, _>("assigned_reference")
            .map(|number| (number, row.get::<Option<String>, _>("assigned_by").unwrap_or_default())),
        envelope: serde_json::from_str(row.get("envelope")).context("envelope")?,
        facts: serde_json::from_str(row.get("facts")).context("facts")?,
        heal_tries: row.get::<i64, _>("heal_tries").try_into().unwrap_or(u32::MAX),
        heal_due: row.get::<Option<i64>, _>("heal_due_at").map(moment),
        raw_gone: row.get("raw_gone"),
        closed: closed_at.map(|at| {
            let text = |column: &str| row.get::<Option<String>, _>(column).unwrap_or_default();
            (moment(at), text("closed_by"), text("closed_why"))
        }),
    })
}

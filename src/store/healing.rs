//! Held mail that heals by itself: what is due, what happened that it waits for, and sending it through. Decides nothing.

use super::Store;
use super::arrivals::{CLAIMED, Claimed, claimed};
use super::audit::{self, NewAudit};
use crate::model::address;
use crate::model::healing::ACTOR;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::HoldReason;
use anyhow::Context;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

/// Mails marked as due, or listed, in one step.
const STEP: i64 = 100;
/// Looks cut off by a crash, in a row, after which a mail is looked at no more: it may be what ends the program.
const MOST_UNSETTLED: i64 = 2;

/// What is due. The conditions are those of the index `arrival_to_heal`.
const DUE: &str = "select tenant, id, heal_tries, fence from arrival
    where reason = $1 and heal_due_at <= $2 and disposition = 'held' and closed_at is null and heal_due_at is not null
    order by heal_due_at limit 1";
/// Held mail that waits for a number, or for something about its forwarder; behind an id.
const BY_NUMBER: &str = "select id from arrival where tenant = $1 and held_number = $2 and id > $3 and disposition = 'held'
    and closed_at is null and held_number is not null and reason = 'unknown_number' order by id limit $4";
const BY_FORWARDER: &str = "select id from arrival where tenant = $1 and lower(from_address) = $2 and id > $3 and disposition = 'held'
    and closed_at is null and reason in ('sender_unknown', 'sender_may_not_import', 'forwarder_may_not_see') order by id limit $4";
/// Held mail that another version could not read.
const UNREAD: &str = "select tenant, id from arrival where (tenant, id) > ($1, $2) and disposition = 'held' and closed_at is null
    and reason in ('unreadable', 'crashed_twice') order by tenant, id limit $3";
/// Numbers of a candidate's applications for which held mail waits.
const WAITED_FOR: &str = "insert into healing_event (tenant, kind, about, after)
    select a.tenant, 'number', a.reference, '' from application a where a.tenant = $1 and a.candidate = $2 and not a.erased
        and exists (select 1 from arrival h where h.tenant = a.tenant and h.held_number = a.reference and h.disposition = 'held'
            and h.closed_at is null and h.held_number is not null)
    on conflict (tenant, kind, about) do update set after = ''";
/// Held mail of a tenant, behind an id.
const HELD: &str = "select id, reason from arrival where tenant = $1 and id > $2 and disposition = 'held' and closed_at is null
    order by id limit $3";

/// A held mail whose time has come.
#[derive(Clone, Debug)]
pub struct Due {
    pub tenant: TenantId,
    pub id: ArrivalId,
    /// Looks before this one.
    pub tries: u32,
    fence: i64,
}

impl Store {
    /// The mail that is held for this reason and has been due for the longest.
    pub async fn next_to_heal(&self, reason: HoldReason) -> anyhow::Result<Option<Due>> {
        let row = sqlx::query(DUE).bind(reason.as_str()).bind(Timestamp::now().as_millisecond()).fetch_optional(&self.reads).await?;
        row.map(|row| {
            Ok(Due {
                tenant: TenantId::new(row.get::<String, _>("tenant")),
                id: row.get::<String, _>("id").parse().context("arrival.id")?,
                tries: u32::try_from(row.get::<i64, _>("heal_tries")).unwrap_or(u32::MAX),
                fence: row.get("fence"),
            })
        })
        .transpose()
    }

    /// Counts a look and commits it before it is begun. `again`: when the next one is due if this one is cut off; after two such ends
    /// there is none. None: somebody else has changed the mail meanwhile.
    pub async fn begin_look(&self, due: &Due, again: Option<Timestamp>, version: &'static str) -> anyhow::Result<Option<Claimed>> {
        let due = due.clone();
        let row = self.write(move |c| {
            Box::pin(async move {
                let sql = format!(
                    "update arrival set heal_tries = heal_tries + 1, heal_unsettled = heal_unsettled + 1, heal_version = $5,
                         heal_due_at = case when heal_unsettled + 1 >= $6 then null else $4 end
                     where tenant = $1 and id = $2 and fence = $3 and disposition = 'held' and closed_at is null
                     returning {CLAIMED}"
                );
                let row = sqlx::query(AssertSqlSafe(sql))
                    .bind(due.tenant.as_str())
                    .bind(due.id.to_string())
                    .bind(due.fence)
                    .bind(again.map(Timestamp::as_millisecond))
                    .bind(version)
                    .bind(MOST_UNSETTLED)
                    .fetch_optional(c)
                    .await?;
                Ok(row)
            })
        });
        // Read behind the commit: a row that cannot be read is counted as well, and stops nobody twice.
        Ok(row.await?.map(|row| claimed(&row)).transpose()?.transpose()?)
    }

    /// A look has ended, and the mail stays as it is.
    pub async fn settle(&self, looked: &Claimed, due: Option<Timestamp>) -> anyhow::Result<()> {
        let (tenant, id, fence) = (looked.tenant.clone(), looked.id, looked.fence);
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "update arrival set heal_due_at = $4, heal_unsettled = 0
                     where tenant = $1 and id = $2 and fence = $3 and disposition = 'held' and closed_at is null",
                )
                .bind(tenant.as_str())
                .bind(id.to_string())
                .bind(fence)
                .bind(due.map(Timestamp::as_millisecond))
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Sends a held mail through again by itself, if nobody has done anything to it meanwhile. `alone`: what it does may end the program,
    /// and one more such end holds it again.
    pub async fn send_through(&self, looked: &Claimed, was: HoldReason, alone: bool) -> anyhow::Result<bool> {
        let (tenant, id, fence) = (looked.tenant.clone(), looked.id, looked.fence);
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let done = sqlx::query(
                    "update arrival set disposition = null, reason = null, done_at = null, due_at = $4, waits_since = $4, heals = $5, alone = $6,
                         crashes = case when $6 then 1 else 0 end, heal_due_at = null, heal_unsettled = 0
                     where tenant = $1 and id = $2 and fence = $3 and reason = $5 and disposition = 'held' and closed_at is null
                         and claimed_by is null and not raw_gone",
                )
                .bind(tenant.as_str())
                .bind(id.to_string())
                .bind(fence)
                .bind(now.as_millisecond())
                .bind(was.as_str())
                .bind(alone)
                .execute(&mut *c)
                .await?;
                if done.rows_affected() == 0 {
                    return Ok(false);
                }
                let line = NewAudit { actor: ACTOR.into(), what: "retried", subject: id.to_string(), detail: was.as_str().into() };
                audit::insert(c, &[(&tenant, now, &line)]).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Marks the next mails that waited for something that has happened. False: nothing has.
    pub async fn mark_what_waited(&self) -> anyhow::Result<bool> {
        let happened: Option<i64> = sqlx::query_scalar("select 1 from healing_event limit 1").fetch_optional(&self.reads).await?;
        if happened.is_none() {
            return Ok(false);
        }
        self.write(|c| Box::pin(mark_step(c))).await
    }

    /// Marks held mail that another version of this program could not read: this one looks at it once.
    pub async fn mark_unread(&self, version: &'static str) -> anyhow::Result<()> {
        let mut after = (String::new(), String::new());
        loop {
            let page: Vec<(String, String)> =
                sqlx::query_as(UNREAD).bind(&after.0).bind(&after.1).bind(STEP).fetch_all(&self.reads).await?;
            let Some(last) = page.last().cloned() else { return Ok(()) };
            after = last;
            self.write(move |c| {
                Box::pin(async move {
                    let now = Timestamp::now().as_millisecond();
                    for (tenant, id) in page {
                        sqlx::query(
                            "update arrival set heal_due_at = $3, heal_tries = 0, heal_unsettled = 0 where tenant = $1 and id = $2
                                 and disposition = 'held' and closed_at is null and coalesce(heal_version, '') <> $4",
                        )
                        .bind(tenant)
                        .bind(id)
                        .bind(now)
                        .bind(version)
                        .execute(&mut *c)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        }
    }

    /// The next page of a tenant's held mail, with its reasons.
    pub async fn held_after(&self, tenant: &TenantId, after: Option<ArrivalId>) -> anyhow::Result<Vec<(ArrivalId, Option<HoldReason>)>> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<(String, String)> = sqlx::query_as(HELD).bind(tenant.as_str()).bind(after).bind(STEP).fetch_all(&self.reads).await?;
        rows.into_iter().map(|(id, reason)| Ok((id.parse().context("arrival.id")?, HoldReason::parse(&reason)))).collect()
    }

    /// A mail as the pipeline would have it in hand, without taking it.
    pub async fn as_claimed(&self, tenant: &TenantId, id: ArrivalId) -> anyhow::Result<Option<Claimed>> {
        let sql = format!("select {CLAIMED} from arrival where tenant = $1 and id = $2");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(tenant.as_str()).bind(id.to_string()).fetch_optional(&self.reads).await?;
        Ok(row.map(|row| claimed(&row)).transpose()?.transpose()?)
    }
}

async fn mark_step(c: &mut SqliteConnection) -> anyhow::Result<bool> {
    let event: Option<(String, String, String, String)> =
        sqlx::query_as("select tenant, kind, about, after from healing_event order by tenant, kind, about limit 1")
            .fetch_optional(&mut *c)
            .await?;
    let Some((tenant, kind, about, after)) = event else { return Ok(false) };
    let waiting = if kind == "number" { BY_NUMBER } else { BY_FORWARDER };
    let ids: Vec<String> = sqlx::query_scalar(waiting).bind(&tenant).bind(&about).bind(after).bind(STEP).fetch_all(&mut *c).await?;
    let last = ids.last().cloned();
    if !ids.is_empty() {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("update arrival set heal_tries = 0, heal_unsettled = 0, heal_due_at = ");
        query.push_bind(Timestamp::now().as_millisecond()).push(" where tenant = ").push_bind(&tenant).push(" and id in (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id);
        }
        query.push(")");
        query.build().execute(&mut *c).await?;
    }
    match last {
        Some(last) => sqlx::query("update healing_event set after = $4 where tenant = $1 and kind = $2 and about = $3")
            .bind(tenant)
            .bind(kind)
            .bind(about)
            .bind(last),
        None => sqlx::query("delete from healing_event where tenant = $1 and kind = $2 and about = $3").bind(tenant).bind(kind).bind(about),
    }
    .execute(c)
    .await?;
    Ok(true)
}

/// A candidate has an application, or an address, that he had not: held mail may have waited for it.
pub(super) async fn candidate_changed(c: &mut SqliteConnection, tenant: &TenantId, candidate: &str) -> anyhow::Result<()> {
    sqlx::query(WAITED_FOR).bind(tenant.as_str()).bind(candidate).execute(c).await?;
    Ok(())
}

/// What decides whether a user's mail is filed, as one text. None: no held mail is from one of these addresses, as for most users.
pub(super) async fn standing(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    addresses: &[String],
    user: &str,
) -> anyhow::Result<Option<String>> {
    let mut waits = false;
    for address in addresses {
        let found: Option<String> =
            sqlx::query_scalar(BY_FORWARDER).bind(tenant.as_str()).bind(address).bind("").bind(1_i64).fetch_optional(&mut *c).await?;
        waits = waits || found.is_some();
    }
    if !waits {
        return Ok(None);
    }
    let standing: Option<String> = sqlx::query_scalar(
        "select u.role || case when u.active then ' active ' else ' ' end
             || coalesce((select string_agg(x.address, ' ') from user_address x where x.tenant = u.tenant and x.user_id = u.id), '') || ' / '
             || coalesce((select string_agg(d.department, ' ') from department_user d where d.tenant = u.tenant and d.user_id = u.id), '')
         from user_account u where u.tenant = $1 and u.id = $2",
    )
    .bind(tenant.as_str())
    .bind(user)
    .fetch_optional(c)
    .await?;
    Ok(Some(standing.unwrap_or_default()))
}

/// Something about a forwarder is not as it was when his mail was held.
pub(super) async fn forwarder_changed(c: &mut SqliteConnection, tenant: &TenantId, addresses: &[String]) -> anyhow::Result<()> {
    for about in addresses {
        sqlx::query(
            "insert into healing_event (tenant, kind, about, after) values ($1, 'forwarder', $2, '')
             on conflict (tenant, kind, about) do update set after = ''",
        )
        .bind(tenant.as_str())
        .bind(address::key(about))
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// An application that turned up between the judgement and its commit is found at once: it marked no mail, since none was held yet.
pub(super) async fn found_meanwhile(c: &mut SqliteConnection, tenant: &TenantId, id: ArrivalId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "update arrival set heal_due_at = $3 where tenant = $1 and id = $2 and exists (select 1 from application a
             where a.tenant = arrival.tenant and a.reference = arrival.held_number and not a.erased)",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(now.as_millisecond())
    .execute(c)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests;

//! The daily word to administrators: which tenants want it, what waits in them, and that a day is told once.

use super::filing::NewMessage;
use super::{Store, moment};
use crate::model::address;
use crate::model::daily::{self, Waiting, Waits, Words};
use crate::model::id::{ArrivalId, TenantId};
use crate::model::user::{Role, User};
use anyhow::Context;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tracing::warn;

/// Administrators of a tenant who are told.
const MOST_TOLD: i64 = 100;
/// Between two digests of a tenant at least so much time passes, also where its time zone was changed.
const LEAST_APART: SignedDuration = SignedDuration::from_hours(12);
/// Days that are remembered: more than a clock is ever wrong without anybody's noticing.
const REMEMBERED: i64 = 400;

/// When a tenant's digest goes out.
#[derive(Clone, Debug)]
pub struct Hour {
    pub tenant: TenantId,
    /// IANA name.
    pub time_zone: String,
    pub at: Time,
}

/// What is written down of a day.
#[derive(Clone, Debug)]
pub struct Told {
    pub tenant: TenantId,
    pub day: Date,
    pub at: Timestamp,
    /// How many mails waited.
    pub mails: u64,
    /// Mails that the messages name.
    pub named: Vec<ArrivalId>,
    pub messages: Vec<NewMessage>,
}

/// Held mails, their sender's words among them, those first of which no digest has told since they were held. Strangers' come last of the
/// new ones, and of the others: whatever else waits, each is named at some time.
pub(super) const WAITING: &str = "select a.id, a.at, a.reason, a.unvouched, a.from_address, a.subject, exists (
        select 1 from held_named n join outbound_message m on m.tenant = n.tenant and m.id = n.message
        where n.tenant = a.tenant and n.arrival = a.id and m.state in ('sent', 'delivered')
            and m.created_at >= a.done_at) as told
    from arrival a where a.tenant = $1 and a.disposition = 'held' and a.closed_at is null
    order by told, a.unvouched, a.id limit $2";

/// For what, and how many.
pub(super) const GROUPS: &str =
    "select reason, count(*), min(at) from arrival where tenant = $1 and disposition = 'held' and closed_at is null
    group by reason order by 2 desc, 1";

impl Store {
    /// Tenants whose administrators want to be told.
    pub async fn digest_hours(&self) -> anyhow::Result<Vec<Hour>> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("select id, time_zone, digest_at from tenant where id <> $1 and digest_at <> $2 order by id")
                .bind(TenantId::MACHINE)
                .bind(daily::OFF)
                .fetch_all(&self.reads)
                .await?;
        let hour = |(id, time_zone, at): (String, String, String)| {
            let tenant = TenantId::new(id);
            let Some(at) = daily::parse_at(&at).ok().flatten() else {
                // One tenant's trouble is not the others'.
                warn!(%tenant, "the digest_at of {tenant} cannot be read: nobody there is told of held mail");
                return None;
            };
            Some(Hour { tenant, time_zone, at })
        };
        Ok(rows.into_iter().filter_map(hour).collect())
    }

    /// Whether this day was told, or another one just before.
    pub async fn is_told(&self, tenant: &TenantId, day: Date, now: Timestamp) -> anyhow::Result<bool> {
        let found: Option<i64> = sqlx::query_scalar(
            "select 1 from daily_digest where tenant = $1 and (day = $2 or (mails > 0 and at > $3 and at <= $4)) limit 1",
        )
        .bind(tenant.as_str())
        .bind(day.to_string())
        .bind((now - LEAST_APART).as_millisecond())
        .bind(now.as_millisecond())
        .fetch_optional(&self.reads)
        .await?;
        Ok(found.is_some())
    }

    /// The active administrators of a tenant.
    pub async fn administrators(&self, tenant: &TenantId) -> anyhow::Result<Vec<User>> {
        let rows = sqlx::query(
            "select u.id, u.email, u.name, u.role, u.locale, u.active, u.wants_receipts, null as departments from user_account u
             where u.tenant = $1 and u.active and u.role = $2 order by u.email limit $3",
        )
        .bind(tenant.as_str())
        .bind(Role::Administrator.as_str())
        .bind(MOST_TOLD)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(super::known::user).collect()
    }

    /// What waits in a tenant, and `most` mails of it. Only what its own users sent speaks for itself.
    pub async fn waiting(&self, tenant: &TenantId, most: u32) -> anyhow::Result<Waiting> {
        let groups: Vec<(Option<String>, i64, i64)> = sqlx::query_as(GROUPS).bind(tenant.as_str()).fetch_all(&self.reads).await?;
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        let rows = sqlx::query(WAITING).bind(tenant.as_str()).bind(i64::from(most)).fetch_all(&self.reads).await?;
        let senders: Vec<String> = rows.iter().filter_map(sender).collect();
        let users = self.users_among(tenant, &senders).await?;
        let waits = |row: &SqliteRow| {
            let is_user = !row.get::<bool, _>("unvouched") && sender(row).is_some_and(|sender| users.contains(&sender));
            let text = |column: &str| row.get::<Option<String>, _>(column).unwrap_or_default();
            Ok(Waits {
                id: row.get::<String, _>("id").parse().context("arrival.id")?,
                at: moment(row.get("at")),
                reason: text("reason"),
                // The name in front of the address is whatever the sender likes.
                vouched: is_user.then(|| Words { from: text("from_address"), subject: text("subject") }),
            })
        };
        Ok(Waiting {
            mails: groups.iter().map(|(_, count, _)| number(*count)).sum(),
            oldest: groups.iter().map(|(_, _, oldest)| *oldest).min().map(moment),
            named: rows.iter().map(waits).collect::<anyhow::Result<Vec<_>>>()?,
            reasons: groups.into_iter().map(|(reason, count, _)| (reason.unwrap_or_default(), number(count))).collect(),
        })
    }

    /// Writes the day and its messages; false, and nothing is written, if somebody else did it.
    pub async fn tell_day(&self, told: Told) -> anyhow::Result<bool> {
        self.write(move |c| {
            Box::pin(async move {
                let sql = "insert into daily_digest (tenant, day, at, mails) values ($1, $2, $3, $4) on conflict (tenant, day) do nothing";
                let mails = i64::try_from(told.mails).unwrap_or(i64::MAX);
                let day = sqlx::query(sql).bind(told.tenant.as_str()).bind(told.day.to_string());
                let written = day.bind(told.at.as_millisecond()).bind(mails).execute(&mut *c).await?;
                if written.rows_affected() == 0 {
                    return Ok(false);
                }
                tidy(c, &told).await?;
                for message in &told.messages {
                    put(c, &told, message).await?;
                }
                Ok(true)
            })
        })
        .await
    }
}

fn sender(row: &SqliteRow) -> Option<String> {
    row.get::<Option<String>, _>("from_address").map(|given| address::key(&given))
}

/// Days of long ago, and what was said of mails that wait no more.
async fn tidy(c: &mut SqliteConnection, told: &Told) -> anyhow::Result<()> {
    let long_ago = told.at - SignedDuration::from_hours(24 * REMEMBERED);
    sqlx::query("delete from daily_digest where tenant = $1 and at < $2")
        .bind(told.tenant.as_str())
        .bind(long_ago.as_millisecond())
        .execute(&mut *c)
        .await?;
    sqlx::query(
        "delete from held_named where tenant = $1 and not exists (select 1 from arrival a where a.tenant = held_named.tenant
             and a.id = held_named.arrival and a.disposition = 'held' and a.closed_at is null)",
    )
    .bind(told.tenant.as_str())
    .execute(c)
    .await?;
    Ok(())
}

/// Queues a message, and notes which mails it names, unless one that was handed over has named them since they were held.
async fn put(c: &mut SqliteConnection, told: &Told, message: &NewMessage) -> anyhow::Result<()> {
    sqlx::query(
        "insert into outbound_message (tenant, id, purpose, recipient, locale, subject, body, reply_to, domain, created_at, state,
             attempts, next_attempt_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', 0, $10)",
    )
    .bind(told.tenant.as_str())
    .bind(message.id.to_string())
    .bind(message.purpose.as_str())
    .bind(&message.recipient)
    .bind(message.locale.as_str())
    .bind(&message.subject)
    .bind(&message.body)
    .bind(&message.reply_to)
    .bind(&message.domain)
    .bind(told.at.as_millisecond())
    .execute(&mut *c)
    .await?;
    for named in &told.named {
        sqlx::query(
            "insert into held_named (tenant, arrival, message) select $1, $2, $3 where not exists (
                 select 1 from held_named n join outbound_message m on m.tenant = n.tenant and m.id = n.message
                     join arrival a on a.tenant = n.tenant and a.id = n.arrival
                 where n.tenant = $1 and n.arrival = $2 and m.state in ('sent', 'delivered') and m.created_at >= a.done_at)
             on conflict (tenant, arrival, message) do nothing",
        )
        .bind(told.tenant.as_str())
        .bind(named.to_string())
        .bind(message.id.to_string())
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

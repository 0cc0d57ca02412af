//! How long held mail is kept, where a tenant limits that: what is too old is discarded and its bytes are removed, but never before
//! somebody was told of it and had time to act.

use super::daily::Hour;
use super::held::remove_raw;
use super::{Store, moment};
use crate::model::alarm::{Alarm, AlarmKind};
use crate::model::id::TenantId;
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tracing::{info, warn};

/// Who discards.
const ACTOR: &str = "rohrpost";
/// Whoever was told has at least so much time.
const TIME_TO_ACT: SignedDuration = SignedDuration::from_hours(24 * 3);
/// A mail that is too old, and of which nobody was told for so long after, is reported; before, the next digest may tell of it.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Mails discarded in one transaction.
const BATCH: i64 = 100;

/// Somebody was told of the mail `a` before the moment $3: its forwarder, the tenant's fallback address, or administrators by a digest
/// that names it. Handed over is told; what came back is not, nor what was written before the mail was held last.
macro_rules! told {
    () => {
        "(exists (select 1 from outbound_message m where m.tenant = a.tenant and m.arrival = a.id
              and m.purpose in ('receipt', 'mail_held') and m.state in ('sent', 'delivered') and m.done_at < $3
              and m.created_at >= a.done_at)
          or exists (select 1 from held_named n join outbound_message m on m.tenant = n.tenant and m.id = n.message
              where n.tenant = a.tenant and n.arrival = a.id and m.state in ('sent', 'delivered') and m.done_at < $3
              and m.created_at >= a.done_at))"
    };
}

/// What is held longer than it should be: since before the moment $2. One that was held anew counts from then.
macro_rules! too_old {
    () => {
        "a.tenant = $1 and a.disposition = 'held' and a.closed_at is null and a.done_at < $2"
    };
}

impl Store {
    /// Discards held mail that is older than its tenant wants to keep it. Returns how many.
    pub async fn discard_by_age(&self, now: Timestamp) -> anyhow::Result<usize> {
        let rows = sqlx::query("select id, discard_held_after_days from tenant where discard_held_after_days > 0 order by id")
            .fetch_all(&self.reads)
            .await?;
        let told_daily = self.digest_hours().await?;
        let mut discarded = 0;
        for row in rows {
            let tenant = TenantId::new(row.get::<String, _>("id"));
            // One tenant's trouble is not the others'.
            match self.discard_of(&tenant, &row, &told_daily, now).await {
                Ok(mails) => discarded += mails,
                Err(error) => {
                    warn!(%tenant, error = format!("{error:#}"), "held mail that {tenant} keeps no longer could not be discarded; trying again");
                }
            }
        }
        self.remove_all_objects().await?;
        Ok(discarded)
    }

    async fn discard_of(&self, tenant: &TenantId, row: &SqliteRow, told_daily: &[Hour], now: Timestamp) -> anyhow::Result<usize> {
        let days: i64 = row.try_get("discard_held_after_days").context("discard_held_after_days")?;
        let hours = i32::try_from(days).ok().and_then(|days| days.checked_mul(24)).context("discard_held_after_days")?;
        let before = now.checked_sub(SignedDuration::from_hours(hours.into())).context("discard_held_after_days")?;
        let mut mails = 0;
        loop {
            let some = self.discard_told(tenant, now, before, days).await?;
            mails += some;
            if some == 0 {
                break;
            }
        }
        if mails > 0 {
            info!(%tenant, mails, "discarded {mails} held mails of {tenant}: they waited for more than {days} days");
        }
        let may_be_told = told_daily.iter().any(|hour| hour.tenant == *tenant) && !self.administrators(tenant).await?.is_empty();
        self.say_who_was_not_told(tenant, now, before, days, may_be_told).await?;
        Ok(mails)
    }

    async fn discard_told(&self, tenant: &TenantId, now: Timestamp, before: Timestamp, days: i64) -> anyhow::Result<usize> {
        let tenant = tenant.clone();
        let why = format!("retention: it waited for more than {days} days");
        self.write(move |c| {
            Box::pin(async move {
                let sql = concat!(
                    "update arrival set closed_at = $4, closed_by = $5, closed_why = $6, raw_gone = true where (tenant, id) in (
                         select a.tenant, a.id from arrival a where ",
                    too_old!(),
                    " and a.claimed_by is null and ",
                    told!(),
                    " limit $7) returning tenant, id"
                );
                let rows = sqlx::query(sql)
                    .bind(tenant.as_str())
                    .bind(before.as_millisecond())
                    .bind((now - TIME_TO_ACT).as_millisecond())
                    .bind(now.as_millisecond())
                    .bind(ACTOR)
                    .bind(&why)
                    .bind(BATCH)
                    .fetch_all(&mut *c)
                    .await?;
                remove_raw(c, &rows, now, ACTOR, &why).await?;
                Ok(rows.len())
            })
        })
        .await
    }

    /// Mail that would go, if anybody knew of it, stays and is reported; the alarm ends with the last of it.
    async fn say_who_was_not_told(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        before: Timestamp,
        days: i64,
        may_be_told: bool,
    ) -> anyhow::Result<()> {
        let sql = concat!("select count(*) as mails, min(a.done_at) as oldest from arrival a where ", too_old!(), " and not ", told!());
        let row =
            sqlx::query(sql).bind(tenant.as_str()).bind(before.as_millisecond()).bind(now.as_millisecond()).fetch_one(&self.reads).await?;
        let (mails, oldest) = (row.get::<i64, _>("mails"), row.get::<Option<i64>, _>("oldest").map(moment));
        let is_late = oldest.is_some_and(|oldest| oldest < before - PATIENCE);
        if mails == 0 || (may_be_told && !is_late) {
            return self.clear(AlarmKind::NobodyTold, tenant.as_str(), now).await;
        }
        let text = format!(
            "{mails} held mails of {tenant} are older than discard_held_after_days ({days}) and stay, because nobody has been told of them. \
             Give the tenant an administrator and a digest, or look at `rohrpost --tenant {tenant} dead-letter list` and `outbox list`."
        );
        self.raise(Alarm { kind: AlarmKind::NobodyTold, about: tenant.as_str().to_owned(), text }, now).await
    }
}

#[cfg(test)]
mod tests;

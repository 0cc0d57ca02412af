//! The quota of mail that nobody vouches for: how much of it waits, and what of it is too old.

use super::Store;
use super::audit::{self, NewAudit};
use crate::model::arrival::HeldLimits;
use crate::model::id::{ArrivalId, TenantId};
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often mail that is too old is looked for.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// Mails discarded in one transaction.
const BATCH: i64 = 100;
/// Who discards them.
const ACTOR: &str = "quota";

/// The condition of the index `arrival_unvouched`, letter for letter.
macro_rules! waits {
    () => {
        "unvouched and closed_at is null and coalesce(disposition, 'held') = 'held'"
    };
}

impl Store {
    /// Mails of a tenant that nobody vouches for and that wait, and their bytes. Counted from the rows themselves, so it is right after whatever
    /// became of a mail. It costs a step of one index for each mail that waits: that grows up to the quota, and not with the data.
    pub async fn unvouched(&self, tenant: &TenantId) -> anyhow::Result<(u64, u64)> {
        let sql = concat!("select count(*) as mails, coalesce(sum(size), 0) as bytes from arrival where tenant = $1 and ", waits!());
        let row = sqlx::query(sql).bind(tenant.as_str()).fetch_one(&self.reads).await?;
        let number = |column: &str| u64::try_from(row.get::<i64, _>(column)).unwrap_or(0);
        Ok((number("mails"), number("bytes")))
    }

    /// Discards what is too old, now and then, until stopped.
    pub async fn discard_what_is_too_old(&self, limits: HeldLimits, stop: CancellationToken) {
        loop {
            let before = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(limits.age_days));
            match self.discard_unvouched(before, limits.age_days).await {
                Ok(0) => (),
                Ok(mails) => info!(mails, "discarded {mails} held mails that nobody vouches for: they were too old"),
                Err(error) => warn!(error = format!("{error:#}"), "held mail that is too old could not be discarded; trying again"),
            }
            if let Err(error) = self.discard_by_age(Timestamp::now()).await {
                warn!(error = format!("{error:#}"), "held mail that its tenants keep no longer could not be discarded; trying again");
            }
            if let Err(error) = self.forget_images(Timestamp::now()).await {
                warn!(error = format!("{error:#}"), "images that nobody sends any more could not be forgotten; trying again");
            }
            tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(LOOK) => () }
        }
    }

    /// Closes held mail that nobody vouches for and that came before `before`, and removes its bytes. The rows stay.
    pub async fn discard_unvouched(&self, before: Timestamp, age_days: u32) -> anyhow::Result<usize> {
        let mut discarded = 0;
        loop {
            let some = self.discard_some(before, age_days).await?;
            discarded += some;
            if some == 0 {
                break;
            }
        }
        self.remove_all_objects().await?;
        Ok(discarded)
    }

    /// Removes what the rows say is gone; what a crash left between their commit and here is found again.
    pub(super) async fn remove_all_objects(&self) -> anyhow::Result<()> {
        while self.remove_objects().await? > 0 {}
        Ok(())
    }

    async fn discard_some(&self, before: Timestamp, age_days: u32) -> anyhow::Result<usize> {
        let why = format!("nobody vouched for it, and it waited for {age_days} days");
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let sql = concat!(
                    "update arrival set closed_at = $1, closed_by = $2, closed_why = $3, raw_gone = true where (tenant, id) in (
                         select tenant, id from arrival where at < $4 and disposition = 'held' and claimed_by is null and ",
                    waits!(),
                    " limit $5) returning tenant, id"
                );
                let rows = sqlx::query(sql)
                    .bind(now.as_millisecond())
                    .bind(ACTOR)
                    .bind(&why)
                    .bind(before.as_millisecond())
                    .bind(BATCH)
                    .fetch_all(&mut *c)
                    .await?;
                remove_raw(c, &rows, now, ACTOR, &why).await?;
                Ok(rows.len())
            })
        })
        .await
    }

    /// Removes objects whose rows say that they are gone. The row before the object: a row never promises what is not there.
    async fn remove_objects(&self) -> anyhow::Result<usize> {
        let rows = sqlx::query("select tenant, id from arrival where raw_gone and in_blob_store limit $1").bind(BATCH);
        let rows = rows.fetch_all(&self.reads).await?.iter().map(key).collect::<anyhow::Result<Vec<_>>>()?;
        for (tenant, id) in &rows {
            self.blobs().remove_raw(tenant, *id).await?;
        }
        let removed = rows.len();
        if removed > 0 {
            self.write(move |c| {
                Box::pin(async move {
                    for (tenant, id) in &rows {
                        sqlx::query("update arrival set in_blob_store = false where tenant = $1 and id = $2")
                            .bind(tenant.as_str())
                            .bind(id.to_string())
                            .execute(&mut *c)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        }
        Ok(removed)
    }
}

/// Removes the bytes of discarded mails from the database, and notes who discarded them. Those of the blob store go afterwards.
pub(super) async fn remove_raw(c: &mut SqliteConnection, rows: &[SqliteRow], now: Timestamp, actor: &str, why: &str) -> anyhow::Result<()> {
    for row in rows {
        let (tenant, id) = key(row)?;
        sqlx::query("delete from raw_mail where tenant = $1 and arrival = $2")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .execute(&mut *c)
            .await?;
        let line = NewAudit { actor: actor.to_owned(), what: "discarded", subject: id.to_string(), detail: why.to_owned() };
        audit::insert(c, &[(&tenant, now, &line)]).await?;
    }
    Ok(())
}

fn key(row: &SqliteRow) -> anyhow::Result<(TenantId, ArrivalId)> {
    Ok((TenantId::new(row.get::<String, _>("tenant")), row.get::<String, _>("id").parse().context("arrival.id")?))
}

#[cfg(test)]
mod tests;

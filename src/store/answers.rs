//! Receipts that are answered, and the held mails behind them.

use super::audit::{self, NewAudit};
use super::{NotWritten, Store};
use crate::model::answer::{Receipt, Repair};
use crate::model::id::{OutboundId, TenantId};
use crate::model::verdict::{Disposition, HoldReason};
use anyhow::Context;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

impl Store {
    /// The receipt with this id, as it can be answered now.
    pub async fn receipt(&self, tenant: &TenantId, message: OutboundId) -> anyhow::Result<Option<Receipt>> {
        let row = sqlx::query(
            "select t.token, t.used_at, t.suggestions, t.again, m.recipient, m.subject, m.arrival, a.disposition, a.reason, a.closed_at
             from outbound_message m
             join token t on t.tenant = m.tenant and t.message = m.id and t.purpose = 'receipt'
             join arrival a on a.tenant = m.tenant and a.id = m.arrival
             where m.tenant = $1 and m.id = $2",
        )
        .bind(tenant.as_str())
        .bind(message.to_string())
        .fetch_optional(&self.reads)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let text = |column: &str| row.get::<Option<String>, _>(column);
        let is_held =
            text("disposition").as_deref() == Some(Disposition::Held.as_str()) && row.get::<Option<i64>, _>("closed_at").is_none();
        let offers = text("suggestions").map(|json| serde_json::from_str(&json)).transpose().context("token.suggestions")?;
        Ok(Some(Receipt {
            token: row.get("token"),
            recipient: row.get("recipient"),
            subject: row.get("subject"),
            offers: offers.unwrap_or_default(),
            again: row.get("again"),
            used: row.get::<Option<i64>, _>("used_at").is_some(),
            arrival: row.get::<String, _>("arrival").parse().context("outbound_message.arrival")?,
            held: text("reason").filter(|_| is_held).and_then(|reason| HoldReason::parse(&reason)),
        }))
    }
}

/// Sends the held mail through again with its forwarder's number. Only while it is held, and once for each receipt.
pub(super) async fn repair(c: &mut SqliteConnection, tenant: &TenantId, at: Timestamp, repair: &Repair) -> Result<(), NotWritten> {
    let used = sqlx::query("update token set used_at = $3 where tenant = $1 and token = $2 and used_at is null and revoked_at is null")
        .bind(tenant.as_str())
        .bind(&repair.token)
        .bind(at.as_millisecond())
        .execute(&mut *c)
        .await
        .map_err(NotWritten::of)?;
    let sent = sqlx::query(
        "update arrival set disposition = null, reason = null, done_at = null, alone = false, crashes = 0, due_at = $3, waits_since = $3,
         assigned_reference = $4, assigned_by = $5, assigned_by_forwarder = true,
         heals = null, heal_due_at = null, heal_tries = 0, heal_unsettled = 0
         where tenant = $1 and id = $2 and disposition = 'held' and closed_at is null and claimed_by is null",
    )
    .bind(tenant.as_str())
    .bind(repair.arrival.to_string())
    .bind(at.as_millisecond())
    .bind(&repair.reference)
    .bind(&repair.by)
    .execute(&mut *c)
    .await
    .map_err(NotWritten::of)?;
    if (used.rows_affected(), sent.rows_affected()) != (1, 1) {
        return Err(NotWritten::NotHeldAnyMore);
    }
    let line = NewAudit {
        actor: repair.by.clone(),
        what: "assigned",
        subject: repair.arrival.to_string(),
        detail: format!("{} in answer to a receipt", repair.reference),
    };
    audit::insert(c, &[(tenant, at, &line)]).await.map_err(NotWritten::of)
}

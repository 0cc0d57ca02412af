//! Mails that came through a pipe: whoever hands one over again did not hear that it was accepted.

use super::Store;
use crate::model::arrival::Envelope;
use crate::model::id::{ArrivalId, TenantId};
use anyhow::Context;
use jiff::Timestamp;

/// Arrivals with the same bytes that are looked at.
const MOST: i64 = 100;

impl Store {
    /// An arrival with these bytes and this envelope that came through a pipe since then.
    pub async fn piped(&self, tenant: &TenantId, sha256: &str, envelope: &Envelope, since: Timestamp) -> anyhow::Result<Option<ArrivalId>> {
        let sql = "select id, envelope from arrival where tenant = $1 and sha256 = $2 and door = 'pipe' and at >= $3 limit $4";
        let rows: Vec<(String, String)> =
            sqlx::query_as(sql).bind(tenant.as_str()).bind(sha256).bind(since.as_millisecond()).bind(MOST).fetch_all(&self.reads).await?;
        let is_same = |(_, json): &&(String, String)| serde_json::from_str::<Envelope>(json).is_ok_and(|one| one == *envelope);
        rows.iter().find(is_same).map(|(id, _)| id.parse().context("arrival.id")).transpose()
    }
}

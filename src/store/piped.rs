//! Mails that came through a pipe: whoever hands one over again did not hear that it was accepted.

use super::Store;
use crate::model::arrival::Envelope;
use crate::model::id::{ArrivalId, TenantId};
use anyhow::Context;
use jiff::Timestamp;

/// Arrivals with the same bytes that are looked at.
const MOST: i64 = 100;

/// Of a mail that was discarded its giver must not hear that it is kept: it is one more arrival.
const PIPED: &str = "select id, envelope from arrival where tenant = $1 and sha256 = $2 and door = 'pipe' and at >= $3
    and closed_at is null and not raw_gone limit $4";

impl Store {
    /// An arrival with these bytes and this envelope that came through a pipe since then, and that was not discarded.
    pub async fn piped(&self, tenant: &TenantId, sha256: &str, envelope: &Envelope, since: Timestamp) -> anyhow::Result<Option<ArrivalId>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as(PIPED).bind(tenant.as_str()).bind(sha256).bind(since.as_millisecond()).bind(MOST).fetch_all(&self.reads).await?;
        let is_same = |(_, json): &&(String, String)| serde_json::from_str::<Envelope>(json).is_ok_and(|one| one == *envelope);
        rows.iter().find(is_same).map(|(id, _)| id.parse().context("arrival.id")).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arrival::{Arrival, Door, Purpose};
    use crate::model::facts::{Facts, Origin};
    use crate::store::examples;
    use sqlx::Row;

    /// It is asked for every mail of a pipe, however many have come.
    #[tokio::test]
    async fn looked_up_by_its_index() {
        let (store, _folder) = examples::store().await;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {PIPED}"))).fetch_all(&store.reads).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert_eq!(steps, ["SEARCH arrival USING INDEX arrival_piped (tenant=? AND sha256=?)"]);
        store.close().await;
    }
    /// Acceptance: G1. What was discarded is not kept: who hands it over again must not hear that it is.
    #[tokio::test]
    async fn what_was_discarded_is_not_known() {
        let (store, _folder) = examples::store().await;
        let text = r#"{"tenant": {"id": "acme", "name": "Acme", "import_addresses": ["import@acme.example"]}}"#;
        examples::import(&store, text).await;
        let tenant = TenantId::new("acme");
        let envelope = Envelope { from: None, to: Vec::new(), mailbox: "import@acme.example".into(), purpose: Purpose::Import };
        let (now, day) = (Timestamp::now(), jiff::SignedDuration::from_hours(24));
        let held = async |bytes: &'static str| {
            let facts = Facts { origin: Origin::Relay, is_strangers: true, ..Facts::default() };
            let mail = examples::arrival(&tenant, bytes.as_bytes());
            let (id, sha256) = (mail.id, mail.sha256.clone());
            store.accept(Arrival { door: Door::Pipe, at: now - day * 20, facts, ..mail }).await.unwrap();
            let mut filing = examples::held(&examples::claimed(&store).await, "sender_unknown");
            (filing.at, filing.summary.is_unproven) = (now, true);
            store.file(filing).await.unwrap();
            (id, sha256)
        };
        let known = async |sha256: &str| store.piped(&tenant, sha256, &envelope, now - day * 30).await.unwrap();
        let (first, by_quota) = held("x").await;
        assert_eq!(known(&by_quota).await, Some(first));
        assert_eq!(store.discard_unvouched(now - day * 14, 14).await.unwrap(), 1);
        assert!(store.raw_mail(&tenant, first).await.is_err());
        assert_eq!(known(&by_quota).await, None);
        let (second, by_hand) = held("y").await;
        assert_eq!(known(&by_hand).await, Some(second));
        store.discard(&tenant, second, "op".into(), "spam".into()).await.unwrap();
        assert_eq!(known(&by_hand).await, None);
        store.close().await;
    }
}

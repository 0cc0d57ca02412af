//! Mails that came through a pipe: whoever hands one over again did not hear that it was accepted.

use super::Store;
use crate::model::arrival::Envelope;
use crate::model::id::{ArrivalId, TenantId};
use anyhow::Context;
use jiff::Timestamp;

/// Arrivals with the same bytes that are looked at.
const MOST: i64 = 100;

const PIPED: &str = "select id, envelope from arrival where tenant = $1 and sha256 = $2 and door = 'pipe' and at >= $3 limit $4";

impl Store {
    /// An arrival with these bytes and this envelope that came through a pipe since then.
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
    use crate::model::installation::Place;
    use crate::store::Missing;
    use sqlx::Row;

    /// It is asked for every mail of a pipe, however many have come.
    #[tokio::test]
    async fn looked_up_by_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
        let store = Store::open(&place, Missing::Create).await.unwrap();
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {PIPED}"))).fetch_all(&store.reads).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert_eq!(steps, ["SEARCH arrival USING INDEX arrival_piped (tenant=? AND sha256=?)"]);
        store.close().await;
    }
}

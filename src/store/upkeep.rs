//! What the daemon does for its database beside the work: checkpoints of the log, and noticing what other processes commit.

use super::Store;
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often other processes' commits are looked for.
const LOOK: Duration = Duration::from_millis(250);
/// How often the log is moved into the database.
const CHECKPOINT: Duration = Duration::from_secs(2);

impl Store {
    /// Runs until stopped. A failure here harms nothing at once, so it is logged and tried again.
    pub async fn upkeep(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.upkeep_on_one_connection(&stop).await {
                warn!(error = format!("{error:#}"), "upkeep of the database failed; trying again");
                tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(CHECKPOINT) => () }
            }
        }
    }

    async fn upkeep_on_one_connection(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut connection = self.options.connect().await?;
        let mut seen: i64 = sqlx::query_scalar("pragma data_version").fetch_one(&mut connection).await?;
        let mut look = tokio::time::interval(LOOK);
        let mut checkpoint = tokio::time::interval(CHECKPOINT);
        checkpoint.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick() => {
                    let version: i64 = sqlx::query_scalar("pragma data_version").fetch_one(&mut connection).await?;
                    if version != seen {
                        seen = version;
                        self.changed.send_modify(|version| *version += 1);
                    }
                }
                _ = checkpoint.tick() => {
                    sqlx::query("pragma wal_checkpoint(passive)").execute(&mut connection).await?;
                }
            }
        }
        // The last one leaves an empty log behind.
        sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}

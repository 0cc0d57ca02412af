//! What candidates' names are looked up by.

use crate::model::name;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

/// Rows of one step.
const STEP: i64 = 500;

/// Rows of before names were looked up have no key yet. A step at a time, so that an interrupted start goes on.
pub(super) async fn work_out_keys(c: &mut SqliteConnection) -> anyhow::Result<()> {
    loop {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("select tenant, id, name from candidate where name_key is null limit $1").bind(STEP).fetch_all(&mut *c).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut step = c.begin().await?;
        for (tenant, id, name) in rows {
            sqlx::query("update candidate set name_key = $3 where tenant = $1 and id = $2 and name_key is null")
                .bind(tenant)
                .bind(id)
                .bind(name::key(&name))
                .execute(&mut *step)
                .await?;
        }
        step.commit().await?;
    }
}

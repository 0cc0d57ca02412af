//! Small images by those who sent them, so that logos are known by being sent again.

use super::Store;
use super::filing::Filing;
use crate::model::id::TenantId;
use crate::model::verdict::{ImageKey, SeenImages, SeenTimes};
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};
use std::collections::BTreeMap;

/// What nobody sends any more is forgotten.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);
/// Rows of one statement, and those forgotten in one transaction.
const BATCH: usize = 1_000;

impl Store {
    /// What earlier mails of the writers had.
    pub async fn seen_images(&self, tenant: &TenantId, images: &[ImageKey]) -> anyhow::Result<SeenImages> {
        if images.is_empty() {
            return Ok(SeenImages::new());
        }
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("select writer, sha256, times, applications from seen_image where tenant = ");
        query.push_bind(tenant.as_str()).push(" and (writer, sha256) in (");
        query.push_values(images, |mut b, image| {
            b.push_bind(&image.writer).push_bind(&image.sha256);
        });
        query.push(")");
        let rows: Vec<(String, String, i64, i64)> = query.build_query_as().fetch_all(&self.reads).await?;
        let number = |value: i64| u64::try_from(value).unwrap_or_default();
        let seen = rows.into_iter().map(|(writer, sha256, times, applications)| {
            (ImageKey { writer, sha256 }, SeenTimes { mails: number(times), applications: number(applications) })
        });
        Ok(seen.collect())
    }

    /// Forgets images that nobody has sent for long.
    pub async fn forget_images(&self, now: Timestamp) -> anyhow::Result<()> {
        let before = (now - KEPT).as_millisecond();
        loop {
            let forgotten = self
                .write(move |c| {
                    Box::pin(async move {
                        let sql = "delete from seen_image where (tenant, writer, sha256) in (
                                 select tenant, writer, sha256 from seen_image where last_at < $1 order by last_at limit $2)";
                        let done = sqlx::query(sql).bind(before).bind(i64::try_from(BATCH).unwrap_or(i64::MAX)).execute(c).await?;
                        Ok(done.rows_affected())
                    })
                })
                .await?;
            if forgotten < BATCH as u64 {
                return Ok(());
            }
        }
    }
}

/// What one group of filed mails adds to a row.
struct Sent<'f> {
    times: i64,
    applications: i64,
    application: &'f str,
    at: i64,
}

/// Counts the images of filed mails: one statement a group, and none without images.
pub(super) async fn count(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    // No engine lets one statement touch a row twice, so that mails of one group are added up first.
    let mut sent: BTreeMap<(&TenantId, &ImageKey), Sent<'_>> = BTreeMap::new();
    for row in rows {
        let Some(entry) = &row.entry else { continue };
        for image in &row.images {
            let application = entry.application.as_str();
            let one = sent.entry((&row.tenant, image)).or_insert(Sent { times: 0, applications: 0, application: "", at: 0 });
            one.times += 1;
            one.applications += i64::from(one.application != application);
            (one.application, one.at) = (application, row.at.as_millisecond());
        }
    }
    let sent: Vec<_> = sent.into_iter().collect();
    for some in sent.chunks(BATCH) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("insert into seen_image (tenant, writer, sha256, times, applications, last_application, last_at) ");
        query.push_values(some, |mut b, ((tenant, image), sent)| {
            b.push_bind(tenant.as_str()).push_bind(&image.writer).push_bind(&image.sha256);
            b.push_bind(sent.times).push_bind(sent.applications).push_bind(sent.application).push_bind(sent.at);
        });
        query.push(
            " on conflict (tenant, writer, sha256) do update set times = seen_image.times + excluded.times,
             applications = seen_image.applications + excluded.applications
                 - case when seen_image.last_application = excluded.last_application then 1 else 0 end,
             last_application = excluded.last_application, last_at = excluded.last_at",
        );
        query.build().execute(&mut *c).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

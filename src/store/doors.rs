//! How each door is, for operators.

use super::{Store, moment};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;

/// A door, as it said last.
#[derive(Clone, Debug, Serialize)]
pub struct DoorState {
    pub kind: String,
    pub name: String,
    pub state: String,
    pub last_mail_at: Option<Timestamp>,
    pub last_contact_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub last_error_at: Option<Timestamp>,
    /// Mails that it knows of and has not taken yet; none if nobody can say.
    pub waiting: Option<u32>,
    /// When it was first heard of.
    pub since: Option<Timestamp>,
    /// None if its last word was a good one.
    pub failing_since: Option<Timestamp>,
    /// Until when it gets in by what it has: the end of its access token, which moves on as long as tokens are renewed. None if nobody can
    /// say, as with a password.
    pub expires_at: Option<Timestamp>,
}

impl DoorState {
    /// A door that has said nothing yet.
    pub fn unheard(kind: &str, name: &str) -> DoorState {
        DoorState {
            kind: kind.to_owned(),
            name: name.to_owned(),
            state: "never started".into(),
            last_mail_at: None,
            last_contact_at: None,
            last_error: None,
            last_error_at: None,
            waiting: None,
            since: None,
            failing_since: None,
            expires_at: None,
        }
    }
}

/// What a door has to say; what it leaves out stays as it was.
#[derive(Clone, Debug, Default)]
pub struct DoorNews {
    pub state: &'static str,
    pub contact_at: Option<Timestamp>,
    pub mail_at: Option<Timestamp>,
    /// Without addresses.
    pub error: Option<String>,
    pub waiting: Option<u32>,
    /// Until when its access is good; none in it if nobody can say.
    pub expires_at: Option<Option<Timestamp>>,
}

impl Store {
    pub async fn door_says(&self, kind: &'static str, name: &str, news: DoorNews) -> anyhow::Result<()> {
        let name = name.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let ms = |at: Option<Timestamp>| at.map(|at| at.as_millisecond());
                let now = Timestamp::now().as_millisecond();
                let error_at = news.error.as_ref().map(|_| now);
                sqlx::query(
                    "insert into door (kind, name, state, last_contact_at, last_mail_at, last_error, last_error_at, waiting,
                         expires_at, since, failing_since)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, case when $3 = 'failing' then $10 else null end)
                     on conflict (kind, name) do update set state = excluded.state,
                         last_contact_at = coalesce(excluded.last_contact_at, door.last_contact_at),
                         last_mail_at = coalesce(excluded.last_mail_at, door.last_mail_at),
                         last_error = coalesce(excluded.last_error, door.last_error),
                         last_error_at = coalesce(excluded.last_error_at, door.last_error_at),
                         waiting = coalesce(excluded.waiting, door.waiting),
                         expires_at = case when $11 then excluded.expires_at else door.expires_at end,
                         since = coalesce(door.since, excluded.since),
                         -- A stop mends nothing.
                         failing_since = case when excluded.state = 'failing' then coalesce(door.failing_since, excluded.failing_since)
                             when excluded.state in ('stopped', 'starting') then door.failing_since else null end",
                )
                .bind(kind)
                .bind(name)
                .bind(news.state)
                .bind(ms(news.contact_at))
                .bind(ms(news.mail_at))
                .bind(news.error)
                .bind(error_at)
                .bind(news.waiting.map(i64::from))
                .bind(ms(news.expires_at.flatten()))
                .bind(now)
                .bind(news.expires_at.is_some())
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// A new run knows of no door how it is: what the last one said stands until the door itself speaks.
    pub async fn doors_start(&self) -> anyhow::Result<()> {
        self.write(|c| {
            Box::pin(async move {
                sqlx::query("update door set state = 'starting' where kind <> 'pipe'").execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// Since when the oldest arrival waits that has no end yet, for each kind of door: since it came, or since it was sent through again.
    pub async fn oldest_arrivals(&self) -> anyhow::Result<Vec<(String, Timestamp)>> {
        // As many steps of one index as mails wait.
        let sql = "select door, min(coalesce(waits_since, at)) as at from arrival where disposition is null group by door";
        let rows = sqlx::query(sql).fetch_all(&self.reads).await?;
        Ok(rows.iter().map(|row| (row.get("door"), moment(row.get("at")))).collect())
    }

    /// When the oldest message of ours was written that waits to be handed over.
    pub async fn oldest_message(&self) -> anyhow::Result<Option<Timestamp>> {
        let sql = "select min(created_at) from outbound_message where state in ('queued', 'sending', 'deferred')";
        let at: Option<i64> = sqlx::query_scalar(sql).fetch_one(&self.reads).await?;
        Ok(at.map(moment))
    }

    /// Every door that ever said something, by kind and name.
    pub async fn doors(&self) -> anyhow::Result<Vec<DoorState>> {
        let rows = sqlx::query("select * from door order by kind, name").fetch_all(&self.reads).await?;
        let at = |row: &sqlx::sqlite::SqliteRow, column: &str| row.get::<Option<i64>, _>(column).map(moment);
        let one = |row: &sqlx::sqlite::SqliteRow| DoorState {
            kind: row.get("kind"),
            name: row.get("name"),
            state: row.get("state"),
            last_mail_at: at(row, "last_mail_at"),
            last_contact_at: at(row, "last_contact_at"),
            last_error: row.get("last_error"),
            last_error_at: at(row, "last_error_at"),
            waiting: row.get::<Option<i64>, _>("waiting").and_then(|count| u32::try_from(count).ok()),
            since: at(row, "since"),
            failing_since: at(row, "failing_since"),
            expires_at: at(row, "expires_at"),
        };
        Ok(rows.iter().map(one).collect())
    }
}

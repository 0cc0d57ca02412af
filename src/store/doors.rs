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
}

impl Store {
    pub async fn door_says(&self, kind: &'static str, name: &str, news: DoorNews) -> anyhow::Result<()> {
        let name = name.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let ms = |at: Option<Timestamp>| at.map(|at| at.as_millisecond());
                let error_at = news.error.as_ref().map(|_| Timestamp::now().as_millisecond());
                sqlx::query(
                    "insert into door (kind, name, state, last_contact_at, last_mail_at, last_error, last_error_at, waiting)
                     values ($1, $2, $3, $4, $5, $6, $7, $8)
                     on conflict (kind, name) do update set state = excluded.state,
                         last_contact_at = coalesce(excluded.last_contact_at, door.last_contact_at),
                         last_mail_at = coalesce(excluded.last_mail_at, door.last_mail_at),
                         last_error = coalesce(excluded.last_error, door.last_error),
                         last_error_at = coalesce(excluded.last_error_at, door.last_error_at),
                         waiting = coalesce(excluded.waiting, door.waiting)",
                )
                .bind(kind)
                .bind(name)
                .bind(news.state)
                .bind(ms(news.contact_at))
                .bind(ms(news.mail_at))
                .bind(news.error)
                .bind(error_at)
                .bind(news.waiting.map(i64::from))
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
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
        };
        Ok(rows.iter().map(one).collect())
    }
}

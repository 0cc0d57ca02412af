//! Mails to ourselves: asked for, sent, arrived. Each counts once, by the door that it was sent through, and not for long.

use super::{NotWritten, Store, moment};
use crate::model::arrival::{Arrival, Purpose};
use crate::model::token;
use anyhow::anyhow;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// Behind this a token means nothing any more, and its row goes.
pub const LIVES: SignedDuration = SignedDuration::from_hours(24);
/// Rows of one door that are looked at.
const LOOKED_AT: i64 = 100;

/// A mail to ourselves.
#[derive(Clone, Debug)]
pub struct Canary {
    pub token: String,
    /// The kind and the name of the door by which it must come.
    pub door: (String, String),
    pub asked_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    /// Why it could not be handed over.
    pub error: Option<String>,
    pub arrived_at: Option<Timestamp>,
}

fn canary(row: &SqliteRow) -> Canary {
    let at = |column: &str| row.get::<Option<i64>, _>(column).map(moment);
    Canary {
        token: row.get("token"),
        door: (row.get("door_kind"), row.get("door_name")),
        asked_at: moment(row.get("asked_at")),
        sent_at: at("sent_at"),
        error: row.get("error"),
        arrived_at: at("arrived_at"),
    }
}

impl Store {
    /// Asks for a mail through a door; the service sends it. Returns its token.
    pub async fn ask_canary(&self, kind: &str, name: &str, at: Timestamp) -> anyhow::Result<String> {
        let (token, kind, name) = (token::generate(), kind.to_owned(), name.to_owned());
        let asked = token.clone();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("insert into canary (token, door_kind, door_name, asked_at) values ($1, $2, $3, $4)")
                    .bind(token)
                    .bind(kind)
                    .bind(name)
                    .bind(at.as_millisecond())
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await?;
        Ok(asked)
    }

    /// Those that were asked for and are not sent yet, oldest first.
    pub async fn canaries_to_send(&self) -> anyhow::Result<Vec<Canary>> {
        let rows = sqlx::query("select * from canary where sent_at is null order by asked_at limit $1");
        Ok(rows.bind(LOOKED_AT).fetch_all(&self.reads).await?.iter().map(canary).collect())
    }

    /// Written down before it is sent: what ends between the two is a lost one, and not one that is sent again and again.
    pub async fn canary_is_sent(&self, token: &str, at: Timestamp) -> anyhow::Result<()> {
        let token = token.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let sql = "update canary set sent_at = $2 where token = $1 and sent_at is null";
                sqlx::query(sql).bind(token).bind(at.as_millisecond()).execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// Why it could not be handed over.
    pub async fn canary_is_stuck(&self, token: &str, error: String) -> anyhow::Result<()> {
        let token = token.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("update canary set error = $2 where token = $1").bind(token).bind(error).execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// The door by which a mail with this token must come; none if we did not give it out, it has been used, or its time is over.
    pub async fn canary_door(&self, token: &str, now: Timestamp) -> anyhow::Result<Option<(String, String)>> {
        let row = sqlx::query("select door_kind, door_name from canary where token = $1 and arrived_at is null and sent_at > $2")
            .bind(token)
            .bind((now - LIVES).as_millisecond())
            .fetch_optional(&self.reads)
            .await?;
        Ok(row.map(|row| (row.get("door_kind"), row.get("door_name"))))
    }

    /// Those of a door, newest first.
    pub async fn canaries_of(&self, kind: &str, name: &str) -> anyhow::Result<Vec<Canary>> {
        let rows = sqlx::query("select * from canary where door_kind = $1 and door_name = $2 order by asked_at desc limit $3")
            .bind(kind)
            .bind(name)
            .bind(LOOKED_AT)
            .fetch_all(&self.reads)
            .await?;
        Ok(rows.iter().map(canary).collect())
    }

    pub async fn canary(&self, token: &str) -> anyhow::Result<Option<Canary>> {
        let row = sqlx::query("select * from canary where token = $1").bind(token).fetch_optional(&self.reads).await?;
        Ok(row.as_ref().map(canary))
    }

    /// Those of times to come count from now: a clock was ahead when they were asked for, and until it is there again nobody would miss any.
    pub async fn date_canaries_back(&self, now: Timestamp) -> anyhow::Result<()> {
        let now = now.as_millisecond();
        // Asked often: what writes nothing must wake nobody.
        let any = sqlx::query("select 1 from canary where asked_at > $1 limit 1").bind(now);
        if any.fetch_optional(&self.reads).await?.is_none() {
            return Ok(());
        }
        self.write(move |c| {
            Box::pin(async move {
                let sql = "update canary set asked_at = $1, sent_at = case when sent_at > $1 then $1 else sent_at end,
                               arrived_at = case when arrived_at > $1 then $1 else arrived_at end
                           where asked_at > $1";
                sqlx::query(sql).bind(now).execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// Removes those that were asked for before that moment, and the bytes of the mails that came of them. Returns how many.
    pub async fn forget_canaries(&self, before: Timestamp) -> anyhow::Result<usize> {
        // Asked often: what writes nothing must wake nobody.
        let any = sqlx::query("select 1 from canary where asked_at < $1 limit 1").bind(before.as_millisecond());
        if any.fetch_optional(&self.reads).await?.is_none() {
            return Ok(0);
        }
        self.write(move |c| {
            Box::pin(async move {
                let sql = "delete from canary where asked_at < $1 returning tenant, arrival";
                let rows = sqlx::query(sql).bind(before.as_millisecond()).fetch_all(&mut *c).await?;
                for row in &rows {
                    let (Some(tenant), Some(arrival)) = (row.get::<Option<String>, _>("tenant"), row.get::<Option<String>, _>("arrival"))
                    else {
                        continue;
                    };
                    let gone = sqlx::query(
                        "update arrival set raw_gone = true where tenant = $1 and id = $2 and disposition = 'ignored' and reason = 'canary'",
                    );
                    if gone.bind(&tenant).bind(&arrival).execute(&mut *c).await?.rows_affected() == 1 {
                        let raw = sqlx::query("delete from raw_mail where tenant = $1 and arrival = $2");
                        raw.bind(&tenant).bind(&arrival).execute(&mut *c).await?;
                    }
                }
                Ok(rows.len())
            })
        })
        .await
    }
}

/// Notes in the transaction of its acceptance that a mail to ourselves arrived. Of two copies at the same moment the second is put off: it
/// is judged as anybody's when it comes again.
pub(super) async fn arrived(c: &mut SqliteConnection, arrival: &Arrival) -> Result<(), NotWritten> {
    let Purpose::Canary { token } = &arrival.envelope.purpose else { return Ok(()) };
    let sql = "update canary set arrived_at = $2, tenant = $3, arrival = $4 where token = $1 and arrived_at is null";
    let noted = sqlx::query(sql)
        .bind(token)
        .bind(arrival.at.as_millisecond())
        .bind(arrival.tenant.as_str())
        .bind(arrival.id.to_string())
        .execute(c)
        .await
        .map_err(NotWritten::of)?;
    match noted.rows_affected() {
        1 => Ok(()),
        _ => Err(NotWritten::NotNow(anyhow!("this mail to ourselves came a second time"))),
    }
}

#[cfg(test)]
mod tests;

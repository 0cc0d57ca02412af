//! Mails that broke something while they were fetched from a mailbox: counted here, so that a new start does not begin anew with them.

use super::Store;
use crate::model::mailbox::Position;
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnection;

/// Mails that are remembered: only those that break something are.
const MOST: i64 = 1_000;

/// Strikes are counted together for so long; behind that the count begins anew. A mail that really breaks something does so at every
/// try, and those are minutes apart.
pub const FADE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A mail's strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    pub uid: u32,
    pub strikes: u32,
    /// The server's answer is wrong; else the line may be at fault, or the program ended while it had the mail in hand.
    pub is_wrong: bool,
}

impl Store {
    /// The strikes of mails behind this position, and of those that were put off; but those that have faded.
    pub async fn strikes(&self, after: &Position, now: Timestamp) -> anyhow::Result<Vec<Struck>> {
        let rows: Vec<(i64, i64, bool)> = sqlx::query_as(
            "select uid, strikes, is_wrong from mailbox_strike s where mailbox = $1 and uid_validity = $2 and (uid > $3 or exists
                 (select 1 from mailbox_mail m where m.mailbox = $1 and m.uid_validity = $2 and m.uid = s.uid and m.fate = 'put_off'))
                 and counted_from > $4
             order by uid limit $5",
        )
        .bind(&after.mailbox)
        .bind(i64::from(after.uid_validity))
        .bind(i64::from(after.uid))
        .bind((now - FADE_AFTER).as_millisecond())
        .bind(MOST)
        .fetch_all(&self.reads)
        .await?;
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(rows.into_iter().map(|(uid, strikes, is_wrong)| Struck { uid: number(uid), strikes: number(strikes), is_wrong }).collect())
    }

    /// One more. `is_wrong`: none leaves open what is at fault. Forgets mails that are done with, and those of a folder that is no more.
    pub async fn strike(&self, at: Position, is_wrong: Option<bool>, now: Timestamp) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "delete from mailbox_strike where mailbox = $1 and (uid_validity <> $2
                         or (uid <= (select last_uid from mailbox where name = $1 and uid_validity = $2) and not exists (select 1 from mailbox_mail m
                             where m.mailbox = $1 and m.uid_validity = $2 and m.uid = mailbox_strike.uid and m.fate = 'put_off')))",
                )
                .bind(&at.mailbox)
                .bind(i64::from(at.uid_validity))
                .execute(&mut *c)
                .await?;
                sqlx::query(
                    "insert into mailbox_strike (mailbox, uid_validity, uid, strikes, is_wrong, counted_from)
                     values ($1, $2, $3, 1, coalesce($4, false), $5)
                     on conflict (mailbox, uid_validity, uid) do update set
                         strikes = case when mailbox_strike.counted_from > $6 then mailbox_strike.strikes + 1 else 1 end,
                         is_wrong = coalesce($4, mailbox_strike.counted_from > $6 and mailbox_strike.is_wrong),
                         counted_from = case when mailbox_strike.counted_from > $6 then mailbox_strike.counted_from else $5 end",
                )
                .bind(&at.mailbox)
                .bind(i64::from(at.uid_validity))
                .bind(i64::from(at.uid))
                .bind(is_wrong)
                .bind(now.as_millisecond())
                .bind((now - FADE_AFTER).as_millisecond())
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// One less: it was no fault of the mail's.
    pub async fn take_back_strike(&self, at: Position) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                one(c, &at, "update mailbox_strike set strikes = strikes - 1 where mailbox = $1 and uid_validity = $2 and uid = $3")
                    .await?;
                one(c, &at, "delete from mailbox_strike where mailbox = $1 and uid_validity = $2 and uid = $3 and strikes <= 0").await
            })
        })
        .await
    }
}

async fn one(c: &mut SqliteConnection, at: &Position, sql: &'static str) -> anyhow::Result<()> {
    sqlx::query(sql).bind(&at.mailbox).bind(i64::from(at.uid_validity)).bind(i64::from(at.uid)).execute(c).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mailbox::Cursor;
    use crate::store::examples;
    use jiff::SignedDuration;

    #[tokio::test]
    async fn counted_taken_back_and_forgotten() {
        let (store, _folder) = examples::store().await;
        assert!(store.hold_mailbox("box", "me", SignedDuration::from_mins(1)).await.unwrap());
        let cursor = Cursor { uid_validity: 7, last_uid: 2, since: None, again_until: 0 };
        store.begin_mailbox("box", "me", "source", cursor).await.unwrap();
        let at = |uid: u32| Position { mailbox: "box".into(), uid_validity: 7, uid, holder: "me".into() };
        let now = Timestamp::now();
        let all = async || store.strikes(&at(0), now).await.unwrap();
        store.strike(at(3), None, now).await.unwrap();
        store.strike(at(3), Some(true), now).await.unwrap();
        store.strike(at(3), None, now).await.unwrap();
        store.strike(at(4), None, now).await.unwrap();
        let three = Struck { uid: 3, strikes: 3, is_wrong: true };
        assert_eq!(all().await, [three, Struck { uid: 4, strikes: 1, is_wrong: false }]);
        store.take_back_strike(at(4)).await.unwrap();
        store.take_back_strike(at(5)).await.unwrap();
        assert_eq!(all().await, [three]);
        assert_eq!(store.strikes(&at(3), now).await.unwrap(), []);
        // The mail is done with: the next strike of another one forgets it.
        store.pass_mail(at(3)).await.unwrap();
        store.strike(at(6), Some(false), now).await.unwrap();
        assert_eq!(all().await.iter().map(|struck| struck.uid).collect::<Vec<_>>(), [6]);
        // In a folder that was made anew no UID means anything.
        store.strike(Position { uid_validity: 8, ..at(6) }, None, now).await.unwrap();
        assert_eq!(all().await, []);
        store.close().await;
    }
    /// A mail that was met at a bad moment once a week is not to blame.
    #[tokio::test]
    async fn old_ones_fade() {
        let (store, _folder) = examples::store().await;
        assert!(store.hold_mailbox("box", "me", SignedDuration::from_mins(1)).await.unwrap());
        let at = || Position { mailbox: "box".into(), uid_validity: 7, uid: 3, holder: "me".into() };
        let start = Timestamp::now();
        let struck = async |hours: i64| {
            let found = store.strikes(&Position { uid: 0, ..at() }, start + SignedDuration::from_hours(hours)).await.unwrap();
            found.first().map(|struck| (struck.strikes, struck.is_wrong))
        };
        let strike = async |hours: i64, is_wrong| store.strike(at(), is_wrong, start + SignedDuration::from_hours(hours)).await.unwrap();
        strike(0, Some(true)).await;
        strike(23, None).await;
        assert_eq!((struck(23).await, struck(24).await), (Some((2, true)), None));
        // What is taken back makes the others no younger.
        strike(23, None).await;
        store.take_back_strike(at()).await.unwrap();
        assert_eq!((struck(23).await, struck(25).await), (Some((2, true)), None));
        strike(25, None).await;
        assert_eq!((struck(25).await, struck(48).await, struck(49).await), (Some((1, false)), Some((1, false)), None));
        store.close().await;
    }
}

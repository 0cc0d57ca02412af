//! Mails that broke something while they were fetched from a mailbox: counted here, so that a new start does not begin anew with them.

use super::Store;
use crate::model::mailbox::Position;
use sqlx::sqlite::SqliteConnection;

/// Mails that are remembered: only those that break something are.
const MOST: i64 = 1_000;

/// A mail's strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    pub uid: u32,
    pub strikes: u32,
    /// The server's answer is wrong; else the line may be at fault, or the program ended while it had the mail in hand.
    pub is_wrong: bool,
}

impl Store {
    /// The strikes of mails behind this position, and of those that were put off.
    pub async fn strikes(&self, after: &Position) -> anyhow::Result<Vec<Struck>> {
        let rows: Vec<(i64, i64, bool)> = sqlx::query_as(
            "select uid, strikes, is_wrong from mailbox_strike s where mailbox = $1 and uid_validity = $2 and (uid > $3 or exists
                 (select 1 from mailbox_mail m where m.mailbox = $1 and m.uid_validity = $2 and m.uid = s.uid and m.fate = 'put_off'))
             order by uid limit $4",
        )
        .bind(&after.mailbox)
        .bind(i64::from(after.uid_validity))
        .bind(i64::from(after.uid))
        .bind(MOST)
        .fetch_all(&self.reads)
        .await?;
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(rows.into_iter().map(|(uid, strikes, is_wrong)| Struck { uid: number(uid), strikes: number(strikes), is_wrong }).collect())
    }

    /// One more. `is_wrong`: none leaves open what is at fault. Forgets mails that are done with, and those of a folder that is no more.
    pub async fn strike(&self, at: Position, is_wrong: Option<bool>) -> anyhow::Result<()> {
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
                    "insert into mailbox_strike (mailbox, uid_validity, uid, strikes, is_wrong) values ($1, $2, $3, 1, coalesce($4, false))
                     on conflict (mailbox, uid_validity, uid) do update set strikes = mailbox_strike.strikes + 1,
                         is_wrong = coalesce($4, mailbox_strike.is_wrong)",
                )
                .bind(&at.mailbox)
                .bind(i64::from(at.uid_validity))
                .bind(i64::from(at.uid))
                .bind(is_wrong)
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
    use crate::model::installation::Place;
    use crate::model::mailbox::Cursor;
    use crate::store::Missing;
    use jiff::SignedDuration;

    #[tokio::test]
    async fn counted_taken_back_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { database: folder.path().join("db"), blobs: folder.path().join("blobs") };
        let store = Store::open(&place, Missing::Create).await.unwrap();
        assert!(store.hold_mailbox("box", "me", SignedDuration::from_mins(1)).await.unwrap());
        let cursor = Cursor { uid_validity: 7, last_uid: 2, since: None, again_until: 0 };
        store.begin_mailbox("box", "me", "source", cursor).await.unwrap();
        let at = |uid: u32| Position { mailbox: "box".into(), uid_validity: 7, uid, holder: "me".into() };
        let all = async || store.strikes(&at(0)).await.unwrap();
        store.strike(at(3), None).await.unwrap();
        store.strike(at(3), Some(true)).await.unwrap();
        store.strike(at(3), None).await.unwrap();
        store.strike(at(4), None).await.unwrap();
        let three = Struck { uid: 3, strikes: 3, is_wrong: true };
        assert_eq!(all().await, [three, Struck { uid: 4, strikes: 1, is_wrong: false }]);
        store.take_back_strike(at(4)).await.unwrap();
        store.take_back_strike(at(5)).await.unwrap();
        assert_eq!(all().await, [three]);
        assert_eq!(store.strikes(&at(3)).await.unwrap(), []);
        // The mail is done with: the next strike of another one forgets it.
        store.pass_mail(at(3)).await.unwrap();
        store.strike(at(6), Some(false)).await.unwrap();
        assert_eq!(all().await.iter().map(|struck| struck.uid).collect::<Vec<_>>(), [6]);
        // In a folder that was made anew no UID means anything.
        store.strike(Position { uid_validity: 8, ..at(6) }, None).await.unwrap();
        assert_eq!(all().await, []);
        store.close().await;
    }
}

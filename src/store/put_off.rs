//! Mails of a mailbox whose sender could not be checked: they stay in their folder, behind the cursor, and come again when they are due.

use super::mailboxes::{advance, number};
use super::{NotWritten, Store};
use crate::model::id::TenantId;
use crate::model::mailbox::{Fate, Position};
use jiff::Timestamp;

/// The longest due first.
const DUE: &str = "select uid, attempts from mailbox_mail
    where mailbox = $1 and uid_validity = $2 and fate = 'put_off' and due_at <= $3 order by due_at limit $4";

/// A mail that was put off and is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOff {
    pub uid: u32,
    /// How often it has been tried.
    pub tries: u32,
}

impl Store {
    /// Leaves a mail in its folder until `due`; it has been tried so often. Mail behind it goes on. Whoever counts the try before he makes
    /// it cannot be stopped by this mail again and again.
    pub async fn put_off_mail(&self, position: Position, tenant: TenantId, tries: u32, due: Timestamp) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                advance(c, &position).await?;
                sqlx::query(
                    "insert into mailbox_mail (mailbox, uid_validity, uid, tenant, arrival, fate, copied, attempts, due_at)
                     values ($1, $2, $3, $4, null, $5, false, $6, $7)",
                )
                .bind(position.mailbox)
                .bind(i64::from(position.uid_validity))
                .bind(i64::from(position.uid))
                .bind(tenant.as_str())
                .bind(Fate::PutOff.as_str())
                .bind(i64::from(tries))
                .bind(due.as_millisecond())
                .execute(c)
                .await
                .map_err(NotWritten::of)?;
                Ok(())
            })
        })
        .await
    }

    /// Those that are due, the longest due first.
    pub async fn due_again(&self, mailbox: &str, uid_validity: u32, most: u32) -> anyhow::Result<Vec<PutOff>> {
        let rows = self.due(DUE, mailbox, uid_validity, most).await?;
        rows.iter().map(|row| Ok(PutOff { uid: number(row, "uid")?, tries: number(row, "attempts")? })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::ArrivalId;
    use crate::model::mailbox::Cursor;
    use crate::store::examples;
    use crate::store::mailboxes::{LEAVING, NEXT, RefusedMail};
    use jiff::SignedDuration;
    use sqlx::Row;

    fn at(uid: u32) -> Position {
        Position { mailbox: "box".into(), uid_validity: 7, uid, holder: "me".into() }
    }

    async fn begun() -> (Store, tempfile::TempDir, TenantId) {
        let (store, folder) = examples::store().await;
        let tenant = TenantId::new("-");
        assert!(store.hold_mailbox("box", "me", SignedDuration::from_mins(1)).await.unwrap());
        store.begin_mailbox("box", "me", "source", Cursor { uid_validity: 7, ..Cursor::default() }).await.unwrap();
        (store, folder, tenant)
    }

    async fn due(store: &Store) -> Vec<(u32, u32)> {
        store.due_again("box", 7, 50).await.unwrap().iter().map(|one| (one.uid, one.tries)).collect()
    }

    /// Acceptance: G2, G3. It is nothing that leaves; the next ones go on; and what becomes of it is written once, by whoever holds the mailbox.
    #[tokio::test]
    async fn put_off_and_done_once() {
        let (store, _folder, tenant) = begun().await;
        let now = Timestamp::now();
        for uid in 1..=5 {
            store.put_off_mail(at(uid), tenant.clone(), 1, now).await.unwrap();
        }
        assert!(store.put_off_mail(at(6), tenant.clone(), 1, now + SignedDuration::from_mins(1)).await.is_ok());
        assert_eq!(due(&store).await, [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        assert_eq!((store.leaving("box", 7, 50).await.unwrap().len(), store.count_leaving("box").await.unwrap()), (0, 6));
        // Each end, at a cursor that is far behind them, and none of them twice.
        store.pass_mail(at(9)).await.unwrap();
        store.pass_mail(at(1)).await.unwrap();
        let refused = |position: Position| RefusedMail { position, tenant: tenant.clone(), why: "too big".into() };
        store.refuse_mail(refused(at(2))).await.unwrap();
        store.note_known_mail(at(3), tenant.clone(), ArrivalId::generate()).await.unwrap();
        store.put_off_mail(at(4), tenant.clone(), 2, now + SignedDuration::from_hours(1)).await.unwrap();
        for uid in 1..=3 {
            assert!(store.pass_mail(at(uid)).await.is_err(), "{uid}");
            assert!(store.refuse_mail(refused(at(uid))).await.is_err(), "{uid}");
            assert!(store.put_off_mail(at(uid), tenant.clone(), 1, now).await.is_err(), "{uid}");
        }
        let leaving: Vec<(u32, Fate)> = store.leaving("box", 7, 50).await.unwrap().iter().map(|one| (one.uid, one.fate)).collect();
        assert_eq!((leaving, due(&store).await), (vec![(2, Fate::Refused), (3, Fate::Accepted)], vec![(5, 1)]));
        // Neither another one nor another folder has a say.
        for other in [Position { holder: "you".into(), ..at(5) }, Position { uid_validity: 8, ..at(5) }] {
            assert!(store.pass_mail(other.clone()).await.is_err() && store.put_off_mail(other, tenant.clone(), 2, now).await.is_err());
        }
        assert_eq!(due(&store).await, [(5, 1)]);
        // A folder that was made anew is read anew.
        store.begin_mailbox("box", "me", "source", Cursor { uid_validity: 8, ..Cursor::default() }).await.unwrap();
        assert_eq!((due(&store).await.len(), store.count_leaving("box").await.unwrap()), (0, 0));
        store.close().await;
    }

    /// What breaks the connection while it is tried again is struck as well, over restarts.
    #[tokio::test]
    async fn strikes_of_what_was_put_off() {
        let (store, _folder, tenant) = begun().await;
        let struck =
            async || store.strikes(&at(9), Timestamp::now()).await.unwrap().iter().map(|one| (one.uid, one.strikes)).collect::<Vec<_>>();
        store.put_off_mail(at(3), tenant, 1, Timestamp::now()).await.unwrap();
        store.pass_mail(at(9)).await.unwrap();
        for _ in 0..2 {
            store.strike(at(3), Some(false), Timestamp::now()).await.unwrap();
        }
        store.strike(at(4), Some(false), Timestamp::now()).await.unwrap();
        store.strike(at(12), Some(false), Timestamp::now()).await.unwrap();
        assert_eq!(struck().await, [(3, 2), (12, 1)]);
        store.pass_mail(at(3)).await.unwrap();
        store.strike(at(12), Some(false), Timestamp::now()).await.unwrap();
        assert_eq!(struck().await, [(12, 2)]);
        store.close().await;
    }

    #[tokio::test]
    async fn found_by_an_index() {
        let (store, _folder, _) = begun().await;
        for (sql, index) in [(DUE, "mailbox_mail_put_off"), (LEAVING, "mailbox_mail_leaving"), (NEXT, "mailbox_mail_due")] {
            let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(&store.reads).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().any(|line| line.contains(index)) && !plan.iter().any(|line| line.contains("TEMP B-TREE")), "{plan:?}");
        }
        store.close().await;
    }
}

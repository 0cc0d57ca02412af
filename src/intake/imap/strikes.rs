//! Which mails break the connection, or the program, while they are fetched. Such a mail is put aside after a while, also over restarts,
//! so that the next one is not stopped (G4).

use super::trouble::Trouble;
use crate::model::mailbox::Position;
use crate::store::Store;
use crate::store::strikes::Struck;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// So often a mail may break a connection: where the server's own answer is wrong, and where the line may be at fault.
const MOST_WRONG: u32 = 3;
const MOST_LOST: u32 = 6;

/// The strikes of one mailbox, as they were when its visit began, and what has come to them.
#[derive(Default)]
pub struct Strikes(Mutex<Known>);

#[derive(Default)]
struct Known {
    mails: HashMap<u32, Struck>,
    /// Counted before it is fetched. If the program dies of it, that stands; else it is taken back.
    ahead: Option<Position>,
}

impl Strikes {
    pub async fn load(&self, store: &Store, after: Position) -> anyhow::Result<()> {
        let mails = store.strikes(&after).await?;
        *self.lock() = Known { mails: mails.into_iter().map(|struck| (struck.uid, struck)).collect(), ahead: None };
        Ok(())
    }

    /// The first mail of a visit is about to be fetched: the cursor stands before whatever ended the last run.
    pub async fn begin(&self, store: &Store, at: Position) -> anyhow::Result<()> {
        store.strike(at.clone(), None).await?;
        self.lock().ahead = Some(at);
        Ok(())
    }

    /// It broke nothing.
    pub async fn end(&self, store: &Store) -> anyhow::Result<()> {
        let ahead = self.lock().ahead.take();
        match ahead {
            Some(at) => store.take_back_strike(at).await,
            None => Ok(()),
        }
    }

    /// The visit ended in trouble while it had this mail in hand, if it had one.
    pub async fn add(&self, store: &Store, at: Option<Position>, trouble: &Trouble) -> anyhow::Result<()> {
        self.end(store).await?;
        let (Some(at), Some(is_wrong)) = (at, blame(trouble)) else { return Ok(()) };
        store.strike(at, Some(is_wrong)).await
    }

    /// Why this mail is not fetched any more, if it is not.
    pub fn verdict(&self, uid: u32) -> Option<&'static str> {
        self.lock().mails.get(&uid).and_then(verdict)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the server's answer is wrong; none if the mail is not to blame.
fn blame(trouble: &Trouble) -> Option<bool> {
    match trouble {
        Trouble::Unreadable | Trouble::TooLong(_) => Some(true),
        // A server that asks for time has nothing against this mail.
        Trouble::Said(_, text) if !text.to_ascii_lowercase().contains("backoff") => Some(true),
        Trouble::Lost(_) => Some(false),
        _ => None,
    }
}

fn verdict(struck: &Struck) -> Option<&'static str> {
    match struck.is_wrong {
        true if struck.strikes >= MOST_WRONG => Some("the server's answer for it cannot be read"),
        false if struck.strikes >= MOST_LOST => Some("the connection breaks whenever it is fetched"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::installation::Place;
    use crate::store::Missing;
    use jiff::SignedDuration;

    #[test]
    fn what_a_mail_is_blamed_for() {
        assert_eq!(blame(&Trouble::TooLong(9)), Some(true));
        assert_eq!(blame(&Trouble::Lost("x".into())), Some(false));
        assert_eq!(blame(&Trouble::Said("NO", "no such part".into())), Some(true));
        assert_eq!(blame(&Trouble::Said("NO", "Suggested Backoff Time: 5 milliseconds".into())), None);
        assert_eq!(blame(&Trouble::Ours(anyhow::anyhow!("disk"))), None);
    }

    /// Each run is a new one: what the last one counted counts on, also if it said nothing any more.
    #[tokio::test]
    async fn strikes_outlive_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { database: folder.path().join("db"), blobs: folder.path().join("blobs") };
        let store = Store::open(&place, Missing::Create).await.unwrap();
        assert!(store.hold_mailbox("box", "me", SignedDuration::from_mins(1)).await.unwrap());
        let at = |uid: u32| Position { mailbox: "box".into(), uid_validity: 7, uid, holder: "me".into() };
        let run = async || {
            let strikes = Strikes::default();
            strikes.load(&store, at(0)).await.unwrap();
            strikes
        };
        let check = async |uid: u32, want: bool| assert_eq!(run().await.verdict(uid).is_some(), want, "{uid}");
        for (uid, trouble, most) in [(1, Trouble::TooLong as fn(u64) -> Trouble, 3), (2, |_| Trouble::Lost("x".into()), 6)] {
            for times in 1..=most {
                check(uid, false).await;
                let strikes = run().await;
                strikes.begin(&store, at(uid)).await.unwrap();
                strikes.add(&store, Some(at(uid)), &trouble(9)).await.unwrap();
                check(uid, times == most).await;
            }
        }
        // The program ends in the middle of it.
        for times in 1..=6 {
            check(3, false).await;
            run().await.begin(&store, at(3)).await.unwrap();
            check(3, times == 6).await;
        }
        // Neither a good end nor our own fault counts.
        for _ in 0..9 {
            let strikes = run().await;
            strikes.begin(&store, at(4)).await.unwrap();
            strikes.end(&store).await.unwrap();
            strikes.begin(&store, at(4)).await.unwrap();
            strikes.add(&store, Some(at(4)), &Trouble::Ours(anyhow::anyhow!("disk"))).await.unwrap();
        }
        check(4, false).await;
        check(5, false).await;
        store.close().await;
    }
}

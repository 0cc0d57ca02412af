//! Which mails break the connection, or the program, while they are fetched. Such a mail is put aside after a while, also over restarts,
//! so that the next one is not stopped (G4).

use super::trouble::Trouble;
use crate::model::mailbox::Position;
use crate::store::Store;
use crate::store::strikes::Struck;
use jiff::Timestamp;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

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
        let mails = store.strikes(&after, Timestamp::now()).await?;
        *self.lock() = Known { mails: mails.into_iter().map(|struck| (struck.uid, struck)).collect(), ahead: None };
        Ok(())
    }

    /// Takes the first mail of a visit, at which the cursor stands before whatever ended the last run. From the moment of a stop on it
    /// does not count if the program ends meanwhile: what is slow is cut off then, and that is no fault of the mail's.
    pub async fn under<T>(
        &self,
        store: &Store,
        at: Position,
        stop: &CancellationToken,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        self.begin(store, at).await?;
        let mut work = pin!(work);
        tokio::select! {
            biased;
            // In trouble it stands until whoever hears of it says who is to blame.
            done = &mut work => {
                let done = done?;
                self.end(store).await?;
                return Ok(done);
            }
            () = stop.cancelled() => (),
        }
        if let Err(error) = self.end(store).await {
            warn!(error = format!("{error:#}"), "what is in hand counts as if it broke the program, if it is cut off now");
        }
        work.await
    }

    async fn begin(&self, store: &Store, at: Position) -> anyhow::Result<()> {
        store.strike(at.clone(), None, Timestamp::now()).await?;
        self.lock().ahead = Some(at);
        Ok(())
    }

    /// It broke nothing.
    async fn end(&self, store: &Store) -> anyhow::Result<()> {
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
        store.strike(at, Some(is_wrong), Timestamp::now()).await
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
    use crate::store::examples;
    use jiff::SignedDuration;
    use std::time::Duration;

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
        let (store, _folder) = examples::store().await;
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
        // A stop in order, which cuts it off once its time is over.
        for _ in 0..9 {
            let (strikes, stop) = (run().await, CancellationToken::new());
            let slow = std::future::pending::<Result<(), Trouble>>();
            let mut taking = Box::pin(strikes.under(&store, at(5), &stop, slow));
            let counted = async || store.strikes(&at(4), Timestamp::now()).await.unwrap().len();
            let until = async |want: usize| {
                while counted().await != want {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { _ = &mut taking => unreachable!(), () = until(1) => () }
            stop.cancel();
            let patience = tokio::time::timeout(Duration::from_secs(60), async {
                tokio::select! { _ = &mut taking => unreachable!(), () = until(0) => () }
            });
            patience.await.expect("a strike that is taken back");
        }
        check(5, false).await;
        // Without a stop it stands while the mail is in hand, and goes with a good end.
        let done = async {
            assert_eq!(store.strikes(&at(5), Timestamp::now()).await.unwrap().len(), 1);
            Ok(())
        };
        run().await.under(&store, at(6), &CancellationToken::new(), done).await.unwrap();
        assert_eq!(store.strikes(&at(5), Timestamp::now()).await.unwrap(), []);
        store.close().await;
    }
}

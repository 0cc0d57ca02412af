//! The IMAP door: empties a mailbox, one connection at a time, and keeps away for a while when something breaks. Doors know nothing of
//! each other. Never marks a mail as seen, never asks by sequence numbers, never accepts a mail twice.

pub mod connect;
mod folder;
mod leave;
mod list;
mod patience;
mod stream;
mod strikes;
mod take;
mod trouble;
mod visit;
mod wire;

use super::accept::Acceptor;
use crate::config::imap::Imap;
use crate::store::Store;
use crate::store::doors::DoorNews;
use connect::Credential;
use futures_util::FutureExt;
use jiff::SignedDuration;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use strikes::Strikes;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use trouble::Trouble;

/// What this kind of door is called in `doors list`.
pub const KIND: &str = "imap";

/// One round of IDLE: a server that is gone is noticed at its end.
const IDLE_ROUND: Duration = Duration::from_secs(60);
/// Who holds a mailbox says so again and again; whoever does not for so long has lost it.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
const RENEW: Duration = Duration::from_secs(8);
/// How often is looked whether a mailbox that another instance holds is free, or whose address nobody has yet.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// After a failure nothing is tried sooner, not even with a new login.
const SOONEST: Duration = Duration::from_secs(1);
/// A visit that lasted so long was a good one, whatever ended it.
const GOOD_VISIT: Duration = Duration::from_secs(60);

/// Mail of all mailboxes together that may be in memory: in units of 64 KiB.
const UNIT: u64 = 64 * 1024;
const UNITS: u32 = 1024;

/// Room for mails that are being fetched; all doors share it.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(UNITS as usize)))
    }
}

/// One mailbox.
pub struct Door {
    config: Imap,
    credential: Credential,
    acceptor: Acceptor,
    store: Store,
    room: Arc<Semaphore>,
    /// Names this run at this mailbox.
    holder: String,
    strikes: Strikes,
}

impl Door {
    pub fn new(config: Imap, credential: Credential, acceptor: Acceptor, store: Store, room: Room) -> Door {
        let holder = store.run().to_owned();
        Door { config, credential, acceptor, store, room: room.0, holder, strikes: Strikes::default() }
    }

    /// Works until stopped. Nothing that happens here ends it.
    pub async fn run(self, stop: CancellationToken) {
        let name = self.config.name.clone();
        let mut failures = 0u32;
        while !stop.is_cancelled() {
            let start = Instant::now();
            let mut worked = false;
            let ended = AssertUnwindSafe(self.held(&stop, &mut worked)).catch_unwind().await;
            let ended = ended.unwrap_or_else(|_| Err(Trouble::Ours(anyhow::anyhow!("a panic: see the log"))));
            if let Err(error) = self.store.free_mailbox(&name, &self.holder).await {
                warn!(mailbox = %name, error = format!("{error:#}"), "mailbox {name} could not be let go; its lease ends by itself");
            }
            let Err(trouble) = ended else { continue };
            if worked || start.elapsed() >= GOOD_VISIT {
                failures = 0;
            }
            failures = failures.saturating_add(1);
            let wait = self.wait_after(&trouble, failures).await;
            if stay_away(&self.credential, &trouble, wait, &stop).await {
                failures = 0;
            }
        }
        self.say(DoorNews { state: "stopped", ..DoorNews::default() }).await;
        info!(mailbox = %name, "mailbox {name} is closed");
    }

    /// Visits the mailbox while nobody else does.
    async fn held(&self, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
        if !self.store.hold_mailbox(&self.config.name, &self.holder, LEASE).await? {
            return Err(Trouble::InOtherHands);
        }
        tokio::select! {
            ended = visit::visit(self, stop, worked) => ended,
            lost = self.keep_holding() => Err(lost),
        }
    }

    async fn keep_holding(&self) -> Trouble {
        let mut held_at = Instant::now();
        loop {
            tokio::time::sleep(RENEW).await;
            let asked_at = Instant::now();
            match self.store.hold_mailbox(&self.config.name, &self.holder, LEASE).await {
                Ok(true) => held_at = asked_at,
                Ok(false) => return Trouble::InOtherHands,
                // The database is busy: the lease lasts a little longer.
                Err(error) if held_at.elapsed() + RENEW >= LEASE.unsigned_abs() => return Trouble::Ours(error),
                Err(_) => (),
            }
        }
    }

    /// Says what happened, and how long to keep away.
    async fn wait_after(&self, trouble: &Trouble, failures: u32) -> Duration {
        let name = &self.config.name;
        let wait = match trouble {
            Trouble::InOtherHands | Trouble::NoTenant => LOOK_AGAIN,
            other => trouble::wait(other, failures, rand::random()),
        };
        let (state, is_news) = match trouble {
            Trouble::InOtherHands => ("elsewhere", failures == 1),
            // Asked often, so said less and less often.
            Trouble::NoTenant => ("failing", failures.is_power_of_two()),
            _ => ("failing", true),
        };
        let text = trouble::clean(&trouble.to_string());
        if is_news {
            warn!(mailbox = %name, failures, retry_ms = wait.as_millis() as u64, error = text, "mailbox {name} is left alone for a while");
        }
        let error = (state == "failing").then_some(text);
        self.say(DoorNews { state, error, ..DoorNews::default() }).await;
        wait
    }

    async fn say(&self, news: DoorNews) {
        let news = DoorNews { expires_at: Some(self.credential.until().await), ..news };
        if let Err(error) = self.store.door_says(KIND, &self.config.name, news).await {
            warn!(mailbox = %self.config.name, error = format!("{error:#}"), "the state of a door could not be written down");
        }
    }
}

/// Keeps away for so long, or until somebody has signed in anew, and that may mend it. Says whether that is so.
async fn stay_away(credential: &Credential, trouble: &Trouble, wait: Duration, stop: &CancellationToken) -> bool {
    let mended = async {
        if !trouble::may_a_login_mend(trouble) {
            std::future::pending::<()>().await;
        }
        // Whatever is said of logins: the mail server is not stormed.
        tokio::join!(credential.renewed(), tokio::time::sleep(SOONEST));
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = tokio::time::sleep(wait) => false,
        () = mended => true,
    }
}

/// What a look from outside finds: for `check --connect`.
pub async fn try_sign_in(config: &Imap, credential: &Credential) -> Result<String, String> {
    let look = async {
        let mut signed_in = connect::sign_in(config, credential).await?;
        let delimiter = folder::delimiter(&mut signed_in.wire).await?;
        let selected = folder::select(&mut signed_in.wire, &config.folder, delimiter).await?;
        let mails = signed_in.wire.exists;
        let can = |name: &str| if signed_in.can.has(name) { "yes" } else { "no" };
        let found = format!(
            "{mails} mails, UIDVALIDITY {}, IDLE {}, MOVE {}, UIDPLUS {}",
            selected.uid_validity,
            can("IDLE"),
            can("MOVE"),
            can("UIDPLUS")
        );
        signed_in.wire.command("LOGOUT", |_| ()).await.ok();
        Ok::<_, Trouble>(found)
    };
    look.await.map_err(|trouble| trouble::clean(&trouble.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bearer::Tokens;
    use futures_util::future::BoxFuture;
    use jiff::Timestamp;
    use secrecy::SecretString;

    /// Says at every question that somebody has signed in just now.
    struct Eager;

    impl Tokens for Eager {
        fn token(&self) -> BoxFuture<'_, anyhow::Result<SecretString>> {
            Box::pin(async { Ok("token".into()) })
        }
        fn taken(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
        fn refused(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
        fn renewed(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
        fn until(&self) -> BoxFuture<'_, Option<Timestamp>> {
            Box::pin(std::future::ready(None))
        }
    }

    /// A login ends no pause that it cannot mend, and makes none too short.
    #[tokio::test(start_paused = true)]
    async fn how_long_it_stays_away() {
        let (credential, stop) = (Credential::Bearer(Arc::new(Eager)), CancellationToken::new());
        let check = async |trouble: Trouble, wait: Duration, want: (bool, Duration)| {
            let start = Instant::now();
            let is_mended = stay_away(&credential, &trouble, wait, &stop).await;
            assert_eq!((is_mended, start.elapsed().as_secs()), (want.0, want.1.as_secs()), "{trouble}");
        };
        check(Trouble::NoTenant, LOOK_AGAIN, (false, LOOK_AGAIN)).await;
        check(Trouble::InOtherHands, LOOK_AGAIN, (false, LOOK_AGAIN)).await;
        let asked = || Trouble::NotLetIn("Request is throttled. Suggested Backoff Time: 300000 milliseconds".into());
        check(asked(), Duration::from_secs(300), (false, Duration::from_secs(300))).await;
        check(Trouble::NotLetIn("AUTHENTICATE failed.".into()), Duration::from_secs(300), (true, SOONEST)).await;
        check(Trouble::Ours(anyhow::anyhow!("sign-in lost")), Duration::from_secs(300), (true, SOONEST)).await;
    }
}

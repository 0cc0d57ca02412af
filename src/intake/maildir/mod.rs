//! The Maildir door: takes what another program on this machine delivers into a folder. Never reads `tmp`, follows no link, waits for no
//! pipe, and removes or moves a file only after its mail was accepted. What cannot be taken now stays where it is and keeps nothing
//! behind it waiting.
//!
//! `cur` is looked at like `new`: if somebody opens the folder in a mail program, that moves every mail there, and none must be lost by
//! being looked at.

mod folder;
mod names;
mod state;
mod take;
#[cfg(test)]
mod tests;
mod trouble;
mod watch;

pub use folder::check;

use super::accept::Acceptor;
use super::told::Told;
use crate::config::imap::First;
use crate::config::maildir::Maildir;
use crate::model::arrival::Recipient;
use crate::model::digest;
use crate::model::mailbox::Notes;
use crate::store::Store;
use crate::store::doors::DoorNews;
use folder::{Folder, Waiting};
use futures_util::FutureExt;
use jiff::Timestamp;
use state::State;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use take::Taken;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use trouble::Trouble;
use watch::Watch;

/// What this kind of door is called in `doors list`.
pub const KIND: &str = "maildir";

/// Files leave in groups of so many.
const GROUP: usize = 25;
/// How often is looked whether somebody has the import address by now, or whether there is a Maildir.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// One Maildir.
pub struct Door {
    config: Maildir,
    acceptor: Acceptor,
    store: Store,
    told: Told,
    state: State,
}

impl Door {
    pub fn new(config: Maildir, acceptor: Acceptor, store: Store) -> Door {
        Door { config, acceptor, store, told: Told::default(), state: State::default() }
    }

    /// Works until stopped. Nothing that happens here ends it.
    pub async fn run(self, stop: CancellationToken) {
        let name = &self.config.name;
        let mut failures = 0u32;
        while !stop.is_cancelled() {
            let mut worked = false;
            let ended = AssertUnwindSafe(self.work(&stop, &mut worked)).catch_unwind().await;
            let ended = ended.unwrap_or_else(|_| Err(Trouble::Ours(anyhow::anyhow!("a panic: see the log"))));
            let Err(trouble) = ended else { continue };
            failures = if worked { 1 } else { failures.saturating_add(1) };
            let wait = self.wait_after(&trouble, failures).await;
            tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(wait) => () }
        }
        self.say(DoorNews { state: "stopped", ..DoorNews::default() }).await;
        info!(maildir = %name, "Maildir {name} is closed");
    }

    /// Takes what is there, waits for more, and so on. `worked`: set as soon as a whole look went well.
    async fn work(&self, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
        while !stop.is_cancelled() {
            let Some(whose) = self.store.recipient(&self.config.import_address).await? else { return Err(Trouble::NoTenant) };
            let config = self.config.clone();
            // Opened anew for each look: the folder may have been replaced by another one.
            let folder = Arc::new(blocking(move || Folder::open(&config)).await?);
            // Watched before it is looked at, so that nothing comes unseen between the two.
            let watch = self.watch();
            let is_all = self.look(&folder, &whose, stop).await?;
            *worked = true;
            if is_all && !stop.is_cancelled() {
                self.wait(watch.as_ref(), stop).await;
            }
        }
        Ok(())
    }

    /// One look at the folder; everything it found is taken, oldest first. False if there was more than one look holds.
    async fn look(&self, folder: &Arc<Folder>, whose: &Recipient, stop: &CancellationToken) -> Result<bool, Trouble> {
        self.begin(folder).await?;
        let passed = Arc::new(self.state.passed_over());
        let (inside, pass) = (folder.clone(), passed.clone());
        let look = blocking(move || inside.look(|key| pass.contains(key))).await?;
        let is_all = look.count == look.oldest.len();
        if is_all {
            self.state.seen_all(&passed, &look.oldest);
            self.miss(folder, self.state.not_seen(&passed, &look.oldest)).await?;
        }
        let mut waiting = look.count;
        for group in look.oldest.chunks(GROUP) {
            let mut taken = None;
            for mail in group {
                if stop.is_cancelled() {
                    break;
                }
                let what = self.take(folder, whose, mail).await?;
                waiting -= 1;
                debug!(maildir = %self.config.name, taken = what.as_str(), "a file of Maildir {}", self.config.name);
                taken = taken.max((what == Taken::Accepted).then(Timestamp::now));
            }
            self.settle(folder).await?;
            let left = u32::try_from(waiting + self.state.put_off()).unwrap_or(u32::MAX);
            let news = DoorNews {
                state: "working",
                contact_at: Some(Timestamp::now()),
                mail_at: taken,
                waiting: Some(left),
                ..DoorNews::default()
            };
            self.say(news).await;
        }
        // What an earlier look could not settle.
        self.settle(folder).await?;
        let left = u32::try_from(waiting + self.state.put_off()).unwrap_or(u32::MAX);
        // The others come through; what lies there for good must be known all the same.
        let state = if self.state.stuck() == 0 { "listening" } else { "failing" };
        self.say(DoorNews { state, contact_at: Some(Timestamp::now()), waiting: Some(left), ..DoorNews::default() }).await;
        Ok(is_all)
    }

    /// Takes one file. Until that is done it counts as put off: whatever ends this, the next look begins with the others (G4).
    async fn take(&self, folder: &Arc<Folder>, whose: &Recipient, mail: &Waiting) -> Result<Taken, Trouble> {
        let key = mail.key();
        let failures = self.state.put_off_for_now(&key);
        let taken = take::take(self, folder, whose, mail).await?;
        self.state.is_stuck(&key, matches!(taken, Taken::Stuck(_)));
        match &taken {
            Taken::Later(why) | Taken::Stuck(why) if failures.is_power_of_two() => {
                warn!(maildir = %self.config.name, failures, because = why, "a file of Maildir {} stays where it is", self.config.name);
                self.say(DoorNews { state: "working", error: Some(format!("a file cannot be taken now: {why}")), ..DoorNews::default() })
                    .await;
            }
            Taken::Later(_) | Taken::Stuck(_) => (),
            Taken::Accepted | Taken::Ours | Taken::Known | Taken::Refused | Taken::Gone => self.state.done(&key),
        }
        Ok(taken)
    }

    /// Files that are done with and were not seen: their notes go if they are not there now either. One look alone may miss a file that
    /// is renamed while the folder is read.
    async fn miss(&self, folder: &Arc<Folder>, not_seen: Vec<String>) -> Result<(), Trouble> {
        if not_seen.is_empty() {
            return Ok(());
        }
        let inside = folder.clone();
        let there: HashSet<String> = blocking(move || inside.keys()).await?.into_iter().collect();
        not_seen.into_iter().filter(|key| !there.contains(key)).for_each(|key| self.state.has_left(key));
        Ok(())
    }

    /// Forgets what has left, once that is durable: a file that came back after a power failure must be known.
    async fn settle(&self, folder: &Arc<Folder>) -> Result<(), Trouble> {
        let left = self.state.have_left();
        if left.is_empty() {
            return Ok(());
        }
        sync(folder).await?;
        self.store.files_have_left(&self.config.name, left.clone()).await?;
        self.state.forget(&left);
        Ok(())
    }

    /// What was noted of this Maildir; at the first contact, what is there is ours or not as the configuration says.
    async fn begin(&self, folder: &Arc<Folder>) -> Result<(), Trouble> {
        if self.state.is_begun() {
            return Ok(());
        }
        let name = &self.config.name;
        let source = digest::sha256(self.config.path.as_os_str().as_encoded_bytes());
        let inside = folder.clone();
        let there = blocking(move || inside.keys()).await?;
        let notes = match self.store.maildir_notes(name, &source).await? {
            Some(mut notes) => {
                // What left while nobody noted it, or was removed by somebody else.
                let there: HashSet<String> = there.into_iter().collect();
                let gone: Vec<String> = notes.keys().filter(|key| !there.contains(*key)).cloned().collect();
                // The last run may have been killed before its leaving was durable.
                sync(folder).await?;
                self.store.files_have_left(name, gone.clone()).await?;
                gone.iter().for_each(|key| drop(notes.remove(key)));
                notes
            }
            None => {
                let passed = if self.config.first == First::FromNowOn { there } else { Vec::new() };
                self.store.begin_maildir(name, &source, passed.clone()).await?;
                passed.into_iter().map(|key| (key, crate::model::mailbox::Note::Passed)).collect::<Notes>()
            }
        };
        info!(maildir = %name, noted = notes.len(), "Maildir {name} is open");
        self.state.begin(notes);
        Ok(())
    }

    fn watch(&self) -> Option<Watch> {
        Watch::over(&self.config.path)
            .inspect_err(|error| {
                if self.told.first("watch") {
                    warn!(maildir = %self.config.name, %error, "Maildir {} cannot be watched; it is looked at every poll_seconds", self.config.name);
                }
            })
            .ok()
    }

    /// Waits for news, for the time to look anyway, or for a file that was put off to be due.
    async fn wait(&self, watch: Option<&Watch>, stop: &CancellationToken) {
        let news = async {
            match watch {
                Some(watch) => watch.news().await,
                None => std::future::pending().await,
            }
        };
        let time = self.state.next_due().map_or(self.config.poll, |due| due.min(self.config.poll));
        tokio::select! { () = stop.cancelled() => (), () = news => (), () = tokio::time::sleep(time) => () }
    }

    /// Says what happened, and how long to keep away.
    async fn wait_after(&self, trouble: &Trouble, failures: u32) -> Duration {
        let name = &self.config.name;
        let (wait, is_news) = match trouble {
            // Asked often, so said less and less often.
            Trouble::NoTenant | Trouble::Folder(..) => (LOOK_AGAIN.min(trouble::wait(failures)), failures.is_power_of_two()),
            Trouble::OtherFileSystem(_) | Trouble::Ours(_) => (trouble::wait(failures), true),
        };
        let error = trouble.to_string();
        if is_news {
            warn!(maildir = %name, failures, retry_ms = wait.as_millis() as u64, error, "Maildir {name} is left alone for a while");
        }
        self.say(DoorNews { state: "failing", error: Some(error), ..DoorNews::default() }).await;
        wait
    }

    async fn say(&self, news: DoorNews) {
        if let Err(error) = self.store.door_says(KIND, &self.config.name, news).await {
            warn!(maildir = %self.config.name, error = format!("{error:#}"), "the state of a door could not be written down");
        }
    }
}

/// Makes durable what has left.
async fn sync(folder: &Arc<Folder>) -> Result<(), Trouble> {
    let inside = folder.clone();
    let synced = blocking(move || Ok(inside.sync())).await?;
    synced.map_err(|error| Trouble::Folder("syncing".into(), error))
}

/// Runs what waits for the file system on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Trouble::Ours(error.into()))?
}

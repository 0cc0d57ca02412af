//! Keeps one mailbox's tokens fresh. What renews may be spent once, so whoever asks holds the row, and both new tokens are written
//! down before the first of them is used. Never storms: not the provider, and not the mail server.

use super::ask::{Asks, Granted, PATIENCE};
use super::decide::{self, Step};
use super::refused::Refused;
use super::{ACCESS, REFRESH, opened, sealed, source};
use crate::config::oauth::Grant;
use crate::model::alarm::{Alarm, AlarmKind};
use crate::model::bearer::Tokens;
use crate::seal::Seals;
use crate::store::Store;
use crate::store::oauth::{NoTokens, SignInState, TokenRow};
use anyhow::{Context, anyhow, bail};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

/// A question takes less; it is renewed as long as the answer is not written down.
const LEASE: SignedDuration = SignedDuration::from_secs(90);
const RENEW: Duration = Duration::from_secs(30);
/// Somebody else asks: how often is looked whether he is done.
const LOOK: Duration = Duration::from_millis(200);
/// The provider has given new tokens, and the database does not take them: tried again so far apart, until it does or the program stops;
/// and then so often.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);
const LAST_WRITES: u32 = 5;

/// One mailbox's tokens. Clones share what they know.
#[derive(Clone)]
pub struct Keeper(Arc<Kept>);

struct Kept {
    mailbox: String,
    asks: Asks,
    seals: Arc<Seals>,
    store: Store,
    memory: Mutex<Memory>,
    /// Questions under way: they go on although whoever wanted the answer is gone.
    asking: TaskTracker,
    /// The program stops.
    stopping: CancellationToken,
}

/// What was known of a login: none = nobody looked; none in it = nobody had signed in.
type Seen = Option<Option<Timestamp>>;

#[derive(Default)]
struct Memory {
    /// The set whose token was handed out last.
    handed: Option<i64>,
    /// The set whose token the mail server did not take.
    refused: Option<i64>,
    /// The set that was asked for because the one before was refused.
    instead: Option<i64>,
    /// The login that was there when a token was wanted last.
    seen: Seen,
    /// It was said that nobody has signed in.
    told: bool,
}

impl Keeper {
    pub fn new(mailbox: String, asks: Asks, seals: Arc<Seals>, store: Store) -> Keeper {
        let (memory, asking, stopping) = (Mutex::default(), TaskTracker::new(), CancellationToken::new());
        Keeper(Arc::new(Kept { mailbox, asks, seals, store, memory, asking, stopping }))
    }

    /// Renews in time, until stopped; then waits for what is under way.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let mut seen = None;
            // Trouble is written down where it happens.
            let row = self.fresh(&mut seen).await.ok();
            let wait = row.map_or(SignedDuration::from_secs(30), |row| decide::look_at(&row, Timestamp::now()));
            tokio::select! {
                () = stop.cancelled() => (),
                () = tokio::time::sleep(wait.unsigned_abs()) => (),
                _ = self.0.signed_in_anew(seen) => (),
            }
        }
        self.0.stopping.cancel();
        self.0.asking.close();
        self.0.asking.wait().await;
    }

    /// A row whose token should be good now. `seen`: the login it is of, also where there is no such row.
    async fn fresh(&self, seen: &mut Seen) -> anyhow::Result<TokenRow> {
        loop {
            let row = self.0.row(seen).await?;
            let is_refused = self.0.remember(|memory| memory.refused == Some(row.generation));
            match decide::step(&row, Timestamp::now(), is_refused) {
                Step::Use => return Ok(row),
                Step::Wait => return Err(self.0.why_not(&row)),
                Step::Renew { usable } => match self.renew(&row).await? {
                    true => (),
                    false if usable => return Ok(row),
                    false => tokio::time::sleep(LOOK).await,
                },
            }
        }
    }

    /// Asks for new tokens. False: somebody else does, or has done so.
    async fn renew(&self, row: &TokenRow) -> anyhow::Result<bool> {
        let holder = format!("{}/{:x}", self.0.store.run(), rand::random::<u32>());
        if !decide::is_free(row.held_until, Timestamp::now()) || !self.0.store.hold_sign_in(row, &holder, LEASE).await? {
            return Ok(false);
        }
        let (kept, row) = (self.0.clone(), row.clone());
        // Not broken off, whoever wanted it: the answer may be the only token that renews.
        let asked = self.0.asking.spawn(kept.ask(row, holder));
        asked.await.context("asking for a token")??;
        Ok(true)
    }
}

impl Kept {
    fn remember<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        look(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was given to this client for this mailbox.
    async fn given(&self) -> anyhow::Result<Option<TokenRow>> {
        Ok(self.store.sign_in_of(&self.mailbox).await?.filter(|row| row.source == source(&self.asks.config)))
    }

    /// What there is of this mailbox. `seen`: as soon as it is known whose login that is.
    async fn row(&self, seen: &mut Seen) -> anyhow::Result<TokenRow> {
        let config = &self.asks.config;
        let row = self.given().await?;
        *seen = Some(row.as_ref().map(|row| row.login_at));
        if let Some(row) = row {
            self.remember(|memory| memory.told = false);
            return Ok(row);
        }
        if config.grant == Grant::ClientCredentials {
            // Nobody needs to sign in; the row begins empty.
            let granted = Granted { access: "".into(), refresh: None, at: Timestamp::now(), life: Duration::ZERO };
            let mut login = super::login(&self.seals, config, &self.mailbox, &granted, "-".into())?;
            login.new.tokens.access = None;
            self.store.signed_in(login).await?;
            let row = self.given().await?.context("the sign-in is gone again")?;
            *seen = Some(Some(row.login_at));
            return Ok(row);
        }
        let name = &self.mailbox;
        if !self.remember(|memory| std::mem::replace(&mut memory.told, true)) {
            self.raise(format!("Nobody has signed mailbox {name} in yet. Do so: rohrpost oauth login {name}")).await;
        }
        bail!("nobody has signed this mailbox in; `rohrpost oauth login {name}` does")
    }

    async fn handed_out(&self, row: &TokenRow) -> anyhow::Result<SecretString> {
        match opened(&self.seals, ACCESS, row) {
            Ok(Some(access)) => {
                self.remember(|memory| memory.handed = Some(row.generation));
                Ok(access.text)
            }
            Ok(None) => bail!("there is no access token"),
            Err(error) => {
                let name = &self.mailbox;
                self.raise(format!("The token of mailbox {name} cannot be opened: {error}. Put the key back, or {}", self.what_helps()))
                    .await;
                Err(anyhow::Error::from(error).context("the access token"))
            }
        }
    }

    fn why_not(&self, row: &TokenRow) -> anyhow::Error {
        let (name, trouble) = (&self.mailbox, row.trouble.as_deref().unwrap_or("no reason"));
        match row.state {
            SignInState::Good => anyhow!("no token: {trouble}"),
            SignInState::Lost => anyhow!("sign-in lost: {trouble}; {}", self.what_helps()),
            SignInState::Refused => anyhow!("sign-in lost: the mail server takes no token of mailbox {name}; {}", self.what_helps()),
        }
    }

    fn what_helps(&self) -> String {
        match self.asks.config.grant {
            Grant::User => format!("sign in anew: rohrpost oauth login {}", self.mailbox),
            Grant::ClientCredentials => {
                format!("look at the client's secret and rights; then, at once: rohrpost oauth login {}", self.mailbox)
            }
        }
    }

    /// With the row in hand, and it stays there until the answer is written down.
    async fn ask(self: Arc<Self>, row: TokenRow, holder: String) -> anyhow::Result<()> {
        tokio::select! {
            done = self.ask_once(&row, &holder) => done,
            never = self.keep_holding(&row, &holder) => match never {},
        }
    }

    async fn keep_holding(&self, row: &TokenRow, holder: &str) -> Infallible {
        loop {
            tokio::time::sleep(RENEW).await;
            // Where it fails, the answer is written down all the same.
            if let Err(error) = self.store.keep_sign_in(row, holder, LEASE).await {
                debug!(mailbox = %self.mailbox, error = format!("{error:#}"), "the tokens of mailbox {} could not be kept in hand", self.mailbox);
            }
        }
    }

    async fn ask_once(&self, row: &TokenRow, holder: &str) -> anyhow::Result<()> {
        match self.asked(row).await {
            Ok(Ok((granted, refresh))) => self.write_down(row, &granted, refresh.as_ref()).await,
            Ok(Err(refused)) => self.came_to_nothing(row, holder, decide::after(&refused, row, Timestamp::now())).await,
            // A key or a secret that is not there: a person must mend it.
            Err(error) => {
                let retry_at = Timestamp::now() + decide::AGAIN;
                self.came_to_nothing(row, holder, NoTokens { state: SignInState::Lost, trouble: format!("{error:#}"), retry_at }).await
            }
        }
    }

    /// What the provider gives, and the token that was spent for it.
    async fn asked(&self, row: &TokenRow) -> anyhow::Result<Result<(Granted, Option<SecretString>), Refused>> {
        let refresh = opened(&self.seals, REFRESH, row).context("the token that renews")?.map(|opened| opened.text);
        // The lease outlasts the question.
        let answer = tokio::time::timeout(PATIENCE + PATIENCE, self.asks.again(refresh.as_ref())).await;
        let answer = answer.unwrap_or_else(|_| Ok(Err(Refused::Later { why: "it does not answer in time".into(), after: None })))?;
        Ok(answer.map(|granted| (granted, refresh)))
    }

    async fn write_down(&self, row: &TokenRow, granted: &Granted, old: Option<&SecretString>) -> anyhow::Result<()> {
        let (name, refresh) = (&self.mailbox, granted.refresh.as_ref().or(old));
        let new = sealed(&self.seals, &self.asks.config, name, granted, refresh)?;
        // What renewed before is spent: these two must not be lost.
        if !until_written(name, &self.stopping, || self.store.renew_sign_in(row, new.clone())).await? {
            warn!(mailbox = %name, "new tokens of mailbox {name} are not taken up: it has others by now");
            return Ok(());
        }
        let is_rotated = granted.refresh.is_some();
        info!(mailbox = %name, life_seconds = granted.life.as_secs(), is_rotated, "mailbox {name} has new tokens");
        self.remember(|memory| {
            if memory.refused == Some(row.generation) || row.state == SignInState::Refused {
                memory.instead = Some(row.generation + 1);
            }
        });
        // Where the mail server took no token, only it can say that all is well again.
        if row.state != SignInState::Refused {
            self.store.clear(AlarmKind::SignInLost, name, Timestamp::now()).await?;
        }
        Ok(())
    }

    async fn came_to_nothing(&self, row: &TokenRow, holder: &str, no: NoTokens) -> anyhow::Result<()> {
        let name = &self.mailbox;
        let (state, trouble) = (no.state, no.trouble.clone());
        let retry_seconds = no.retry_at.duration_since(Timestamp::now()).as_secs();
        if !self.store.trouble_with_sign_in(row, Some(holder), no).await? {
            return Ok(());
        }
        warn!(mailbox = %name, state = state.as_str(), retry_seconds, trouble, "mailbox {name} has no new token");
        if state == SignInState::Lost {
            self.raise(format!("Mailbox {name} is not signed in any more: {trouble}. To mend it, {}", self.what_helps())).await;
        }
        Ok(())
    }

    async fn raise(&self, text: String) {
        let name = &self.mailbox;
        let alarm = Alarm { kind: AlarmKind::SignInLost, about: name.clone(), text };
        if let Err(error) = self.store.raise(alarm, Timestamp::now()).await {
            warn!(mailbox = %name, error = format!("{error:#}"), "an alarm of mailbox {name} could not be raised");
        }
    }

    /// The mail server did not take what was handed out: a new one is asked for, once. If it does not take that either, somebody must look.
    async fn was_refused(&self) -> anyhow::Result<()> {
        let (handed, instead) = self.remember(|memory| (memory.handed, memory.instead));
        let Some(handed) = handed else { return Ok(()) };
        let Some(row) = self.store.sign_in_of(&self.mailbox).await?.filter(|row| row.generation == handed) else { return Ok(()) };
        self.remember(|memory| memory.refused = Some(handed));
        if instead != Some(handed) && row.state != SignInState::Refused {
            return Ok(());
        }
        let no = NoTokens {
            state: SignInState::Refused,
            trouble: "the mail server does not take it".into(),
            retry_at: Timestamp::now() + decide::AGAIN,
        };
        // If somebody is asking at the moment, what he gets is tried first.
        if self.store.trouble_with_sign_in(&row, None, no).await? {
            let name = &self.mailbox;
            warn!(mailbox = %name, "the mail server takes no token of mailbox {name}");
            let text = format!(
                "The mail server takes no token of mailbox {name}, not even a fresh one: has its user the right to it? Then {}",
                self.what_helps()
            );
            self.raise(text).await;
        }
        Ok(())
    }

    async fn was_taken(&self) -> anyhow::Result<()> {
        let handed = self.remember(|memory| memory.handed);
        let row = self.store.sign_in_of(&self.mailbox).await?.filter(|row| Some(row.generation) == handed);
        // A token that is left proves nothing about the next one.
        if row.is_some_and(|row| row.state != SignInState::Lost) {
            self.store.clear(AlarmKind::SignInLost, &self.mailbox, Timestamp::now()).await?;
        }
        Ok(())
    }

    /// Ends when there is another login than the one that was seen last, and says which. If nobody looked, what is there first is the old one.
    async fn signed_in_anew(&self, mut seen: Seen) -> Seen {
        let mut changes = self.store.changes();
        loop {
            if let Ok(row) = self.given().await {
                let now = row.map(|row| row.login_at);
                if now.is_some() && seen.is_some_and(|seen| seen != now) {
                    return Some(now);
                }
                seen.get_or_insert(now);
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            // Mail may come by the hundred; a person's login can wait a moment.
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Tokens for Keeper {
    fn token(&self) -> BoxFuture<'_, anyhow::Result<SecretString>> {
        Box::pin(async move {
            let mut seen = None;
            let row = self.fresh(&mut seen).await;
            self.0.remember(|memory| memory.seen = seen);
            self.0.handed_out(&row?).await
        })
    }

    fn taken(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.said(self.0.was_taken().await) })
    }

    fn refused(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.said(self.0.was_refused().await) })
    }

    fn renewed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let seen = self.0.signed_in_anew(self.0.remember(|memory| memory.seen)).await;
            // A login is a reason to try once, also where the door does not get as far as to ask for a token.
            self.0.remember(|memory| memory.seen = seen);
        })
    }

    fn until(&self) -> BoxFuture<'_, Option<Timestamp>> {
        Box::pin(async move {
            let row = self.0.given().await.ok().flatten();
            row.filter(|row| row.tokens.access.is_some()).map(|row| row.expires_at)
        })
    }
}

/// Tries until it works; once the program stops, a few times more.
async fn until_written<W>(name: &str, stopping: &CancellationToken, mut write: impl FnMut() -> W) -> anyhow::Result<bool>
where
    W: Future<Output = anyhow::Result<bool>>,
{
    let (mut tries, mut last) = (0u32, 0);
    loop {
        let error = match write().await {
            Ok(is_written) => return Ok(is_written),
            Err(error) => error,
        };
        tries = tries.saturating_add(1);
        last += u32::from(stopping.is_cancelled());
        if last > LAST_WRITES {
            error!(mailbox = %name, tries, "new tokens of mailbox {name} are lost with this stop; somebody may have to sign in anew");
            return Err(error.context("new tokens could not be written down"));
        }
        // Said less and less often: whoever reads the log knows by now.
        if tries.is_power_of_two() {
            warn!(mailbox = %name, tries, error = format!("{error:#}"), "new tokens of mailbox {name} could not be written down; again in a second");
        }
        tokio::time::sleep(BETWEEN_WRITES).await;
    }
}

impl Kept {
    fn said(&self, done: anyhow::Result<()>) {
        if let Err(error) = done {
            warn!(mailbox = %self.mailbox, error = format!("{error:#}"), "what the mail server says of a token could not be written down");
        }
    }
}

#[cfg(test)]
mod tests;

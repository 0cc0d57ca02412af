//! `oauth`: signing mailboxes in at their provider, and how those sign-ins are. Shows codes that are there to be typed, and never a token.

mod login;

use super::{Done, Failure, On, actor, show};
use crate::config::Config;
use crate::config::imap::SignsIn;
use crate::config::oauth::Oauth;
use crate::daemon::sign_ins::fetch_seals;
use crate::model::alarm::AlarmKind;
use crate::oauth::{sealed_anew, source};
use crate::seal::{self, Seals};
use crate::store::oauth::{SignInState, TokenRow};
use anyhow::anyhow;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Sign a mailbox in; a running service takes it up by itself
    Login(login::Args),
    /// How the sign-ins of all mailboxes are
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget a mailbox's tokens
    Logout {
        /// The mailbox's name in the configuration
        mailbox: String,
    },
    /// Seal every token with the first key, so that old keys can go
    Reseal,
    /// Print a fresh key for seal.key
    Key,
}

pub async fn run(on: &On, command: Command) -> Done {
    match command {
        Command::Login(args) => login::run(on, args).await,
        Command::List { json } => list(on, json).await,
        Command::Logout { mailbox } => logout(on, &mailbox).await,
        Command::Reseal => reseal(on).await,
        Command::Key => show::out(seal::new_key().expose_secret()),
    }
}

/// The provider of a mailbox.
fn provider(config: &Config, mailbox: &str) -> Result<Arc<Oauth>, Failure> {
    let found = config.imap.iter().find(|one| one.name == mailbox);
    match found.map(|one| &one.signs_in) {
        Some(SignsIn::Oauth(oauth)) => Ok(oauth.clone()),
        Some(SignsIn::Secret(_)) => {
            Err(Failure::Usage(format!("mailbox {mailbox} has no `oauth` in the configuration: it needs no sign-in")))
        }
        None => Err(Failure::Usage(format!("no [[imap]] has the name {mailbox:?}"))),
    }
}

async fn list(on: &On, as_json: bool) -> Done {
    let (config, store) = on.store().await?;
    let rows = store.sign_ins().await?;
    store.close().await;
    // Without the keys everything but the key's part can be said.
    let seals = fetch_seals(&config).ok();
    let mailboxes = config.imap.iter().filter_map(|mailbox| match &mailbox.signs_in {
        SignsIn::Oauth(oauth) => Some((mailbox.name.as_str(), oauth)),
        SignsIn::Secret(_) => None,
    });
    let all: Vec<Value> = mailboxes
        .map(|(name, oauth)| {
            let row = rows.iter().find(|row| row.mailbox == name && row.source == source(oauth));
            shown(name, oauth, row, seals.as_ref(), Timestamp::now())
        })
        .collect();
    if as_json {
        return show::out_json(&Value::Array(all));
    }
    if all.is_empty() {
        return show::out("no mailbox has `oauth` in the configuration");
    }
    let keys = ["mailbox", "provider", "state", "expires_at", "refreshed_at", "login_at", "key", "trouble"];
    let cell = |value: &Value| match value.as_str() {
        Some(text) => text.parse::<Timestamp>().map_or_else(|_| show::clean(text), show::at),
        None => String::new(),
    };
    let rows: Vec<Vec<String>> = all.iter().map(|one| keys.iter().map(|key| cell(&one[key])).collect()).collect();
    let heads = ["mailbox", "provider", "state", "token until (UTC)", "last refresh", "signed in", "key", "trouble"];
    show::out(show::table(&heads, &rows))
}

/// One mailbox's line.
fn shown(name: &str, oauth: &Oauth, row: Option<&TokenRow>, seals: Option<&Seals>, now: Timestamp) -> Value {
    let at = |moment: Option<Timestamp>| moment.map(|at| at.to_string());
    let state = match row {
        None => "not_signed_in",
        Some(row) if row.state == SignInState::Good && row.expires_at <= now => "expired",
        Some(row) => row.state.as_str(),
    };
    let key = row.zip(seals).map(|(row, seals)| match seals.knows(&row.tokens.key_id) {
        Some(true) => "current",
        Some(false) => "old",
        None => "unknown",
    });
    json!({
        "mailbox": name, "provider": oauth.name, "kind": oauth.provider.as_str(), "state": state, "key": key,
        "expires_at": at(row.map(|row| row.expires_at)), "refreshed_at": at(row.and_then(|row| row.refreshed_at)),
        "login_at": at(row.map(|row| row.login_at)), "retry_at": at(row.and_then(|row| row.retry_at)),
        "trouble": row.and_then(|row| row.trouble.as_deref()),
    })
}

async fn logout(on: &On, mailbox: &str) -> Done {
    let (_, store) = on.store().await?;
    let was_there = store.signed_out(mailbox, actor()).await?;
    store.clear(AlarmKind::SignInLost, mailbox, Timestamp::now()).await?;
    store.close().await;
    if !was_there {
        return Err(Failure::Failed(anyhow!("mailbox {mailbox} is not signed in")));
    }
    show::out(format!("the tokens of mailbox {mailbox} are gone here; at the provider, its access is taken away by you"))
}

async fn reseal(on: &On) -> Done {
    let (config, store) = on.store().await?;
    let seals = fetch_seals(&config)?;
    let (mut anew, mut closed) = (0, Vec::new());
    for row in store.sign_ins().await? {
        if row.tokens.key_id == seals.key_id() {
            continue;
        }
        match sealed_anew(&seals, &row) {
            // One that was renewed meanwhile is sealed with the first key anyway, as far as the service knows it.
            Ok(tokens) => anew += usize::from(store.reseal_sign_in(&row, tokens).await?),
            Err(error) => closed.push(format!("{}: {error:#}", row.mailbox)),
        }
    }
    store.close().await;
    show::out(format!("{} sealed anew", show::counted(anew, "sign-in")))?;
    if closed.is_empty() { Ok(()) } else { Err(Failure::Failed(anyhow!("{}", closed.join("\n")))) }
}

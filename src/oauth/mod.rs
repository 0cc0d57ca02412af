//! How mailboxes sign in by OAuth 2.0: asks providers for tokens, keeps them sealed, renews them in time, and says when only a person
//! can help. Never shows a token, a code or a secret, and shows a token to nobody but the provider and the mail server it is for.

pub mod ask;
pub mod decide;
pub mod keeper;
pub mod listen;
pub mod refused;

use crate::config::oauth::Oauth;
use crate::model::digest;
use crate::seal::{NotOpened, Opened, Place, Seals};
use crate::store::oauth::{NewLogin, NewTokens, SealedTokens, TokenRow};
use ask::Granted;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

/// Names a client at a provider: tokens that one got are shown to no other.
pub fn source(config: &Oauth) -> String {
    digest::sha256(format!("{}\n{}\n{:?}", config.token_url, config.client_id, config.grant).as_bytes())
}

/// What somebody who signed in for a mailbox was given, as it is kept.
pub fn login(seals: &Seals, config: &Oauth, mailbox: &str, granted: &Granted, actor: String) -> anyhow::Result<NewLogin> {
    let new = sealed(seals, config, mailbox, granted, granted.refresh.as_ref())?;
    Ok(NewLogin { mailbox: mailbox.to_owned(), provider: config.name.clone(), source: source(config), new, actor })
}

/// A set of tokens, sealed for its mailbox. `refresh` is the one that renews from now on.
fn sealed(seals: &Seals, config: &Oauth, mailbox: &str, granted: &Granted, refresh: Option<&SecretString>) -> anyhow::Result<NewTokens> {
    let life = SignedDuration::try_from(granted.life).unwrap_or(SignedDuration::ZERO);
    Ok(NewTokens {
        tokens: seal_both(seals, &source(config), mailbox, Some(&granted.access), refresh)?,
        obtained_at: granted.at,
        expires_at: granted.at.saturating_add(life).unwrap_or(Timestamp::MAX),
    })
}

fn seal_both(
    seals: &Seals,
    source: &str,
    mailbox: &str,
    access: Option<&SecretString>,
    refresh: Option<&SecretString>,
) -> anyhow::Result<SealedTokens> {
    let seal = |kind: &'static str, text: Option<&SecretString>| {
        text.map(|text| seals.seal(Place { kind, whose: &whose(mailbox, source) }, text)).transpose()
    };
    Ok(SealedTokens { key_id: seals.key_id(), access: seal(ACCESS, access)?, refresh: seal(REFRESH, refresh)? })
}

const ACCESS: &str = "oauth_token.access";
const REFRESH: &str = "oauth_token.refresh";

/// A mailbox's name holds no slash, and a source is a digest.
fn whose(mailbox: &str, source: &str) -> String {
    format!("{mailbox}/{source}")
}

fn opened(seals: &Seals, kind: &'static str, row: &TokenRow) -> Result<Option<Opened>, NotOpened> {
    let text = if kind == ACCESS { &row.tokens.access } else { &row.tokens.refresh };
    text.as_ref().map(|sealed| seals.open(Place { kind, whose: &whose(&row.mailbox, &row.source) }, sealed)).transpose()
}

/// The same tokens, sealed with the first key.
pub fn sealed_anew(seals: &Seals, row: &TokenRow) -> anyhow::Result<SealedTokens> {
    let text = |kind: &'static str| Ok::<_, NotOpened>(opened(seals, kind, row)?.map(|opened| opened.text));
    seal_both(seals, &row.source, &row.mailbox, text(ACCESS)?.as_ref(), text(REFRESH)?.as_ref())
}

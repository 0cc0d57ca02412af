//! With what each mailbox is signed in to: its secret, or a keeper of the tokens that a provider gives for it.

use crate::config::Config;
use crate::config::imap::{Imap, SignsIn};
use crate::config::oauth::Oauth;
use crate::intake::imap::connect::{self, Credential};
use crate::oauth::ask::Asks;
use crate::oauth::keeper::Keeper;
use crate::seal::Seals;
use crate::store::Store;
use anyhow::Context;
use futures_util::future::join_all;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What keepers share.
pub struct SignIns {
    /// None if no mailbox needs them.
    seals: Option<Arc<Seals>>,
    store: Store,
}

impl SignIns {
    /// Fails without the keys that seal, if a mailbox needs them.
    pub fn new(config: &Config, store: &Store) -> anyhow::Result<SignIns> {
        let needed = config.imap.iter().any(|mailbox| matches!(mailbox.signs_in, SignsIn::Oauth(_)));
        let seals = needed.then(|| fetch_seals(config)).transpose()?.map(Arc::new);
        Ok(SignIns { seals, store: store.clone() })
    }

    /// For one mailbox; and who keeps its tokens, if they are a provider's.
    pub fn credential(&self, mailbox: &Imap) -> anyhow::Result<(Credential, Option<Keeper>)> {
        let oauth = match &mailbox.signs_in {
            SignsIn::Secret(secret) => return Ok((Credential::of(mailbox.mechanism, secret), None)),
            SignsIn::Oauth(oauth) => oauth,
        };
        let seals = self.seals.clone().context("seal.key")?;
        let keeper = Keeper::new(mailbox.name.clone(), asks(oauth)?, seals, self.store.clone());
        Ok((Credential::Bearer(Arc::new(keeper.clone())), Some(keeper)))
    }
}

/// Renews in time, until stopped.
pub async fn keep(keepers: Vec<Keeper>, stop: CancellationToken) {
    join_all(keepers.into_iter().map(|keeper| keeper.run(stop.clone()))).await;
    // Without keepers there is nothing to do; a part that ends by itself would be one that fell.
    stop.cancelled().await;
}

/// A provider that can be asked.
pub fn asks(oauth: &Arc<Oauth>) -> anyhow::Result<Asks> {
    let of = || format!("[[oauth]] {}", oauth.name);
    Asks::new(oauth.clone(), connect::client_config(oauth.ca.as_deref()).with_context(of)?).with_context(of)
}

/// The keys that seal.
pub fn fetch_seals(config: &Config) -> anyhow::Result<Seals> {
    Seals::fetched(config.seal.as_ref().context("seal.key is missing; `rohrpost oauth key` prints one")?)
}

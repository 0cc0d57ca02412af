//! The last step of every door: is anybody vouching, is there room, is it durable? Then, and only then, yes (G1).

use crate::model::arrival::{Accept, Arrival, Door, Purpose, Raw};
use crate::model::facts::{Facts, Origin};
use crate::model::header;
use crate::model::id::ArrivalId;
use crate::model::mailbox::Position;
use crate::model::stop::{NoRoom, Refusal, Stop};
use crate::store::{NotWritten, Store};
use std::path::{Path, PathBuf};
use tracing::{info, warn};

/// Accepts mail into the store.
#[derive(Clone)]
pub struct Acceptor {
    store: Store,
    /// Folders that must keep some free space.
    folders: Vec<PathBuf>,
    min_free_bytes: u64,
}

/// Bytes that a folder's file system has left for us.
pub fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let space = rustix::fs::statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

impl Acceptor {
    pub fn new(store: Store, folders: Vec<PathBuf>, min_free_bytes: u64) -> Acceptor {
        Acceptor { store, folders, min_free_bytes }
    }

    /// Whether there is room for so many bytes more.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.folders.iter().all(|folder| match free_bytes(folder) {
            Ok(free) => free >= self.min_free_bytes.saturating_add(bytes),
            Err(error) => {
                warn!(%error, "the free space of a folder could not be read; nothing is accepted");
                false
            }
        })
    }
}

/// Who cannot be authenticated is refused where that is safe: a direct peer's own server tells its user.
/// Mail for bounces, for postmaster and in answer to a receipt passes: it cannot be filed without a known sender anyway.
pub fn gate(door: Door, purpose: &Purpose, facts: &Facts) -> Result<(), Refusal> {
    let refusable = match door {
        Door::Smtp => facts.origin == Origin::Direct && facts.login.is_none(),
        // Nobody is at the other end any more: a refusal would be a bounce to whoever From names.
        Door::Imap => false,
    };
    if !refusable {
        return Ok(());
    }
    // Where that is safe; elsewhere it is accepted and looked at.
    if header::is_loop(facts.hops) {
        return Err(Refusal::Loop);
    }
    match purpose {
        Purpose::Import if !facts.anybody_vouches() => Err(Refusal::NotAuthenticated),
        Purpose::Import | Purpose::ReceiptAnswer { .. } | Purpose::Reply { .. } | Purpose::Bounces { .. } | Purpose::Postmaster => Ok(()),
    }
}

impl Accept for Acceptor {
    async fn accept(&self, arrival: Arrival) -> Result<ArrivalId, Stop> {
        self.accept_from(arrival, None).await
    }
}

impl Acceptor {
    /// Accepts a mail; one that lies in a mailbox is noted there in the same transaction.
    pub async fn accept_from(&self, arrival: Arrival, position: Option<Position>) -> Result<ArrivalId, Stop> {
        if let Err(refusal) = gate(arrival.door, &arrival.envelope.purpose, &arrival.facts) {
            info!(because = ?refusal, size_bytes = arrival.size, "refused a mail at the door");
            if matches!(arrival.raw, Raw::Object) {
                self.forget(&arrival).await;
            }
            return Err(Stop::Refused(refusal));
        }
        if !self.has_room(arrival.size) {
            return Err(Stop::NotNow(NoRoom.into()));
        }
        let (id, tenant, size_bytes) = (arrival.id, arrival.tenant.clone(), arrival.size);
        match self.store.accept_from(arrival, position).await {
            Ok(()) => {
                info!(arrival.id = %id, %tenant, size_bytes, "accepted arrival {id}");
                Ok(id)
            }
            Err(NotWritten::NotNow(error)) => Err(Stop::NotNow(error)),
            Err(error @ (NotWritten::AlreadyFiled | NotWritten::Fenced)) => Err(Stop::NotNow(error.into())),
        }
    }

    /// A refused mail leaves nothing behind.
    async fn forget(&self, arrival: &Arrival) {
        if let Err(error) = self.store.blobs().delete_raw(&arrival.tenant, arrival.id).await {
            warn!(arrival.id = %arrival.id, error = format!("{error:#}"), "the object of a refused mail stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{Dmarc, Login, Pinned};
    use crate::model::id::{OutboundId, TenantId, UserId};

    /// Acceptance: S1.E6. Who may knock at which door for what.
    #[test]
    fn the_gate() {
        let direct = Facts::default();
        let relay = Facts { origin: Origin::Relay, ..Facts::default() };
        let login = Facts { login: Some(Login { tenant: TenantId::new("acme"), user: UserId::generate() }), ..Facts::default() };
        let passed = Pinned { dmarc: Some(Dmarc { result: "pass".into(), header_from: Some("acme.example".into()) }), spf: None };
        let vouched = Facts { origin: Origin::Relay, pinned: Some(passed), ..Facts::default() };
        let check = |purpose: Purpose, facts: &Facts, want: Result<(), Refusal>| {
            assert_eq!(gate(Door::Smtp, &purpose, facts), want, "{purpose:?} {facts:?}")
        };
        check(Purpose::Import, &direct, Err(Refusal::NotAuthenticated));
        check(Purpose::Import, &relay, Ok(()));
        check(Purpose::Import, &login, Ok(()));
        check(Purpose::Import, &vouched, Ok(()));
        check(Purpose::Bounces { message: OutboundId::generate() }, &direct, Ok(()));
        check(Purpose::Postmaster, &direct, Ok(()));
        check(Purpose::ReceiptAnswer { message: None }, &direct, Ok(()));
        check(Purpose::Postmaster, &Facts { hops: 49, ..direct.clone() }, Ok(()));
        check(Purpose::Postmaster, &Facts { hops: 50, ..direct }, Err(Refusal::Loop));
        check(Purpose::Import, &Facts { hops: 51, ..relay }, Ok(()));
    }
}

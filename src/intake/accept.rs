//! The last step of every door: is anybody vouching, is there room, is it durable? Then, and only then, yes (G1).

use crate::config::{Config, Smtp, Unauthenticated};
use crate::intake::canary;
use crate::intake::facts::checks::{self, Checks, Question};
use crate::intake::facts::reading::Reading;
use crate::intake::facts::results;
use crate::intake::seen::Seen;
use crate::intake::told::Told;
use crate::model::address;
use crate::model::arrival::{Accept, Arrival, Door, HeldLimits, Purpose, Raw};
use crate::model::facts::{Facts, Origin};
use crate::model::header;
use crate::model::id::ArrivalId;
use crate::model::mailbox::Lies;
use crate::model::stop::{DnsTrouble, NoRoom, Refusal, ScannerDown, Stop, TooMuchHeld};
use crate::scan::Scanner;
use crate::store::{NotWritten, Store};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tracing::{info, warn};

/// KiB of large mails that are in memory at once to be hashed.
const HASHED_AT_ONCE: u32 = 32 << 10;

/// Accepts mail into the store.
#[derive(Clone)]
pub struct Acceptor {
    store: Store,
    room: Room,
    checks: Checks,
    smtp: Arc<Smtp>,
    /// Without one nothing is scanned.
    scanner: Option<Scanner>,
    /// In KiB.
    hashing: Arc<Semaphore>,
    told: Told,
    seen: Seen,
    /// Whether a mail is put off because the DNS does not answer.
    has_patience: bool,
}

/// How much may be kept.
#[derive(Clone, Debug)]
pub struct Room {
    /// Folders that must keep some free space.
    pub folders: Vec<PathBuf>,
    pub min_free_bytes: u64,
    /// Of mail that nobody vouches for.
    pub held: HeldLimits,
}

/// A mail that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: ArrivalId,
    /// Somebody's mail; one of ours to ourselves ends no silence of a door.
    pub is_peoples: bool,
}

/// Bytes that a folder's file system has left for us.
pub fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let space = rustix::fs::statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

impl Acceptor {
    /// As the configuration has it.
    pub fn of(config: &Config, store: &Store, scanner: Option<Scanner>) -> Acceptor {
        let database = config.place.database.parent().map_or_else(|| ".".into(), Into::into);
        let folders = vec![database, config.place.blobs.clone()];
        let room = Room { folders, min_free_bytes: config.min_free_bytes, held: config.held_unauthenticated };
        let checks = Checks::new(&config.dns, config.smtp.hostname.clone());
        Acceptor::new(store.clone(), room, checks, config.smtp.clone(), scanner)
    }

    pub fn new(store: Store, room: Room, checks: Checks, smtp: Smtp, scanner: Option<Scanner>) -> Acceptor {
        let hashing = Arc::new(Semaphore::new(HASHED_AT_ONCE as usize));
        Acceptor {
            store,
            room,
            checks,
            smtp: Arc::new(smtp),
            scanner,
            hashing,
            told: Told::default(),
            seen: Seen::default(),
            has_patience: true,
        }
    }

    /// The same, for a mail that has been put off for as long as a mail may be, or not: then it is taken as far as it can be checked.
    pub fn with_patience(&self, has_patience: bool) -> Acceptor {
        Acceptor { has_patience, ..self.clone() }
    }

    /// When each kind of door took its last mail.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Why nobody's mail is taken now, if so.
    pub async fn trouble(&self) -> Option<&'static str> {
        if !self.has_room(0) {
            return Some("less space is free than min_free_bytes: no mail is taken");
        }
        match self.scanner.as_ref().filter(|scanner| !scanner.holds_when_down()) {
            Some(scanner) if !scanner.answers().await => Some("the virus scanner does not answer: no mail is taken"),
            _ => None,
        }
    }

    /// Why this mail is not taken now, if it is not: everything that is ours and may pass.
    async fn not_now(&self, arrival: &Arrival) -> anyhow::Result<()> {
        if !self.has_room(arrival.size) {
            return Err(NoRoom.into());
        }
        if may_be_filed(&arrival.envelope.purpose)
            && let Some(scanner) = self.scanner.as_ref().filter(|scanner| !scanner.holds_when_down())
            && !scanner.answers().await
        {
            return Err(ScannerDown.into());
        }
        // Nor must what waits keep the rest of a mailbox waiting; its age is limited all the same.
        if arrival.door.has_a_queue_in_front() && arrival.is_unvouched() && !self.may_wait(arrival).await? {
            return Err(TooMuchHeld.into());
        }
        Ok(())
    }

    /// Whether one more that nobody vouches for may wait.
    async fn may_wait(&self, arrival: &Arrival) -> anyhow::Result<bool> {
        let (tenant, most) = (&arrival.tenant, self.room.held);
        let (mails, bytes) = self.store.unvouched(tenant).await?;
        // Mails that are accepted at the same moment do not see each other: at most one for each session more.
        let may = most.has_room(mails, bytes, arrival.size);
        if !may && self.told.first(&format!("quota {tenant}")) {
            warn!(
                %tenant, mails, max_mails = most.mails, bytes, max_bytes = most.bytes, size_bytes = arrival.size,
                "the quota of {tenant} for held mail that nobody vouches for is full: assign or discard some, or raise [held_unauthenticated]"
            );
        }
        Ok(may)
    }

    /// Whether there is room for so many bytes more.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.room.folders.iter().all(|folder| match free_bytes(folder) {
            Ok(free) => free >= self.room.min_free_bytes.saturating_add(bytes),
            Err(error) => {
                warn!(%error, "the free space of a folder could not be read; nothing is accepted");
                false
            }
        })
    }
}

/// Who is at the gate, as far as it asks.
#[derive(Clone, Copy, Debug)]
struct Knock<'a> {
    purpose: &'a Purpose,
    facts: &'a Facts,
    /// What the configuration says of this peer.
    unauthenticated: Unauthenticated,
    /// Whether anybody does whom the tenant believes.
    vouched: bool,
    /// Whether one of the From addresses is an active user's.
    from_user: bool,
    /// Whether the mail can wait for the DNS without keeping others waiting.
    can_wait: bool,
}

/// Who cannot be authenticated is refused where that is safe: a direct peer's own server tells its user.
/// Mail for bounces, for postmaster, and that came by a token passes: it cannot be filed without a known sender anyway.
fn gate(knock: &Knock<'_>) -> Result<(), Stop> {
    let Knock { purpose, facts, vouched, can_wait, .. } = *knock;
    if !vouched && can_wait && checks::are_needed(purpose, facts) && facts.checked.as_ref().is_some_and(|checked| checked.dns_trouble) {
        return Err(Stop::not_now(DnsTrouble));
    }
    if *purpose != Purpose::Import || knock.unauthenticated == Unauthenticated::Hold || facts.login.is_some() {
        return Ok(());
    }
    match (vouched, knock.from_user) {
        (false, _) => Err(Stop::Refused(Refusal::NotAuthenticated)),
        (true, false) => Err(Stop::Refused(Refusal::NotAUser)),
        (true, true) => Ok(()),
    }
}

/// Mail that ends as an entry needs the scanner; mail to postmaster and bounces must come through without it.
fn may_be_filed(purpose: &Purpose) -> bool {
    match purpose {
        Purpose::Import | Purpose::ReceiptAnswer { .. } | Purpose::Reply { .. } => true,
        // What keeps people's mail out keeps our own out: it is there to find that out.
        Purpose::Canary { .. } => true,
        Purpose::Bounces { .. } | Purpose::Postmaster => false,
    }
}

/// Anybody can seal what he likes: a chain vouches only if the tenant believes its newest sealer.
fn vouches(facts: &Facts, trusted_sealers: &[String]) -> bool {
    let chain = facts.checked.as_ref().and_then(|checked| checked.arc.as_ref());
    if chain.is_none_or(|arc| arc.sets.last().is_some_and(|set| trusted_sealers.contains(&set.sealer))) {
        return facts.anybody_vouches();
    }
    let mut without = facts.clone();
    if let Some(checked) = &mut without.checked {
        checked.arc = None;
    }
    without.anybody_vouches()
}

/// RFC 5321 §6.3. Refused where that is safe; elsewhere it is accepted and looked at.
fn is_refused_as_loop(facts: &Facts) -> bool {
    facts.origin == Origin::Direct && facts.login.is_none() && header::is_loop(facts.hops)
}

/// Everything that a complaint needs: its 550 names the same id. Results are words and domains; of the sender's address nothing is said.
fn tell_of_refused(arrival: &Arrival, because: Refusal) {
    let Arrival { id, tenant, facts, size, .. } = arrival;
    let pinned = facts.pinned.as_ref().and_then(|pinned| pinned.dmarc.as_ref()).map(results::pinned);
    let own = facts.checked.as_ref().map(|checked| checked.results.clone());
    let results = pinned.or(own).unwrap_or_else(|| "none".into());
    let peer = facts.peer.map(|peer| peer.to_string()).unwrap_or_default();
    info!(arrival.id = %id, %tenant, peer, ?because, size_bytes = size, results, "refused a mail at the door, {id}");
}

impl Accept for Acceptor {
    async fn accept(&self, arrival: Arrival) -> Result<ArrivalId, Stop> {
        self.accept_from(arrival, None).await.map(|accepted| accepted.id)
    }
}

impl Acceptor {
    /// Accepts a mail; one that lies in a mailbox or a Maildir is noted there in the same transaction.
    pub async fn accept_from(&self, mut arrival: Arrival, lies: Option<Lies>) -> Result<Accepted, Stop> {
        canary::recognise(&self.store, &mut arrival, lies.as_ref().map(Lies::door)).await?;
        if let Err(stop) = self.look_at(&mut arrival).await {
            if let Stop::Refused(because) = &stop {
                tell_of_refused(&arrival, *because);
            }
            self.forget(&arrival).await;
            return Err(stop);
        }
        if let Err(error) = self.not_now(&arrival).await {
            self.forget(&arrival).await;
            return Err(Stop::NotNow(error));
        }
        let (id, tenant, size_bytes) = (arrival.id, arrival.tenant.clone(), arrival.size);
        let (door, at, is_peoples) = (arrival.door, arrival.at, !matches!(arrival.envelope.purpose, Purpose::Canary { .. }));
        match self.store.accept_from(arrival, lies).await {
            Ok(()) => {
                info!(arrival.id = %id, %tenant, size_bytes, "accepted arrival {id}");
                if is_peoples {
                    self.seen.mail(door, at);
                }
                Ok(Accepted { id, is_peoples })
            }
            Err(NotWritten::NotNow(error)) => Err(Stop::NotNow(error)),
            Err(error @ (NotWritten::AlreadyFiled | NotWritten::Fenced | NotWritten::NotHeldAnyMore)) => Err(Stop::NotNow(error.into())),
        }
    }

    /// Completes the facts by what the DNS says, and asks the gate.
    async fn look_at(&self, arrival: &mut Arrival) -> Result<(), Stop> {
        if is_refused_as_loop(&arrival.facts) {
            return Err(Stop::Refused(Refusal::Loop));
        }
        let purpose = &arrival.envelope.purpose;
        let mut trusted_sealers = Vec::new();
        if checks::are_needed(purpose, &arrival.facts) {
            trusted_sealers = self.store.tenant(&arrival.tenant).await?.map(|tenant| tenant.trusted_sealers).unwrap_or_default();
            let reading = self.reading(arrival).await?;
            let mail_from = arrival.envelope.from.as_deref();
            let question = Question { facts: &arrival.facts, mail_from, trusted_sealers: &trusted_sealers };
            arrival.facts.checked = Some(self.checks.ask(reading.as_ref(), &question).await);
        }
        let unauthenticated = match (arrival.door, arrival.facts.peer) {
            (Door::Smtp, Some(peer)) => self.smtp.unauthenticated(peer),
            // The sender's own server is not at the other end: a refusal would be a bounce to whoever From names.
            (Door::Smtp | Door::Lmtp | Door::Imap | Door::Maildir | Door::Pipe, _) => Unauthenticated::Hold,
        };
        let vouched = vouches(&arrival.facts, &trusted_sealers);
        let is_troubled = !vouched && arrival.facts.checked.as_ref().is_some_and(|checked| checked.dns_trouble);
        let is_asked = (vouched || is_troubled) && *purpose == Purpose::Import && arrival.facts.login.is_none();
        let from_user = !is_asked || self.is_from_a_user(arrival).await?;
        // Behind a mail that stays in its mailbox all others stay: a stranger with a broken DNS of his own must not do that.
        let can_wait = self.has_patience && (arrival.door.has_a_queue_in_front() || from_user);
        gate(&Knock { purpose, facts: &arrival.facts, unauthenticated, vouched, from_user, can_wait })?;
        // A candidate's answer is no stranger's if anybody vouches for it: whose the address is, is judged later. A signed mail to
        // somebody else is a stranger's until then: he sends as many as he likes.
        let ours = |one: &String| address::without_detail(one).0 == arrival.envelope.mailbox;
        let by_its_domain = |from: &String| address::split(from).is_some_and(|(_, domain)| arrival.facts.is_sent_by_its_domain(domain));
        let is_meant_for_us = arrival.facts.login.is_some()
            || arrival.facts.origin == Origin::SubmissionRelay
            || arrival.facts.from.iter().any(by_its_domain)
            || arrival.facts.is_addressed(&["to", "cc"], ours);
        let may_wait = matches!(purpose, Purpose::Import | Purpose::Reply { .. } | Purpose::ReceiptAnswer { .. });
        arrival.facts.is_strangers = may_wait && !(vouched && from_user && is_meant_for_us);
        Ok(())
    }

    /// A large mail is read back from the store and hashed on a thread of its own, so that it stalls nobody else's session; so many
    /// bytes of them at once.
    async fn reading(&self, arrival: &Arrival) -> anyhow::Result<Option<Reading>> {
        if let Raw::Bytes(bytes) = &arrival.raw {
            return Ok(Reading::of(bytes));
        }
        let weight = u32::try_from(arrival.size / 1024 + 1).unwrap_or(HASHED_AT_ONCE).min(HASHED_AT_ONCE);
        let _room = self.hashing.acquire_many(weight).await?;
        let bytes = self.store.blobs().raw(&arrival.tenant, arrival.id).await?;
        tokio::task::spawn_blocking(move || Reading::of(&bytes)).await.context("hashing a mail")
    }

    async fn is_from_a_user(&self, arrival: &Arrival) -> anyhow::Result<bool> {
        let users = self.store.users_in_question(&arrival.tenant, &arrival.facts).await?;
        Ok(users.iter().any(|(user, addresses)| user.active && addresses.iter().any(|address| arrival.facts.from.contains(address))))
    }

    /// A mail that is not taken leaves nothing behind.
    async fn forget(&self, arrival: &Arrival) {
        if matches!(arrival.raw, Raw::Object)
            && let Err(error) = self.store.blobs().delete_raw(&arrival.tenant, arrival.id).await
        {
            warn!(arrival.id = %arrival.id, error = format!("{error:#}"), "the object of a mail that was not taken stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{Aligned, Arc, ArcSet, Checked, Dkim, Dmarc, Login, Pinned};
    use crate::model::id::{OutboundId, TenantId, UserId};

    /// What a stop says, in a word.
    fn word(stop: &Result<(), Stop>) -> &'static str {
        match stop {
            Ok(()) => "in",
            Err(Stop::Refused(Refusal::NotAuthenticated)) => "stranger",
            Err(Stop::Refused(Refusal::NotAUser)) => "no user",
            Err(Stop::Refused(Refusal::Loop)) => "loop",
            Err(Stop::NotNow(error)) if error.is::<DnsTrouble>() => "later",
            Err(Stop::NotNow(_)) => "fault",
        }
    }

    fn checked(pass: bool, dns_trouble: bool, sealer: Option<&str>) -> Option<Checked> {
        let mut checked = Checked { dns_trouble, ..Checked::default() };
        checked.dmarc.result = if pass { "pass" } else { "none" }.into();
        checked.arc =
            sealer.map(|name| Arc { result: "pass".into(), sets: vec![ArcSet { sealer: name.into(), dmarc: None }], signs: Vec::new() });
        Some(checked)
    }

    /// Acceptance: S1.E6. Who may knock at which door for what.
    #[test]
    fn the_gate() {
        use Unauthenticated::{Hold, Refuse};
        let check = |purpose: &Purpose, facts: &Facts, unauthenticated: Unauthenticated, from_user: bool, want: &str| {
            let vouched = vouches(facts, &["forwarder.example".to_owned()]);
            let seen = gate(&Knock { purpose, facts, unauthenticated, vouched, from_user, can_wait: true });
            assert_eq!(word(&seen), want, "{purpose:?} {facts:?} {unauthenticated:?}");
        };
        let direct = |checked| Facts { checked, ..Facts::default() };
        let relay = |checked| Facts { origin: Origin::Relay, checked, ..Facts::default() };
        let login = Facts { login: Some(Login { tenant: TenantId::new("acme"), user: UserId::generate() }), ..Facts::default() };
        let passed = Pinned { dmarc: Some(Dmarc { result: "pass".into(), header_from: Some("acme.example".into()) }), spf: None };
        let import = &Purpose::Import;
        check(import, &direct(checked(false, false, None)), Refuse, true, "stranger");
        check(import, &direct(checked(true, false, None)), Refuse, true, "in");
        check(import, &direct(checked(true, false, None)), Refuse, false, "no user");
        check(import, &direct(checked(false, false, None)), Hold, false, "in");
        check(import, &relay(checked(false, false, None)), Hold, true, "in");
        check(import, &relay(checked(false, false, None)), Refuse, true, "stranger");
        check(import, &login, Refuse, false, "in");
        check(import, &Facts { pinned: Some(passed), ..relay(None) }, Hold, true, "in");
        // Trouble matters where nobody vouches, at both doors; what vouches is enough.
        for (facts, policy) in [(direct(checked(false, true, None)), Refuse), (relay(checked(false, true, None)), Hold)] {
            check(import, &facts, policy, true, "later");
            check(&Purpose::Reply { application: "A1".into() }, &facts, policy, true, "later");
            check(&Purpose::Postmaster, &facts, policy, true, "in");
        }
        check(import, &direct(checked(true, true, None)), Refuse, true, "in");
        // A signature counts by itself where there is no policy; where nobody knows, it is looked at again.
        let signed = |dmarc: &str, dns_trouble| {
            let dkim = vec![Dkim { result: "pass".into(), aligned: true, ..Dkim::default() }];
            let dmarc = Aligned { result: dmarc.into(), ..Aligned::default() };
            Some(Checked { dkim, dmarc, dns_trouble, ..Checked::default() })
        };
        check(import, &direct(signed("none", false)), Refuse, true, "in");
        check(import, &direct(signed("none", true)), Refuse, true, "in");
        check(import, &direct(signed("temperror", true)), Refuse, true, "later");
        check(import, &relay(signed("temperror", true)), Hold, true, "later");
        // Chains of sealers whom nobody trusts vouch for nothing.
        check(import, &direct(checked(false, false, Some("evil.example"))), Refuse, true, "stranger");
        check(import, &direct(checked(false, false, Some("forwarder.example"))), Refuse, true, "in");
        // What came by a token, and what must always be taken.
        let stranger = direct(checked(false, false, None));
        check(&Purpose::Bounces { message: OutboundId::generate() }, &stranger, Refuse, false, "in");
        check(&Purpose::Postmaster, &stranger, Refuse, false, "in");
        check(&Purpose::ReceiptAnswer { message: None }, &stranger, Refuse, false, "in");
        check(&Purpose::Reply { application: "A1".into() }, &stranger, Refuse, false, "in");
    }

    #[test]
    fn loops() {
        assert!(!is_refused_as_loop(&Facts { hops: 49, ..Facts::default() }));
        assert!(is_refused_as_loop(&Facts { hops: 50, ..Facts::default() }));
        assert!(!is_refused_as_loop(&Facts { hops: 51, origin: Origin::Relay, ..Facts::default() }));
    }
}

//! The way of one mail on one screen. Alone knows the order of the steps; judges nothing itself.

mod audience;
pub mod correct_kind;
pub mod healing;
mod in_hand;
mod scan;
pub mod take_back;

use crate::authenticate;
use crate::file::{self, Decided};
use crate::model::answer::{Outcome, Receipt};
use crate::model::arrival::{Envelope, Purpose};
use crate::model::healing::{Occasion, Schedule};
use crate::model::id::{EntryId, TenantId};
use crate::model::message::{Defect, Message};
use crate::model::organisation::{Rules, Tenant};
use crate::model::outbound::Notice;
use crate::model::scan::Scan;
use crate::model::sender::Sender;
use crate::model::verdict::{Audience, Disposition, Found, HoldReason, IgnoreReason, Questions, Verdict};
use crate::notify::compose::{Circumstances, compose};
use crate::place;
use crate::scan::Scanner;
use crate::screen;
use crate::store::arrivals::{Claimed, Turn};
use crate::store::{NotWritten, Store};
use crate::understand;
use anyhow::{Context, anyhow};
use bytes::Bytes;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// Arrivals in hand at once.
const AT_ONCE: usize = 16;
/// Bytes of raw mail being understood at once. Parsing needs about three times its mail's size.
const BYTES_AT_ONCE: u64 = 64 << 20;
/// Runs that ended uncleanly while a mail was in hand alone, after which it is held.
const MOST_CRASHES: u32 = 2;
/// How often waiting arrivals are looked for although nothing has changed.
const LOOK: Duration = Duration::from_secs(5);
/// Of two mails with one key that are judged at the same time, one finds the other filed: once more is enough.
const JUDGED_AGAIN: u32 = 3;

/// What the machine adds to what the tenants say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub portal_url: Option<String>,
    /// The operator's address.
    pub postmaster: Option<String>,
}

/// A mail that was read, before it is placed.
pub struct Read {
    pub tenant: Tenant,
    pub sender: Sender,
    pub message: Message,
    pub defects: Vec<Defect>,
    pub questions: Questions,
    /// What the virus scanner said of its files; none as long as it was not asked.
    pub scan: Option<Scan>,
}

/// What was decided about it.
pub struct Judged {
    /// With the candidate's mail as the original.
    pub message: Message,
    pub verdict: Verdict,
    /// What is done about it, if it is a user's answer to a receipt.
    pub answer: Option<(Receipt, Outcome)>,
    pub audience: Audience,
    pub notices: Vec<Notice>,
    pub entry: EntryId,
}

impl Read {
    fn decided<'a>(&'a self, claimed: &'a Claimed, judged: &'a Judged, heals_at: Option<jiff::Timestamp>) -> Decided<'a> {
        Decided {
            claimed,
            tenant: &self.tenant,
            sender: &self.sender,
            message: &judged.message,
            defects: &self.defects,
            questions: &self.questions,
            verdict: &judged.verdict,
            answer: judged.answer.as_ref(),
            audience: &judged.audience,
            notices: &judged.notices,
            entry: judged.entry,
            heals_at,
        }
    }
}

/// Carries arrivals from `received` to their end.
#[derive(Clone)]
pub struct Pipeline {
    store: Store,
    settings: Arc<Settings>,
    /// Compiled patterns: most mails are of few tenants.
    patterns: Arc<Mutex<HashMap<String, Rules>>>,
    room: Arc<Semaphore>,
    reader: Reader,
    scanner: Option<Scanner>,
    failures: scan::Failures,
    schedule: Schedule,
    in_hand: in_hand::InHand,
}

/// How a mail is understood. Never fails by contract; if it panics all the same, the mail is held (G4).
type Reader = fn(Option<&Envelope>, &[u8], &Rules) -> (Message, Vec<Defect>);

impl Pipeline {
    /// Without a scanner nothing is scanned.
    pub fn new(store: Store, settings: Settings, scanner: Option<Scanner>) -> Pipeline {
        let room = Arc::new(Semaphore::new(usize::try_from(BYTES_AT_ONCE / 1024).unwrap_or(1)));
        Pipeline {
            store,
            settings: Arc::new(settings),
            patterns: Arc::default(),
            room,
            reader: understand::read,
            scanner,
            failures: Arc::default(),
            schedule: Schedule::default(),
            in_hand: in_hand::InHand::default(),
        }
    }

    /// The way of one mail.
    async fn process(&self, claimed: &Claimed) -> anyhow::Result<Disposition> {
        if claimed.crashes >= MOST_CRASHES {
            return self.hold_unread(claimed, HoldReason::CrashedTwice).await;
        }
        let _room = self.room_for(claimed).await?;
        let raw = self.store.raw_mail(&claimed.tenant, claimed.id).await?;
        if !is_intact(claimed, &raw).await? {
            return self.hold_damaged(claimed).await;
        }
        let Some(mut read) = self.read(claimed, raw.clone()).await? else { return self.hold_unreadable(claimed).await };
        for _ in 0..JUDGED_AGAIN {
            let judged = self.judge(claimed, &mut read, &raw).await?;
            let heals_at = self.heals_at(&read, &judged.verdict, claimed.heal_tries);
            match file::put(&self.store, read.decided(claimed, &judged, heals_at)).await {
                Ok(()) => return Ok(logged(claimed, &judged.verdict)),
                // The unique index saw what the judgement could not: judge again, and it is a duplicate.
                Err(NotWritten::AlreadyFiled) => (),
                // Another answer, or an operator, was quicker: judge again, and this one changes nothing.
                Err(NotWritten::NotHeldAnyMore) => (),
                Err(other) => return Err(other.into()),
            }
        }
        Err(anyhow!("others were quicker, and yet nothing of it is to be found"))
    }

    /// Waits until there is room for its bytes.
    async fn room_for(&self, claimed: &Claimed) -> anyhow::Result<SemaphorePermit<'_>> {
        let kilobytes = u32::try_from(claimed.size.min(BYTES_AT_ONCE).div_ceil(1024).max(1))?;
        Ok(self.room.acquire_many(kilobytes).await?)
    }

    /// Who sent it, and what does it say? None: reading it failed.
    async fn read(&self, claimed: &Claimed, raw: Bytes) -> anyhow::Result<Option<Read>> {
        let tenant = self.store.tenant(&claimed.tenant).await?.context("the tenant of this mail is gone")?;
        let users = self.store.users_in_question(&claimed.tenant, &claimed.facts).await?;
        let invited = match &claimed.envelope.purpose {
            Purpose::Reply { application } => self.store.invited(&claimed.tenant, application).await?,
            _ => None,
        };
        let on = authenticate::Case { tenant: &tenant, envelope: &claimed.envelope, facts: &claimed.facts };
        let sender = authenticate::judge(on, &users, invited.as_ref());
        let Some((message, defects)) = self.understood(claimed, &tenant, raw).await? else { return Ok(None) };
        let message = screen::without_refused(message, tenant.refused_file_types.as_deref());
        let assigned = claimed.assigned.as_ref().map(|assigned| assigned.reference.clone());
        let receipt = self.receipt(claimed).await?.filter(|receipt| place::answer::is_one(&claimed.envelope, &message, Some(receipt)));
        let answered = receipt.and_then(|receipt| place::answer::number(&message, &receipt));
        let mut questions = place::questions(&claimed.tenant, &claimed.envelope, &message, assigned.or(answered).as_deref());
        questions.images = screen::logos::asked(&claimed.tenant, &message);
        Ok(Some(Read { tenant, sender, message, defects, questions, scan: None }))
    }

    /// Judges; what would be filed is shown to the virus scanner first, and judged again by what that found.
    async fn judge(&self, claimed: &Claimed, read: &mut Read, raw: &Bytes) -> anyhow::Result<Judged> {
        let judged = self.place(claimed, read).await?;
        match (&self.scanner, &judged.verdict) {
            (Some(scanner), Verdict::File(_)) if read.scan.is_none() => {
                self.scan(scanner, claimed, read, raw).await?;
                self.place(claimed, read).await
            }
            _ => Ok(judged),
        }
    }

    /// Where does it belong, and who must hear?
    async fn place(&self, claimed: &Claimed, read: &Read) -> anyhow::Result<Judged> {
        let found = self.store.found(&claimed.tenant, &read.questions).await?;
        let message = screen::logos::without_repeated(&claimed.tenant, read.message.clone(), &found.images);
        let message = place::arranged(message, &found);
        let chosen = claimed.assigned.as_ref().map(|assigned| assigned.chosen);
        let answer = self.answer(claimed, read, &found).await?;
        let verdict = match answer {
            Some(_) => Verdict::Ignore(IgnoreReason::ReceiptAnswer),
            None => place::verdict(&read.tenant, &claimed.envelope, &read.sender, &message, &found, chosen),
        };
        let verdict = match claimed.heals.map(HoldReason::occasion) {
            Some(Occasion::Healing) => place::heal::verdict(verdict, &read.sender, &message, &found),
            Some(Occasion::Ordinary) | None => verdict,
        };
        let verdict = match &read.scan {
            Some(scan) => screen::verdict(verdict, scan, chosen),
            None => verdict,
        };
        let audience = self.audience(claimed, read, &verdict, found.by_token.as_ref(), answer.as_ref()).await?;
        let entry = EntryId::generate();
        let circumstances = Circumstances {
            tenant: &read.tenant,
            sender: &read.sender,
            envelope: &claimed.envelope,
            arrival: claimed.id,
            at: claimed.at,
            entry,
            portal_url: self.settings.portal_url.as_deref(),
            postmaster: self.settings.postmaster.as_deref(),
            number: read.questions.number.as_deref(),
            answer: answer.as_ref(),
        };
        let notices = compose(&verdict, &message, &audience, circumstances);
        Ok(Judged { message, verdict, answer, audience, notices, entry })
    }

    /// The receipt whose address the mail came to. A mail that somebody has assigned answers nothing any more.
    async fn receipt(&self, claimed: &Claimed) -> anyhow::Result<Option<Receipt>> {
        match (&claimed.envelope.purpose, &claimed.assigned) {
            (Purpose::ReceiptAnswer { message: Some(message) }, None) => self.store.receipt(&claimed.tenant, *message).await,
            _ => Ok(None),
        }
    }

    /// What a user's answer does. Everything else that comes to a receipt's address is judged like any other mail.
    async fn answer(&self, claimed: &Claimed, read: &Read, found: &Found) -> anyhow::Result<Option<(Receipt, Outcome)>> {
        let Some(receipt) = self.receipt(claimed).await? else { return Ok(None) };
        let message = &read.message;
        let is_answer = place::answer::is_one(&claimed.envelope, message, Some(&receipt));
        if !is_answer || read.sender.user().is_none() || message.automatic.is_some() {
            return Ok(None);
        }
        let outcome = place::answer::outcome(&read.tenant, &read.sender, message, &receipt, found.by_number.as_ref());
        Ok(Some((receipt, outcome)))
    }

    /// Reads the mail on a blocking thread. None: reading it failed, the bytes are intact (G4).
    async fn understood(&self, claimed: &Claimed, tenant: &Tenant, raw: Bytes) -> anyhow::Result<Option<(Message, Vec<Defect>)>> {
        let rules = self.rules(tenant)?;
        let (envelope, reader) = (claimed.envelope.clone(), self.reader);
        let read = move || std::panic::catch_unwind(AssertUnwindSafe(|| reader(Some(&envelope), &raw, &rules)));
        Ok(tokio::task::spawn_blocking(read).await?.ok())
    }

    async fn hold_unreadable(&self, claimed: &Claimed) -> anyhow::Result<Disposition> {
        error!(arrival.id = %claimed.id, tenant = %claimed.tenant, "understanding arrival {} failed; it is held", claimed.id);
        self.hold_unread(claimed, HoldReason::Unreadable).await
    }

    async fn hold_damaged(&self, claimed: &Claimed) -> anyhow::Result<Disposition> {
        error!(arrival.id = %claimed.id, tenant = %claimed.tenant, "the bytes of arrival {} are not those that were accepted; it is held", claimed.id);
        self.hold_unread(claimed, HoldReason::Damaged).await
    }

    /// The tenant's rules for understanding.
    fn rules(&self, tenant: &Tenant) -> anyhow::Result<Rules> {
        let mut patterns = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        let known = patterns.get(&tenant.reference.pattern).cloned();
        let rules = match known {
            Some(rules) => rules,
            None => {
                let rules =
                    Rules::new(&tenant.reference, Vec::new()).with_context(|| format!("tenant {}: reference pattern", tenant.id))?;
                if patterns.len() > 10_000 {
                    patterns.clear();
                }
                patterns.insert(tenant.reference.pattern.clone(), rules.clone());
                rules
            }
        };
        Ok(Rules {
            grammar: tenant.reference.grammar,
            own_domains: own_domains(tenant),
            file_names: tenant.filename_rules.clone(),
            ..rules
        })
    }

    /// What would become of a mail now: the same steps without the last one, for `explain`. None: reading it failed.
    pub async fn foresee(&self, claimed: &Claimed, raw: Bytes) -> anyhow::Result<Option<(Read, Judged)>> {
        let Some(mut read) = self.read(claimed, raw.clone()).await? else { return Ok(None) };
        let judged = self.judge(claimed, &mut read, &raw).await?;
        Ok(Some((read, judged)))
    }

    /// Works until stopped: what a crash left first and alone, then everything else, several at once.
    pub async fn run(&self, stop: CancellationToken) {
        let mut changes = self.store.changes();
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut looked = None;
        loop {
            changes.borrow_and_update();
            if let Err(error) = self.take_up_lost(&mut looked).await {
                warn!(error = format!("{error:#}"), "what is in hand could not be looked through; trying again");
            }
            match self.turn(&tasks, &places, &stop).await {
                Ok(wait) => tokio::select! {
                    () = stop.cancelled() => break,
                    _ = changes.changed() => (),
                    () = tokio::time::sleep(wait) => (),
                },
                Err(error) => {
                    warn!(error = format!("{error:#}"), "waiting mail could not be taken in hand; trying again");
                    // Changes do not shorten this wait: there may be many of them and no end to the trouble.
                    tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(LOOK) => () }
                }
            }
        }
        tasks.close();
        tasks.wait().await;
        if let Err(error) = self.store.put_back_all().await {
            warn!(error = format!("{error:#}"), "what was in hand could not be put back; it will be tried alone");
        }
    }

    /// Takes what is due in hand; returns how long nothing more will be due.
    async fn turn(&self, tasks: &TaskTracker, places: &Arc<Semaphore>, stop: &CancellationToken) -> anyhow::Result<Duration> {
        while !stop.is_cancelled() {
            let Some(due) = self.store.next_arrival_due().await? else { return Ok(LOOK) };
            let wait = due.duration_since(jiff::Timestamp::now());
            if wait.is_positive() {
                return Ok(LOOK.min(Duration::try_from(wait).unwrap_or(LOOK)));
            }
            let alone = self.store.claim(Turn::Alone, 1).await?;
            if !alone.is_empty() {
                // Nothing else is in hand while one that may end the program is.
                let all = places.clone().acquire_many_owned(u32::try_from(AT_ONCE)?).await?;
                for claimed in alone {
                    self.work_on(claimed).await;
                }
                drop(all);
                continue;
            }
            let place = places.clone().acquire_owned().await?;
            let free = u32::try_from(places.available_permits())? + 1;
            let claimed = self.store.claim(Turn::Together, free).await?;
            drop(place);
            if claimed.is_empty() {
                return Ok(LOOK);
            }
            // All at once, so that none of them is claimed and in no hand when this turn ends early.
            let claimed: Vec<_> = claimed.into_iter().map(|claimed| (self.hand(&claimed), claimed)).collect();
            for (held, claimed) in claimed {
                let place = places.clone().acquire_owned().await?;
                let pipeline = self.clone();
                tasks.spawn(async move {
                    pipeline.work_on(claimed).await;
                    drop((held, place));
                });
            }
        }
        Ok(LOOK)
    }

    fn hand(&self, claimed: &Result<Claimed, crate::store::arrivals::NotReadable>) -> in_hand::Held {
        match claimed {
            Ok(claimed) => self.in_hand.take(&claimed.tenant, claimed.id),
            Err(broken) => self.in_hand.take(&broken.tenant, broken.id),
        }
    }

    /// One arrival to its end, or back to where it waits: our fault counts as nothing.
    async fn work_on(&self, claimed: Result<Claimed, crate::store::arrivals::NotReadable>) {
        let (tenant, id, fence, attempts, failed): (TenantId, _, _, _, _) = match &claimed {
            Ok(claimed) => (claimed.tenant.clone(), claimed.id, claimed.fence, claimed.attempts, self.process(claimed).await.err()),
            Err(broken) => (broken.tenant.clone(), broken.id, broken.fence, broken.attempts, Some(anyhow!("{broken}"))),
        };
        let Some(failed) = failed else { return };
        let after = backoff(attempts);
        warn!(arrival.id = %id, attempts, retry_seconds = after.as_secs(), error = format!("{failed:#}"), "arrival {id} is put back");
        if let Err(error) = self.store.put_back(&tenant, id, fence, after).await {
            warn!(arrival.id = %id, error = format!("{error:#}"), "arrival {id} could not be put back; it is taken up again soon");
        }
    }
}

/// Whether the stored bytes are those that were accepted (G1): nothing else is ever filed.
async fn is_intact(claimed: &Claimed, raw: &Bytes) -> anyhow::Result<bool> {
    let raw = raw.clone();
    let now = tokio::task::spawn_blocking(move || crate::model::digest::sha256(&raw)).await?;
    Ok(now == claimed.sha256)
}

/// Domains of our Message-IDs: those of the tenant's import addresses.
fn own_domains(tenant: &Tenant) -> Vec<String> {
    tenant
        .import_addresses
        .iter()
        .filter_map(|address| crate::model::address::split(address))
        .map(|(_, domain)| domain.to_owned())
        .collect()
}

/// One second, then twice as long each time, at most ten minutes.
fn backoff(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(9)).min(Duration::from_secs(600))
}

fn logged(claimed: &Claimed, verdict: &Verdict) -> Disposition {
    let disposition = verdict.disposition();
    let because = verdict.reason().unwrap_or("-");
    info!(arrival.id = %claimed.id, tenant = %claimed.tenant, size_bytes = claimed.size, because, "{} arrival {}", disposition.as_str(), claimed.id);
    disposition
}

#[cfg(test)]
mod tests;

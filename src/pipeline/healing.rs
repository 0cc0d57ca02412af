//! Held mail goes through by itself once what held it is over. It is looked at first, as `explain` would: only what comes to another
//! end is sent through, and everything else stays as it is, without a word to anybody.

use super::{Judged, LOOK, Pipeline, Read, is_intact};
use crate::model::healing::{Heals, Schedule, VERSION, goes_through};
use crate::model::verdict::{HoldReason, Verdict};
use crate::store::arrivals::Claimed;
use crate::store::healing::Due;
use jiff::Timestamp;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Many mails may change at once; what heals need not follow each.
const PAUSE: Duration = Duration::from_millis(250);

/// What would become of a mail now.
pub enum Foreseen {
    Judged(Box<(Read, Judged)>),
    /// It would be held: nothing is known of it.
    Unread(HoldReason),
}

impl Foreseen {
    pub fn verdict(&self) -> Verdict {
        match self {
            Foreseen::Judged(both) => both.1.verdict.clone(),
            Foreseen::Unread(reason) => Verdict::Hold(*reason),
        }
    }
}

impl Pipeline {
    pub fn with_schedule(self, schedule: Schedule) -> Pipeline {
        Pipeline { schedule, ..self }
    }

    /// Looks at what is due, until stopped.
    pub async fn heal(&self, stop: CancellationToken) {
        let mut changes = self.store.changes();
        let mut is_marked = false;
        loop {
            changes.borrow_and_update();
            if !is_marked {
                match self.store.mark_unread(VERSION).await {
                    Ok(()) => is_marked = true,
                    Err(error) => warn!(error = format!("{error:#}"), "what an older version could not read is not marked; trying again"),
                }
            }
            if let Err(error) = self.heal_what_is_due(&stop).await {
                warn!(error = format!("{error:#}"), "held mail could not be looked at again; trying later");
                // Changes do not shorten this wait: there may be many of them and no end to the trouble.
                tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(LOOK) => continue }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = async { let _ = changes.changed().await; tokio::time::sleep(PAUSE).await } => (),
                () = tokio::time::sleep(LOOK) => (),
            }
        }
    }

    async fn heal_what_is_due(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() && self.store.mark_what_waited().await? {}
        for reason in HoldReason::ALL.into_iter().filter(|reason| reason.heals() != Heals::ByHand) {
            while !stop.is_cancelled() {
                let Some(due) = self.store.next_to_heal(reason).await? else { break };
                // While the scanner is away nothing is counted, and everything is due when it is back.
                if reason == HoldReason::NotScanned && !self.scanner_answers().await {
                    break;
                }
                self.heal_one(due, reason).await?;
            }
        }
        Ok(())
    }

    async fn scanner_answers(&self) -> bool {
        match &self.scanner {
            Some(scanner) => scanner.answers().await,
            None => false,
        }
    }

    /// Looks at one mail. The look is counted before it is begun.
    pub(super) async fn heal_one(&self, due: Due, reason: HoldReason) -> anyhow::Result<()> {
        let again = self.schedule.due(due.tries + 1, Timestamp::now());
        let Some(mut looked) = self.store.begin_look(&due, again, VERSION).await? else { return Ok(()) };
        looked.heals = Some(reason);
        if reason == HoldReason::CrashedTwice {
            // Not even looked at beside others: it goes through alone, and one more crash holds it.
            return self.send_through(&looked, reason, true).await;
        }
        let foreseen = match self.would_become(&looked).await {
            Ok(foreseen) => foreseen,
            Err(error) => {
                warn!(arrival.id = %looked.id, error = format!("{error:#}"), "held arrival {} could not be looked at; trying later", looked.id);
                return self.store.settle(&looked, again).await;
            }
        };
        if goes_through(reason, &foreseen.verdict()) {
            return self.send_through(&looked, reason, false).await;
        }
        let later = match &foreseen {
            Foreseen::Judged(both) => self.heals_at(&both.0, &both.1.verdict, due.tries + 1),
            Foreseen::Unread(_) => None,
        };
        self.store.settle(&looked, later).await
    }

    async fn send_through(&self, looked: &Claimed, reason: HoldReason, alone: bool) -> anyhow::Result<()> {
        if self.store.send_through(looked, reason, alone).await? {
            info!(arrival.id = %looked.id, because = reason.as_str(), "arrival {} goes through again by itself", looked.id);
        }
        Ok(())
    }

    /// When a mail that ends so is looked at again after so many looks: only time can tell whether the scanner is back.
    pub(super) fn heals_at(&self, read: &Read, verdict: &Verdict, tries: u32) -> Option<Timestamp> {
        let is_unasked = read.scan.as_ref().is_some_and(|scan| scan.is_incomplete);
        match verdict {
            Verdict::Hold(reason) if reason.heals() == Heals::InTime && is_unasked => self.schedule.due(tries, Timestamp::now()),
            // What was changed about its forwarder between judgement and commit found no held mail to mark: one look settles it.
            Verdict::Hold(reason) if reason.heals() == Heals::ByItsForwarder && tries == 0 => self.schedule.due(1, Timestamp::now()),
            _ => None,
        }
    }

    /// What would become of a stored mail now. Writes nothing.
    pub async fn would_become(&self, claimed: &Claimed) -> anyhow::Result<Foreseen> {
        let _room = self.room_for(claimed).await?;
        let raw = self.store.raw_mail(&claimed.tenant, claimed.id).await?;
        if !is_intact(claimed, &raw).await? {
            return Ok(Foreseen::Unread(HoldReason::Damaged));
        }
        Ok(match self.foresee(claimed, raw).await? {
            Some(both) => Foreseen::Judged(Box::new(both)),
            None => Foreseen::Unread(HoldReason::Unreadable),
        })
    }
}

//! The outbox loop: takes messages in hand, hands them over, writes down how it ended. An attempt is counted before it is made.

use super::transport::{HandedOver, Transport};
use crate::config::Outgoing;
use crate::model::outbound::MessagePurpose;
use crate::store::Store;
use crate::store::outbox::{Outbound, Tried};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Messages taken in hand at once, and those of them that are handed over at the same time.
const BATCH: u32 = 20;
const AT_ONCE: usize = 4;
/// A message whose try never ended is due again after so long.
const LEASE: SignedDuration = SignedDuration::from_mins(30);
/// A relay that takes longer for one message is as good as away.
const LONGEST_TRANSFER: Duration = Duration::from_secs(10 * 60);
/// How often due messages are looked for although nothing has changed.
const LOOK: Duration = Duration::from_secs(5);
/// The longest wait between two tries.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// Sends until stopped.
pub async fn run(store: Store, outgoing: Outgoing, transport: Transport, stop: CancellationToken) {
    let mut changes = store.changes();
    while !stop.is_cancelled() {
        changes.borrow_and_update();
        match send_due(&store, &transport, &outgoing, &stop).await {
            Ok(wait) => tokio::select! {
                () = stop.cancelled() => (),
                _ = changes.changed() => (),
                () = tokio::time::sleep(wait) => (),
            },
            Err(error) => {
                warn!(error = format!("{error:#}"), "the outbox could not be worked on; trying again");
                // Changes do not shorten this wait: there may be many of them and no end to the trouble.
                tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(LOOK) => () }
            }
        }
    }
}

/// Sends everything that is due; returns how long nothing more will be. What is on its way ends before an error is returned.
async fn send_due(store: &Store, transport: &Transport, outgoing: &Outgoing, stop: &CancellationToken) -> anyhow::Result<Duration> {
    let mut waiting = VecDeque::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        let mut wait = Ok(LOOK);
        if waiting.is_empty() && under_way.len() < AT_ONCE && !stop.is_cancelled() {
            wait = take_in_hand(store, transport, &mut waiting).await;
        }
        while under_way.len() < AT_ONCE && !stop.is_cancelled() {
            let Some((message, relay)) = waiting.pop_front() else { break };
            under_way.push(carry(store, transport, outgoing, stop, message, relay));
        }
        if under_way.is_empty() {
            return wait;
        }
        // A slow one holds up its own place alone; what comes due meanwhile takes the others.
        tokio::select! {
            _ = under_way.next() => (),
            () = tokio::time::sleep(*wait.as_ref().unwrap_or(&LOOK)), if under_way.len() < AT_ONCE => (),
        }
    }
}

/// A message in hand, and whether the relay was there when it was taken.
type Taken = (Outbound, Result<(), String>);

/// Takes what is due in hand; returns how long nothing more will be.
async fn take_in_hand(store: &Store, transport: &Transport, waiting: &mut VecDeque<Taken>) -> anyhow::Result<Duration> {
    let Some(due) = store.next_message_due().await? else { return Ok(LOOK) };
    let wait = due.duration_since(Timestamp::now());
    if wait.is_positive() {
        return Ok(LOOK.min(Duration::try_from(wait).unwrap_or(LOOK)));
    }
    let messages = store.claim_messages(BATCH, LEASE).await?;
    let relay = transport.is_there().await;
    waiting.extend(messages.into_iter().map(|message| (message, relay.clone())));
    Ok(LOOK)
}

async fn carry(
    store: &Store,
    transport: &Transport,
    outgoing: &Outgoing,
    stop: &CancellationToken,
    message: Outbound,
    relay: Result<(), String>,
) {
    let ended = match relay {
        Ok(()) => tokio::time::timeout(LONGEST_TRANSFER, hand_over(store, transport, &message))
            .await
            .unwrap_or_else(|_| HandedOver::NotNow("the relay took too long".into())),
        Err(why) => HandedOver::NotNow(why),
    };
    write_down(store, outgoing, &message, ended, stop).await;
}

async fn hand_over(store: &Store, transport: &Transport, message: &Outbound) -> HandedOver {
    let attached = match message.attached.as_deref().map(str::parse) {
        None => None,
        Some(Err(_)) => return HandedOver::Refused("the mail to attach has no legible id".into()),
        Some(Ok(arrival)) => match store.raw_mail(&message.tenant, arrival).await {
            Ok(raw) => Some(raw),
            Err(error) => return HandedOver::NotNow(format!("the mail to attach: {error:#}")),
        },
    };
    let corrects = match message.purpose {
        MessagePurpose::Correction => match store.corrects(message).await {
            Ok(corrects) => corrects,
            Err(error) => return HandedOver::NotNow(format!("the notice to correct: {error:#}")),
        },
        _ => None,
    };
    transport.hand_over(message, attached, corrects.as_deref()).await
}

async fn write_down(store: &Store, outgoing: &Outgoing, message: &Outbound, ended: HandedOver, stop: &CancellationToken) {
    let (id, attempts) = (message.id, message.attempts);
    let tried = judged(message, ended, outgoing.give_up_after, Timestamp::now());
    match &tried {
        Tried::Sent => info!(message.id = %id, attempts, "sent message {id}"),
        Tried::Deferred { at, .. } => {
            warn!(message.id = %id, attempts, next_attempt_at = %at, "message {id} could not be sent now; `rohrpost outbox list` says why")
        }
        Tried::Failed { .. } => warn!(message.id = %id, attempts, "message {id} is not delivered; `rohrpost outbox list` says why"),
    }
    // Unwritten, it would be sent once more when its lease ends; so the writing waits until the database is there again.
    while let Err(error) = store.message_tried(message, tried.clone()).await {
        warn!(message.id = %id, error = format!("{error:#}"), "how message {id} ended could not be written down; trying again");
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(LOOK) => () }
    }
}

/// What a try means for the message. RFC 5321 §4.5.4.1: tried for days before it is given up.
fn judged(message: &Outbound, ended: HandedOver, give_up_after: Duration, now: Timestamp) -> Tried {
    match ended {
        HandedOver::Taken => Tried::Sent,
        HandedOver::Refused(why) => Tried::Failed { why },
        HandedOver::NotNow(why) => {
            let age = now.duration_since(message.created_at);
            if Duration::try_from(age).is_ok_and(|age| age >= give_up_after) {
                return Tried::Failed { why: format!("given up: {why}") };
            }
            let minutes = 1_i64 << message.attempts.saturating_sub(1).min(6);
            Tried::Deferred { at: now + SignedDuration::from_mins(minutes).min(LONGEST_WAIT), why }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{OutboundId, TenantId};
    use crate::model::outbound::MessageState;
    use crate::model::user::Locale;

    #[test]
    fn what_a_try_means() {
        let now: Timestamp = "2026-11-22T08:30:00Z".parse().unwrap();
        let check = |attempts: u32, age_hours: i64, ended: HandedOver, want: &str| {
            let message = Outbound {
                id: OutboundId::generate(),
                tenant: TenantId::new("acme"),
                purpose: MessagePurpose::Receipt,
                recipient: String::new(),
                locale: Locale::De,
                subject: String::new(),
                body: String::new(),
                reply_to: None,
                domain: String::new(),
                attached: None,
                created_at: now - SignedDuration::from_hours(age_hours),
                state: MessageState::Sending,
                attempts,
                next_attempt_at: now,
                last_error: None,
            };
            let seen = match judged(&message, ended, Duration::from_secs(120 * 3600), now) {
                Tried::Sent => "sent".to_owned(),
                Tried::Deferred { at, .. } => format!("in {} minutes", at.duration_since(now).as_mins()),
                Tried::Failed { why } => format!("failed: {why}"),
            };
            assert_eq!(seen, want);
        };
        let not_now = || HandedOver::NotNow("away".into());
        check(1, 0, HandedOver::Taken, "sent");
        check(1, 0, HandedOver::Refused("550 no".into()), "failed: 550 no");
        check(1, 0, not_now(), "in 1 minutes");
        check(2, 0, not_now(), "in 2 minutes");
        check(7, 0, not_now(), "in 60 minutes");
        check(100, 119, not_now(), "in 60 minutes");
        check(100, 120, not_now(), "failed: given up: away");
    }
}

//! Sends mails to ourselves: at their time, and when somebody asks for one. That they arrive is the doors' business.

use crate::config::Config;
use crate::config::canary::Canary;
use crate::config::doors::NamedDoor;
use crate::model::address;
use crate::notify::plain::{self, Plain};
use crate::store::Store;
use crate::store::canaries::{self, LIVES};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often is looked whether one is due or asked for.
const LOOK: Duration = Duration::from_secs(2);

const SUBJECT: &str = "Rohrpost: a mail to ourselves";
const TEXT: &str = "Rohrpost sends this mail to itself, to see that mail comes through. It is taken out by itself, and needs nobody.\n\n\
                    If you find it in a mailbox, Rohrpost did not fetch it, or fetched it and left it here on purpose. It may be deleted.\n";

/// Works until stopped.
pub async fn send_all(config: &Config, store: &Store, stop: &CancellationToken) {
    let all: Vec<(NamedDoor, &Canary)> = config
        .doors()
        .into_iter()
        .filter_map(|door| config.canary.iter().find(|canary| canary.door == door.name).map(|canary| (door, canary)))
        .collect();
    if all.is_empty() {
        return;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            sent = send_due(&all, store) => if let Err(error) = sent {
                warn!(error = format!("{error:#}"), "mails to ourselves could not be looked up; trying again");
            },
        }
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(LOOK) => () }
    }
}

async fn send_due(all: &[(NamedDoor, &Canary)], store: &Store) -> anyhow::Result<()> {
    let now = Timestamp::now();
    store.date_canaries_back(now).await?;
    for (door, canary) in all {
        let newest = store.canaries_of(door.kind.as_str(), &door.name).await?.into_iter().next();
        if is_due(newest.map(|newest| newest.asked_at), canary.every, now) {
            store.ask_canary(door.kind.as_str(), &door.name, now).await?;
        }
    }
    for asked in store.canaries_to_send().await? {
        let is_this = |(door, _): &&(NamedDoor, &Canary)| (door.kind.as_str(), door.name.as_str()) == (&*asked.door.0, &*asked.door.1);
        match all.iter().find(is_this) {
            Some((_, canary)) => send(canary, &asked, store).await?,
            // Asked for before the configuration lost it.
            None => store.canary_is_sent(&asked.token, now).await?,
        }
    }
    // Behind their time, so that one that is late is still known for what it is.
    store.forget_canaries(now - LIVES - SignedDuration::from_hours(1)).await?;
    Ok(())
}

/// `newest`: when the newest was asked for. After a clock went back a little, nothing is sent twice; what lies further ahead than one that
/// was just asked for could lie says nothing.
fn is_due(newest: Option<Timestamp>, every: Duration, now: Timestamp) -> bool {
    let Some(newest) = newest else { return true };
    now.duration_since(newest).unsigned_abs() >= every
}

async fn send(canary: &Canary, asked: &canaries::Canary, store: &Store) -> anyhow::Result<()> {
    store.canary_is_sent(&asked.token, Timestamp::now()).await?;
    let domain = address::split(&canary.to).map_or("localhost", |(_, domain)| domain);
    let plain = Plain { to: &canary.to, subject: SUBJECT, text: TEXT, domain, canary: Some(&asked.token) };
    match plain::send(&canary.relay, plain).await {
        Ok(()) => info!(door = canary.door, "a mail to ourselves is on its way to door {}", canary.door),
        Err(no) => {
            let why = no.to_string();
            warn!(door = canary.door, error = why, "a mail to ourselves through door {} could not be handed over", canary.door);
            store.canary_is_stuck(&asked.token, why).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_next_is_due() {
        let check = |newest: Option<i64>, now: i64, want: bool| {
            let at = |second: i64| Timestamp::from_second(second).unwrap();
            assert_eq!(is_due(newest.map(at), Duration::from_secs(900), at(now)), want, "{newest:?} {now}");
        };
        check(None, 5_000, true);
        check(Some(5_000), 5_000, false);
        check(Some(5_000), 5_899, false);
        check(Some(5_000), 5_900, true);
        check(Some(5_000), 90_000, true);
        check(Some(5_000), 4_999, false);
        // Asked for by a clock that was ahead.
        check(Some(5_000), 4_101, false);
        check(Some(5_000), 4_100, true);
        check(Some(90_000_000), 1, true);
    }
}

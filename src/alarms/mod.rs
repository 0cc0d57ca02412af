//! Looks after the doors and what waits, raises and clears alarms, and tells people. What is wrong is `watch`'s to say; what was told to
//! whom stands in the database, so that a restart tells nobody twice.

pub mod canary;
pub mod look;
pub mod ways;

use crate::config::Config;
use crate::model::alarm::{Alarm, RaisedAlarm, Told, Way};
use crate::store::Store;
use crate::watch::tell;
use crate::watch::{self, State};
use jiff::{SignedDuration, Timestamp};
use look::Watched;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};
use ways::Ways;

/// How often is looked whether anything is wrong, and whether there is something to tell.
const LOOK: Duration = Duration::from_secs(10);
const TELL: Duration = Duration::from_secs(2);
/// After a fall.
const LATER: Duration = Duration::from_secs(60);
/// An alarm that goes on is written down again after so long, though nothing of it changed.
const SEEN_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// Says how the certificate is; none where there is none.
pub type Certified = Arc<dyn Fn() -> Option<watch::Certificate> + Send + Sync>;

/// Works until stopped. Nothing that happens here ends it, nor the service: mail comes in without it.
pub async fn run(store: Store, config: Config, certified: Certified, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(fallen) = tokio::spawn(work(store.clone(), config.clone(), certified.clone(), stop.clone())).await {
            error!(%fallen, "the alarms fell; they begin anew in a minute");
        }
        tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(LATER) => () }
    }
}

async fn work(store: Store, config: Config, certified: Certified, stop: CancellationToken) {
    let ways = Ways::new(&config);
    let watched = Watched::new(&config);
    let telling = futures_util::future::join_all(ways.all().into_iter().map(|way| tell_by(way, &ways, &store, &stop)));
    tokio::join!(watch_all(&watched, &store, &certified, &stop), canary::send_all(&config, &store, &stop), telling);
}

async fn watch_all(watched: &Watched, store: &Store, certified: &Certified, stop: &CancellationToken) {
    let mut failures = 0u32;
    loop {
        match look_once(watched, store, certified(), Timestamp::now()).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                // Said less and less often: whoever reads the log knows by now.
                if failures.is_power_of_two() {
                    error!(failures, error = format!("{error:#}"), "nobody can look whether mail waits or a door fails; trying again");
                }
            }
        }
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(LOOK) => () }
    }
}

/// Raises what is wrong and clears what is right again.
async fn look_once(watched: &Watched, store: &Store, certificate: Option<watch::Certificate>, now: Timestamp) -> anyhow::Result<()> {
    let snapshot = watched.snapshot(store, certificate, now).await?;
    let raised = store.alarms().await?;
    for finding in watch::findings(&snapshot, &watched.rules) {
        let open = raised.iter().find(|one| one.cleared_at.is_none() && one.alarm.kind == finding.kind && one.alarm.about == finding.about);
        match (finding.state, open) {
            (State::Wrong(_), Some(open)) if now.duration_since(open.seen_at) < SEEN_AGAIN => (),
            (State::Wrong(text), _) => store.raise(Alarm { kind: finding.kind, about: finding.about, text }, now).await?,
            (State::Right, Some(_)) => store.clear(finding.kind, &finding.about, now).await?,
            (State::Right, None) => (),
        }
    }
    for gone in raised.iter().filter(|one| one.cleared_at.is_none() && watch::is_gone(one.alarm.kind, &one.alarm.about, &snapshot)) {
        store.clear(gone.alarm.kind, &gone.alarm.about, now).await?;
    }
    Ok(())
}

/// One way, by itself: it waits for no other.
async fn tell_by(way: Way, ways: &Ways, store: &Store, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            told = tell_all(way, ways, store) => if let Err(error) = told {
                debug!(way = way.as_str(), error = format!("{error:#}"), "what was told could not be looked up");
            },
        }
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(TELL) => () }
    }
}

/// Tells everything there is to tell by this way. Told first and noted then: a crash between the two tells once more, and no more often.
async fn tell_all(way: Way, ways: &Ways, store: &Store) -> anyhow::Result<()> {
    let (alarms, told) = (store.alarms().await?, store.told().await?);
    for alarm in &alarms {
        let of = |one: &&Told| one.way == way && one.kind == alarm.alarm.kind && one.about == alarm.alarm.about;
        let told = told.iter().find(of);
        let Some(news) = tell::news(alarm, told, Timestamp::now()) else { continue };
        match ways.tell(way, news, alarm).await {
            Ok(()) => note(store, alarm, way, news).await?,
            Err(no) => {
                let (attempts, now) = (told.map_or(0, |told| told.attempts).saturating_add(1), Timestamp::now());
                let (due_at, is_given_up) = tell::after_no(&no, news, attempts, now);
                let (kind, why, name) = (alarm.alarm.kind.as_str(), no.to_string(), ways.name(way));
                let retry_seconds = (!is_given_up).then_some(due_at.duration_since(now).as_secs());
                warn!(way = name, kind, attempts, retry_seconds, error = why, "an alarm could not be told by {name}");
                store.was_not_told(alarm, way, why, due_at, is_given_up.then_some(now)).await?;
            }
        }
    }
    Ok(())
}

/// Once told, it must be noted, or it is told for ever: tried until it is, or the service ends.
async fn note(store: &Store, alarm: &RaisedAlarm, way: Way, news: crate::model::alarm::News) -> anyhow::Result<()> {
    while let Err(error) = store.was_told(alarm, way, news, Timestamp::now()).await {
        warn!(way = way.as_str(), error = format!("{error:#}"), "what was told could not be noted; trying again");
        tokio::time::sleep(TELL).await;
    }
    Ok(())
}

//! Is anything wrong that nobody has complained of? A snapshot of the machine goes in, what is wrong and what is right comes out.
//! Reads no clock and no database, tells nobody.

pub mod hours;
pub mod tell;

use crate::model::alarm::AlarmKind;
use hours::Counts;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What an alarm about waiting mail is about.
pub const INTAKE: &str = "intake";
pub const OUTBOX: &str = "outbox";
/// What an alarm about the certificate is about.
pub const CERTIFICATE: &str = "smtp.tls";

/// A renewal that has not come by then will not come by itself.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A door that takes a group of large mails says nothing meanwhile.
const LONG_WORK: SignedDuration = SignedDuration::from_hours(2);

/// How the machine is at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub now: Timestamp,
    /// The machine's: working days are those of the people beside it.
    pub zone: TimeZone,
    /// Every configured door.
    pub doors: Vec<Door>,
    /// When the oldest mail came that has no end yet.
    pub oldest_arrival: Option<Timestamp>,
    /// When the oldest message of ours was written that is not handed over yet.
    pub oldest_message: Option<Timestamp>,
    /// None: there is no TLS.
    pub certificate: Option<Certificate>,
}

/// The certificate of the doors at which others knock.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// Why the files that lie there now cannot be used.
    pub fault: Option<String>,
    /// Of the one in use; none if that cannot be read.
    pub ends: Option<Timestamp>,
}

/// A door, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct Door {
    pub name: String,
    /// As it said last; empty if it never said anything.
    pub state: String,
    pub since: Option<Timestamp>,
    pub failing_since: Option<Timestamp>,
    pub last_error: Option<String>,
    /// Such a door speaks with its server at least so often; none if nobody can say that.
    pub speaks_every: Option<SignedDuration>,
    pub last_contact_at: Option<Timestamp>,
    pub last_mail_at: Option<Timestamp>,
    pub silence: Silence,
    /// Mails to ourselves through it, if it has any.
    pub canaries: Option<Canaries>,
}

/// After how many hours without mail a door is called silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    #[default]
    Never,
    /// Once it has brought mail: a door that nobody uses is not silent.
    OnceItSpoke(u32),
    /// Somebody expects mail there, from the first day on.
    FromTheStart(u32),
}

/// Mails to ourselves through one door.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    /// A mail that has not come after so long is lost.
    pub lost_after: SignedDuration,
    /// Newest first.
    pub sent: Vec<Canary>,
}

#[derive(Clone, Debug)]
pub struct Canary {
    pub sent_at: Timestamp,
    pub arrived_at: Option<Timestamp>,
    /// It could not even be handed over.
    pub error: Option<String>,
}

/// What counts as wrong.
#[derive(Clone, Debug)]
pub struct Rules {
    pub counts: Counts,
    pub failing: SignedDuration,
    pub waits: SignedDuration,
}

/// What was found out about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: AlarmKind,
    pub about: String,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Right,
    /// What happened and what to do; without addresses.
    Wrong(String),
}

/// Everything that can be said now. What is left out stays as it is: nobody knows.
pub fn findings(snapshot: &Snapshot, rules: &Rules) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |kind, about: &str, state: Option<State>| {
        found.extend(state.map(|state| Finding { kind, about: about.to_owned(), state }));
    };
    for door in &snapshot.doors {
        say(AlarmKind::DoorFailing, &door.name, failing(door, snapshot.now, rules));
        say(AlarmKind::DoorSilent, &door.name, silent(door, snapshot, rules.counts));
        say(AlarmKind::CanaryLost, &door.name, lost(door, snapshot.now));
    }
    say(AlarmKind::Certificate, CERTIFICATE, snapshot.certificate.as_ref().map(|one| certificate(one, snapshot.now)));
    say(AlarmKind::MailWaits, INTAKE, Some(arrivals_wait(snapshot, rules)));
    say(AlarmKind::MailWaits, OUTBOX, Some(messages_wait(snapshot, rules)));
    found
}

/// Alarms about what is no longer there to be right again: a door that was taken out of the configuration. What other parts raise is theirs
/// to clear.
pub fn is_gone(kind: AlarmKind, about: &str, snapshot: &Snapshot) -> bool {
    let is_watched = matches!(kind, AlarmKind::DoorFailing | AlarmKind::DoorSilent | AlarmKind::CanaryLost);
    is_watched && !snapshot.doors.iter().any(|door| door.name == about)
}

fn failing(door: &Door, now: Timestamp, rules: &Rules) -> Option<State> {
    match (door.state.as_str(), door.failing_since) {
        ("failing", Some(since)) if now.duration_since(since) >= rules.failing => {
            let why = door.last_error.as_deref().unwrap_or("it does not say why");
            Some(State::Wrong(format!(
                "Door {} has not worked for {}: {why}. Mail waits in front of it. `rohrpost doors list` says more.",
                door.name,
                words(now.duration_since(since)),
            )))
        }
        ("listening" | "working", _) if is_mute(door, now) => Some(State::Wrong(format!(
            "Door {} says that it works, and has not spoken with its server for a long time. It hangs: restart the service, and keep its log.",
            door.name
        ))),
        // It begins to fail, or the run has just begun: not known yet.
        ("failing" | "starting" | "stopped" | "", _) => None,
        _ => Some(State::Right),
    }
}

/// Whether a door that must speak has not spoken for much longer than it may. A large mail over a slow line takes a while.
fn is_mute(door: &Door, now: Timestamp) -> bool {
    let Some((every, last)) = door.speaks_every.zip(door.last_contact_at) else { return false };
    now.duration_since(last) > LONG_WORK.max(every * 3)
}

fn silent(door: &Door, snapshot: &Snapshot, counts: Counts) -> Option<State> {
    let (hours, since) = match door.silence {
        Silence::Never => return Some(State::Right),
        Silence::OnceItSpoke(hours) => (hours, door.last_mail_at),
        Silence::FromTheStart(hours) => (hours, door.last_mail_at.or(door.since)),
    };
    let Some(since) = since else { return Some(State::Right) };
    let quiet = hours::counted(since, snapshot.now, &snapshot.zone, counts);
    if quiet < SignedDuration::from_hours(i64::from(hours)) {
        return Some(State::Right);
    }
    let last = if door.last_mail_at.is_some() { "the last mail came" } else { "no mail has come since it was opened" };
    let days = match counts {
        Counts::WorkingDays => " of working days",
        Counts::AllDays => "",
    };
    Some(State::Wrong(format!(
        "Door {} has been silent for {hours} hours{days} and more; {last} {}. Send a mail there (`rohrpost canary {}`), and look at what \
         leads mail to it.",
        door.name,
        since.strftime("%Y-%m-%d %H:%M UTC"),
        door.name,
    )))
}

/// The newest that arrived decides, and those that were sent after it and are overdue.
fn lost(door: &Door, now: Timestamp) -> Option<State> {
    let Some(canaries) = &door.canaries else { return Some(State::Right) };
    let arrived = canaries.sent.iter().filter(|one| one.arrived_at.is_some()).map(|one| one.sent_at).max();
    let overdue = |one: &&Canary| {
        let is_late = now.duration_since(one.sent_at) >= canaries.lost_after;
        one.arrived_at.is_none() && is_late && arrived.is_none_or(|arrived| one.sent_at > arrived)
    };
    let overdue: Vec<&Canary> = canaries.sent.iter().filter(overdue).collect();
    let Some(first) = overdue.iter().map(|one| one.sent_at).min() else { return arrived.map(|_| State::Right) };
    let count = overdue.len();
    let mails = if count == 1 { "1 mail".to_owned() } else { format!("{count} mails") };
    let how = match overdue.iter().find_map(|one| one.error.as_deref()) {
        Some(error) => format!("could not be handed over to be sent: {error}. The relay is at fault; whether the door works is not known"),
        None => "was handed over to be sent and did not arrive. What people send there may be lost or stuck on the same way".to_owned(),
    };
    Some(State::Wrong(format!(
        "Lost since {}: {mails} to ourselves through door {}; the newest {how}.",
        first.strftime("%Y-%m-%d %H:%M UTC"),
        door.name,
    )))
}

fn arrivals_wait(snapshot: &Snapshot, rules: &Rules) -> State {
    match waiting(snapshot.oldest_arrival, snapshot.now, rules.waits) {
        None => State::Right,
        Some(waits) => State::Wrong(format!(
            "A mail that was accepted has waited for {waits} to be processed; nothing is lost. `rohrpost mail list` shows what has no end yet, \
             the log why it is put back."
        )),
    }
}

fn messages_wait(snapshot: &Snapshot, rules: &Rules) -> State {
    match waiting(snapshot.oldest_message, snapshot.now, rules.waits) {
        None => State::Right,
        Some(waits) => State::Wrong(format!(
            "A message of ours has waited for {waits} to be handed to the relay of [outgoing]; `rohrpost outbox list` shows what the relay says."
        )),
    }
}

fn certificate(certificate: &Certificate, now: Timestamp) -> State {
    if let Some(fault) = &certificate.fault {
        return State::Wrong(format!(
            "The files of smtp.tls cannot be used: {fault}. The certificate that was read before stays in use; a start would fail. `rohrpost check` \
             says whether they are right."
        ));
    }
    let Some(left) = certificate.ends.map(|ends| ends.duration_since(now)).filter(|left| *left < ENDS_SOON) else { return State::Right };
    State::Wrong(match left.is_positive() {
        true => format!("The certificate of smtp.tls ends in {}: renew it; changed files are read by themselves.", words(left)),
        false => {
            "The certificate of smtp.tls has expired: peers that check it do not send. Renew it; changed files are read by themselves."
                .into()
        }
    })
}

fn waiting(oldest: Option<Timestamp>, now: Timestamp, most: SignedDuration) -> Option<String> {
    let waits = now.duration_since(oldest?);
    (waits >= most).then(|| words(waits))
}

/// `45 minutes`, `3 hours`, `10 days`.
pub fn words(time: SignedDuration) -> String {
    let (number, unit) = match time.as_mins() {
        minutes @ ..120 => (minutes, "minute"),
        minutes @ 120..2_880 => (minutes / 60, "hour"),
        minutes => (minutes / 1_440, "day"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

#[cfg(test)]
mod tests;

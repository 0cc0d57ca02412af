//! `doors`: how each door is, as it said last, and how mails to ourselves fare there.

use super::{Done, On, show};
use crate::config::Config;
use crate::model::arrival::Door;
use crate::store::canaries::Canary;
use crate::store::doors::DoorState;
use crate::store::{DaemonLock, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Each door with its last mail and its last error
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// A door, and what else is known of it.
struct Listed {
    state: DoorState,
    /// When the oldest mail of this kind of door came that has no end yet.
    oldest_waiting: Option<Timestamp>,
    /// The newest mail to ourselves, and the newest that arrived.
    sent: Option<Canary>,
    arrived: Option<Canary>,
    lost_after: Option<SignedDuration>,
}

pub async fn run(on: &On, command: Command) -> Done {
    let Command::List { json } = command;
    let (config, store) = on.store().await?;
    let doors = listed(&config, &store).await;
    store.close().await;
    let (mut doors, now) = (doors?, Timestamp::now());
    if !DaemonLock::is_taken(&config.place) {
        // A service that was killed could not say so.
        let is_said = |door: &&mut Listed| !matches!(door.state.state.as_str(), "stopped" | "never started");
        doors.iter_mut().filter(is_said).for_each(|door| door.state.state = "not running".into());
    }
    if json {
        return show::out_json(&doors.iter().map(|door| door.json(now)).collect());
    }
    let heads = [
        "name",
        "kind",
        "state",
        "last mail (UTC)",
        "last contact",
        "waiting",
        "oldest waits",
        "mail to ourselves",
        "access until",
        "error at",
        "last error",
    ];
    show::out(show::table(&heads, &doors.iter().map(|door| door.row(now)).collect::<Vec<_>>()))
}

/// Every configured door, also one that has said nothing yet; none that the configuration no longer has.
async fn listed(config: &Config, store: &Store) -> anyhow::Result<Vec<Listed>> {
    let (said, waiting) = (store.doors().await?, store.oldest_arrivals().await?);
    let mut doors = Vec::new();
    for door in config.doors() {
        let kind = door.kind.as_str();
        let state = said.iter().find(|one| one.kind == kind && one.name == door.name).cloned();
        // It is there whether or not anybody uses it.
        if door.kind == Door::Pipe && state.is_none() && door.silent_after_hours.is_none() {
            continue;
        }
        let canaries: Vec<Canary> = store.canaries_of(kind, &door.name).await?;
        let canaries: Vec<Canary> = canaries.into_iter().filter(|one| one.sent_at.is_some()).collect();
        let lost_after = config.canary.iter().find(|canary| canary.door == door.name).map(|canary| canary.lost_after);
        doors.push(Listed {
            oldest_waiting: waiting.iter().find(|(of, _)| of == kind).map(|(_, at)| *at),
            arrived: canaries.iter().find(|one| one.arrived_at.is_some()).cloned(),
            sent: canaries.into_iter().next(),
            lost_after: lost_after.and_then(|time| SignedDuration::try_from(time).ok()),
            state: state.unwrap_or_else(|| DoorState::unheard(kind, &door.name)),
        });
    }
    Ok(doors)
}

impl Listed {
    fn json(&self, now: Timestamp) -> Value {
        let mut value = json!(self.state);
        value["oldest_waiting_since"] = json!(self.oldest_waiting);
        value["canary"] = match self.canary(now) {
            None => Value::Null,
            Some(state) => json!({
                "state": state,
                "sent_at": self.sent.as_ref().and_then(|one| one.sent_at),
                "error": self.sent.as_ref().and_then(|one| one.error.as_ref()),
                "last_arrived_at": self.arrived.as_ref().and_then(|one| one.arrived_at),
                "took_ms": self.took().map(|took| u64::try_from(took.as_millis()).unwrap_or(0)),
            }),
        };
        value
    }

    fn row(&self, now: Timestamp) -> Vec<String> {
        let at = |moment: Option<Timestamp>| moment.map(show::at).unwrap_or_default();
        let door = &self.state;
        let canary = match (self.canary(now), self.took()) {
            (Some("arrived"), Some(took)) => format!("arrived after {:.1} s", took.as_secs_f64()),
            (state, _) => state.unwrap_or_default().to_owned(),
        };
        vec![
            door.name.clone(),
            door.kind.clone(),
            door.state.clone(),
            at(door.last_mail_at),
            at(door.last_contact_at),
            door.waiting.map(|count| count.to_string()).unwrap_or_default(),
            self.oldest_waiting.map(|at| crate::watch::words(now.duration_since(at))).unwrap_or_default(),
            canary,
            at(door.expires_at),
            at(door.last_error_at),
            door.last_error.as_deref().map(show::clean).unwrap_or_default(),
        ]
    }

    /// What became of the newest mail to ourselves, in a word; none where there is none.
    fn canary(&self, now: Timestamp) -> Option<&'static str> {
        let newest = self.sent.as_ref();
        let Some((newest, sent_at)) = newest.and_then(|one| Some((one, one.sent_at?))) else {
            return self.lost_after.map(|_| "none yet");
        };
        let is_late = self.lost_after.is_some_and(|lost_after| now.duration_since(sent_at) >= lost_after);
        Some(match (newest.arrived_at, &newest.error) {
            (Some(_), _) => "arrived",
            (None, Some(_)) => "not sent",
            (None, None) if is_late => "lost",
            (None, None) => "under way",
        })
    }

    /// How long the newest that arrived was under way.
    fn took(&self) -> Option<SignedDuration> {
        let arrived = self.arrived.as_ref()?;
        Some(arrived.arrived_at?.duration_since(arrived.sent_at?))
    }
}

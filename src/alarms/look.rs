//! Brings together what is known of the doors and of what waits.

use crate::config::Config;
use crate::config::alarms::SilenceCounts;
use crate::config::doors::NamedDoor;
use crate::store::Store;
use crate::store::doors::DoorState;
use crate::watch::hours::Counts;
use crate::watch::{Canaries, Canary, Certificate, Door, Rules, Silence, Snapshot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// What is looked after.
#[derive(Clone, Debug)]
pub struct Watched {
    doors: Vec<NamedDoor>,
    /// After how long a mail to ourselves is lost, by the door's name.
    canaries: HashMap<String, SignedDuration>,
    silence_hours: u32,
    pub rules: Rules,
}

impl Watched {
    pub fn new(config: &Config) -> Watched {
        let long = |time: std::time::Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let alarms = &config.alarms;
        let counts = match alarms.silence_counts {
            SilenceCounts::WorkingDays => Counts::WorkingDays,
            SilenceCounts::AllDays => Counts::AllDays,
        };
        Watched {
            doors: config.doors(),
            canaries: config.canary.iter().map(|canary| (canary.door.clone(), long(canary.lost_after))).collect(),
            silence_hours: alarms.silence_hours,
            rules: Rules { counts, failing: long(alarms.failing), waits: long(alarms.waits) },
        }
    }

    /// How everything is now.
    pub async fn snapshot(&self, store: &Store, certificate: Option<Certificate>, now: Timestamp) -> anyhow::Result<Snapshot> {
        let said = store.doors().await?;
        let mut doors = Vec::with_capacity(self.doors.len());
        for named in &self.doors {
            let kind = named.kind.as_str();
            let state = said.iter().find(|door| door.kind == kind && door.name == named.name).cloned();
            let canaries = match self.canaries.get(&named.name) {
                Some(lost_after) => Some(canaries(store, kind, &named.name, *lost_after).await?),
                None => None,
            };
            doors.push(self.door(named, state, canaries));
        }
        Ok(Snapshot {
            now,
            zone: TimeZone::system(),
            doors,
            oldest_arrival: store.oldest_arrivals().await?.into_iter().map(|(_, at)| at).min(),
            oldest_message: store.oldest_message().await?,
            certificate,
        })
    }

    fn door(&self, named: &NamedDoor, state: Option<DoorState>, canaries: Option<Canaries>) -> Door {
        let silence = match (named.silent_after_hours, self.silence_hours) {
            (Some(0), _) | (None, 0) => Silence::Never,
            (Some(hours), _) => Silence::FromTheStart(hours),
            (None, hours) => Silence::OnceItSpoke(hours),
        };
        let name = named.name.clone();
        match state {
            None => Door { name, silence, canaries, ..Door::default() },
            Some(DoorState { state, since, failing_since, last_error, last_contact_at, last_mail_at, .. }) => {
                let speaks_every = named.speaks_every.and_then(|every| SignedDuration::try_from(every).ok());
                Door { name, state, since, failing_since, last_error, speaks_every, last_contact_at, last_mail_at, silence, canaries }
            }
        }
    }
}

async fn canaries(store: &Store, kind: &str, name: &str, lost_after: SignedDuration) -> anyhow::Result<Canaries> {
    let known = store.canaries_of(kind, name).await?;
    let sent =
        known.into_iter().filter_map(|one| one.sent_at.map(|sent_at| Canary { sent_at, arrived_at: one.arrived_at, error: one.error }));
    Ok(Canaries { lost_after, sent: sent.collect() })
}

//! `[healing]`: when held mail is looked at again by itself.

use super::faults::Found;
use crate::model::healing::Schedule;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHealing {
    first_delay_seconds: Option<u64>,
    most_tries: Option<u32>,
}

/// A day: the longest wait is 1440 times as long.
const LONGEST_DELAY: u64 = 86_400;
const MOST_TRIES: u64 = 1_000;

impl RawHealing {
    pub(super) fn meant(self, found: &mut Found) -> Schedule {
        let usual = Schedule::default();
        let first = found.within(self.first_delay_seconds, usual.first.as_secs(), 1..=LONGEST_DELAY, "healing.first_delay_seconds");
        let most = found.within(self.most_tries.map(u64::from), usual.most.into(), 1..=MOST_TRIES, "healing.most_tries");
        Schedule { first: Duration::from_secs(first), most: u32::try_from(most).unwrap_or(usual.most) }
    }
}

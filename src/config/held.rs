//! `[held_unauthenticated]`: how much mail of unproved senders may wait, for each tenant.

use super::faults::Found;
use crate::model::arrival::HeldLimits;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHeld {
    max_mails: Option<u64>,
    max_bytes: Option<u64>,
    max_age_days: Option<u32>,
}

/// Counting costs a step for each mail that waits.
const MOST_MAILS: u64 = 1_000_000;
const MOST_BYTES: u64 = 1 << 60;
/// A hundred years.
const MOST_DAYS: u32 = 36_500;

impl RawHeld {
    pub(super) fn meant(self, found: &mut Found) -> HeldLimits {
        let days = found.within(self.max_age_days.map(u64::from), 30, 1..=u64::from(MOST_DAYS), "held_unauthenticated.max_age_days");
        HeldLimits {
            mails: found.within(self.max_mails, 10_000, 0..=MOST_MAILS, "held_unauthenticated.max_mails"),
            bytes: found.within(self.max_bytes, 1 << 30, 0..=MOST_BYTES, "held_unauthenticated.max_bytes"),
            age_days: u32::try_from(days).unwrap_or(MOST_DAYS),
        }
    }
}

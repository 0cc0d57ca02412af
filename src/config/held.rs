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

impl RawHeld {
    pub(super) fn meant(self, found: &mut Found) -> HeldLimits {
        found.add_if(self.max_age_days == Some(0), "held_unauthenticated.max_age_days", "at least 1");
        // Counting costs a step for each mail that waits.
        let mails = self.max_mails.unwrap_or(10_000);
        found.add_if(mails > 1_000_000, "held_unauthenticated.max_mails", "at most 1000000");
        HeldLimits { mails, bytes: self.max_bytes.unwrap_or(1 << 30), age_days: self.max_age_days.unwrap_or(30) }
    }
}

//! What `rohrpost deliver` is told once and for all.

use super::alarms;
use super::faults::Found;
use serde::Deserialize;

#[derive(Clone, Debug, Default)]
pub struct Deliver {
    /// RFC 8601 §2.5: the name under which the Authentication-Results of whoever calls it are believed.
    pub authserv_id: Option<String>,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDeliver {
    authserv_id: Option<String>,
    silent_after_hours: Option<u64>,
}

impl RawDeliver {
    pub(super) fn meant(self, found: &mut Found) -> Deliver {
        let silent_after_hours = alarms::silent_after(self.silent_after_hours, "deliver.silent_after_hours", found);
        Deliver { authserv_id: self.authserv_id, silent_after_hours }
    }
}

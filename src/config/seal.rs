//! `[seal]`: the keys for what others entrusted to us.

use super::Secret;
use super::faults::Found;
use serde::Deserialize;

/// Where the keys lie. Fetched where they are needed: commands without them do without.
#[derive(Clone, Debug)]
pub struct SealKeys {
    /// Seals, and opens.
    pub key: Secret,
    /// Open what they sealed, until it has been sealed anew.
    pub old: Vec<Secret>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSeal {
    key: Option<Secret>,
    old_keys: Vec<Secret>,
}

impl RawSeal {
    /// None: nothing can be sealed.
    pub(super) fn meant(self, found: &mut Found) -> Option<SealKeys> {
        found.add_if(
            self.key.is_none() && !self.old_keys.is_empty(),
            "seal.key",
            "old keys open, and one that seals is needed beside them",
        );
        Some(SealKeys { key: self.key?, old: self.old_keys })
    }
}

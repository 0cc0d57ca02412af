//! What `rohrpost deliver` is told once and for all.

use serde::Deserialize;

#[derive(Clone, Debug, Default)]
pub struct Deliver {
    /// RFC 8601 §2.5: the name under which the Authentication-Results of whoever calls it are believed.
    pub authserv_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDeliver {
    authserv_id: Option<String>,
}

impl RawDeliver {
    pub(super) fn meant(self) -> Deliver {
        Deliver { authserv_id: self.authserv_id }
    }
}

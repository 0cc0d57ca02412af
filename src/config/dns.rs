//! Whom we ask for names, and how long, when we check a sender ourselves.

use super::faults::Found;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// What is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// None of them: those of `/etc/resolv.conf`.
    pub resolvers: Vec<SocketAddr>,
    /// For all questions about one mail together.
    pub budget: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Dns { resolvers: Vec::new(), budget: Duration::from_secs(10) }
    }
}

/// What becomes of a mail for which nobody vouches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unauthenticated {
    /// 550: the peer is the sender's own server, which tells him.
    Refuse,
    /// It is taken and held: a refusal would become a bounce to a forged address.
    Hold,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDns {
    resolvers: Vec<String>,
    timeout_seconds: Option<u64>,
}

/// A peer waits ten minutes for the answer to its last dot (RFC 5321 §4.5.3.2.6); other work must fit in as well.
const LONGEST_BUDGET: u64 = 120;

impl RawDns {
    pub(super) fn meant(self, found: &mut Found) -> Dns {
        let mut resolvers = Vec::new();
        for (index, given) in self.resolvers.iter().enumerate() {
            match given.parse() {
                Ok(address) => resolvers.push(address),
                Err(_) => {
                    found.add(&format!("dns.resolvers[{index}]"), &format!("{given:?} is no address with a port (as in 127.0.0.1:53)"))
                }
            }
        }
        let seconds = self.timeout_seconds.unwrap_or(10);
        found.add_if(!(1..=LONGEST_BUDGET).contains(&seconds), "dns.timeout_seconds", "between 1 and 120");
        Dns { resolvers, budget: Duration::from_secs(seconds) }
    }
}

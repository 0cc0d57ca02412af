//! Brakes: how often an address, and the network around it, may connect, begin a mail, and try a password.
//!
//! An address is an IPv4 address or an IPv6 /64; its network is the IPv4 /24 or the IPv6 /48, which may do eight times as much. Whoever
//! has a whole network gains that and no more. Each limit is a bucket that is full at the start and fills evenly (GCRA).

use crate::config;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many times as much as one address its network may do.
pub const NETWORK: NonZeroU32 = NonZeroU32::new(8).unwrap();
/// Addresses, or networks, that one brake remembers. Each takes about a hundred bytes, and is forgotten once its bucket is full again.
const MOST_KEYS: usize = 100_000;
/// How often those that are full again are forgotten; when there are too many, at once.
pub const TIDY: Duration = Duration::from_secs(30);

/// All brakes of a door. A clock is given for tests.
pub struct Brakes<C: Clock = DefaultClock> {
    connections: Brake<C>,
    mails: Brake<C>,
    logins: Brake<C>,
    /// Tries that were paid for, and turned out to be no failures.
    paid_back: Mutex<HashMap<(IpAddr, IpAddr), u32>>,
}

/// One limit, for an address and for its network.
struct Brake<C: Clock> {
    address: Limiter<C>,
    network: Limiter<C>,
}

type Limiter<C> = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// What a limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    /// There are too many addresses to count each.
    TooManyKeys,
}

impl Brakes<DefaultClock> {
    pub fn new(limits: config::Brakes) -> Brakes {
        Brakes::with_clock(limits, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Brakes<C> {
    pub fn with_clock(limits: config::Brakes, clock: &C) -> Brakes<C> {
        Brakes {
            connections: Brake::new(limits.connections_per_minute, Quota::per_minute, clock),
            mails: Brake::new(limits.mails_per_hour, Quota::per_hour, clock),
            logins: Brake::new(limits.failed_logins_per_hour, Quota::per_hour, clock),
            paid_back: Mutex::default(),
        }
    }

    /// Whether this address may connect once more.
    pub fn may_connect(&self, address: IpAddr) -> bool {
        self.connections.ask(address) != Said::No
    }

    /// Whether it may begin one more mail.
    pub fn may_send(&self, address: IpAddr) -> bool {
        self.mails.ask(address) != Said::No
    }

    /// Whether it may try a password. Every try is paid for before the password is looked at, so that many at once are no more than
    /// many in a row; `no_failure` pays back. While there are too many addresses to count, nobody may: guessing must not pass then.
    pub fn may_try_password(&self, address: IpAddr) -> bool {
        let key = (address_of(address), network_of(address));
        let mut paid_back = self.paid_back.lock().unwrap_or_else(PoisonError::into_inner);
        match paid_back.get_mut(&key) {
            Some(tries) if *tries > 1 => *tries -= 1,
            Some(_) => drop(paid_back.remove(&key)),
            None => return self.logins.ask(address) == Said::Yes,
        }
        true
    }

    /// The try was right, or nobody could look at it.
    pub fn no_failure(&self, address: IpAddr) {
        let mut paid_back = self.paid_back.lock().unwrap_or_else(PoisonError::into_inner);
        if paid_back.len() < MOST_KEYS {
            *paid_back.entry((address_of(address), network_of(address))).or_default() += 1;
        }
    }

    /// Forgets whoever has done nothing for a while.
    pub fn tidy(&self) {
        for brake in [&self.connections, &self.mails, &self.logins] {
            brake.tidy();
        }
        // A try paid back is worth something only as long as its bucket is not full.
        let mut paid_back = self.paid_back.lock().unwrap_or_else(PoisonError::into_inner);
        if self.logins.address.is_empty() {
            *paid_back = HashMap::new();
        }
    }

    /// Addresses and networks that are remembered.
    pub fn remembered(&self) -> usize {
        [&self.connections, &self.mails, &self.logins].iter().map(|brake| brake.address.len() + brake.network.len()).sum()
    }
}

impl<C: Clock + Clone> Brake<C> {
    fn new(most: NonZeroU32, quota: fn(NonZeroU32) -> Quota, clock: &C) -> Brake<C> {
        Brake {
            address: RateLimiter::dashmap_with_clock(quota(most), clock.clone()),
            network: RateLimiter::dashmap_with_clock(quota(most.saturating_mul(NETWORK)), clock.clone()),
        }
    }

    fn ask(&self, address: IpAddr) -> Said {
        match said(&self.address, address_of(address)) {
            Said::Yes => said(&self.network, network_of(address)),
            other => other,
        }
    }

    fn tidy(&self) {
        for limiter in [&self.address, &self.network] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

fn said<C: Clock + Clone>(limiter: &Limiter<C>, key: IpAddr) -> Said {
    if limiter.len() >= MOST_KEYS {
        return Said::TooManyKeys;
    }
    if limiter.check_key(&key).is_ok() { Said::Yes } else { Said::No }
}

/// Whoever has one address of an IPv6 /64 has all of them.
pub fn address_of(address: IpAddr) -> IpAddr {
    masked(address, 32, 64)
}

/// What is given to one customer at most, as a rule.
fn network_of(address: IpAddr) -> IpAddr {
    masked(address, 24, 48)
}

fn masked(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - v4_bits).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - v6_bits).unwrap_or(0)).into()),
    }
}

#[cfg(test)]
mod tests;

//! Who may come in, and as whom: asked for every connection before a word is said.

use super::reply::{self, Reply};
use super::session::{Peer, Shared};
use crate::config::Smtp;
use crate::config::lmtp::Lmtp;
use crate::intake::brakes;
use crate::intake::told::Told;
use crate::model::facts::Origin;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// The rules of a door for those who connect.
pub trait Gate: Send + Sync {
    /// Who it is, and the place that it takes; or what is said to it. The address is none behind a socket of this machine.
    fn admit(&self, address: Option<IpAddr>) -> Result<(Peer, Place), Reply>;
}

/// The SMTP door's: everybody, within limits; hosts that are trusted are known by their network.
pub struct Everybody<A, D> {
    config: Smtp,
    shared: Arc<Shared<A, D>>,
    connections: Connections,
}

impl<A, D> Everybody<A, D> {
    pub fn new(config: Smtp, shared: Arc<Shared<A, D>>) -> Everybody<A, D> {
        let connections = Connections::new(config.limits.connections, config.limits.connections_per_address);
        Everybody { config, shared, connections }
    }
}

impl<A: Send + Sync, D: Send + Sync> Gate for Everybody<A, D> {
    fn admit(&self, address: Option<IpAddr>) -> Result<(Peer, Place), Reply> {
        // It listens on the network alone.
        let known = address.ok_or_else(reply::not_for_you)?;
        let (origin, authserv_id) = self.config.origin(known);
        // A mail host that we trust brings everybody's mail.
        if origin == Origin::Direct && !self.shared.brakes.may_connect(known) {
            self.shared.tell(known, "smtp.max_connections_per_minute");
            return Err(reply::too_often());
        }
        let Some(place) = self.connections.enter(known, origin) else {
            self.shared.tell(known, self.connections.limit(known));
            return Err(reply::too_many_connections());
        };
        Ok((Peer { address, origin, authserv_id: authserv_id.map(str::to_owned) }, place))
    }
}

/// The LMTP door's: mail hosts alone, whose results are believed. A socket's permissions say who may; a network is named.
pub struct Hosts {
    config: Lmtp,
    connections: Connections,
    told: Told,
}

impl Hosts {
    pub fn new(config: Lmtp) -> Hosts {
        let connections = Connections::new(config.connections, config.connections);
        Hosts { config, connections, told: Told::default() }
    }
}

/// Under which those are counted that have no address.
const THIS_MACHINE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl Gate for Hosts {
    fn admit(&self, address: Option<IpAddr>) -> Result<(Peer, Place), Reply> {
        if let Some(address) = address.filter(|address| !self.config.networks.iter().any(|network| network.contains(*address))) {
            if self.told.first(&address.to_string()) {
                warn!(peer = %address, "{address} may not connect by LMTP: name it in lmtp.networks if it is a mail host of yours");
            }
            // For a while only: what an operator forgot to name must not become bounces.
            return Err(reply::not_for_you());
        }
        let Some(place) = self.connections.enter(address.unwrap_or(THIS_MACHINE), Origin::Relay) else {
            if self.told.first("lmtp.max_connections") {
                warn!("mail hosts are held up by lmtp.max_connections: raise it, or let them open fewer at once");
            }
            return Err(reply::too_many_connections());
        };
        Ok((Peer { address, origin: Origin::Relay, authserv_id: self.config.authserv_id.clone() }, place))
    }
}

/// Counts connections, in all and per address. A fifth of all is kept for the mail hosts that we trust: strangers cannot shut them out.
#[derive(Clone)]
struct Connections {
    counts: Arc<Mutex<Counts>>,
    most: usize,
    most_per_address: usize,
}

#[derive(Default)]
struct Counts {
    all: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A connection's place; given back when dropped.
pub struct Place {
    connections: Connections,
    address: IpAddr,
}

impl Connections {
    fn new(most: usize, most_per_address: usize) -> Connections {
        Connections { counts: Arc::default(), most, most_per_address }
    }

    fn enter(&self, address: IpAddr, origin: Origin) -> Option<Place> {
        let address = brakes::address_of(address);
        let most = if origin == Origin::Direct { self.most - self.most / 5 } else { self.most };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.per_address.get(&address).copied().unwrap_or(0);
        if counts.all >= most || here >= self.most_per_address {
            return None;
        }
        counts.all += 1;
        counts.per_address.insert(address, here + 1);
        Some(Place { connections: self.clone(), address })
    }

    /// The limit that keeps this address out.
    fn limit(&self, address: IpAddr) -> &'static str {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.per_address.get(&brakes::address_of(address)).copied().unwrap_or(0);
        if here >= self.most_per_address { "smtp.max_connections_per_address" } else { "smtp.max_connections" }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        match counts.per_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.per_address.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2033 §3: whoever may connect is believed, so that not everybody may.
    #[test]
    fn who_may_bring_mail_by_lmtp() {
        let text = "[lmtp]\nlisten = [\"127.0.0.1:24\"]\nauthserv_id = \"mx.acme.example\"\nmax_connections = 2\n\
                    networks = [\"127.0.0.0/8\", \"::1\"]\n";
        let gate = Hosts::new(crate::config::read(text, Vec::new()).unwrap().lmtp);
        let admit = |address: &str| gate.admit(address.parse().ok());
        assert_eq!(admit("192.0.2.1").map(drop).unwrap_err().code(), 421);
        let (peer, first) = admit("127.0.0.1").unwrap();
        assert_eq!((peer.origin, peer.authserv_id.as_deref()), (Origin::Relay, Some("mx.acme.example")));
        let (peer, second) = admit("a socket").unwrap();
        assert_eq!((peer.address, peer.origin), (None, Origin::Relay));
        assert_eq!(admit("::1").map(drop).unwrap_err().code(), 421);
        drop((first, second));
        assert!(admit("::1").is_ok());
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let connections = Connections::new(3, 2);
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = connections.enter(one, Origin::Direct);
        let second = connections.enter(one, Origin::Direct);
        assert!(first.is_some() && second.is_some() && connections.enter(one, Origin::Direct).is_none());
        let third = connections.enter(two, Origin::Direct);
        assert!(third.is_some() && connections.enter(two, Origin::Direct).is_none());
        drop(first);
        assert!(connections.enter(two, Origin::Direct).is_some());
    }

    #[test]
    fn strangers_leave_room_for_trusted_hosts() {
        let connections = Connections::new(10, 100);
        let (stranger, host) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let strangers: Vec<_> = std::iter::from_fn(|| connections.enter(stranger, Origin::Direct)).collect();
        let hosts: Vec<_> = std::iter::from_fn(|| connections.enter(host, Origin::Relay)).collect();
        assert_eq!((strangers.len(), hosts.len()), (8, 2));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let connections = Connections::new(10, 1);
        let enter = |address: &str| connections.enter(address.parse().unwrap(), Origin::Direct);
        let first = enter("2001:db8:0:1::1");
        assert!(first.is_some() && enter("2001:db8:0:1:ffff::2").is_none() && enter("2001:db8:0:2::1").is_some());
    }
}

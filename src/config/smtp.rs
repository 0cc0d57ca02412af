//! The SMTP door: where it listens, whom it believes, what a session may cost.

use super::faults::Found;
use super::{Network, Unauthenticated, alarms};
use crate::model::facts::Origin;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

const MOST_RECIPIENTS: u64 = 10_000;
const MOST_ERRORS: u64 = 10_000;
/// Open at once; each is a file of the process.
const MOST_CONNECTIONS: u64 = 100_000;
/// Of a brake: in its minute or hour.
const MOST_OFTEN: u64 = 1_000_000;
/// In seconds. RFC 5321 §4.5.3.2 asks for minutes.
const LONGEST_TIMEOUT: u64 = 3_600;
/// In seconds: the parts stop one after the other.
const LONGEST_STOP: u64 = 600;

/// The SMTP door.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub listen: Vec<SocketAddr>,
    /// Where TLS comes first. RFC 8314 §3.3.
    pub listen_tls: Vec<SocketAddr>,
    pub hostname: String,
    pub tls: Option<TlsFiles>,
    pub trusted: Vec<Trusted>,
    /// Of direct peers.
    pub unauthenticated: Unauthenticated,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
    pub limits: Limits,
}

#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A mail host in front of us.
#[derive(Clone, Debug)]
pub struct Trusted {
    pub networks: Vec<Network>,
    /// RFC 8601 §2.5: the name that its Authentication-Results bear.
    pub authserv_id: Option<String>,
    pub submission_only: bool,
    pub unauthenticated: Unauthenticated,
}

/// What a session may cost. RFC 5321 §4.5.3 has the least that must be allowed.
#[derive(Clone, Debug)]
pub struct Limits {
    pub message_bytes: u64,
    pub recipients: usize,
    /// Wrong or useless commands before the session is closed.
    pub errors: u32,
    pub connections: usize,
    pub connections_per_address: usize,
    pub brakes: Brakes,
    pub command_timeout: Duration,
    pub data_timeout: Duration,
    /// How long work in hand may go on when the program stops.
    pub stop_timeout: Duration,
}

/// What one address may do within a time; its network may do a multiple of it. See `intake::brakes`.
#[derive(Clone, Copy, Debug)]
pub struct Brakes {
    pub connections_per_minute: NonZeroU32,
    pub mails_per_hour: NonZeroU32,
    pub failed_logins_per_hour: NonZeroU32,
}

impl Smtp {
    /// What the configuration says of a peer: its origin, and the authserv-id that is believed of it.
    pub fn origin(&self, peer: IpAddr) -> (Origin, Option<&str>) {
        match self.trusted_host(peer) {
            None => (Origin::Direct, None),
            Some(trusted) if trusted.submission_only => (Origin::SubmissionRelay, trusted.authserv_id.as_deref()),
            Some(trusted) => (Origin::Relay, trusted.authserv_id.as_deref()),
        }
    }

    /// What becomes of mail of this peer for which nobody vouches.
    pub fn unauthenticated(&self, peer: IpAddr) -> Unauthenticated {
        self.trusted_host(peer).map_or(self.unauthenticated, |trusted| trusted.unauthenticated)
    }

    fn trusted_host(&self, peer: IpAddr) -> Option<&Trusted> {
        self.trusted.iter().find(|trusted| trusted.networks.iter().any(|network| network.contains(peer)))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSmtp {
    pub(super) listen: Option<Vec<String>>,
    pub(super) listen_tls: Vec<String>,
    pub(super) hostname: Option<String>,
    pub(super) tls: Option<RawTls>,
    pub(super) trusted: Vec<RawTrusted>,
    pub(super) unauthenticated: Option<Unauthenticated>,
    pub(super) silent_after_hours: Option<u64>,
    max_message_bytes: Option<u64>,
    max_recipients: Option<usize>,
    max_errors: Option<u32>,
    max_connections: Option<usize>,
    max_connections_per_address: Option<usize>,
    max_connections_per_minute: Option<u32>,
    max_mails_per_hour: Option<u32>,
    max_failed_logins_per_hour: Option<u32>,
    command_timeout_seconds: Option<u64>,
    data_timeout_seconds: Option<u64>,
    stop_timeout_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrusted {
    networks: Vec<String>,
    authserv_id: Option<String>,
    #[serde(default)]
    submission_only: bool,
    unauthenticated: Option<Unauthenticated>,
}

impl RawSmtp {
    /// Whether nobody can connect.
    pub(super) fn is_closed(&self) -> bool {
        self.listen.as_ref().is_some_and(Vec::is_empty) && self.listen_tls.is_empty()
    }

    pub(super) fn meant(self, found: &mut Found) -> Option<Smtp> {
        let limits = limits(&self, found);
        let listen = addresses("smtp.listen", &self.listen.unwrap_or_else(|| vec!["127.0.0.1:2525".into()]), &[], found);
        let listen_tls = addresses("smtp.listen_tls", &self.listen_tls, &listen, found);
        let is_without = self.tls.is_none() && !self.listen_tls.is_empty();
        found.add_if(is_without, "smtp.listen_tls", "smtp.tls is missing: there is no TLS without a certificate");
        let hostname = self.hostname.or_else(machine_name).unwrap_or_else(|| "localhost".into());
        let legal =
            hostname.len() <= 255 && !hostname.is_empty() && hostname.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        found.add_if(!legal, "smtp.hostname", "a host name of letters, digits, dots and hyphens");
        let trusted = self.trusted.into_iter().enumerate().filter_map(|(index, raw)| raw.meant(index, found)).collect();
        let tls = self.tls.map(|tls| TlsFiles { certificate: tls.certificate, key: tls.key });
        let unauthenticated = self.unauthenticated.unwrap_or(Unauthenticated::Refuse);
        let silent_after_hours = alarms::silent_after(self.silent_after_hours, "smtp.silent_after_hours", found);
        Some(Smtp { listen, listen_tls, hostname, tls, trusted, unauthenticated, silent_after_hours, limits })
    }
}

/// Each number within what can be meant and reckoned with.
fn limits(raw: &RawSmtp, found: &mut Found) -> Limits {
    let wide = |value: Option<usize>| value.map(|value| u64::try_from(value).unwrap_or(u64::MAX));
    let narrow = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let message_bytes = found.within(raw.max_message_bytes, 50 << 20, 64 * 1024..=1 << 30, "smtp.max_message_bytes");
    let recipients = found.within(wide(raw.max_recipients), 100, 1..=MOST_RECIPIENTS, "smtp.max_recipients");
    let errors = found.within(raw.max_errors.map(u64::from), 20, 1..=MOST_ERRORS, "smtp.max_errors");
    let connections = found.within(wide(raw.max_connections), 500, 1..=MOST_CONNECTIONS, "smtp.max_connections");
    let of_one = found.within(wide(raw.max_connections_per_address), 50, 1..=MOST_CONNECTIONS, "smtp.max_connections_per_address");
    let mut seconds = |value, default, longest, key: &str| Duration::from_secs(found.within(value, default, 1..=longest, key));
    Limits {
        message_bytes,
        recipients: narrow(recipients),
        errors: u32::try_from(errors).unwrap_or(u32::MAX),
        connections: narrow(connections),
        connections_per_address: narrow(of_one),
        // RFC 5321 §4.5.3.2.7 and §4.5.3.2.5.
        command_timeout: seconds(raw.command_timeout_seconds, 300, LONGEST_TIMEOUT, "smtp.command_timeout_seconds"),
        data_timeout: seconds(raw.data_timeout_seconds, 180, LONGEST_TIMEOUT, "smtp.data_timeout_seconds"),
        stop_timeout: seconds(raw.stop_timeout_seconds, 30, LONGEST_STOP, "smtp.stop_timeout_seconds"),
        brakes: brakes(raw, found),
    }
}

fn brakes(raw: &RawSmtp, found: &mut Found) -> Brakes {
    let mut rate = |value: Option<u32>, default: u64, key: &str| {
        let rate = found.within(value.map(u64::from), default, 1..=MOST_OFTEN, key);
        u32::try_from(rate).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    };
    Brakes {
        connections_per_minute: rate(raw.max_connections_per_minute, 60, "smtp.max_connections_per_minute"),
        mails_per_hour: rate(raw.max_mails_per_hour, 600, "smtp.max_mails_per_hour"),
        failed_logins_per_hour: rate(raw.max_failed_logins_per_hour, 20, "smtp.max_failed_logins_per_hour"),
    }
}

/// Addresses with ports, none of them twice, nor among those that are `taken`.
fn addresses(key: &str, given: &[String], taken: &[SocketAddr], found: &mut Found) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for (index, text) in given.iter().enumerate() {
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 && (addresses.contains(&address) || taken.contains(&address)) => {
                found.add(key, &format!("the same address stands there twice: {address}"));
            }
            Ok(address) => addresses.push(address),
            Err(_) => found.add(&format!("{key}[{index}]"), &format!("{text:?} is no address with a port (as in 127.0.0.1:2525)")),
        }
    }
    addresses
}

impl RawTrusted {
    fn meant(self, index: usize, found: &mut Found) -> Option<Trusted> {
        let mut networks = Vec::new();
        for (at, given) in self.networks.iter().enumerate() {
            match given.parse() {
                Ok(network) => networks.push(network),
                Err(error) => found.add(&format!("smtp.trusted[{index}].networks[{at}]"), &format!("{given:?}: {error}")),
            }
        }
        found.add_if(self.networks.is_empty(), &format!("smtp.trusted[{index}].networks"), "at least one network");
        let unauthenticated = self.unauthenticated.unwrap_or(Unauthenticated::Hold);
        Some(Trusted { networks, authserv_id: self.authserv_id, submission_only: self.submission_only, unauthenticated })
    }
}

/// As the system call tells it: a unit with `ProcSubset=pid` sees no file that has it.
pub(super) fn machine_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().trim().to_owned();
    Some(name).filter(|name| !name.is_empty())
}

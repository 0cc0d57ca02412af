//! What was said -> what is meant. One TOML file describes the machine; every default of the machine lives here.
//! Everything of a tenant is in the database.

mod dns;
mod faults;
mod held;
pub mod imap;
mod limits;
mod network;
pub mod scan;

pub use dns::{Dns, Unauthenticated};
pub use network::Network;

use crate::model::address;
use crate::model::arrival::HeldLimits;
use crate::model::facts::Origin;
use crate::model::installation::Place;
use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The example with every key, printed by `default-config`.
pub const EXAMPLE: &str = include_str!("../deploy/rohrpost.toml");

/// Where the configuration is, unless `--config` or ROHRPOST_CONFIG says otherwise.
pub const DEFAULT_PATH: &str = "/etc/rohrpost/rohrpost.toml";

/// What is meant: checked, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    pub place: Place,
    pub dead_letters: PathBuf,
    /// Below so many free bytes nothing is accepted.
    pub min_free_bytes: u64,
    /// The operator's address, to which mail for postmaster is handed.
    pub postmaster: Option<String>,
    /// Without a slash at its end.
    pub portal_url: Option<String>,
    pub log: Log,
    pub smtp: Smtp,
    pub imap: Vec<imap::Imap>,
    pub dns: Dns,
    pub outgoing: Outgoing,
    /// None: files are not scanned.
    pub scan: Option<scan::Scan>,
    pub held_unauthenticated: HeldLimits,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub level: tracing::level_filters::LevelFilter,
    pub json: bool,
}

/// The SMTP door.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub listen: Vec<SocketAddr>,
    pub hostname: String,
    pub tls: Option<TlsFiles>,
    pub trusted: Vec<Trusted>,
    /// Of direct peers.
    pub unauthenticated: Unauthenticated,
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

/// The relay that takes our notices.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub host: String,
    pub port: u16,
    pub tls: OutgoingTls,
    pub login: Option<(String, Secret)>,
    /// `Rohrpost <rohrpost@acme.example>`, or none: then noreply@ the import domain.
    pub from: Option<String>,
    /// After so long without success a message is given up. RFC 5321 §4.5.4.1 asks for 4 to 5 days.
    pub give_up_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutgoingTls {
    /// Plain text: only for a relay on this machine.
    None,
    /// STARTTLS, or nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

impl Outgoing {
    /// Name and password, fetched now. An error says what to do.
    pub fn fetched_login(&self) -> anyhow::Result<Option<(String, SecretString)>> {
        let Some((user, password)) = &self.login else { return Ok(None) };
        Ok(Some((user.clone(), password.get().context("outgoing.password")?)))
    }
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

/// Everything that is wrong with a configuration, each fault with its place.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

/// Reads the file and the environment. All faults are found at once.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let one = |fault: String| Faults(vec![fault]);
    let text = std::fs::read_to_string(path).map_err(|error| one(unreadable(path, &error)))?;
    let environment = std::env::vars().collect();
    read(&text, environment).map_err(|Faults(list)| Faults(list.into_iter().map(|fault| format!("{}: {fault}", path.display())).collect()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "; name the file by --config FILE or ROHRPOST_CONFIG, or make one: `rohrpost default-config` prints the example with every key"
        }
        _ => "",
    };
    format!("{}: {error}{hint}", path.display())
}

/// Reads a configuration from its text, overlaid by `ROHRPOST__SECTION__KEY` variables.
pub fn read(text: &str, environment: Vec<(String, String)>) -> Result<Config, Faults> {
    let (raw, mut found) = faults::parse(text, environment);
    let config = raw.meant(&mut found);
    match config {
        Some(config) if found.is_empty() => Ok(config),
        _ => Err(Faults(found.into_list())),
    }
}

/// A value that does not belong in a configuration file: from a systemd credential, a file, or in plain text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    Credential(String),
    File(PathBuf),
    Value(SecretString),
}

impl Secret {
    /// Fetches it. One line end at its end is taken off.
    pub fn get(&self) -> anyhow::Result<SecretString> {
        let path = match self {
            Secret::Value(value) => return Ok(value.expose_secret().into()),
            Secret::File(path) => path.clone(),
            Secret::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
                let folder = folder.with_context(|| {
                    format!(
                        "credential {name:?}: systemd passes none; LoadCredential={name}:/path in the unit does, and to the service alone"
                    )
                })?;
                PathBuf::from(folder).join(name)
            }
        };
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.trim_end_matches(['\r', '\n']).into())
    }
}

/// What was said: every key of the file, none of them required.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    state_dir: Option<PathBuf>,
    database: Option<PathBuf>,
    blobs: Option<PathBuf>,
    dead_letters: Option<PathBuf>,
    min_free_bytes: Option<u64>,
    postmaster: Option<String>,
    portal_url: Option<String>,
    log: RawLog,
    smtp: RawSmtp,
    imap: Vec<imap::RawImap>,
    dns: dns::RawDns,
    outgoing: RawOutgoing,
    scan: scan::RawScan,
    held_unauthenticated: held::RawHeld,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    level: Option<String>,
    format: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSmtp {
    listen: Option<Vec<String>>,
    hostname: Option<String>,
    tls: Option<RawTls>,
    trusted: Vec<RawTrusted>,
    unauthenticated: Option<Unauthenticated>,
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
struct RawTls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrusted {
    networks: Vec<String>,
    authserv_id: Option<String>,
    #[serde(default)]
    submission_only: bool,
    unauthenticated: Option<Unauthenticated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawOutgoing {
    host: Option<String>,
    port: Option<u16>,
    tls: Option<OutgoingTls>,
    user: Option<String>,
    password: Option<Secret>,
    from: Option<String>,
    give_up_after_hours: Option<u64>,
}

impl Raw {
    fn meant(self, found: &mut faults::Found) -> Option<Config> {
        let state = self.state_dir.unwrap_or_else(|| "/var/lib/rohrpost".into());
        found.add_if(!state.is_absolute(), "state_dir", "an absolute path is needed: the service has no folder of its own to start from");
        if let Some(postmaster) = &self.postmaster {
            found.add_if(!address::is_plausible(postmaster), "postmaster", "this is no e-mail address");
        }
        let portal_url = self.portal_url.filter(|url| !url.is_empty());
        if let Some(url) = &portal_url {
            let is_web = url.starts_with("https://") || url.starts_with("http://");
            found.add_if(!is_web, "portal_url", "it begins with https://");
        }
        let log = self.log.meant(found);
        let smtp = self.smtp.meant(found);
        let message_bytes = smtp.as_ref().map_or(50 << 20, |smtp| smtp.limits.message_bytes);
        let imap = imap::meant(self.imap, message_bytes, found);
        let dns = self.dns.meant(found);
        let outgoing = self.outgoing.meant(found);
        let scan = self.scan.meant(found);
        let held_unauthenticated = self.held_unauthenticated.meant(found);
        Some(Config {
            place: Place {
                database: self.database.unwrap_or_else(|| state.join("rohrpost.db")),
                blobs: self.blobs.unwrap_or_else(|| state.join("blobs")),
            },
            dead_letters: self.dead_letters.unwrap_or_else(|| state.join("dead-letters")),
            min_free_bytes: found.within(self.min_free_bytes, 1 << 30, 0..=1 << 60, "min_free_bytes"),
            postmaster: self.postmaster,
            portal_url: portal_url.map(|url| url.trim_end_matches('/').to_owned()),
            log: log?,
            smtp: smtp?,
            imap,
            dns,
            outgoing: outgoing?,
            scan,
            held_unauthenticated,
        })
    }
}

impl RawLog {
    fn meant(self, found: &mut faults::Found) -> Option<Log> {
        let level = self.level.as_deref().unwrap_or("info");
        let parsed = level.parse().ok();
        found.add_if(parsed.is_none(), "log.level", "one of error, warn, info, debug, trace");
        let format = self.format.as_deref().unwrap_or("text");
        found.add_if(!matches!(format, "text" | "json"), "log.format", "text or json");
        Some(Log { level: parsed?, json: format == "json" })
    }
}

impl RawSmtp {
    fn meant(self, found: &mut faults::Found) -> Option<Smtp> {
        let limits = limits::meant(&self, found);
        let mut listen = Vec::new();
        let is_empty = self.listen.as_ref().is_some_and(Vec::is_empty);
        found.add_if(is_empty, "smtp.listen", "at least one address: nothing else takes mail");
        for (index, given) in self.listen.unwrap_or_else(|| vec!["127.0.0.1:2525".into()]).iter().enumerate() {
            match given.parse() {
                Ok(address) => listen.push(address),
                Err(_) => {
                    found.add(&format!("smtp.listen[{index}]"), &format!("{given:?} is no address with a port (as in 127.0.0.1:2525)"))
                }
            }
        }
        let is_twice = |(index, address): (usize, &SocketAddr)| address.port() != 0 && listen[..index].contains(address);
        found.add_if(listen.iter().enumerate().any(is_twice), "smtp.listen", "the same address stands there twice");
        let hostname = self.hostname.or_else(machine_name).unwrap_or_else(|| "localhost".into());
        let legal =
            hostname.len() <= 255 && !hostname.is_empty() && hostname.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        found.add_if(!legal, "smtp.hostname", "a host name of letters, digits, dots and hyphens");
        let trusted = self.trusted.into_iter().enumerate().filter_map(|(index, raw)| raw.meant(index, found)).collect();
        let tls = self.tls.map(|tls| TlsFiles { certificate: tls.certificate, key: tls.key });
        let unauthenticated = self.unauthenticated.unwrap_or(Unauthenticated::Refuse);
        Some(Smtp { listen, hostname, tls, trusted, unauthenticated, limits })
    }
}

impl RawTrusted {
    fn meant(self, index: usize, found: &mut faults::Found) -> Option<Trusted> {
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

/// A year.
const MOST_HOURS: u64 = 366 * 24;

impl RawOutgoing {
    fn meant(self, found: &mut faults::Found) -> Option<Outgoing> {
        let host = self.host.unwrap_or_else(|| "localhost".into());
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = self.tls.unwrap_or(if is_local { OutgoingTls::None } else { OutgoingTls::Starttls });
        let default_port = match tls {
            OutgoingTls::None => 25,
            OutgoingTls::Starttls => 587,
            OutgoingTls::Implicit => 465,
        };
        found.add_if(host.trim().is_empty(), "outgoing.host", "the relay's name or address");
        found.add_if(self.port == Some(0), "outgoing.port", "between 1 and 65535");
        found.add_if(self.user.is_some() != self.password.is_some(), "outgoing.user", "user and password belong together");
        found.add_if(
            self.user.is_some() && tls == OutgoingTls::None && !is_local,
            "outgoing.tls",
            "a password is never sent in plain text over a network: starttls or implicit",
        );
        if let Some(from) = &self.from {
            found.add_if(
                from.parse::<lettre::message::Mailbox>().is_err(),
                "outgoing.from",
                "this is no address (as in Rohrpost <rohrpost@acme.example>)",
            );
        }
        let hours = found.within(self.give_up_after_hours, 5 * 24, 1..=MOST_HOURS, "outgoing.give_up_after_hours");
        Some(Outgoing {
            host,
            port: self.port.unwrap_or(default_port),
            tls,
            login: self.user.zip(self.password),
            from: self.from,
            give_up_after: Duration::from_secs(hours * 3600),
        })
    }
}

/// As the system call tells it: a unit with `ProcSubset=pid` sees no file that has it.
fn machine_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().trim().to_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;

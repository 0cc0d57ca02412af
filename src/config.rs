//! What was said -> what is meant. One TOML file describes the machine; every default of the machine lives here.
//! Everything of a tenant is in the database.

pub mod alarms;
pub mod canary;
mod deliver;
mod dns;
pub mod doors;
mod faults;
mod healing;
mod held;
pub mod imap;
pub mod lmtp;
pub mod maildir;
mod network;
pub mod oauth;
mod outgoing;
pub mod scan;
mod seal;
mod smtp;

pub use deliver::Deliver;
pub use dns::{Dns, Unauthenticated};
pub use network::Network;
pub use outgoing::{Outgoing, OutgoingTls};
pub use seal::SealKeys;
pub use smtp::{Brakes, Limits, Smtp, TlsFiles, Trusted};

use crate::model::address;
use crate::model::arrival::HeldLimits;
use crate::model::healing::Schedule;
use crate::model::installation::Place;
use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    pub lmtp: lmtp::Lmtp,
    pub imap: Vec<imap::Imap>,
    pub maildir: Vec<maildir::Maildir>,
    pub deliver: Deliver,
    pub oauth: Vec<Arc<oauth::Oauth>>,
    /// None: nothing can be sealed, so no mailbox signs in by OAuth.
    pub seal: Option<SealKeys>,
    pub dns: Dns,
    pub outgoing: Outgoing,
    /// None: files are not scanned.
    pub scan: Option<scan::Scan>,
    pub held_unauthenticated: HeldLimits,
    /// When held mail is looked at again by itself.
    pub healing: Schedule,
    pub alarms: alarms::Alarms,
    /// Mails to ourselves; none unless somebody wants them.
    pub canary: Vec<canary::Canary>,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub level: tracing::level_filters::LevelFilter,
    pub json: bool,
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
    smtp: smtp::RawSmtp,
    lmtp: lmtp::RawLmtp,
    imap: Vec<imap::RawImap>,
    maildir: Vec<maildir::RawMaildir>,
    deliver: deliver::RawDeliver,
    oauth: Vec<oauth::RawOauth>,
    seal: seal::RawSeal,
    dns: dns::RawDns,
    outgoing: outgoing::RawOutgoing,
    scan: scan::RawScan,
    held_unauthenticated: held::RawHeld,
    healing: healing::RawHealing,
    alarms: alarms::RawAlarms,
    canary: Vec<canary::RawCanary>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    level: Option<String>,
    format: Option<String>,
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
        let has_other_doors = !self.lmtp.listen.is_empty() || !self.imap.is_empty() || !self.maildir.is_empty();
        found.add_if(self.smtp.is_closed() && !has_other_doors, "smtp.listen", "at least one address: nothing else takes mail");
        let smtp = self.smtp.meant(found);
        let message_bytes = smtp.as_ref().map_or(50 << 20, |smtp| smtp.limits.message_bytes);
        let lmtp = self.lmtp.meant(found);
        let (oauth, seal) = (oauth::meant(self.oauth, found), self.seal.meant(found));
        let imap = imap::meant(self.imap, message_bytes, imap::Others { oauth: &oauth, has_key: seal.is_some() }, found);
        let maildir = maildir::meant(self.maildir, message_bytes, &imap, found);
        let dns = self.dns.meant(found);
        let outgoing = self.outgoing.meant(found);
        let scan = self.scan.meant(found);
        let held_unauthenticated = self.held_unauthenticated.meant(found);
        let healing = self.healing.meant(found);
        let alarms = self.alarms.meant(found);
        let named = imap.iter().map(|mailbox| mailbox.name.as_str()).chain(maildir.iter().map(|maildir| maildir.name.as_str()));
        let names: Vec<&str> = doors::SINGLE.iter().map(|door| door.as_str()).chain(named).collect();
        let canary = canary::meant(self.canary, outgoing.as_ref(), &names, found);
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
            lmtp,
            imap,
            maildir,
            deliver: self.deliver.meant(found),
            oauth,
            seal,
            dns,
            outgoing: outgoing?,
            scan,
            held_unauthenticated,
            healing,
            alarms: alarms?,
            canary,
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

#[cfg(test)]
mod tests;

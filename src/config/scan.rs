//! `[scan]`: the virus scanner.

use super::faults::Found;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Where ClamAV's clamd listens, and what happens when it does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub clamd: Clamd,
    pub when_down: WhenDown,
    /// For each step: connecting, a piece of a file, the answer.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clamd {
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
}

impl std::fmt::Display for Clamd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Clamd::Unix(path) => write!(f, "unix:{}", path.display()),
            Clamd::Tcp(host) => write!(f, "tcp:{host}"),
        }
    }
}

/// While the scanner does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenDown {
    /// No mail is taken (451), and what was taken waits.
    #[default]
    Refuse,
    /// Mail is taken and held.
    Hold,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawScan {
    clamd: Option<String>,
    when_down: Option<WhenDown>,
    timeout_seconds: Option<u64>,
}

impl RawScan {
    /// None: nothing is scanned.
    pub(super) fn meant(self, found: &mut Found) -> Option<Scan> {
        found.add_if(self.timeout_seconds == Some(0), "scan.timeout_seconds", "at least 1");
        let Some(given) = self.clamd else {
            let is_half = self.when_down.is_some() || self.timeout_seconds.is_some();
            found.add_if(is_half, "scan.clamd", "without it nothing is scanned; say where clamd listens, or remove [scan]");
            return None;
        };
        let clamd = clamd(&given);
        found.add_if(
            clamd.is_none(),
            "scan.clamd",
            &format!("{given:?} is neither unix:/absolute/path nor tcp:host:port (as in unix:/run/clamav/clamd.ctl)"),
        );
        Some(Scan {
            clamd: clamd?,
            when_down: self.when_down.unwrap_or_default(),
            timeout: Duration::from_secs(self.timeout_seconds.unwrap_or(120)),
        })
    }
}

fn clamd(given: &str) -> Option<Clamd> {
    if let Some(path) = given.strip_prefix("unix:") {
        return Some(PathBuf::from(path)).filter(|path| path.is_absolute()).map(Clamd::Unix);
    }
    let (host, port) = given.strip_prefix("tcp:")?.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    (!host.is_empty() && port != 0).then(|| Clamd::Tcp(format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_clamd_listens() {
        let check = |given: &str, want: Option<Clamd>| assert_eq!(clamd(given), want, "{given}");
        check("unix:/run/clamav/clamd.ctl", Some(Clamd::Unix("/run/clamav/clamd.ctl".into())));
        check("tcp:127.0.0.1:3310", Some(Clamd::Tcp("127.0.0.1:3310".into())));
        check("tcp:[::1]:3310", Some(Clamd::Tcp("[::1]:3310".into())));
        check("tcp:clamd.example:3310", Some(Clamd::Tcp("clamd.example:3310".into())));
        for bad in ["", "unix:", "unix:clamd.ctl", "/run/clamav/clamd.ctl", "tcp:127.0.0.1", "tcp::3310", "tcp:host:0", "tcp:host:70000"] {
            check(bad, None);
        }
    }
}

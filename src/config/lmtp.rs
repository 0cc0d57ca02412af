//! The LMTP door: on which sockets and addresses, and what is believed of whoever may connect.

use super::faults::Found;
use super::{Network, alarms};
use serde::Deserialize;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The LMTP door. RFC 2033.
#[derive(Clone, Debug)]
pub struct Lmtp {
    /// None: there is no such door.
    pub listen: Vec<Listen>,
    /// Permissions of the sockets that are files.
    pub socket_mode: u32,
    /// Their group, by name or number; without one it is the service's own.
    pub socket_group: Option<String>,
    /// Who may connect over the network.
    pub networks: Vec<Network>,
    /// RFC 8601 §2.5: the name that the Authentication-Results of the mail host in front bear.
    pub authserv_id: Option<String>,
    pub connections: usize,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
}

/// Where the door listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A socket of this machine, by its absolute path.
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
            Listen::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// The system allows 107 bytes, the last for nothing; some are left for the name under which it is made.
const LONGEST_PATH: usize = 90;
/// Open at once; each is a file of the process.
const MOST_CONNECTIONS: u64 = 100_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLmtp {
    pub(super) listen: Vec<String>,
    socket_mode: Option<String>,
    socket_group: Option<String>,
    networks: Option<Vec<String>>,
    authserv_id: Option<String>,
    max_connections: Option<u64>,
    silent_after_hours: Option<u64>,
}

impl RawLmtp {
    pub(super) fn meant(self, found: &mut Found) -> Lmtp {
        let mut listen = Vec::new();
        for (index, given) in self.listen.iter().enumerate() {
            match listen_on(given) {
                Ok(one) if listen.contains(&one) => found.add("lmtp.listen", "the same stands there twice"),
                Ok(one) => listen.push(one),
                Err(reason) => found.add(&format!("lmtp.listen[{index}]"), &format!("{given:?}: {reason}")),
            }
        }
        let mode = self.socket_mode.as_deref().unwrap_or("0660");
        let socket_mode = u32::from_str_radix(mode, 8).ok().filter(|mode| mode & 0o600 == 0o600 && mode & !0o666 == 0);
        found.add_if(socket_mode.is_none(), "lmtp.socket_mode", "three octal digits of 6 and 0 behind a zero, as in \"0660\"");
        // Every program of this machine may connect to 127.0.0.1, and would be believed like the mail host.
        let is_open = self.networks.is_none() && self.authserv_id.is_some() && listen.iter().any(|one| matches!(one, Listen::Tcp(_)));
        found.add_if(
            is_open,
            "lmtp.networks",
            "with authserv_id and an address to listen on, say who may connect: whoever may is believed. A socket is safer",
        );
        let mut networks = Vec::new();
        for (index, given) in self.networks.unwrap_or_else(|| vec!["127.0.0.0/8".into(), "::1".into()]).iter().enumerate() {
            match given.parse() {
                Ok(network) => networks.push(network),
                Err(error) => found.add(&format!("lmtp.networks[{index}]"), &format!("{given:?}: {error}")),
            }
        }
        let connections = found.within(self.max_connections, 100, 1..=MOST_CONNECTIONS, "lmtp.max_connections");
        Lmtp {
            listen,
            socket_mode: socket_mode.unwrap_or(0o660),
            socket_group: self.socket_group,
            networks,
            authserv_id: self.authserv_id,
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            silent_after_hours: alarms::silent_after(self.silent_after_hours, "lmtp.silent_after_hours", found),
        }
    }
}

fn listen_on(given: &str) -> Result<Listen, String> {
    let Some(path) = given.strip_prefix("unix:") else {
        let address = given.parse().map_err(|_| "neither unix:/absolute/path nor an address with a port (as in 127.0.0.1:24)".to_owned());
        return address.map(Listen::Tcp);
    };
    let path = PathBuf::from(path);
    let has_name = path.is_absolute() && path.file_name().is_some();
    if !has_name {
        return Err("an absolute path is needed".into());
    }
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(format!("the path of a socket may have {LONGEST_PATH} bytes"));
    }
    Ok(Listen::Unix(path))
}

#[cfg(test)]
mod tests {
    use crate::config::{Faults, read};

    #[test]
    fn what_can_be_meant() {
        let config = read(
            "[lmtp]\nlisten = [\"unix:/run/rohrpost/lmtp.sock\", \"127.0.0.1:24\", \"[::1]:24\"]\nsocket_mode = \"0600\"\n",
            Vec::new(),
        );
        let lmtp = config.unwrap().lmtp;
        let shown: Vec<String> = lmtp.listen.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["unix:/run/rohrpost/lmtp.sock", "127.0.0.1:24", "[::1]:24"]);
        assert_eq!((lmtp.socket_mode, lmtp.socket_group, lmtp.connections), (0o600, None, 100));
        let inside = |address: &str| lmtp.networks.iter().any(|network| network.contains(address.parse().unwrap()));
        assert!(inside("127.0.0.9") && inside("::1") && !inside("192.0.2.1"));
        assert!(read("", Vec::new()).unwrap().lmtp.listen.is_empty());
        // Whom it believes over the network must be said; a socket has its permissions.
        let believed = |listen: &str, more: &str| read(&format!("[lmtp]\nlisten = [{listen:?}]\nauthserv_id = \"mx\"\n{more}"), Vec::new());
        assert!(believed("127.0.0.1:24", "").unwrap_err().to_string().contains("lmtp.networks"));
        assert!(believed("127.0.0.1:24", "networks = [\"127.0.0.1\"]\n").is_ok());
        assert!(believed("unix:/run/rohrpost/lmtp.sock", "").is_ok());
    }

    #[test]
    fn what_cannot() {
        let check = |text: &str, key: &str| {
            let Err(Faults(list)) = read(&format!("[lmtp]\n{text}\n"), Vec::new()) else { panic!("{text} passed") };
            assert!(list.len() == 1 && list[0].starts_with(key), "{text}: {list:?}");
        };
        for listen in ["unix:lmtp.sock", "unix:", "unix:/", "127.0.0.1", "localhost:24", "/run/lmtp.sock"] {
            check(&format!("listen = [\"127.0.0.1:24\", {listen:?}]"), "lmtp.listen[1]");
        }
        check(&format!("listen = [\"unix:/{}\"]", "x".repeat(100)), "lmtp.listen[0]");
        check("listen = [\"127.0.0.1:24\", \"127.0.0.1:24\"]", "lmtp.listen");
        for mode in ["0670", "1660", "0060", "rw", "0669", "660 "] {
            check(&format!("socket_mode = {mode:?}"), "lmtp.socket_mode");
        }
        check("networks = [\"127.0.0.1/40\"]", "lmtp.networks[0]");
        check("max_connections = 0", "lmtp.max_connections");
    }
}

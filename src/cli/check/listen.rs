//! Where the doors are to listen: what can be tried without opening them.

use crate::config::Config;
use crate::config::lmtp::Listen;
use crate::intake::smtp::socket::{self, Found};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a shell may not do the service may: ports that it cannot take are notes. What it finds in the way is a fault.
pub async fn check(config: &Config, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    let of_smtp = [("smtp.listen", &config.smtp.listen), ("smtp.listen_tls", &config.smtp.listen_tls)];
    for (key, addresses) in of_smtp {
        notes.extend(addresses.iter().filter_map(|address| about_address(key, *address)));
    }
    let lmtp = &config.lmtp;
    for listen in &lmtp.listen {
        match listen {
            Listen::Tcp(address) => notes.extend(about_address("lmtp.listen", *address)),
            Listen::Unix(path) => match about_socket(path).await {
                Ok(note) => notes.extend(note),
                Err(fault) => faults.push(format!("lmtp.listen: unix:{}: {fault}", path.display())),
            },
        }
    }
    if lmtp.listen.is_empty() {
        return;
    }
    if let Some(Err(error)) = lmtp.socket_group.as_deref().map(socket::group_id) {
        faults.push(format!("lmtp.socket_group: {error:#}"));
    }
    let is_local = lmtp.listen.iter().any(|one| matches!(one, Listen::Tcp(address) if address.ip().is_loopback()));
    if is_local && lmtp.authserv_id.is_some() {
        notes.push("lmtp.listen: every program of this machine can connect to a local address, and is believed like the mail host; a socket with a group is for it alone".into());
    }
    if lmtp.socket_mode & 0o006 != 0 && lmtp.listen.iter().any(|one| matches!(one, Listen::Unix(_))) {
        notes.push("lmtp.socket_mode: every user of this machine can connect, and is believed like the mail host".into());
    }
    if lmtp.authserv_id.is_none() {
        notes.push(
            "lmtp.authserv_id is not set: what the mail host found out about a sender is not believed, DKIM and ARC alone are".into(),
        );
    }
}

fn about_address(key: &str, address: SocketAddr) -> Option<String> {
    let error = std::net::TcpListener::bind(address).err()?;
    let hint = if error.kind() == ErrorKind::AddrInUse { " (fine if this is a running rohrpost)" } else { "" };
    Some(format!("{key}: {address}: {error}{hint}"))
}

/// A note, or a fault.
async fn about_socket(path: &Path) -> Result<Option<String>, String> {
    let place = format!("lmtp.listen: unix:{}", path.display());
    let folder = path.parent().unwrap_or(Path::new("/"));
    match socket::look_at(path).await {
        Ok(Found::NoSocket) => return Err("what lies there is no socket; it is left alone, and the service does not start".into()),
        Ok(Found::Alive) => return Ok(Some(format!("{place}: somebody listens there (fine if this is a running rohrpost)"))),
        Ok(Found::Nothing | Found::Stale) => (),
        Err(error) => return Ok(Some(format!("{place}: {error}"))),
    }
    if !folder.exists() {
        return Ok(Some(format!("{place}: {} is not there (fine if it is the unit's RuntimeDirectory=)", folder.display())));
    }
    let is_open = |found: std::fs::Metadata| found.permissions().mode() & 0o002 != 0 && found.permissions().mode() & 0o1000 == 0;
    if std::fs::metadata(folder).is_ok_and(is_open) {
        return Err(format!("everybody may write into {}: somebody else's socket could take this one's place", folder.display()));
    }
    let may_write = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    may_write.map(|()| None).map_err(|error| format!("no socket can be made in {}: {error}", folder.display()))
}

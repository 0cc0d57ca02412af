//! `check`: everything that is wrong with a configuration, at once; and what will surprise.

use super::{Done, Failure, On, show};
use crate::config::Config;
use crate::intake::smtp::tls;
use crate::store::{Missing, Store};
use std::path::Path;

pub async fn run(on: &On) -> Done {
    let config = on.config()?;
    let mut faults = Vec::new();
    let mut notes = Vec::new();
    match &config.smtp.tls {
        Some(files) => faults.extend(tls::acceptor(files).err().map(|error| format!("smtp.tls: {error:#}"))),
        None => notes.push("smtp.tls is not set: there is no STARTTLS, and nobody can sign in".to_owned()),
    }
    let database_folder = config.place.database.parent().unwrap_or(Path::new("/"));
    for (key, folder) in [("database", database_folder), ("blobs", &config.place.blobs), ("dead_letters", &config.dead_letters)] {
        faults.extend(not_writable(folder).map(|error| format!("{key}: {}: {error}", folder.display())));
    }
    for address in &config.smtp.listen {
        if let Err(error) = std::net::TcpListener::bind(address) {
            let used = error.kind() == std::io::ErrorKind::AddrInUse;
            let hint = if used { " (fine if this is a running rohrpost)" } else { "" };
            notes.push(format!("smtp.listen: {address}: {error}{hint}"));
        }
    }
    check_store(&config, &mut faults, &mut notes).await;
    if !faults.is_empty() {
        return Err(Failure::Usage(faults.join("\n")));
    }
    for note in notes {
        show::out(format!("note: {note}"))?;
    }
    show::out("the configuration is good")
}

async fn check_store(config: &Config, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    if !config.place.database.exists() {
        notes.push("there is no database yet; `rohrpost import FILE.json` or `rohrpost serve` makes one".into());
        return;
    }
    match Store::open(&config.place, Missing::IsAnError).await {
        Ok(store) => {
            match store.tenants().await {
                Ok(tenants) if tenants.is_empty() => {
                    notes.push("there is no tenant yet, so no mail is taken; `rohrpost import FILE.json` makes one".into())
                }
                Ok(_) => (),
                Err(error) => faults.push(format!("database: {error:#}")),
            }
            store.close().await;
        }
        Err(error) => faults.push(format!("database: {error:#}")),
    }
}

/// Why nothing can be written below that folder; folders that are missing yet are made by `serve`.
fn not_writable(folder: &Path) -> Option<std::io::Error> {
    let existing = folder.ancestors().find(|path| path.exists())?;
    if !existing.is_dir() {
        return Some(std::io::ErrorKind::NotADirectory.into());
    }
    rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).err().map(Into::into)
}

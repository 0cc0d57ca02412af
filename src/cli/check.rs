//! `check`: everything that is wrong with a configuration, at once; and what will surprise.

mod listen;

use super::{Done, Failure, On, show};
use crate::alarms::ways::Ways;
use crate::config::Config;
use crate::config::imap::{Imap, SignsIn};
use crate::config::oauth::Grant;
use crate::config::scan::WhenDown;
use crate::daemon::sign_ins::SignIns;
use crate::intake::accept;
use crate::intake::facts::resolver;
use crate::intake::imap::{self, connect::Credential};
use crate::intake::maildir;
use crate::intake::smtp::tls::Certificate;
use crate::model::id::TenantId;
use crate::notify::plain;
use crate::scan::Scanner;
use crate::seal::Seals;
use crate::store::{self, Missing, Store};
use jiff::Timestamp;
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    /// Sign in to every mailbox, and say what is found there; see whether the relays of alarms and canaries answer
    #[arg(long)]
    connect: bool,
}

pub async fn run(on: &On, args: Args) -> Done {
    let config = on.config()?;
    let mut faults = Vec::new();
    let mut notes = Vec::new();
    match &config.smtp.tls {
        Some(files) => match Certificate::read(files) {
            Ok(certificate) => notes.extend(about_the_end(&certificate)),
            Err(error) => faults.push(format!("smtp.tls: {error:#}")),
        },
        None => notes.push("smtp.tls is not set: there is no STARTTLS, and nobody can sign in".to_owned()),
    }
    let database_folder = config.place.database.parent().unwrap_or(Path::new("/"));
    let shown = config.dead_letters.join("new");
    for (key, path) in [
        ("database", database_folder),
        ("database", &config.place.database),
        ("blobs", &config.place.blobs),
        ("dead_letters", &config.dead_letters),
        ("dead_letters", &shown),
    ] {
        faults.extend(not_writable(path).map(|error| format!("{key}: {}: {error}", path.display())));
    }
    listen::check(&config, &mut faults, &mut notes).await;
    notes.extend(about_room(&config));
    if let Err(error) = resolver::resolver(&config.dns) {
        notes.push(format!("dns: {error:#}: senders cannot be checked by SPF, DKIM and DMARC, and their mail gets 451"));
    }
    notes.extend(about_the_scanner(&config).await);
    if let Err(error) = config.outgoing.fetched_login() {
        notes.push(format!(
            "{error:#}: fine in a shell if it is the service's own; if the service cannot read it either, it does not start"
        ));
    }
    if config.postmaster.is_none() {
        notes.push("postmaster is not set: mail to postmaster is kept and handed to nobody (`rohrpost mail list --tenant -`)".into());
    }
    check_store(&config, &mut faults, &mut notes).await;
    about_providers(&config, &mut faults, &mut notes);
    check_mailboxes(&config, args.connect, &mut faults, &mut notes).await;
    check_maildirs(&config, &mut faults, &mut notes);
    about_alarms(&config, args.connect, &mut faults, &mut notes).await;
    if !faults.is_empty() {
        return Err(Failure::Usage(faults.join("\n")));
    }
    for note in notes {
        show::out(format!("note: {note}"))?;
    }
    show::out("the configuration is good")
}

async fn check_store(config: &Config, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    match store::check_place(&config.place) {
        Ok(true) => (),
        Ok(false) => return notes.push("there is no database yet; `rohrpost import FILE.json` or `rohrpost serve` makes one".into()),
        Err(error) => return faults.push(format!("database: {error:#}")),
    }
    match Store::open(&config.place, Missing::IsAnError).await {
        Ok(store) => {
            match store.tenants().await {
                Ok(tenants) if tenants.is_empty() => {
                    notes.push("there is no tenant yet, so no mail is taken; `rohrpost import FILE.json` makes one".into())
                }
                Ok(tenants) => notes.extend(about_the_quota(&store, config, &tenants).await),
                Err(error) => faults.push(format!("database: {error:#}")),
            }
            for (index, mailbox) in config.imap.iter().enumerate() {
                if matches!(store.recipient(&mailbox.import_address).await, Ok(None)) {
                    let key = format!("imap[{index}].import_address");
                    notes.push(format!("{key}: no tenant has {} yet: mail is left in mailbox {}", mailbox.import_address, mailbox.name));
                }
                let needs_person = matches!(&mailbox.signs_in, SignsIn::Oauth(oauth) if oauth.grant == Grant::User);
                if needs_person && matches!(store.sign_in_of(&mailbox.name).await, Ok(None)) {
                    notes.push(format!("imap[{index}].oauth: nobody has signed in: rohrpost oauth login {}", mailbox.name));
                }
            }
            for (index, maildir) in config.maildir.iter().enumerate() {
                if matches!(store.recipient(&maildir.import_address).await, Ok(None)) {
                    let key = format!("maildir[{index}].import_address");
                    notes.push(format!("{key}: no tenant has {} yet: mail is left in Maildir {}", maildir.import_address, maildir.name));
                }
            }
            store.close().await;
        }
        Err(error) => faults.push(format!("database: {error:#}")),
    }
}

/// A Maildir that is not there yet may come with its first mail; one that the service cannot empty is a fault.
fn check_maildirs(config: &Config, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    for (index, one) in config.maildir.iter().enumerate() {
        if !one.path.exists() {
            notes.push(format!("maildir[{index}].path: {}: there is no such folder yet", one.path.display()));
        } else if let Err(error) = maildir::check(one) {
            faults.push(format!("maildir[{index}].path: {}: {error}", one.path.display()));
        }
        if one.authserv_id.is_none() {
            notes.push(format!(
                "maildir[{index}].authserv_id is not set: From is believed by its DKIM signature alone, and other mail of Maildir {} is held",
                one.name
            ));
        }
    }
}

/// Where a quota is full, mail gets 452.
const NEARLY_FULL: u64 = 80;

async fn about_the_quota(store: &Store, config: &Config, tenants: &[TenantId]) -> Vec<String> {
    let most = config.held_unauthenticated;
    let mut notes = Vec::new();
    for tenant in tenants {
        let Ok((mails, bytes)) = store.unvouched(tenant).await else { continue };
        let percent = most.percent(mails, bytes);
        if percent > NEARLY_FULL {
            notes.push(format!(
                "held_unauthenticated: {tenant} has {mails} of {} mails and {bytes} of {} bytes: {percent} % of its quota; \
                 beyond it unproved mail gets 452. `rohrpost dead-letter list` shows them",
                most.mails, most.bytes
            ));
        }
    }
    notes
}

/// A CA that cannot be read is a fault; what a server says, only if it is asked.
async fn check_mailboxes(config: &Config, connect: bool, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    for (index, mailbox) in config.imap.iter().enumerate() {
        if let Err(error) = imap::connect::client_config(mailbox.ca.as_deref()) {
            faults.push(format!("imap[{index}].ca: {error:#}"));
            continue;
        }
        if mailbox.authserv_id.is_none() && mailbox.exchange.is_none() {
            notes.push(format!(
                "imap[{index}].authserv_id is not set: nobody's From is believed, and mail of mailbox {} is held",
                mailbox.name
            ));
        }
        if connect {
            match looked_into(config, mailbox).await {
                Ok(found) => notes.push(format!("imap[{index}]: mailbox {}: {found}", mailbox.name)),
                Err(error) => faults.push(format!("imap[{index}]: mailbox {}: {error}", mailbox.name)),
            }
        }
    }
}

/// Signs in as the service does. A token that is due is renewed on the way, and kept.
async fn looked_into(config: &Config, mailbox: &Imap) -> Result<String, String> {
    let shown = |error: anyhow::Error| format!("{error:#}");
    if let SignsIn::Secret(secret) = &mailbox.signs_in {
        return imap::try_sign_in(mailbox, &Credential::of(mailbox.mechanism, secret)).await;
    }
    let store = Store::open(&config.place, Missing::IsAnError).await.map_err(shown)?;
    let credential = SignIns::new(config, &store).and_then(|all| all.credential(mailbox));
    let found = match credential {
        Ok((credential, _)) => imap::try_sign_in(mailbox, &credential).await,
        Err(error) => Err(shown(error)),
    };
    store.close().await;
    found
}

/// A CA that cannot be read is a fault; keys and secrets may be the service's own.
fn about_providers(config: &Config, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    const OWN: &str = "fine in a shell if it is the service's own; if the service cannot read it either, no such mailbox is signed in";
    for (index, oauth) in config.oauth.iter().enumerate() {
        if let Err(error) = imap::connect::client_config(oauth.ca.as_deref()) {
            faults.push(format!("oauth[{index}].ca: {error:#}"));
        }
        if let Some(Err(error)) = oauth.client_secret.as_ref().map(|secret| secret.get()) {
            notes.push(format!("oauth[{index}].client_secret: {error:#}: {OWN}"));
        }
    }
    if let Some(Err(error)) = config.seal.as_ref().map(Seals::fetched) {
        notes.push(format!("{error:#}: {OWN}"));
    }
}

/// Whoever hears of no alarm should know. The relays are tried if that is asked for; a webhook only by `alarms test`: it would be a post.
async fn about_alarms(config: &Config, connect: bool, faults: &mut Vec<String>, notes: &mut Vec<String>) {
    let ways = Ways::new(config);
    if ways.all().len() == 1 {
        notes.push("alarms: neither mail_to nor webhook is set: alarms go to the log alone".into());
    }
    let fetched = config.alarms.webhook.as_ref().map(|webhook| webhook.fetched_url().and_then(|_| webhook.fetched_secret()));
    if let Some(Err(error)) = fetched {
        notes.push(format!("{error:#}: fine in a shell if it is the service's own"));
    }
    if !connect {
        return;
    }
    let canaries = config.canary.iter().enumerate().map(|(index, canary)| (format!("canary[{index}]"), &canary.relay));
    for (key, relay) in ways.relay().map(|relay| ("alarms".to_owned(), relay)).into_iter().chain(canaries) {
        match plain::is_there(relay).await {
            Ok(()) => notes.push(format!("{key}: the relay of [{}] answers", relay.section)),
            Err(why) => faults.push(format!("{key}: the relay of [{}]: {why}", relay.section)),
        }
    }
}

/// Why a file or a folder cannot be written; what is missing yet is made by `serve` in the nearest folder there is.
fn not_writable(path: &Path) -> Option<std::io::Error> {
    use rustix::fs::{Access, access};
    if path.is_file() {
        return access(path, Access::WRITE_OK).err().map(Into::into);
    }
    let existing = path.ancestors().find(|path| path.exists())?;
    if !existing.is_dir() {
        return Some(std::io::ErrorKind::NotADirectory.into());
    }
    access(existing, Access::WRITE_OK | Access::EXEC_OK).err().map(Into::into)
}

/// How many days before its end a certificate is worth a note.
const SOON: i64 = 14;

fn about_the_end(certificate: &Certificate) -> Option<String> {
    let end = certificate.ends()?;
    let days = end.duration_since(Timestamp::now()).as_hours() / 24;
    match days {
        _ if end <= Timestamp::now() => Some(format!("smtp.tls: the certificate expired at {end}: peers that check it will not send")),
        0..SOON => Some(format!("smtp.tls: the certificate expires at {end}, in {days} days")),
        _ => None,
    }
}

/// It may be started later, so that this is no fault.
async fn about_the_scanner(config: &Config) -> Option<String> {
    let scan = config.scan.as_ref()?;
    let trouble = Scanner::new(scan).ping().await.err()?;
    let so = match scan.when_down {
        WhenDown::Refuse => "no mail is taken",
        WhenDown::Hold => "mail that would be filed is held",
    };
    Some(format!("scan.clamd: {trouble}: {so} until it does"))
}

/// Every mail would get 452.
fn about_room(config: &Config) -> Vec<String> {
    let database_folder = config.place.database.parent().unwrap_or(Path::new("/"));
    let mut notes = Vec::new();
    for folder in [database_folder, &config.place.blobs] {
        let Some(existing) = folder.ancestors().find(|path| path.exists()) else { continue };
        let Ok(free) = accept::free_bytes(existing) else { continue };
        if free < config.min_free_bytes {
            notes.push(format!(
                "{}: {free} bytes are free, and min_free_bytes is {}: no mail is taken",
                folder.display(),
                config.min_free_bytes
            ));
        }
    }
    notes
}

//! `doors`: how each door is, as it said last.

use super::{Done, On, show};
use crate::config::Config;
use crate::intake::{imap, maildir};
use crate::model::arrival::Door;
use crate::store::doors::DoorState;
use serde_json::json;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Each door with its last mail and its last error
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(on: &On, command: Command) -> Done {
    let Command::List { json } = command;
    let (config, store) = on.store().await?;
    let said = store.doors().await?;
    let configured = configured(&config);
    store.close().await;
    let doors = listed(said, &configured);
    if json {
        return show::out_json(&json!(doors));
    }
    if doors.is_empty() {
        return show::out("no door has anything to say; [[imap]] or [[maildir]] in the configuration makes one");
    }
    let at = |moment: Option<jiff::Timestamp>| moment.map(show::at).unwrap_or_default();
    let row = |door: &DoorState| {
        vec![
            door.name.clone(),
            door.kind.clone(),
            door.state.clone(),
            at(door.last_mail_at),
            at(door.last_contact_at),
            door.waiting.map(|count| count.to_string()).unwrap_or_default(),
            at(door.last_error_at),
            door.last_error.as_deref().map(show::clean).unwrap_or_default(),
        ]
    };
    let heads = ["name", "kind", "state", "last mail (UTC)", "last contact", "waiting", "error at", "last error"];
    show::out(show::table(&heads, &doors.iter().map(row).collect::<Vec<_>>()))
}

/// Kind and name of every door.
fn configured(config: &Config) -> Vec<(&str, &str)> {
    let mailboxes = config.imap.iter().map(|mailbox| (imap::KIND, mailbox.name.as_str()));
    let maildirs = config.maildir.iter().map(|maildir| (maildir::KIND, maildir.name.as_str()));
    let mut doors: Vec<(&str, &str)> = mailboxes.chain(maildirs).collect();
    for (kind, is_open) in
        [(Door::Smtp, !(config.smtp.listen.is_empty() && config.smtp.listen_tls.is_empty())), (Door::Lmtp, !config.lmtp.listen.is_empty())]
    {
        if is_open {
            doors.push((kind.as_str(), kind.as_str()));
        }
    }
    doors
}

/// What was said, without doors that the configuration no longer has, and with those that have said nothing yet.
fn listed(said: Vec<DoorState>, configured: &[(&str, &str)]) -> Vec<DoorState> {
    let mut doors: Vec<DoorState> =
        said.into_iter().filter(|door| configured.contains(&(door.kind.as_str(), door.name.as_str()))).collect();
    for (kind, name) in configured {
        if !doors.iter().any(|door| door.kind == *kind && door.name == *name) {
            doors.push(DoorState {
                kind: (*kind).to_owned(),
                name: (*name).to_owned(),
                state: "never started".into(),
                last_mail_at: None,
                last_contact_at: None,
                last_error: None,
                last_error_at: None,
                waiting: None,
            });
        }
    }
    doors
}

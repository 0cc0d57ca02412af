//! Every way in that is configured, whatever its kind: for those who look after all of them.

use super::Config;
use crate::model::arrival::Door;
use std::time::Duration;

/// A door as it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDoor {
    pub kind: Door,
    /// A mailbox's own; a door of which there is one bears the name of its kind.
    pub name: String,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
    /// A mailbox is asked at least so often; none where others come to us.
    pub speaks_every: Option<Duration>,
}

/// Of these there is one; it bears the name of its kind.
pub const SINGLE: [Door; 3] = [Door::Smtp, Door::Lmtp, Door::Pipe];

/// Whether this is the name of a door of which there is one.
pub(super) fn is_single(name: &str) -> bool {
    SINGLE.iter().any(|door| door.as_str() == name)
}

impl Config {
    /// The configured doors. A new kind of door is one more line here.
    pub fn doors(&self) -> Vec<NamedDoor> {
        let single = self.listeners().into_iter().chain([Door::Pipe]).map(|kind| {
            let silent_after_hours = match kind {
                Door::Lmtp => self.lmtp.silent_after_hours,
                Door::Pipe => self.deliver.silent_after_hours,
                _ => self.smtp.silent_after_hours,
            };
            NamedDoor { kind, name: kind.as_str().to_owned(), silent_after_hours, speaks_every: None }
        });
        let mailboxes = self.imap.iter().map(|mailbox| NamedDoor {
            kind: Door::Imap,
            name: mailbox.name.clone(),
            silent_after_hours: mailbox.silent_after_hours,
            speaks_every: Some(mailbox.poll.max(Duration::from_secs(60))),
        });
        let maildirs = self.maildir.iter().map(|maildir| NamedDoor {
            kind: Door::Maildir,
            name: maildir.name.clone(),
            silent_after_hours: maildir.silent_after_hours,
            speaks_every: None,
        });
        single.chain(mailboxes).chain(maildirs).collect()
    }

    /// Doors of this program at which others knock.
    pub fn listeners(&self) -> Vec<Door> {
        let smtp = !(self.smtp.listen.is_empty() && self.smtp.listen_tls.is_empty());
        [(Door::Smtp, smtp), (Door::Lmtp, !self.lmtp.listen.is_empty())]
            .into_iter()
            .filter(|(_, is_open)| *is_open)
            .map(|(door, _)| door)
            .collect()
    }
}

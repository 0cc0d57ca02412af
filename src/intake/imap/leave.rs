//! Mails that are done with leave the folder: moved, marked or deleted. What was once accepted is never accepted again, whatever the
//! server says here; it is asked again later.

use super::folder;
use super::trouble::Trouble;
use super::wire::{Capabilities, Wire};
use crate::config::imap::{After, Imap};
use crate::model::mailbox::{Fate, Leaving};
use crate::store::Store;
use imap_proto::{AttributeValue, Response};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use tracing::warn;

/// Mails of one command.
const MOST: u32 = 50;
/// Marks a refused mail that stays.
const REFUSED: &str = "$RohrpostRefused";

/// How a mail leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Way {
    /// Into a folder, named as commands take it.
    Into(String),
    Marked(String),
    Deleted,
}

/// Sees mails off.
pub struct Leave {
    mailbox: String,
    uid_validity: u32,
    can_move: bool,
    can_expunge_one: bool,
    accepted: Way,
    refused: Way,
}

impl Leave {
    /// Makes the folders that are missing.
    pub async fn prepared(wire: &mut Wire, can: &Capabilities, config: &Imap, delimiter: Option<char>) -> Result<Leave, Trouble> {
        let accepted = match &config.after {
            After::Move(name) => Way::Into(folder::made(wire, name, delimiter).await?),
            After::Flag(keyword) => Way::Marked(keyword.clone()),
            After::Delete => Way::Deleted,
        };
        let refused = match &config.refused_to {
            Some(name) => Way::Into(folder::made(wire, name, delimiter).await?),
            None => Way::Marked(REFUSED.into()),
        };
        let (can_move, can_expunge_one) = (can.has("MOVE"), can.has("UIDPLUS"));
        Ok(Leave { mailbox: config.name.clone(), uid_validity: 0, can_move, can_expunge_one, accepted, refused })
    }

    /// The folder that is selected now.
    pub fn of(self, uid_validity: u32) -> Leave {
        Leave { uid_validity, ..self }
    }

    /// Whether a mail bears the mark of those that are done with.
    pub fn marks(&self, flags: &[String]) -> bool {
        let bears = |way: &Way| matches!(way, Way::Marked(keyword) if flags.iter().any(|flag| flag.eq_ignore_ascii_case(keyword)));
        bears(&self.accepted) || bears(&self.refused)
    }

    /// Sees off everything that is due.
    pub async fn all(&self, wire: &mut Wire, store: &Store) -> Result<(), Trouble> {
        loop {
            let due = store.leaving(&self.mailbox, self.uid_validity, MOST).await?;
            if due.is_empty() {
                return Ok(());
            }
            for (fate, way) in [(Fate::Accepted, &self.accepted), (Fate::Refused, &self.refused)] {
                let mails: Vec<&Leaving> = due.iter().filter(|mail| mail.fate == fate).collect();
                if !mails.is_empty() {
                    self.some(wire, store, way, &mails).await?;
                }
            }
        }
    }

    async fn some(&self, wire: &mut Wire, store: &Store, way: &Way, mails: &[&Leaving]) -> Result<(), Trouble> {
        let no = match self.go(wire, store, way, mails).await {
            Ok(()) => None,
            Err(Trouble::Said(word @ ("NO" | "BAD"), text)) => Some(format!("{word}: {text}")),
            Err(other) => return Err(other),
        };
        // The server's OK is not the end: what it really did is looked at.
        let uids: Vec<u32> = mails.iter().map(|mail| mail.uid).collect();
        let there = flags_of(wire, &uids).await?;
        // Without MOVE and UIDPLUS it is gone for people once it is copied and marked.
        let is_marked = |flags: &[String]| !self.can_expunge_one && flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Deleted"));
        let is_done = |mail: &Leaving| match (there.get(&mail.uid), way) {
            (None, _) => true,
            (Some(flags), Way::Marked(keyword)) => flags.iter().any(|flag| flag.eq_ignore_ascii_case(keyword)),
            (Some(flags), Way::Deleted) => is_marked(flags),
            (Some(flags), Way::Into(_)) => !self.can_move && (mail.copied || no.is_none()) && is_marked(flags),
        };
        let (gone, stay): (Vec<&Leaving>, Vec<&Leaving>) = mails.iter().partition(|mail| is_done(mail));
        store.have_left(&self.mailbox, self.uid_validity, gone.iter().map(|mail| mail.uid).collect()).await?;
        if stay.is_empty() {
            return Ok(());
        }
        let error = no.unwrap_or_else(|| "the server says OK and does nothing".into());
        warn!(mailbox = %self.mailbox, mails = stay.len(), error, "accepted mails cannot leave their folder; they are tried again");
        let again = stay.iter().map(|mail| (mail.uid, Timestamp::now() + again_in(mail.attempts))).collect();
        Ok(store.could_not_leave(&self.mailbox, self.uid_validity, again).await?)
    }

    async fn go(&self, wire: &mut Wire, store: &Store, way: &Way, mails: &[&Leaving]) -> Result<(), Trouble> {
        let uids: Vec<u32> = mails.iter().map(|mail| mail.uid).collect();
        let all = set(&uids);
        match way {
            Way::Marked(keyword) => wire.command(&format!("UID STORE {all} +FLAGS.SILENT ({keyword})"), |_| ()).await,
            Way::Deleted => self.delete(wire, &all).await,
            // RFC 6851 §3.3.
            Way::Into(folder) if self.can_move => wire.command(&format!("UID MOVE {all} {folder}"), |_| ()).await,
            Way::Into(folder) => {
                // A copy is made once: it is noted before the original goes.
                let new: Vec<u32> = mails.iter().filter(|mail| !mail.copied).map(|mail| mail.uid).collect();
                if !new.is_empty() {
                    wire.command(&format!("UID COPY {} {folder}", set(&new)), |_| ()).await?;
                    store.are_copied(&self.mailbox, self.uid_validity, new).await?;
                }
                self.delete(wire, &all).await
            }
        }
    }

    /// RFC 4315 §2.1: only these. Without it they stay marked: a plain EXPUNGE would take what people only marked.
    async fn delete(&self, wire: &mut Wire, all: &str) -> Result<(), Trouble> {
        wire.command(&format!("UID STORE {all} +FLAGS.SILENT (\\Deleted)"), |_| ()).await?;
        if self.can_expunge_one {
            wire.command(&format!("UID EXPUNGE {all}"), |_| ()).await?;
        }
        Ok(())
    }
}

/// Which of these mails are there, and their flags.
async fn flags_of(wire: &mut Wire, uids: &[u32]) -> Result<HashMap<u32, Vec<String>>, Trouble> {
    let mut found = HashMap::new();
    wire.command(&format!("UID FETCH {} (UID FLAGS)", set(uids)), |answer| {
        let Response::Fetch(_, values) = answer else { return };
        let uid = values.iter().find_map(|value| if let AttributeValue::Uid(uid) = value { Some(*uid) } else { None });
        let flags = values.iter().find_map(|value| match value {
            AttributeValue::Flags(flags) => Some(flags.iter().map(ToString::to_string).collect()),
            _ => None,
        });
        if let Some(uid) = uid.filter(|uid| uids.contains(uid)) {
            found.insert(uid, flags.unwrap_or_default());
        }
    })
    .await?;
    Ok(found)
}

/// `3:5,9`. RFC 3501 §9: sequence-set.
fn set(uids: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &uid in uids {
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(uid) => *end = uid,
            _ => ranges.push((uid, uid)),
        }
    }
    let one = |&(start, end): &(u32, u32)| if start == end { start.to_string() } else { format!("{start}:{end}") };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Five seconds, then twice as long each time, at most an hour.
fn again_in(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs((5i64 << attempts.min(10)).min(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_times() {
        assert_eq!(set(&[3, 4, 5, 9, 11, 12]), "3:5,9,11:12");
        assert_eq!(set(&[u32::MAX]), u32::MAX.to_string());
        assert_eq!([again_in(0), again_in(1), again_in(9)].map(|time| time.as_secs()), [5, 10, 2560]);
    }
}

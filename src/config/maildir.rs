//! Maildirs that are emptied: what was said -> what is meant.

use super::faults::Found;
use super::imap::{First, Imap};
use super::{alarms, doors};
use crate::model::address;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// One Maildir, and what becomes of its mails.
#[derive(Clone, Debug)]
pub struct Maildir {
    /// Unique; stands in logs, so it is no address.
    pub name: String,
    pub path: PathBuf,
    /// The import address whose mail lies here, in comparison form.
    pub import_address: String,
    pub first: First,
    pub after: After,
    /// Where files go that are not taken; its levels parted by `/`.
    pub refused_to: String,
    /// RFC 8601 §2.5: the name that the host which delivers here writes into Authentication-Results.
    pub authserv_id: Option<String>,
    pub poll: Duration,
    pub message_bytes: u64,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
}

/// What is done with a mail that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Into that folder of the same Maildir; `/` parts its levels.
    Move(String),
    Delete,
}

/// What was said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMaildir {
    name: String,
    path: PathBuf,
    import_address: String,
    first: First,
    after: Option<RawAfter>,
    moved_to: Option<String>,
    refused_to: Option<String>,
    authserv_id: Option<String>,
    poll_seconds: Option<u64>,
    max_message_bytes: Option<u64>,
    silent_after_hours: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawAfter {
    Move,
    Delete,
}

/// All Maildirs; their paths are unique, and their names among all doors.
pub(super) fn meant(list: Vec<RawMaildir>, message_bytes: u64, mailboxes: &[Imap], found: &mut Found) -> Vec<Maildir> {
    let mut all: Vec<Maildir> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let key = |name: &str| format!("maildir[{index}].{name}");
        let meant = raw.meant(&key, message_bytes, found);
        let named = |name: &String| *name == meant.name;
        let is_taken =
            doors::is_single(&meant.name) || all.iter().map(|one| &one.name).chain(mailboxes.iter().map(|one| &one.name)).any(named);
        found.add_if(is_taken, &key("name"), "another door has this name");
        let emptied = all.iter().any(|other| other.path == meant.path);
        found.add_if(emptied, &key("path"), "this Maildir stands here twice: each mail would be taken by one of them");
        all.push(meant);
    }
    all
}

impl RawMaildir {
    fn meant(self, key: &dyn Fn(&str) -> String, message_bytes: u64, found: &mut Found) -> Maildir {
        let plain_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let named = (1..=40).contains(&self.name.len()) && self.name.chars().all(plain_name);
        found.add_if(!named, &key("name"), "1 to 40 of a-z, 0-9, - and _: it stands in logs");
        found.add_if(!self.path.is_absolute(), &key("path"), "an absolute path is needed");
        found.add_if(!address::is_plausible(&self.import_address), &key("import_address"), "this is no e-mail address");
        let poll = found.within(self.poll_seconds, 60, 1..=3_600, &key("poll_seconds"));
        let message_bytes = found.within(self.max_message_bytes, message_bytes, 64 * 1024..=1 << 30, &key("max_message_bytes"));
        let deletes = matches!(self.after, Some(RawAfter::Delete));
        found.add_if(deletes && self.moved_to.is_some(), &key("moved_to"), "only with after = \"move\"");
        let moved_to = self.moved_to.unwrap_or_else(|| "Rohrpost/Accepted".into());
        let refused_to = self.refused_to.unwrap_or_else(|| "Rohrpost/Refused".into());
        for (name, text) in [("moved_to", &moved_to), ("refused_to", &refused_to)] {
            found.add_if(!is_folder(text), &key(name), "a folder's name, its levels parted by /, without . and @");
        }
        Maildir {
            name: self.name,
            // As it is compared: without doubled or trailing slashes.
            path: self.path.components().collect(),
            import_address: address::key(&self.import_address),
            first: self.first,
            after: if deletes { After::Delete } else { After::Move(moved_to) },
            refused_to,
            authserv_id: self.authserv_id,
            poll: Duration::from_secs(poll),
            message_bytes,
            silent_after_hours: alarms::silent_after(self.silent_after_hours, &key("silent_after_hours"), found),
        }
    }
}

/// As Maildir++ has it: a level is a part of a folder's name, and dots part them there. It stands in logs, so it is no address.
fn is_folder(text: &str) -> bool {
    text.len() <= 200
        && text.split('/').all(|level| !level.trim().is_empty() && !level.chars().any(|c| c.is_control() || matches!(c, '.' | '@')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Faults, read};

    const LEAST: &str =
        "[[maildir]]\nname = \"hr\"\npath = \"/var/mail/hr/\"\nimport_address = \"Import@acme.example\"\nfirst = \"everything\"\n";

    fn config(more: &str) -> Result<Config, Vec<String>> {
        read(&format!("{LEAST}{more}"), Vec::new()).map_err(|Faults(list)| list)
    }

    #[test]
    fn what_is_left_out() {
        let maildir = config("").unwrap().maildir.remove(0);
        assert_eq!((maildir.import_address.as_str(), maildir.message_bytes, maildir.poll.as_secs()), ("import@acme.example", 50 << 20, 60));
        assert_eq!((maildir.after, maildir.refused_to.as_str()), (After::Move("Rohrpost/Accepted".into()), "Rohrpost/Refused"));
        assert_eq!(config("after = \"delete\"\n").unwrap().maildir.remove(0).after, After::Delete);
        let smaller = read(&format!("[smtp]\nmax_message_bytes = 70000\n{LEAST}"), Vec::new()).unwrap();
        assert_eq!(smaller.maildir[0].message_bytes, 70_000);
    }

    #[test]
    fn faults() {
        let check = |more: &str, part: &str| {
            let found = config(more).unwrap_err().join("\n");
            assert!(found.contains(part), "{more}: {found}");
        };
        check("moved_to = \"A//B\"\n", "maildir[0].moved_to");
        check("moved_to = \"../x\"\n", "maildir[0].moved_to");
        check("refused_to = \"a.b\"\n", "maildir[0].refused_to");
        check("after = \"delete\"\nmoved_to = \"X\"\n", "maildir[0].moved_to");
        check("after = \"flag\"\n", "flag");
        check("poll_seconds = 0\n", "maildir[0].poll_seconds");
        check("poll_seconds = 9223372036854775807\n", "maildir[0].poll_seconds");
        check("max_message_bytes = 9223372036854775807\n", "maildir[0].max_message_bytes");
        check(LEAST, "maildir[1].name");
        check(&LEAST.replace("\"hr\"", "\"other\"").replace("hr/", "hr"), "maildir[1].path");
        for gone in ["first = \"everything\"\n", "import_address = \"Import@acme.example\"\n"] {
            let found = read(&LEAST.replace(gone, ""), Vec::new()).unwrap_err().to_string();
            assert!(found.contains(gone.split(' ').next().unwrap()), "{found}");
        }
        let named = LEAST.replace("\"hr\"", "\"hr@acme\"");
        assert!(read(&named, Vec::new()).unwrap_err().to_string().contains("maildir[0].name"));
        assert!(read(&LEAST.replace("/var", "var"), Vec::new()).unwrap_err().to_string().contains("maildir[0].path"));
    }
}

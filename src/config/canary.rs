//! `[[canary]]`: mails to ourselves, and the door that each must come by.

use super::Outgoing;
use super::faults::Found;
use super::outgoing::RawOutgoing;
use crate::model::address;
use serde::Deserialize;
use std::time::Duration;

/// Mails to ourselves through one door.
#[derive(Clone, Debug)]
pub struct Canary {
    /// The door's name in `doors list`.
    pub door: String,
    /// Where they are sent: the import address of the SMTP door, the mailbox's own address of a mailbox.
    pub to: String,
    pub every: Duration,
    pub lost_after: Duration,
    /// Who sends them.
    pub relay: Outgoing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCanary {
    door: String,
    to: String,
    every_minutes: Option<u64>,
    lost_after_minutes: Option<u64>,
    relay: Option<RawOutgoing>,
}

const MOST_MINUTES: u64 = 24 * 60;
/// Its token counts for a day.
const LATEST_MINUTES: u64 = 12 * 60;

/// `doors`: the names that a door may have.
pub(super) fn meant(list: Vec<RawCanary>, outgoing: Option<&Outgoing>, doors: &[&str], found: &mut Found) -> Vec<Canary> {
    let mut all: Vec<Canary> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let key = |name: &str| format!("canary[{index}].{name}");
        let is_known = doors.contains(&raw.door.as_str());
        found.add_if(!is_known, &key("door"), "there is no door of this name: smtp, lmtp, pipe, or the name of a mailbox or Maildir");
        found.add_if(all.iter().any(|other| other.door == raw.door), &key("door"), "this door has a canary already");
        found.add_if(!address::is_plausible(&raw.to), &key("to"), "this is no e-mail address");
        let every = found.within(raw.every_minutes, 15, 1..=MOST_MINUTES, &key("every_minutes"));
        let lost_after = found.within(raw.lost_after_minutes, 10, 1..=LATEST_MINUTES, &key("lost_after_minutes"));
        let relay = match raw.relay {
            Some(relay) => relay.meant_in(&key("relay"), found),
            None => outgoing.cloned(),
        };
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        all.extend(relay.map(|relay| Canary { door: raw.door, to: raw.to, every: minutes(every), lost_after: minutes(lost_after), relay }));
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::config::{Faults, read};

    #[test]
    fn what_is_left_out_and_what_is_wrong() {
        let least = "[[canary]]\ndoor = \"smtp\"\nto = \"import@acme.example\"\n";
        let canary = read(least, Vec::new()).unwrap().canary.remove(0);
        assert_eq!((canary.every.as_secs(), canary.lost_after.as_secs(), canary.relay.host.as_str()), (900, 600, "localhost"));
        let own = read(&format!("{least}relay = {{ host = \"mx.example\", port = 2525 }}\n"), Vec::new()).unwrap().canary.remove(0);
        assert_eq!((own.relay.host.as_str(), own.relay.port), ("mx.example", 2525));
        assert!(read("", Vec::new()).unwrap().canary.is_empty());
        let check = |text: String, part: &str| {
            let Err(Faults(found)) = read(&text, Vec::new()) else { panic!("{text} was read") };
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
        };
        check(least.replace("smtp", "hr"), "canary[0].door");
        check(format!("{least}{least}"), "canary[1].door");
        check(least.replace("import@", "import"), "canary[0].to");
        for key in ["every_minutes", "lost_after_minutes"] {
            check(format!("{least}{key} = 0\n"), key);
            check(format!("{least}{key} = {}\n", i64::MAX), key);
        }
        check(
            format!("{least}relay = {{ host = \"mx.example\", tls = \"none\", user = \"u\", password = {{ value = \"p\" }} }}\n"),
            "canary[0].relay.tls",
        );
    }
}

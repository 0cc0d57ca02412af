//! `[alarms]`: what counts as wrong, and who hears of it.

use super::faults::Found;
use super::network::is_safe;
use super::outgoing::RawOutgoing;
use super::{Outgoing, Secret};
use crate::model::address;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Alarms {
    /// Who hears of alarms by mail.
    pub mail_to: Vec<String>,
    /// A relay for alarms alone: the ordinary one may be what is wrong.
    pub relay: Option<Outgoing>,
    pub webhook: Option<Webhook>,
    /// Hours without mail after which a door is silent; 0 never.
    pub silence_hours: u32,
    pub silence_counts: SilenceCounts,
    /// How long a door may fail, and mail may wait.
    pub failing: Duration,
    pub waits: Duration,
}

/// Which days count for a silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceCounts {
    /// Monday to Friday, in the machine's time zone.
    #[default]
    WorkingDays,
    AllDays,
}

/// Where alarms are posted.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Many services know their callers by an address that nobody else knows.
    url: Secret,
    /// Signs what is posted.
    secret: Option<Secret>,
}

impl Webhook {
    /// The address, fetched now; https, or http to this machine.
    pub fn fetched_url(&self) -> anyhow::Result<SecretString> {
        let url = self.url.get().map_err(|error| error.context("alarms.webhook.url"))?;
        match is_safe(url.expose_secret()) {
            true => Ok(url),
            false => anyhow::bail!("alarms.webhook.url: {WANTED}"),
        }
    }

    pub fn fetched_secret(&self) -> anyhow::Result<Option<SecretString>> {
        let Some(secret) = &self.secret else { return Ok(None) };
        secret.get().map(Some).map_err(|error| error.context("alarms.webhook.secret"))
    }
}

const WANTED: &str = "it begins with https://; http:// only to this machine";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAlarms {
    mail_to: Vec<String>,
    relay: Option<RawOutgoing>,
    webhook: Option<RawWebhook>,
    silence_hours: Option<u64>,
    silence_counts: Option<SilenceCounts>,
    failing_minutes: Option<u64>,
    waiting_minutes: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebhook {
    url: Secret,
    secret: Option<Secret>,
}

/// A year, and a week.
const MOST_HOURS: u64 = 366 * 24;
const MOST_MINUTES: u64 = 7 * 24 * 60;

/// What a door says of its own silence.
pub(super) fn silent_after(given: Option<u64>, key: &str, found: &mut Found) -> Option<u32> {
    let given = given?;
    u32::try_from(found.within(Some(given), 0, 0..=MOST_HOURS, key)).ok()
}

impl RawAlarms {
    pub(super) fn meant(self, found: &mut Found) -> Option<Alarms> {
        for (index, given) in self.mail_to.iter().enumerate() {
            found.add_if(!address::is_plausible(given), &format!("alarms.mail_to[{index}]"), "this is no e-mail address");
        }
        found.add_if(self.relay.is_some() && self.mail_to.is_empty(), "alarms.mail_to", "a relay, and nobody to write to");
        let relay = self.relay.and_then(|relay| relay.meant_in("alarms.relay", found));
        let webhook = self.webhook.map(|raw| Webhook { url: raw.url, secret: raw.secret });
        if let Some(Webhook { url: Secret::Value(url), .. }) = &webhook {
            found.add_if(!is_safe(url.expose_secret()), "alarms.webhook.url", WANTED);
        }
        let silence = found.within(self.silence_hours, 72, 0..=MOST_HOURS, "alarms.silence_hours");
        let mut minutes =
            |value, default, least, key: &str| Duration::from_secs(60 * found.within(value, default, least..=MOST_MINUTES, key));
        Some(Alarms {
            mail_to: self.mail_to,
            relay,
            webhook,
            silence_hours: u32::try_from(silence).unwrap_or(0),
            silence_counts: self.silence_counts.unwrap_or_default(),
            failing: minutes(self.failing_minutes, 10, 0, "alarms.failing_minutes"),
            waits: minutes(self.waiting_minutes, 30, 1, "alarms.waiting_minutes"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Faults, read};

    #[test]
    fn where_alarms_may_be_posted() {
        for good in ["https://hooks.example/x", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/", "https://10.0.0.1/"] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "http://hooks.example/x",
            "ftp://hooks.example/",
            "https://",
            "http://localhost:x@evil.example/",
            "http://[::1]@evil.example/",
            "http://localhost:80@evil.example/",
            "https://user:word@hooks.example/",
            "",
            "hooks.example",
            "http://127.0.0.1.evil.example/",
            "http://evil.example/127.0.0.1",
            "http://localhost@evil.example/",
            "http://evil.example#localhost",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_left_out_and_what_is_wrong() {
        let alarms = read("", Vec::new()).unwrap().alarms;
        assert_eq!((alarms.silence_hours, alarms.silence_counts), (72, SilenceCounts::WorkingDays));
        assert_eq!((alarms.failing.as_secs(), alarms.waits.as_secs()), (600, 1_800));
        let check = |text: &str, part: &str| {
            let Err(Faults(found)) = read(text, Vec::new()) else { panic!("{text} was read") };
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
        };
        check("[alarms]\nmail_to = [\"operator\"]\n", "alarms.mail_to[0]");
        check("[alarms.relay]\nhost = \"mx2.example\"\n", "alarms.mail_to");
        check("[alarms]\nmail_to = [\"o@example.net\"]\n[alarms.relay]\nhost = \"mx2.example\"\nuser = \"u\"\n", "alarms.relay.user");
        check("[alarms.webhook]\nurl = { value = \"http://hooks.example/geheim\" }\n", "alarms.webhook.url");
        check("[alarms]\nwaiting_minutes = 0\n", "alarms.waiting_minutes");
        check("[smtp]\nsilent_after_hours = 9000\n", "smtp.silent_after_hours");
    }

    /// A webhook's address is as good as a password.
    #[test]
    fn the_address_is_not_shown() {
        let text = "[alarms.webhook]\nurl = \"https://hooks.example/geheim\"\n";
        let Err(Faults(found)) = read(text, Vec::new()) else { panic!("it was read") };
        assert!(!found.join("\n").contains("geheim"), "{found:?}");
        let text = "[alarms.webhook]\nurl = { value = \"https://hooks.example/geheim\" }\nsecret = { value = \"auch-geheim\" }\n";
        assert!(!format!("{:?}", read(text, Vec::new()).unwrap()).contains("geheim"));
    }
}

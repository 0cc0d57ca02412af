//! The ways by which people are told: the log, mail, and a webhook. None of them knows of another, and none shows an address or a secret.

use crate::config::alarms::{Alarms, Webhook};
use crate::config::{Config, Outgoing};
use crate::model::alarm::{News, NotTold, RaisedAlarm, Way};
use crate::model::legible;
use crate::notify::plain::{self, Plain};
use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::Sha256;
use std::time::Duration;
use tracing::{error, info};

/// A webhook that says nothing for so long is away.
const PATIENCE: Duration = Duration::from_secs(15);

/// The ways that are configured. The log always is.
#[derive(Clone)]
pub struct Ways {
    /// In the configuration's order.
    mail_to: Vec<(Way, String)>,
    /// Of alarms alone if there is one, else the ordinary one, past the outbox.
    relay: Outgoing,
    webhook: Option<Webhook>,
    /// This machine, as it greets others.
    host: String,
}

impl Ways {
    pub fn new(config: &Config) -> Ways {
        let Alarms { mail_to, relay, webhook, .. } = &config.alarms;
        let mut relay = relay.clone().unwrap_or_else(|| config.outgoing.clone());
        relay.from = relay.from.or_else(|| config.outgoing.from.clone());
        let mail_to = mail_to.iter().map(|to| (Way::mail_to(to), to.clone())).collect();
        Ways { mail_to, relay, webhook: webhook.clone(), host: config.smtp.hostname.clone() }
    }

    /// Those that are configured.
    pub fn all(&self) -> Vec<Way> {
        let mut all = vec![Way::Log];
        for (way, _) in &self.mail_to {
            // Who stands there twice hears it once.
            if !all.contains(way) {
                all.push(*way);
            }
        }
        all.extend(self.webhook.as_ref().map(|_| Way::Webhook));
        all
    }

    /// A way as an operator knows it: of several addresses, the place in `mail_to`, and never the address.
    pub fn name(&self, way: Way) -> String {
        match self.mail_to.iter().position(|(of, _)| *of == way) {
            Some(index) if self.mail_to.len() > 1 => format!("mail_to[{index}]"),
            _ => way.as_str().to_owned(),
        }
    }

    /// The relay that alarms go by, if they go by mail.
    pub fn relay(&self) -> Option<&Outgoing> {
        (!self.mail_to.is_empty()).then_some(&self.relay)
    }

    /// Tells by one way.
    pub async fn tell(&self, way: Way, news: News, alarm: &RaisedAlarm) -> Result<(), NotTold> {
        match way {
            Way::Log => {
                log(news, alarm);
                Ok(())
            }
            Way::Mail(_) => match self.mail_to.iter().find(|(of, _)| *of == way) {
                Some((_, to)) => self.mail(to, news, alarm).await,
                None => Ok(()),
            },
            Way::Webhook => match &self.webhook {
                Some(webhook) => self.post(webhook, news, alarm).await.map_err(NotTold::NotNow),
                None => Ok(()),
            },
        }
    }

    async fn mail(&self, to: &str, news: News, alarm: &RaisedAlarm) -> Result<(), NotTold> {
        let subject = format!("[rohrpost {}] {}: {} {}", self.host, said(news), alarm.alarm.kind.as_str(), alarm.alarm.about);
        let text = body(news, alarm, &self.host);
        let plain = Plain { to, subject: &subject, text: &text, domain: &self.host, canary: None };
        plain::send(&self.relay, plain).await
    }

    async fn post(&self, webhook: &Webhook, news: News, alarm: &RaisedAlarm) -> Result<(), String> {
        let clean = |error: anyhow::Error| legible::without_addresses(&format!("{error:#}"));
        let url = webhook.fetched_url().map_err(clean)?;
        let secret = webhook.fetched_secret().map_err(clean)?;
        let body = posted(news, alarm, &self.host);
        let answer = request(&url, secret, body).await.map_err(clean)?;
        if answer.is_success() { Ok(()) } else { Err(format!("the webhook answers {}", answer.as_u16())) }
    }
}

/// An alarm's rank is that of an error; that it is over is good news.
fn log(news: News, alarm: &RaisedAlarm) {
    let (kind, about, text) = (alarm.alarm.kind.as_str(), &alarm.alarm.about, &alarm.alarm.text);
    match news {
        News::Over => info!(kind, about, raised_at = %alarm.raised_at, "alarm {kind} {about} is over"),
        News::Raised => error!(kind, about, raised_at = %alarm.raised_at, "alarm {kind} {about}: {text}"),
        News::GoesOn => error!(kind, about, raised_at = %alarm.raised_at, "alarm {kind} {about} goes on: {text}"),
        News::Test => error!(kind, about, "a test of the alarms: {text}"),
    }
}

fn said(news: News) -> &'static str {
    match news {
        News::Raised => "alarm",
        News::GoesOn => "still alarm",
        News::Over => "over",
        News::Test => "test",
    }
}

fn body(news: News, alarm: &RaisedAlarm, host: &str) -> String {
    let utc = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let state = match (news, alarm.cleared_at) {
        (News::Over, Some(at)) => format!("It is right again since {}. What was wrong:\n\n", utc(at)),
        (News::GoesOn, _) => format!("It goes on since {}.\n\n", utc(alarm.raised_at)),
        _ => String::new(),
    };
    format!(
        "{state}{}\n\nkind: {}\nabout: {}\nsince: {}\nhost: {host}\n\nOn that host, `rohrpost alarms list` and `rohrpost doors list` say more; \
         what each kind means and what to do is in docs/operation.md.\n",
        alarm.alarm.text,
        alarm.alarm.kind.as_str(),
        alarm.alarm.about,
        utc(alarm.raised_at),
    )
}

/// What a webhook gets.
fn posted(news: News, alarm: &RaisedAlarm, host: &str) -> String {
    json!({
        "event": news.as_str(), "kind": alarm.alarm.kind.as_str(), "about": alarm.alarm.about, "text": alarm.alarm.text,
        "raised_at": alarm.raised_at.to_string(), "cleared_at": alarm.cleared_at.map(|at| at.to_string()), "host": host,
    })
    .to_string()
}

async fn request(url: &SecretString, secret: Option<SecretString>, body: String) -> anyhow::Result<reqwest::StatusCode> {
    // No redirects: what is posted goes where it was meant to go, and nowhere else.
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
    // In plain text it stays on this machine: no proxy of the environment sees it.
    let client = if url.expose_secret().starts_with("https://") { client } else { client.no_proxy() };
    let client = client.build().map_err(reqwest::Error::without_url).context("the HTTP client")?;
    let mut request = client.post(url.expose_secret()).header("Content-Type", "application/json").header("User-Agent", "rohrpost");
    if let Some(secret) = secret {
        let at = Timestamp::now().as_second().to_string();
        let signature = format!("sha256={}", signature(secret.expose_secret(), &at, &body)?);
        request = request.header("X-Rohrpost-Timestamp", at).header("X-Rohrpost-Signature", signature);
    }
    // The error's own words have the address in them.
    let answer = request.body(body).send().await.map_err(|error| anyhow::Error::new(error.without_url()).context("the webhook"))?;
    Ok(answer.status())
}

/// HMAC-SHA256 (RFC 2104) over the time in seconds, a dot, and the body, in hex: a post that is sent again later is known by its time.
fn signature(secret: &str, at: &str, body: &str) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::{Alarm, AlarmKind};

    fn alarm() -> RaisedAlarm {
        let at = |text: &str| text.parse().unwrap();
        RaisedAlarm {
            alarm: Alarm { kind: AlarmKind::DoorFailing, about: "hr".into(), text: "Door hr has not worked for 2 hours.".into() },
            raised_at: at("2026-11-22T03:00:00Z"),
            seen_at: at("2026-11-22T05:00:00Z"),
            told_at: None,
            cleared_at: Some(at("2026-11-22T05:00:00Z")),
        }
    }

    #[test]
    fn what_is_posted() {
        let value: serde_json::Value = serde_json::from_str(&posted(News::Over, &alarm(), "mx.acme.example")).unwrap();
        let want = json!({
            "event": "over", "kind": "door_failing", "about": "hr", "text": "Door hr has not worked for 2 hours.",
            "raised_at": "2026-11-22T03:00:00Z", "cleared_at": "2026-11-22T05:00:00Z", "host": "mx.acme.example",
        });
        assert_eq!(value, want);
    }

    #[test]
    fn what_is_written() {
        let over = body(News::Over, &alarm(), "mx.acme.example");
        assert!(over.starts_with("It is right again since 2026-11-22 05:00:00 UTC.") && over.contains("host: mx.acme.example"), "{over}");
        assert!(body(News::GoesOn, &alarm(), "h").starts_with("It goes on since 2026-11-22 03:00:00 UTC."));
        assert!(body(News::Raised, &alarm(), "h").starts_with("Door hr has not worked"));
    }

    /// RFC 4231 §4.3, with the dot that stands in its data between other words.
    #[test]
    fn how_it_is_signed() {
        let by_hand = |secret: &str, all: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(all.as_bytes());
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(by_hand("Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(signature("Jefe", "17", "{}").unwrap(), by_hand("Jefe", "17.{}"));
    }
}

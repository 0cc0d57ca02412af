//! Messages that go past the outbox, which may be what is stuck: alarms to operators, and mails to ourselves. Each is tried once; who
//! sends them again is their sender's business.

use super::transport::{AutoSubmitted, HandedOver, NoAutoResponse, Transport};
use crate::config::Outgoing;
use crate::model::alarm::NotTold;
use crate::model::legible;
use crate::model::token::CANARY_FIELD;
use anyhow::Context;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::{Address, Message};
use std::time::Duration;

/// A relay that takes longer is away: nobody waits here as the outbox can.
const PATIENCE: Duration = Duration::from_secs(30);

/// A short text to one: who is written to together is refused together.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    pub to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    /// Of Message-ID, and of the sender where the relay names none.
    pub domain: &'a str,
    /// Known again by it when it arrives.
    pub canary: Option<&'a str>,
}

/// Hands it over, in a transaction of its own.
pub async fn send(relay: &Outgoing, plain: Plain<'_>) -> Result<(), NotTold> {
    let ours = |error: anyhow::Error| NotTold::NotNow(legible::without_addresses(&format!("{error:#}")));
    let handing_over = async {
        let transport = Transport::new(relay).map_err(ours)?;
        let (envelope, message) = build(relay, plain).map_err(ours)?;
        match transport.send(&envelope, &message).await {
            HandedOver::Taken => Ok(()),
            HandedOver::NotNow(words) => Err(NotTold::NotNow(legible::without_addresses(&words))),
            HandedOver::Refused(words) => Err(NotTold::Refused(legible::without_addresses(&words))),
        }
    };
    tokio::time::timeout(PATIENCE, handing_over).await.unwrap_or_else(|_| Err(NotTold::NotNow("the relay takes too long".into())))
}

/// Whether the relay answers. An error says why not, without addresses and secrets.
pub async fn is_there(relay: &Outgoing) -> Result<(), String> {
    let asking = async {
        let transport = Transport::new(relay).map_err(|error| format!("{error:#}"))?;
        transport.is_there().await
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err("the relay takes too long".into()));
    asked.map_err(|words| legible::without_addresses(&words))
}

fn build(relay: &Outgoing, plain: Plain<'_>) -> anyhow::Result<(Envelope, Vec<u8>)> {
    let from = relay.from.clone().unwrap_or_else(|| format!("Rohrpost <noreply@{}>", plain.domain));
    let from: Mailbox = from.parse().context("the sender's address")?;
    let to: Address = plain.to.parse().context("the recipient's address")?;
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(plain.subject)
        .message_id(Some(format!("<{}@{}>", ulid::Ulid::new(), plain.domain)))
        .date_now()
        .header(AutoSubmitted)
        .header(NoAutoResponse);
    if let Some(token) = plain.canary {
        builder = builder.header(Canary(token.to_owned()));
    }
    let message = builder.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(plain.text.to_owned()))?;
    Ok((Envelope::new(Some(from.email), vec![to])?, message.formatted()))
}

#[derive(Clone)]
struct Canary(String);

impl Header for Canary {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str(CANARY_FIELD)
    }
    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Canary(text.to_owned()))
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_to_ourselves_as_it_is_sent() {
        let relay = crate::config::read("[outgoing]\nfrom = \"Rohrpost <rohrpost@acme.example>\"\n", Vec::new()).unwrap().outgoing;
        let plain = Plain {
            to: "import@acme.example",
            subject: "x\r\nBcc: y@evil.example",
            text: "Text",
            domain: "acme.example",
            canary: Some("abc234"),
        };
        let (envelope, message) = build(&relay, plain).unwrap();
        let text = String::from_utf8(message).unwrap();
        for line in [
            "X-Rohrpost-Canary: abc234\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "To: import@acme.example\r\n",
            "From: Rohrpost <rohrpost@acme.example>\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("\r\nBcc:"), "{text}");
        assert_eq!(envelope.from().map(ToString::to_string).as_deref(), Some("rohrpost@acme.example"));
    }
}

//! Builds a message as it is sent, and hands it to the relay over SMTP.

use crate::config::{Outgoing, OutgoingTls};
use crate::store::outbox::Outbound;
use anyhow::Context;
use bytes::Bytes;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use regex::Regex;
use secrecy::ExposeSecret;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

/// A relay that says nothing for so long is away.
const PATIENCE: Duration = Duration::from_secs(60);

/// How handing over ended.
#[derive(Debug)]
pub enum HandedOver {
    Taken,
    /// Our trouble, or the relay's: worth another try.
    NotNow(String),
    /// The relay says no to this message for good.
    Refused(String),
}

/// The relay.
pub struct Transport {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    from: Option<String>,
}

impl Transport {
    /// Fetches the password. An error is one of the configuration.
    pub fn new(outgoing: &Outgoing) -> anyhow::Result<Transport> {
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&outgoing.host).port(outgoing.port).timeout(Some(PATIENCE));
        let parameters = || TlsParameters::new_rustls(outgoing.host.clone()).context("outgoing.tls");
        builder = match outgoing.tls {
            OutgoingTls::None => builder,
            OutgoingTls::Starttls => builder.tls(Tls::Required(parameters()?)),
            OutgoingTls::Implicit => builder.tls(Tls::Wrapper(parameters()?)),
        };
        if let Some((user, password)) = outgoing.fetched_login()? {
            let credentials = Credentials::new(user, password.expose_secret().to_owned());
            builder = builder.credentials(credentials).authentication(vec![Mechanism::Plain]);
        }
        Ok(Transport { smtp: builder.build(), from: outgoing.from.clone() })
    }

    /// Whether the relay answers at all: a "no" to the connection is no verdict on a message.
    pub async fn is_there(&self) -> Result<(), String> {
        match self.smtp.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the relay does not answer as it should".into()),
            Err(error) => Err(words(&error)),
        }
    }

    /// Hands one message over. `attached`: the raw mail that goes with it. `corrects`: the Message-ID, without brackets, of what it
    /// corrects.
    pub async fn hand_over(&self, message: &Outbound, attached: Option<Bytes>, corrects: Option<&str>) -> HandedOver {
        let built = self.build(message, attached, corrects).and_then(|built| Ok((envelope(message)?, built)));
        let (envelope, built) = match built {
            Ok(built) => built,
            // An address that cannot be written to will not become one.
            Err(error) => return HandedOver::Refused(format!("{error:#}")),
        };
        self.send(&envelope, &built.formatted()).await
    }

    /// Hands over what is built already.
    pub(super) async fn send(&self, envelope: &Envelope, message: &[u8]) -> HandedOver {
        match self.smtp.send_raw(envelope, message).await {
            Ok(_) => HandedOver::Taken,
            Err(error) => {
                let words = words(&error);
                match error.status() {
                    Some(code) if is_about_the_message(u16::from(code), &words) => HandedOver::Refused(words),
                    _ => HandedOver::NotNow(words),
                }
            }
        }
    }

    fn build(&self, message: &Outbound, attached: Option<Bytes>, corrects: Option<&str>) -> anyhow::Result<Message> {
        let from = self.from.clone().unwrap_or_else(|| format!("Rohrpost <noreply@{}>", message.domain));
        let mut builder = Message::builder()
            .from(from.parse::<Mailbox>().context("outgoing.from")?)
            .to(Mailbox::new(None, message.recipient.parse().context("recipient")?))
            .subject(&message.subject)
            // Both stay the same however often it is tried: a repeat can be recognised (G2).
            .message_id(Some(format!("<{}@{}>", message.id, message.domain)))
            .date(SystemTime::from(message.created_at))
            .header(AutoSubmitted)
            .header(NoAutoResponse);
        if let Some(reply_to) = &message.reply_to {
            builder = builder.reply_to(reply_to.parse::<Mailbox>().context("Reply-To")?);
        }
        // RFC 5322 §3.6.4: mail programs show both as one conversation, and its reader knows which message is meant.
        if let Some(corrects) = corrects.map(|id| format!("<{id}>")) {
            builder = builder.in_reply_to(corrects.clone()).references(corrects);
        }
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(message.body.clone());
        let built = match attached {
            // As bytes, not as a message: in base64 nothing in it can be taken for a line of SMTP.
            Some(raw) => {
                let base64 = Body::new_with_encoding(raw.to_vec(), ContentTransferEncoding::Base64);
                let base64 = base64.map_err(|_| anyhow::anyhow!("the mail cannot be attached"))?;
                let mail = Attachment::new("message.eml".into()).body(base64, ContentType::parse("application/octet-stream")?);
                builder.multipart(MultiPart::mixed().singlepart(text).singlepart(mail))
            }
            None => builder.singlepart(text),
        };
        Ok(built?)
    }
}

/// The reverse-path names the message: a bounce tells its delivery state.
fn envelope(message: &Outbound) -> anyhow::Result<Envelope> {
    let bounces: Address = format!("bounces+{}@{}", message.id, message.domain).parse().context("bounce address")?;
    Ok(Envelope::new(Some(bounces), vec![message.recipient.parse().context("recipient")?])?)
}

/// Whether a "no" for good speaks of this recipient or this message (RFC 3463 §3). One that speaks of our login, our address or
/// of our right to relay speaks of all messages: an operator mends that, and nothing is given up before.
fn is_about_the_message(code: u16, words: &str) -> bool {
    static ENHANCED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b5\.(\d{1,3})\.(\d{1,3})\b").expect("a constant pattern that a test uses"));
    let enhanced = ENHANCED.captures(words).and_then(|found| Some((found[1].parse::<u16>().ok()?, found[2].parse::<u16>().ok()?)));
    match (code, enhanced) {
        (..500, _) | (530 | 534 | 535 | 538, _) => false,
        // The sender's address.
        (_, Some((1, 7 | 8))) => false,
        (_, Some((1 | 2 | 6, _) | (3, 4))) => true,
        (550 | 551 | 552 | 556, None) => true,
        _ => false,
    }
}

/// The error and its causes in one line, bounded.
fn words(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        // Many errors say what their cause says as well.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text.replace(['\r', '\n'], " ").chars().take(500).collect()
}

/// RFC 3834 §5.
#[derive(Clone)]
pub(super) struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// What Exchange asks for instead: no out-of-office answers to this.
#[derive(Clone)]
pub(super) struct NoAutoResponse;

impl Header for NoAutoResponse {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Auto-Response-Suppress")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(NoAutoResponse)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "All".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{OutboundId, TenantId};
    use crate::model::outbound::{MessagePurpose, MessageState};
    use crate::model::user::Locale;

    fn outbound() -> Outbound {
        Outbound {
            id: OutboundId::generate(),
            tenant: TenantId::new("acme"),
            purpose: MessagePurpose::ReplyImported,
            recipient: "petra@acme.example".into(),
            locale: Locale::De,
            subject: "Neue Antwort von Maria Müller\r\nBcc: x@evil.example".into(),
            body: "Maria Müller hat geantwortet.\n.\nEnde".into(),
            reply_to: Some("hr@acme.example".into()),
            domain: "acme.example".into(),
            attached: None,
            created_at: "2026-11-22T08:30:00Z".parse().unwrap(),
            state: MessageState::Queued,
            attempts: 1,
            next_attempt_at: jiff::Timestamp::UNIX_EPOCH,
            last_error: None,
        }
    }

    fn transport() -> Transport {
        let config = crate::config::read("", Vec::new()).unwrap();
        Transport::new(&config.outgoing).unwrap()
    }

    /// Acceptance: S1.E20.
    #[tokio::test]
    async fn a_message_as_it_is_sent() {
        let message = outbound();
        let text = String::from_utf8(transport().build(&message, None, None).unwrap().formatted()).unwrap();
        let again = String::from_utf8(transport().build(&message, None, None).unwrap().formatted()).unwrap();
        let corrected = String::from_utf8(transport().build(&message, None, Some("1@acme.example")).unwrap().formatted()).unwrap();
        assert!(
            corrected.contains("In-Reply-To: <1@acme.example>\r\n") && corrected.contains("References: <1@acme.example>\r\n"),
            "{corrected}"
        );
        assert!(!text.contains("In-Reply-To"), "{text}");
        assert_eq!(text, again);
        for line in [
            "Auto-Submitted: auto-generated\r\n".to_owned(),
            "X-Auto-Response-Suppress: All\r\n".to_owned(),
            format!("Message-ID: <{}@acme.example>\r\n", message.id),
            "From: Rohrpost <noreply@acme.example>\r\n".to_owned(),
            "To: petra@acme.example\r\n".to_owned(),
            "Reply-To: hr@acme.example\r\n".to_owned(),
            "Date: Sun, 22 Nov 2026 08:30:00 +0000\r\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(!text.contains("\r\nBcc:"), "{text}");
        let envelope = envelope(&message).unwrap();
        assert_eq!(envelope.from().map(ToString::to_string), Some(format!("bounces+{}@acme.example", message.id)));
    }

    #[test]
    fn what_a_no_speaks_of() {
        let check = |code: u16, words: &str, want: bool| assert_eq!(is_about_the_message(code, words), want, "{code} {words}");
        check(550, "permanent error (550): 5.1.1 <x@y>: User unknown", true);
        check(550, "permanent error (550): no such user", true);
        check(552, "permanent error (552): 5.2.2 mailbox full", true);
        check(552, "permanent error (552): 5.3.4 too big", true);
        check(554, "permanent error (554): 5.6.0 no MIME", true);
        // Of everything that we send.
        check(554, "permanent error (554): no SMTP service here", false);
        check(554, "permanent error (554): 5.7.1 <x@y>: Relay access denied", false);
        check(550, "permanent error (550): 5.7.1 not allowed", false);
        check(553, "permanent error (553): 5.7.1 Sender address rejected: not owned by user", false);
        check(550, "permanent error (550): 5.1.8 sender's domain not found", false);
        check(535, "permanent error (535): 5.7.8 authentication failed", false);
        check(451, "transient error (451): 4.7.1 greylisted", false);
    }

    #[tokio::test]
    async fn an_attached_mail_is_base64() {
        let message = Outbound { purpose: MessagePurpose::Postmaster, ..outbound() };
        let raw = Bytes::from_static(b"Subject: x\r\n\r\n\n.\nMAIL FROM:<>\r\n");
        let text = String::from_utf8(transport().build(&message, Some(raw), None).unwrap().formatted()).unwrap();
        assert!(text.contains("Content-Transfer-Encoding: base64") && !text.contains("MAIL FROM"), "{text}");
    }
}

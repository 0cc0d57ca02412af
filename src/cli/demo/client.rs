//! Sends the demo's mails through the real SMTP door, as mail programs and mail hosts do.

use crate::model::id::ArrivalId;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::net::SocketAddr;
use std::time::Duration;

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub enum As<'a> {
    /// Signed in, over STARTTLS.
    User(&'a str),
    /// Another server, which nobody vouches for.
    Stranger,
}

/// The door's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Kept(ArrivalId),
    /// Code and text of the refusal.
    Refused(String),
}

/// Where to, and how the certificate is known.
#[derive(Clone, Debug)]
pub struct Client {
    pub door: SocketAddr,
    /// PEM.
    pub certificate: String,
    pub password: String,
}

impl Client {
    /// Sends one mail; line ends become CRLF on the way.
    pub async fn send(&self, from: As<'_>, reverse_path: Option<&str>, to: &str, mail: &[u8]) -> anyhow::Result<Answer> {
        let address = |text: &str| text.parse::<Address>();
        let envelope = Envelope::new(reverse_path.map(address).transpose()?, vec![address(to)?])?;
        let transport = self.transport(from)?;
        match transport.send_raw(&envelope, &with_crlf(mail)).await {
            Ok(response) => {
                let words = response.message().collect::<Vec<_>>().join(" ");
                let id = words.rsplit(' ').next().unwrap_or_default().parse();
                Ok(id.map_or_else(|_| Answer::Refused(words.clone()), Answer::Kept))
            }
            Err(error) if error.is_permanent() || error.is_transient() => {
                let code = error.status().map(|code| code.to_string()).unwrap_or_default();
                let text = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                Ok(Answer::Refused(format!("{code} {text}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn transport(&self, from: As<'_>) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.door.ip().to_string()).port(self.door.port());
        let builder = builder.timeout(Some(Duration::from_secs(60)));
        Ok(match from {
            As::Stranger => builder.build(),
            As::User(user) => {
                let certificate = Certificate::from_pem(self.certificate.as_bytes())?;
                let tls = TlsParameters::builder("localhost".into())
                    .certificate_store(CertificateStore::None)
                    .add_root_certificate(certificate)
                    .build_rustls()?;
                let credentials = Credentials::new(user.to_owned(), self.password.clone());
                builder.tls(Tls::Required(tls)).credentials(credentials).authentication(vec![Mechanism::Plain]).build()
            }
        })
    }
}

/// Files have the line ends of their editor; RFC 5321 §2.3.8 wants CRLF.
pub fn with_crlf(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + mail.len() / 40);
    for (index, &byte) in mail.iter().enumerate() {
        if byte == b'\n' && (index == 0 || mail[index - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(byte);
    }
    out
}

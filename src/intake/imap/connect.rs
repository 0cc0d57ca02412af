//! From a host's name to a mailbox that knows us: TCP, TLS, greeting, login.

use super::stream::{Io, Watched};
use super::trouble::Trouble;
use super::wire::{Capabilities, Heard, SILENCE, Wire, quoted};
use crate::config::Secret;
use crate::config::imap::{Imap, Mechanism, Tls};
use crate::model::bearer::Tokens;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::ConfigVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What we sign in with.
#[derive(Clone)]
pub enum Credential {
    Password(Secret),
    Bearer(Arc<dyn Tokens>),
}

/// A token that somebody else keeps fresh, in a file or a credential: it is read again before each login.
struct Kept(Secret);

impl Tokens for Kept {
    fn token(&self) -> BoxFuture<'_, anyhow::Result<SecretString>> {
        let token = self.0.get();
        Box::pin(async move { token })
    }

    fn taken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn refused(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn renewed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn until(&self) -> BoxFuture<'_, Option<Timestamp>> {
        Box::pin(std::future::ready(None))
    }
}

impl Credential {
    /// A secret of the configuration, as the mechanism takes it.
    pub fn of(mechanism: Mechanism, secret: &Secret) -> Credential {
        match mechanism.takes_a_token() {
            true => Credential::Bearer(Arc::new(Kept(secret.clone()))),
            false => Credential::Password(secret.clone()),
        }
    }

    /// Ends when there is a reason to try again before it is time.
    pub async fn renewed(&self) {
        match self {
            Credential::Password(_) => std::future::pending().await,
            Credential::Bearer(tokens) => tokens.renewed().await,
        }
    }

    /// Until when it opens the mailbox, if anybody can say.
    pub async fn until(&self) -> Option<Timestamp> {
        match self {
            Credential::Password(_) => None,
            Credential::Bearer(tokens) => tokens.until().await,
        }
    }
}

/// A connection that is signed in.
pub struct SignedIn {
    pub wire: Wire,
    pub can: Capabilities,
    pub peer: IpAddr,
}

/// Connecting, the handshake and each answer may take so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects and signs in.
pub async fn sign_in(config: &Imap, credential: &Credential) -> Result<SignedIn, Trouble> {
    let secret = match credential {
        Credential::Password(secret) => secret.get()?,
        Credential::Bearer(tokens) => tokens.token().await?,
    };
    let (mut wire, peer) = in_time(connected(config)).await?;
    let offered = wire.capabilities().await?;
    let ended = match config.mechanism {
        Mechanism::Plain if offered.has("AUTH=PLAIN") => {
            let response = format!("\0{}\0{}", config.user, secret.expose_secret());
            authenticate(&mut wire, "PLAIN", &response, "").await
        }
        Mechanism::Plain | Mechanism::Login => login(&mut wire, &offered, config, &secret).await,
        Mechanism::Xoauth2 => authenticate(&mut wire, "XOAUTH2", &xoauth2(&config.user, secret.expose_secret()), "").await,
        Mechanism::Oauthbearer => authenticate(&mut wire, "OAUTHBEARER", &oauthbearer(config, secret.expose_secret()), "\u{1}").await,
    };
    match ended {
        Ok(()) => {
            if let Credential::Bearer(tokens) = credential {
                tokens.taken().await;
            }
        }
        Err(Trouble::Said(_, text)) => {
            // A server that has no time says nothing about the token.
            if let Credential::Bearer(tokens) = credential
                && !super::trouble::passes_by_itself(&text)
            {
                tokens.refused().await;
            }
            return Err(Trouble::NotLetIn(text));
        }
        Err(other) => return Err(other),
    }
    // RFC 3501 §6.1.1: what is offered behind the login may be more.
    let can = wire.capabilities().await?;
    Ok(SignedIn { wire, can, peer })
}

async fn in_time<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    // TCP, TLS and the greeting.
    tokio::time::timeout(2 * PATIENCE, work).await.unwrap_or_else(|_| Err(Trouble::Lost("the server does not answer".into())))
}

async fn connected(config: &Imap) -> Result<(Wire, IpAddr), Trouble> {
    let connecting = TcpStream::connect((config.host.as_str(), config.port));
    let stream = tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| Trouble::Lost("the server cannot be reached".into()))?;
    let stream =
        stream.map_err(|error| Trouble::Lost(format!("the server cannot be reached: {}", super::trouble::clean(&error.to_string()))))?;
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?.ip().to_canonical();
    let watched = |stream: Box<dyn Io>| Watched::new(stream, SILENCE);
    if config.tls == Tls::Implicit {
        let mut wire = Wire::new(watched(handshake(config, Box::new(stream)).await?));
        wire.greeting().await?;
        return Ok((wire, peer));
    }
    let mut wire = Wire::new(watched(Box::new(stream)));
    wire.greeting().await?;
    if config.tls == Tls::None {
        return Ok((wire, peer));
    }
    // RFC 3501 §6.2.1: without it nothing goes on, and nothing that was said before it counts.
    wire.command("STARTTLS", |_| ()).await?;
    let stream = wire.into_inner().into_inner();
    Ok((Wire::new(watched(handshake(config, stream).await?)), peer))
}

async fn handshake(config: &Imap, stream: Box<dyn Io>) -> Result<Box<dyn Io>, Trouble> {
    let tls = Arc::new(client_config(config.ca.as_deref())?);
    let name = ServerName::try_from(config.host.clone()).context("host")?;
    match TlsConnector::from(tls).connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => {
            let said = super::trouble::clean(&error.to_string());
            // What rustls makes of a greeting in plain text.
            let hint = if said.contains("InvalidContentType") { "; does this port want tls = \"starttls\"?" } else { "" };
            Err(Trouble::Lost(format!("TLS: {said}{hint}")))
        }
    }
}

/// Whom we believe: a CA of one's own, or those of this machine.
pub fn client_config(ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let Some(path) = ca else { return ClientConfig::with_platform_verifier().context("the machine's certificates") };
    let shown = || path.display().to_string();
    let pem = std::fs::read(path).with_context(shown)?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.with_context(shown)?).with_context(shown)?;
    }
    anyhow::ensure!(!roots.is_empty(), "{}: no certificate in it", path.display());
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// RFC 3501 §6.2.3.
async fn login(wire: &mut Wire, offered: &Capabilities, config: &Imap, secret: &SecretString) -> Result<(), Trouble> {
    if offered.has("LOGINDISABLED") {
        return Err(Trouble::Said("NO", "LOGIN is disabled here".into()));
    }
    let (Some(user), Some(password)) = (quoted(&config.user), quoted(secret.expose_secret())) else {
        return Err(Trouble::Ours(anyhow::anyhow!("user or password cannot be said in a LOGIN command; use mechanism = \"plain\"")));
    };
    wire.command(&format!("LOGIN {user} {password}"), |_| ()).await
}

/// RFC 3501 §6.2.2. A second challenge tells why the first response was not good; `to_error` is said to it, so that the end comes.
async fn authenticate(wire: &mut Wire, mechanism: &str, response: &str, to_error: &str) -> Result<(), Trouble> {
    let tag = wire.say(&format!("AUTHENTICATE {mechanism}")).await?;
    let mut next = Some(response);
    loop {
        match wire.hear(&tag).await? {
            Heard::GoOn => wire.write(&STANDARD.encode(next.take().unwrap_or(to_error))).await?,
            Heard::Data(_) => (),
            Heard::Done => return Ok(()),
        }
    }
}

/// As Google and Microsoft document it.
fn xoauth2(user: &str, token: &str) -> String {
    format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}")
}

/// RFC 7628 §3.1; RFC 5801 §4 escapes commas and equals signs of the name.
fn oauthbearer(config: &Imap, token: &str) -> String {
    let user = config.user.replace('=', "=3D").replace(',', "=2C");
    format!("n,a={user},\u{1}host={}\u{1}port={}\u{1}auth=Bearer {token}\u{1}\u{1}", config.host, config.port)
}

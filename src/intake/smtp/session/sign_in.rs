//! Signing in: asks for name and password in the way that the peer chose, and has them looked at.

use super::{Directory, Ended, Talk};
use crate::intake::smtp::command::Mechanism;
use crate::intake::smtp::line::ReadLine;
use crate::intake::smtp::reply::{self, Reply};
use crate::model::arrival::Accept;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

impl<A: Accept, D: Directory> Talk<A, D> {
    /// RFC 4954 §4.
    pub(super) async fn sign_in(&mut self, mechanism: Mechanism, response: Option<String>) -> Result<Reply, Ended> {
        let said = match mechanism {
            Mechanism::Plain => plain(&self.response("", response).await?),
            Mechanism::Login => self.login(response).await?,
        };
        match said {
            Some((name, password)) => Ok(self.check(&name, password).await),
            None => Ok(self.session.not_signed_in(&self.shared.rules)),
        }
    }

    /// Both words are asked for as the first clients expect them; some take them literally.
    async fn login(&mut self, response: Option<String>) -> Result<Option<(String, SecretString)>, Ended> {
        let name = self.response("Username:", response).await?;
        let Some(name) = text(&name).filter(|name| !name.is_empty()) else { return Ok(None) };
        let password = self.response("Password:", None).await?;
        Ok(text(&password).map(|password| (name, SecretString::from(password))))
    }

    /// What the peer sent with its command, or answers to the question. `*` calls the login off, and is no base64 either way.
    async fn response(&mut self, question: &str, given: Option<String>) -> Result<Vec<u8>, Ended> {
        if let Some(given) = given {
            return Ok(given.into_bytes());
        }
        self.unsent.extend_from_slice(format!("334 {}\r\n", STANDARD.encode(question)).as_bytes());
        if !self.flush().await {
            return Err(Ended::Closed);
        }
        let (timeout, stop) = (self.shared.limits.command_timeout, self.shared.stop.clone());
        match self.input.line(&mut self.stream, timeout, &stop).await {
            ReadLine::Line(line) => Ok(line),
            _ => Err(Ended::Closed),
        }
    }

    async fn check(&mut self, name: &str, password: SecretString) -> Reply {
        let shared = self.shared.clone();
        // Nobody signs in where there is no network: AUTH is not offered there.
        let Some(address) = self.peer.address else { return self.session.not_signed_in(&shared.rules) };
        // Clients say a wrong password again by every mechanism that is offered: that is one guess, and its answer is known.
        let is_the_same = |(other, wrong): &(String, SecretString)| other == name && wrong.expose_secret() == password.expose_secret();
        if self.wrong.as_ref().is_some_and(is_the_same) {
            return self.session.signed_in(&shared.rules, None);
        }
        // Before any work: a hash costs a core for as long as a guess is worth.
        if !shared.brakes.may_try_password(address) {
            warn!(peer = %address, "a login was refused: too many have failed");
            return reply::too_many_failed_logins();
        }
        match shared.directory.sign_in(name, password.clone()).await {
            Ok(login) => {
                if login.is_some() {
                    shared.brakes.no_failure(address);
                } else {
                    warn!(peer = %address, "a login failed");
                    self.wrong = Some((name.to_owned(), password));
                }
                self.session.signed_in(&shared.rules, login)
            }
            Err(error) => {
                shared.brakes.no_failure(address);
                warn!(error = format!("{error:#}"), "a login could not be checked");
                Reply::new(454, (7, 0), "not possible at the moment; try again later")
            }
        }
    }
}

/// Name and password of a PLAIN response. RFC 4616 §2: somebody else's identity is not given out.
fn plain(response: &[u8]) -> Option<(String, SecretString)> {
    let decoded = STANDARD.decode(response.trim_ascii()).ok()?;
    let mut parts = decoded.split(|&byte| byte == 0).map(|part| String::from_utf8(part.to_vec()));
    let (authzid, name, password) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let alone = parts.next().is_none() && (authzid.is_empty() || authzid == name);
    (alone && !name.is_empty()).then(|| (name, SecretString::from(password)))
}

/// One answer to a question of LOGIN.
fn text(response: &[u8]) -> Option<String> {
    STANDARD.decode(response.trim_ascii()).ok().and_then(|decoded| String::from_utf8(decoded).ok())
}

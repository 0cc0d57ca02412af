//! Signs and seals mail as a domain's own server would, with keys made for the test.

use crate::dns::Dns;
use base64::Engine;
use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults, DmarcOutput, DmarcResult};

/// What an ordinary server signs.
pub const SIGNED: &[&str] = &["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding"];

enum Key {
    Ed25519(Vec<u8>),
    Rsa(Vec<u8>),
}

/// A domain's key under a selector; its public half is in the DNS.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

impl Signer {
    /// An Ed25519 key, published with these tags before `p=` (as in `t=y; `).
    pub fn new(dns: &Dns, domain: &str, selector: &str, tags: &str) -> Signer {
        let key = Ed25519Key::generate_pkcs8().unwrap();
        let public = Ed25519Key::from_pkcs8_der(&key).unwrap().public_key();
        publish(dns, domain, selector, &format!("v=DKIM1; k=ed25519; {tags}p={}", base64(&public)));
        Signer { domain: domain.into(), selector: selector.into(), key: Key::Ed25519(key) }
    }

    pub fn rsa(dns: &Dns, domain: &str, selector: &str) -> Signer {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_der();
        let public = rsa_key(&key).public_key();
        publish(dns, domain, selector, &format!("v=DKIM1; k=rsa; p={}", base64(&public)));
        Signer { domain: domain.into(), selector: selector.into(), key: Key::Rsa(key) }
    }

    /// The mail with a signature on top.
    pub fn signs(&self, mail: &str) -> String {
        self.signs_only(SIGNED, mail)
    }

    /// The same over these fields.
    pub fn signs_only(&self, fields: &[&str], mail: &str) -> String {
        self.with(fields, false, mail)
    }

    /// The same with `l=`: what is added behind the body is not covered.
    pub fn signs_the_length(&self, mail: &str) -> String {
        self.with(SIGNED, true, mail)
    }

    fn with(&self, fields: &[&str], length: bool, mail: &str) -> String {
        match &self.key {
            Key::Ed25519(key) => self.by(Ed25519Key::from_pkcs8_der(key).unwrap(), fields, length, mail),
            Key::Rsa(key) => self.by(rsa_key(key), fields, length, mail),
        }
    }

    fn by<K: SigningKey>(&self, key: K, fields: &[&str], length: bool, mail: &str) -> String {
        let signer = DkimSigner::from_key(key).domain(&self.domain).selector(&self.selector).headers(fields.iter().copied());
        let signature = signer.body_length(length).sign(sent(mail).as_bytes()).unwrap();
        on_top(&signature.to_header(), mail)
    }

    /// The mail with an ARC set on top, which says that DMARC passed or failed for the domain.
    pub fn seals(&self, passed: bool, domain: &str, mail: &str) -> String {
        self.sealed(passed, SIGNED, domain, mail)
    }

    /// A set that says pass, over these fields.
    pub fn seals_only(&self, fields: &[&str], domain: &str, mail: &str) -> String {
        self.sealed(true, fields, domain, mail)
    }

    fn sealed(&self, passed: bool, fields: &[&str], domain: &str, mail: &str) -> String {
        let Key::Ed25519(key) = &self.key else { panic!("seals are made with Ed25519 here") };
        let raw = sent(mail);
        let message = AuthenticatedMessage::parse(raw.as_bytes()).unwrap();
        let result = if passed { DmarcResult::Pass } else { DmarcResult::Fail(mail_auth::Error::NotAligned) };
        let dmarc = DmarcOutput::new(domain.into()).with_dkim_result(result);
        let results = AuthenticationResults::new(&self.domain).with_dmarc_result(&dmarc);
        let sealer = ArcSealer::from_key(Ed25519Key::from_pkcs8_der(key).unwrap()).domain(&self.domain).selector(&self.selector);
        let set = sealer.headers(fields.iter().copied()).seal(&message, &results, &ArcOutput::default()).unwrap();
        on_top(&set.to_header(), mail)
    }
}

fn rsa_key(pkcs8: &[u8]) -> RsaKey<Sha256> {
    RsaKey::<Sha256>::from_key_der(rustls::pki_types::PrivateKeyDer::Pkcs8(pkcs8.to_vec().into())).unwrap()
}

fn publish(dns: &Dns, domain: &str, selector: &str, record: &str) {
    dns.txt(&format!("{selector}._domainkey.{domain}"), record);
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// As it goes over the wire.
fn sent(mail: &str) -> String {
    mail.lines().map(|line| format!("{line}\r\n")).collect()
}

fn on_top(header: &str, mail: &str) -> String {
    format!("{}{mail}", header.replace("\r\n", "\n"))
}

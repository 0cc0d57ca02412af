//! What must be kept and may not be read by whoever gets hold of the database: sealed with a key that lies elsewhere.
//! Knows no database and no protocol; never shows a key.

use crate::config::{SealKeys, Secret};
use anyhow::{Context, ensure};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// In bytes.
const KEY: usize = 32;
const KEY_ID: usize = 8;
const NONCE: usize = 12;
/// How what is sealed is written: this byte, the key's id, the nonce, and the text with its tag.
const VERSION: u8 = 1;

/// Keys that open, and the one that seals.
pub struct Seals {
    first: Key,
    old: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID],
    key: RandomizedNonceKey,
}

/// Where something sealed belongs. It opens there alone: rows cannot be swapped, nor the columns of one.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub kind: &'static str,
    pub whose: &'a str,
}

/// Something opened.
pub struct Opened {
    pub text: SecretString,
    /// It was sealed with a key that is to go.
    pub is_old: bool,
}

/// Why something does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    #[error("it was sealed with a key that is neither seal.key nor among seal.old_keys")]
    UnknownKey,
    #[error("what is sealed was changed, or belongs elsewhere")]
    Changed,
}

/// A fresh key, as it stands in a file: 32 random bytes in base64.
pub fn new_key() -> SecretString {
    STANDARD.encode(rand::random::<[u8; KEY]>()).into()
}

impl Seals {
    /// Fetches the keys.
    pub fn fetched(keys: &SealKeys) -> anyhow::Result<Seals> {
        let one = |name: &str, secret: &Secret| {
            let text = secret.get().with_context(|| format!("seal.{name}"))?;
            Key::read(&text).with_context(|| format!("seal.{name}"))
        };
        let old = keys.old.iter().enumerate().map(|(index, secret)| one(&format!("old_keys[{index}]"), secret));
        Ok(Seals { first: one("key", &keys.key)?, old: old.collect::<anyhow::Result<_>>()? })
    }

    /// Names the key that seals; proves nothing and opens nothing.
    pub fn key_id(&self) -> String {
        hex(&self.first.id)
    }

    /// Whether a key with this name is known, and whether it is the one that seals.
    pub fn knows(&self, key_id: &str) -> Option<bool> {
        let is_old = self.old.iter().any(|key| hex(&key.id) == key_id);
        if self.key_id() == key_id { Some(true) } else { is_old.then_some(false) }
    }

    pub fn seal(&self, place: Place<'_>, text: &SecretString) -> anyhow::Result<Vec<u8>> {
        let Key { id, key } = &self.first;
        let mut sealed = text.expose_secret().as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(bound(place, id), &mut sealed);
        let nonce = nonce.ok().context("sealing failed")?;
        Ok([&[VERSION], id.as_slice(), nonce.as_ref().as_slice(), &sealed].concat())
    }

    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Opened, NotOpened> {
        let (head, rest) = sealed.split_at_checked(1 + KEY_ID).ok_or(NotOpened::Changed)?;
        let (nonce, text) = rest.split_at_checked(NONCE).ok_or(NotOpened::Changed)?;
        if head[0] != VERSION {
            return Err(NotOpened::Changed);
        }
        let is_old = self.first.id != head[1..];
        let keys = std::iter::once(&self.first).chain(&self.old);
        let Key { id, key } = keys.into_iter().find(|key| key.id == head[1..]).ok_or(NotOpened::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened::Changed)?;
        let mut text = text.to_vec();
        let opened = key.open_in_place(nonce, bound(place, id), &mut text).map_err(|_| NotOpened::Changed)?;
        let text = std::str::from_utf8(opened).map_err(|_| NotOpened::Changed)?;
        Ok(Opened { text: text.into(), is_old })
    }
}

impl Key {
    fn read(text: &SecretString) -> anyhow::Result<Key> {
        const WANTED: &str = "a key is 32 bytes in base64, as `rohrpost oauth key` prints one";
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok().context(WANTED)?;
        ensure!(bytes.len() == KEY, "{WANTED}");
        let digest = Sha256::digest([b"rohrpost seal key".as_slice(), &bytes].concat());
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        Ok(Key { id, key: RandomizedNonceKey::new(&AES_256_GCM_SIV, &bytes).ok().context(WANTED)? })
    }
}

/// What is sealed along with the text, and has to be the same when it is opened. Neither part can hold a NUL.
fn bound(place: Place<'_>, key: &[u8; KEY_ID]) -> Aad<Vec<u8>> {
    Aad::from(format!("rohrpost\0{VERSION}\0{}\0{}\0{}", hex(key), place.kind, place.whose).into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seals(keys: &[&SecretString]) -> Seals {
        let secret = |key: &&SecretString| Secret::Value((*key).clone());
        let all: Vec<Secret> = keys.iter().map(secret).collect();
        Seals::fetched(&SealKeys { key: all[0].clone(), old: all[1..].to_vec() }).unwrap()
    }

    const HERE: Place<'_> = Place { kind: "access", whose: "hr" };

    fn shown(opened: Result<Opened, NotOpened>) -> Result<(String, bool), NotOpened> {
        opened.map(|opened| (opened.text.expose_secret().to_owned(), opened.is_old))
    }

    /// Only the same key opens it, only where it belongs, and only as it was.
    #[test]
    fn what_opens() {
        let (key, other) = (new_key(), new_key());
        let (mine, foreign) = (seals(&[&key]), seals(&[&other]));
        let sealed = mine.seal(HERE, &"kanarie".into()).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"kanarie"));
        assert_ne!(sealed, mine.seal(HERE, &"kanarie".into()).unwrap(), "the same text is sealed in another way each time");
        assert_eq!(shown(mine.open(HERE, &sealed)), Ok(("kanarie".into(), false)));
        assert_eq!(shown(foreign.open(HERE, &sealed)), Err(NotOpened::UnknownKey));
        for place in [Place { whose: "other", ..HERE }, Place { kind: "refresh", ..HERE }, Place { kind: "acces", whose: "shr" }] {
            assert_eq!(shown(mine.open(place, &sealed)), Err(NotOpened::Changed), "{place:?}");
        }
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(mine.open(HERE, &changed).is_err(), "byte {at}, bit {bit}");
            }
            assert!(mine.open(HERE, &sealed[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(shown(mine.open(HERE, &[sealed.as_slice(), &[0]].concat())), Err(NotOpened::Changed));
    }

    /// A key that is to go opens what it sealed; another key cannot pass for it.
    #[test]
    fn keys_that_change() {
        let (old, new) = (new_key(), new_key());
        let before = seals(&[&old]);
        let sealed = before.seal(HERE, &"t".into()).unwrap();
        let both = seals(&[&new, &old]);
        assert_eq!(shown(both.open(HERE, &sealed)), Ok(("t".into(), true)));
        let anew = both.seal(HERE, &"t".into()).unwrap();
        assert_eq!(shown(both.open(HERE, &anew)), Ok(("t".into(), false)));
        assert_eq!(shown(before.open(HERE, &anew)), Err(NotOpened::UnknownKey));
        assert_eq!(shown(seals(&[&new]).open(HERE, &sealed)), Err(NotOpened::UnknownKey));
        let mut renamed = sealed.clone();
        renamed[1..=KEY_ID].copy_from_slice(&both.first.id);
        assert_eq!(shown(both.open(HERE, &renamed)), Err(NotOpened::Changed));
        assert_eq!(
            (both.knows(&both.key_id()), both.knows(&before.key_id()), before.knows(&both.key_id())),
            (Some(true), Some(false), None)
        );
    }

    #[test]
    fn what_is_no_key() {
        for text in ["", "short", "AAAA", &STANDARD.encode([0; 31]), &STANDARD.encode([0; 33]), &"ä".repeat(44)] {
            let keys = SealKeys { key: Secret::Value(text.into()), old: Vec::new() };
            let error = Seals::fetched(&keys).err().map(|error| format!("{error:#}")).unwrap();
            assert!(error.starts_with("seal.key: a key is 32 bytes") && (text.is_empty() || !error.contains(text)), "{error}");
        }
    }
}

//! What tests of several rooms begin with: an empty store, an organisation in it, a mail, and how that ends.

use super::arrivals::{Claimed, Turn};
use super::filing::{Filing, NewMessage, Summary};
use super::{Missing, Store};
use crate::model::arrival::{Arrival, Door, Envelope, Purpose, Raw};
use crate::model::digest;
use crate::model::facts::Facts;
use crate::model::id::{ArrivalId, OutboundId, TenantId};
use crate::model::import::ImportFile;
use crate::model::installation::Place;
use crate::model::outbound::MessagePurpose;
use crate::model::user::Locale;
use crate::model::verdict::Disposition;
use jiff::Timestamp;
use tempfile::TempDir;

/// An empty store, gone with its folder.
pub async fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    (Store::open(&place, Missing::Create).await.unwrap(), folder)
}

/// Brings in an organisation, in which nothing may be wrong.
pub async fn import(store: &Store, json: &str) {
    let file = ImportFile::read(json).unwrap();
    let existing = store.existing(&file).await.unwrap();
    assert_eq!(file.faults(&existing), []);
    store.import(file, &existing).await.unwrap();
}

/// A mail of these bytes to the import address, with nothing that speaks for its sender.
pub fn arrival(tenant: &TenantId, raw: &[u8]) -> Arrival {
    Arrival {
        id: ArrivalId::generate(),
        tenant: tenant.clone(),
        door: Door::Smtp,
        at: Timestamp::now(),
        envelope: Envelope { from: None, to: Vec::new(), mailbox: "import@acme.example".into(), purpose: Purpose::Import },
        facts: Facts::default(),
        sha256: digest::sha256(raw),
        size: raw.len() as u64,
        raw: Raw::Bytes(raw.to_vec().into()),
    }
}

/// The mail whose turn it is.
pub async fn claimed(store: &Store) -> Claimed {
    store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap()
}

/// Its end: held for this reason, and nobody hears of it.
pub fn held(claimed: &Claimed, reason: &'static str) -> Filing {
    Filing {
        fence: claimed.fence,
        disposition: Disposition::Held,
        reason: Some(reason),
        summary: Summary { inner_addresses: "[]".into(), ..Summary::default() },
        ..Filing::afterwards(claimed.tenant.clone(), claimed.id, claimed.at)
    }
}

/// A message of ours.
pub fn message(purpose: MessagePurpose) -> NewMessage {
    NewMessage {
        id: OutboundId::generate(),
        purpose,
        recipient: "somebody@acme.example".into(),
        locale: Locale::En,
        subject: "s".into(),
        body: "b".into(),
        reply_to: None,
        domain: "acme.example".into(),
        attaches_raw: false,
        entry: None,
        token: None,
        about: None,
    }
}

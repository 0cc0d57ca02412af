//! What goes, what stays, and what is reported.

use super::*;
use crate::model::arrival::{Arrival, Door, Envelope, Purpose, Raw};
use crate::model::facts::{Facts, Origin};
use crate::model::id::{ArrivalId, OutboundId};
use crate::model::import::ImportFile;
use crate::model::installation::Place;
use crate::model::outbound::MessagePurpose;
use crate::model::user::Locale;
use crate::model::verdict::Disposition;
use crate::store::Missing;
use crate::store::arrivals::Turn;
use crate::store::daily::Told;
use crate::store::filing::{Filing, NewMessage, Summary};
use crate::store::outbox::Tried;

struct Scene {
    store: Store,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    let scene = Scene { store, tenant: TenantId::new("acme"), _folder: folder };
    scene.import(r#"{"tenant": {"id": "acme", "name": "Acme", "import_addresses": ["import@acme.example"]}}"#).await;
    scene
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn message(purpose: MessagePurpose) -> NewMessage {
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

impl Scene {
    async fn import(&self, json: &str) {
        let file = ImportFile::read(json).unwrap();
        let existing = self.store.existing(&file).await.unwrap();
        assert_eq!(file.faults(&existing), []);
        self.store.import(file, &existing).await.unwrap();
    }

    /// A held mail of so many days ago, with this message about it.
    async fn held(&self, age: i64, purpose: Option<MessagePurpose>) -> ArrivalId {
        let raw = format!("mail of {age} days").into_bytes();
        let arrival = Arrival {
            id: ArrivalId::generate(),
            tenant: self.tenant.clone(),
            door: Door::Smtp,
            at: Timestamp::now() - days(age),
            envelope: Envelope { from: None, to: Vec::new(), mailbox: "import@acme.example".into(), purpose: Purpose::Import },
            facts: Facts { origin: Origin::SubmissionRelay, ..Facts::default() },
            sha256: crate::model::digest::sha256(&raw),
            size: raw.len() as u64,
            raw: Raw::Bytes(raw.into()),
        };
        let id = arrival.id;
        self.store.accept(arrival).await.unwrap();
        let claimed = self.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
        let filing = Filing {
            fence: claimed.fence,
            disposition: Disposition::Held,
            reason: Some("unknown_number"),
            summary: Summary { inner_addresses: "[]".into(), ..Summary::default() },
            messages: purpose.map(message).into_iter().collect(),
            ..Filing::afterwards(claimed.tenant.clone(), claimed.id, Timestamp::now())
        };
        self.store.file(filing).await.unwrap();
        id
    }

    /// How all that waits for the relay ends.
    async fn outbox(&self, tried: Tried) {
        for message in self.store.claim_messages(100, days(1)).await.unwrap() {
            self.store.message_tried(&message, tried.clone()).await.unwrap();
        }
    }

    async fn is_held(&self, id: ArrivalId) -> bool {
        let held = self.store.arrival(&self.tenant, id).await.unwrap().unwrap().is_held();
        assert_eq!(self.store.raw_mail(&self.tenant, id).await.is_ok(), held, "the bytes go with the mail");
        held
    }

    /// The alarm's text, as long as it goes on.
    async fn alarm(&self) -> Option<String> {
        let all = self.store.alarms().await.unwrap();
        all.into_iter().find(|alarm| alarm.cleared_at.is_none() && alarm.alarm.kind == AlarmKind::NobodyTold).map(|alarm| alarm.alarm.text)
    }
}

#[tokio::test]
async fn what_is_told_goes_and_nothing_else() {
    let scene = scene().await;
    let now = Timestamp::now();
    let receipt = scene.held(40, Some(MessagePurpose::Receipt)).await;
    let fallback = scene.held(40, Some(MessagePurpose::MailHeld)).await;
    let young = scene.held(20, Some(MessagePurpose::Receipt)).await;
    scene.outbox(Tried::Sent).await;
    let bounced = scene.held(31, Some(MessagePurpose::Receipt)).await;
    scene.outbox(Tried::Failed { why: "no such user".into() }).await;
    let waiting = scene.held(31, Some(MessagePurpose::Receipt)).await;
    let untold = scene.held(31, None).await;
    let all = [receipt, fallback, young, bounced, waiting, untold];
    // Nothing goes unless it is set.
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 0);
    scene.import(r#"{"tenant": {"id": "acme", "discard_held_after_days": 30}}"#).await;
    // Told just now is too late.
    assert_eq!(scene.store.discard_by_age(now + days(2)).await.unwrap(), 0);
    for id in all {
        assert!(scene.is_held(id).await);
    }
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 2);
    let gone = [receipt, fallback];
    for id in all {
        assert_eq!(scene.is_held(id).await, !gone.contains(&id));
    }
    let (_, who, why) = scene.store.arrival(&scene.tenant, receipt).await.unwrap().unwrap().closed.unwrap();
    assert_eq!((who.as_str(), why.as_str()), ("rohrpost", "retention: it waited for more than 30 days"));
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 0);
    scene.store.close().await;
}

/// Mail of which nobody could be told stays for ever, and is reported until somebody is.
#[tokio::test]
async fn what_nobody_was_told_of_is_reported() {
    let scene = scene().await;
    let now = Timestamp::now();
    scene.import(r#"{"tenant": {"id": "acme", "discard_held_after_days": 30}}"#).await;
    let id = scene.held(40, None).await;
    assert_eq!(scene.store.discard_by_age(now).await.unwrap(), 0);
    let text = scene.alarm().await.unwrap();
    assert!(text.starts_with("1 held mails of acme are older than") && !text.contains('@'), "{text}");
    // The next digest tells of it: that is no reason to shout, for a week.
    scene.import(r#"{"tenant": {"id": "acme"}, "users": [{"email": "anna@acme.example", "name": "Anna", "role": "administrator"}]}"#).await;
    scene.store.discard_by_age(now - days(4)).await.unwrap();
    assert_eq!(scene.alarm().await, None);
    scene.store.discard_by_age(now + days(1)).await.unwrap();
    assert!(scene.alarm().await.is_some());
    let told = Told {
        tenant: scene.tenant.clone(),
        day: jiff::civil::date(2026, 11, 22),
        at: now,
        mails: 1,
        named: vec![id],
        messages: vec![message(MessagePurpose::Digest)],
    };
    assert!(scene.store.tell_day(told.clone()).await.unwrap());
    assert!(!scene.store.tell_day(told).await.unwrap(), "a day is told once");
    // Queued is not told.
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 0);
    scene.outbox(Tried::Sent).await;
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 1);
    assert!(!scene.is_held(id).await);
    assert_eq!(scene.alarm().await, None);
    scene.store.close().await;
}

/// What is asked every hour is looked up, whatever lies in the tables.
#[tokio::test]
async fn no_table_is_walked() {
    let scene = scene().await;
    let sql = concat!("explain query plan select count(*) from arrival a where ", too_old!(), " and not ", told!());
    let rows = sqlx::query(sql).bind("acme").bind(1_i64).bind(2_i64).fetch_all(&scene.store.reads).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:?}");
    assert!(steps.iter().any(|step| step.contains("outbound_message_of_held (tenant=? AND arrival=?)")), "{steps:?}");
    scene.store.close().await;
}

//! When administrators are told, and how often.

use super::*;
use crate::model::arrival::Arrival;
use crate::model::facts::{Facts, Origin};
use crate::model::id::{ArrivalId, TenantId};
use crate::model::outbound::MessagePurpose;
use crate::model::verdict::Disposition;
use crate::store::arrivals::Turn;
use crate::store::examples;
use crate::store::filing::{Filing, Summary};
use crate::store::outbox::{Outbound, Tried};

const ACME: &str = r#"{"tenant": {"id": "acme", "name": "Acme", "import_addresses": ["import@acme.example"], "time_zone": "Europe/Berlin"},
    "users": [{"email": "anna@acme.example", "name": "Anna", "role": "administrator", "locale": "de"},
              {"email": "alf@acme.example", "name": "Alf", "role": "administrator", "locale": "sv"},
              {"email": "gone@acme.example", "name": "Gone", "role": "administrator", "active": false},
              {"email": "petra@acme.example", "name": "Petra", "role": "hr_manager"}]}"#;

struct Scene {
    store: Store,
    _folder: tempfile::TempDir,
}

async fn scene(json: &str) -> Scene {
    let (store, folder) = examples::store().await;
    let scene = Scene { store, _folder: folder };
    examples::import(&scene.store, json).await;
    scene
}

impl Scene {
    /// A held mail with these words of its sender.
    async fn holds(&self, from: &str, subject: &str, origin: Origin) -> ArrivalId {
        let mail = examples::arrival(&TenantId::new("acme"), b"x");
        let (id, at) = (mail.id, "2026-11-21T08:00:00Z".parse().unwrap());
        self.store.accept(Arrival { at, facts: Facts { origin, ..Facts::default() }, ..mail }).await.unwrap();
        let is_unproven = origin == Origin::Relay;
        let reason = if is_unproven { "sender_not_authenticated" } else { "unknown_number" };
        let mut filing = examples::held(&examples::claimed(&self.store).await, reason);
        filing.summary = Summary { from_address: Some(from.into()), subject: subject.into(), is_unproven, ..filing.summary };
        self.store.file(filing).await.unwrap();
        id
    }

    async fn digests(&self) -> Vec<Outbound> {
        let all = self.store.messages(&TenantId::new("acme"), true).await.unwrap();
        all.into_iter().filter(|message| message.purpose == MessagePurpose::Digest).collect()
    }

    /// A look of a run that has just begun; how many digests there are then.
    async fn looked(&self, at: &str) -> usize {
        Teller::new(self.store.clone()).look(at.parse().unwrap()).await;
        self.digests().await.len()
    }
}

/// Two administrators, so a day that is told is two messages more.
#[tokio::test]
async fn a_day_is_told_once() {
    let scene = scene(ACME).await;
    scene.holds("petra@acme.example", "9999 WG: x", Origin::SubmissionRelay).await;
    assert_eq!(scene.looked("2026-11-22T05:59:00Z").await, 0, "too early");
    assert_eq!(scene.looked("2026-11-22T06:00:00Z").await, 2);
    assert_eq!(scene.looked("2026-11-22T06:01:00Z").await, 2, "after a restart");
    assert_eq!(scene.looked("2026-11-22T22:59:00Z").await, 2);
    assert_eq!(scene.looked("2026-11-22T05:00:00Z").await, 2, "the clock was set back");
    assert_eq!(scene.looked("2026-11-22T06:30:00Z").await, 2);
    // Three days away: told once, and not at night.
    assert_eq!(scene.looked("2026-11-26T02:00:00Z").await, 2);
    assert_eq!(scene.looked("2026-11-26T09:00:00Z").await, 4);
    assert_eq!(scene.looked("2026-11-26T09:01:00Z").await, 4);
    // A clock that was years ahead does not silence the days that come.
    assert_eq!(scene.looked("2030-01-01T09:00:00Z").await, 6);
    assert_eq!(scene.looked("2026-11-27T09:00:00Z").await, 8);
    assert_eq!(scene.looked("2026-11-27T19:00:00Z").await, 8);
    // Its day begins earlier now; it was told a moment ago all the same.
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "time_zone": "Pacific/Auckland"}}"#).await;
    assert_eq!(scene.looked("2026-11-27T20:00:00Z").await, 8);
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "digest_at": "off"}}"#).await;
    assert_eq!(scene.looked("2026-12-05T09:00:00Z").await, 8);
    scene.store.close().await;
}

#[tokio::test]
async fn two_at_once_tell_once() {
    let scene = scene(ACME).await;
    scene.holds("petra@acme.example", "x", Origin::SubmissionRelay).await;
    let look = async || Teller::new(scene.store.clone()).look("2026-11-22T06:00:00Z".parse().unwrap()).await;
    tokio::join!(look(), look(), look());
    assert_eq!(scene.digests().await.len(), 2);
    scene.store.close().await;
}

/// One run that lives on for days asks for each day anew.
#[tokio::test]
async fn the_next_day_is_told_by_the_same_run() {
    let scene = scene(ACME).await;
    scene.holds("petra@acme.example", "x", Origin::SubmissionRelay).await;
    let mut teller = Teller::new(scene.store.clone());
    for (at, want) in [("2026-11-22T06:00:00Z", 2), ("2026-11-22T06:01:00Z", 2), ("2026-11-23T06:00:00Z", 4), ("2026-11-23T20:00:00Z", 4)] {
        teller.look(at.parse().unwrap()).await;
        assert_eq!(scene.digests().await.len(), want, "{at}");
    }
    scene.store.close().await;
}

/// Nothing waits at the hour: what is held later is told on the next day.
#[tokio::test]
async fn nothing_waits() {
    let scene = scene(ACME).await;
    assert_eq!(scene.looked("2026-11-22T06:00:00Z").await, 0);
    scene.holds("petra@acme.example", "x", Origin::SubmissionRelay).await;
    assert_eq!(scene.looked("2026-11-22T07:00:00Z").await, 0);
    assert_eq!(scene.looked("2026-11-23T06:00:00Z").await, 2);
    scene.store.close().await;
}

/// Only active administrators, each in his language; a user's words, and no stranger's; what was told stands behind what is new.
#[tokio::test]
async fn who_is_told_what() {
    let scene = scene(ACME).await;
    let first = scene.holds("Petra@acme.example", "first words", Origin::SubmissionRelay).await;
    let candidate = scene.holds("maria@example.net", "candidate's words", Origin::SubmissionRelay).await;
    let stranger = scene.holds("petra@acme.example", "stranger's words", Origin::Relay).await;
    assert_eq!(scene.looked("2026-11-22T06:00:00Z").await, 2);
    let digests = scene.digests().await;
    let mut told: Vec<(&str, &str)> = digests.iter().map(|one| (one.recipient.as_str(), one.subject.as_str())).collect();
    told.sort();
    assert_eq!(told, [("alf@acme.example", "Väntande meddelanden: 3"), ("anna@acme.example", "Wartende Nachrichten: 3")]);
    for one in &digests {
        assert!(one.body.contains("first words") && one.reply_to.is_none() && one.domain == "acme.example", "{}", one.body);
        assert!(!one.body.contains("candidate's") && !one.body.contains("stranger's") && !one.body.contains("maria@"), "{}", one.body);
    }
    let place = |body: &str, id: ArrivalId| body.find(&id.to_string()).unwrap();
    let body = &digests[0].body;
    assert!(place(body, first) < place(body, candidate) && place(body, candidate) < place(body, stranger), "{body}");
    for message in scene.store.claim_messages(10, jiff::SignedDuration::from_hours(1)).await.unwrap() {
        scene.store.message_tried(&message, Tried::Sent).await.unwrap();
    }
    let new = scene.holds("petra@acme.example", "new words", Origin::SubmissionRelay).await;
    assert_eq!(scene.looked("2026-11-23T06:00:00Z").await, 4);
    let body = &scene.digests().await[3].body;
    assert!(place(body, new) < place(body, first) && place(body, candidate) < place(body, stranger), "{body}");
    scene.store.close().await;
}

/// What one digest named stands behind what none has named yet, a stranger's mail too: however much of a user's waits, each is named at some time.
#[tokio::test]
async fn what_is_new_is_named_before_what_was_told() {
    let scene = scene(ACME).await;
    let mut told = Vec::new();
    for _ in 0..MOST_NAMED {
        told.push(scene.holds("petra@acme.example", "old words", Origin::SubmissionRelay).await);
    }
    let sent = async || {
        for message in scene.store.claim_messages(10, jiff::SignedDuration::from_hours(1)).await.unwrap() {
            scene.store.message_tried(&message, Tried::Sent).await.unwrap();
        }
    };
    assert_eq!(scene.looked("2026-11-22T06:00:00Z").await, 2);
    sent().await;
    let stranger = scene.holds("petra@acme.example", "stranger's words", Origin::Relay).await;
    assert_eq!(scene.looked("2026-11-23T06:00:00Z").await, 4);
    let named = |body: &str, id: ArrivalId| body.contains(&id.to_string());
    let body = scene.digests().await[3].body.clone();
    assert!(named(&body, stranger) && named(&body, told[0]) && !named(&body, *told.last().unwrap()), "{body}");
    sent().await;
    // One that goes through again and is held anew is new.
    let tenant = TenantId::new("acme");
    let again = *told.last().unwrap();
    scene.store.retry(&tenant, again, "op".into(), None).await.unwrap();
    let claimed = scene.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    let filing = Filing {
        fence: claimed.fence,
        disposition: Disposition::Held,
        reason: Some("number_unconfirmed"),
        summary: Summary { inner_addresses: "[]".into(), ..Summary::default() },
        ..Filing::afterwards(tenant, again, "2026-11-23T12:00:00Z".parse().unwrap())
    };
    scene.store.file(filing).await.unwrap();
    assert_eq!(scene.looked("2026-11-24T06:00:00Z").await, 6);
    let body = scene.digests().await[5].body.clone();
    assert!(named(&body, again), "{body}");
    scene.store.close().await;
}

/// One tenant whose hour cannot be read keeps no other from being told.
#[tokio::test]
async fn an_hour_that_cannot_be_read_stops_no_other() {
    let scene = scene(ACME).await;
    examples::import(&scene.store, r#"{"tenant": {"id": "aaa", "name": "Aaa", "import_addresses": ["import@aaa.example"]}}"#).await;
    scene.store.damage("update tenant set digest_at = 'noon' where id = 'aaa'").await;
    scene.holds("petra@acme.example", "x", Origin::SubmissionRelay).await;
    assert_eq!(scene.looked("2026-11-22T06:00:00Z").await, 2);
    scene.store.close().await;
}

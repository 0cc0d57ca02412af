//! The way of a mail over a real store in a temporary folder.

use super::*;
use crate::model::arrival::{Arrival, Door, Purpose, Raw};
use crate::model::facts::{Facts, Origin};
use crate::model::healing::VERSION;
use crate::model::id::ArrivalId;
use crate::model::installation::Place;
use crate::model::outbound::MessagePurpose;
use crate::store::{DaemonLock, Missing, examples};

const ORGANISATION: &str = include_str!("../../fixtures/demo/organisation.json");

struct Scene {
    _folder: tempfile::TempDir,
    place: Place,
    store: Store,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("rohrpost.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    examples::import(&store, ORGANISATION).await;
    Scene { _folder: folder, place, store }
}

fn arrival(text: &str) -> Arrival {
    let raw = text.replace('\n', "\r\n").into_bytes();
    Arrival {
        id: ArrivalId::generate(),
        tenant: TenantId::new("acme"),
        door: Door::Smtp,
        at: jiff::Timestamp::now(),
        envelope: Envelope {
            from: Some("petra@acme.example".into()),
            to: vec!["import@acme.example".into()],
            mailbox: "import@acme.example".into(),
            purpose: Purpose::Import,
        },
        facts: Facts { origin: Origin::SubmissionRelay, from: vec!["petra@acme.example".into()], from_fields: 1, ..Facts::default() },
        sha256: crate::model::digest::sha256(&raw),
        size: raw.len() as u64,
        raw: Raw::Bytes(raw.into()),
    }
}

fn mail(id: &str) -> Arrival {
    arrival(&format!("From: petra@acme.example\nSubject: 4711 x\nMessage-ID: <{id}>\n\nHallo\n"))
}

impl Scene {
    async fn disposition(&self, id: ArrivalId) -> (Option<Disposition>, Option<String>) {
        let found = self.store.arrival(&TenantId::new("acme"), id).await.unwrap().unwrap();
        (found.disposition, found.reason)
    }

    async fn until_all_end(&self, ids: &[ArrivalId]) {
        for _ in 0..600 {
            let mut ended = 0;
            for id in ids {
                ended += usize::from(self.disposition(*id).await.0.is_some());
            }
            if ended == ids.len() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("some mails have no end");
    }
}

/// A reader that panics on one mail, as a parser with a fault would.
fn faulty(envelope: Option<&Envelope>, raw: &[u8], rules: &Rules) -> (Message, Vec<Defect>) {
    assert!(!raw.windows(6).any(|window| window == b"poison"), "planted");
    understand::read(envelope, raw, rules)
}

/// Acceptance: G4. One poisonous mail ends in the dead letter, raw bytes intact; the ones around it are filed.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_cannot_be_read_stops_nobody() {
    let scene = scene().await;
    let poison = arrival("From: petra@acme.example\nSubject: 4711 poison\n\nx\n");
    let mut direct = arrival("From: maria.mueller@example.net\nSubject: poison\n\nx\n");
    direct.envelope.purpose = Purpose::Reply { application: "A1".into() };
    let ids = [mail("a").id, poison.id, mail("b").id, direct.id];
    for (arrival, id) in [mail("a"), poison.clone(), mail("b"), direct].into_iter().zip(ids) {
        scene.store.accept(Arrival { id, ..arrival }).await.unwrap();
    }
    let pipeline = Pipeline { reader: faulty, ..Pipeline::new(scene.store.clone(), Settings::default(), None) };
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { pipeline.run(stop).await }
    });
    scene.until_all_end(&ids).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(scene.disposition(ids[0]).await.0, Some(Disposition::Filed));
    assert_eq!(scene.disposition(ids[1]).await, (Some(Disposition::Held), Some("unreadable".into())));
    assert_eq!(scene.disposition(ids[2]).await.0, Some(Disposition::Filed));
    assert_eq!(scene.disposition(ids[3]).await, (Some(Disposition::Held), Some("unreadable".into())));
    // A candidate's answer that nobody could read is told of all the same.
    let messages = scene.store.messages(&TenantId::new("acme"), true).await.unwrap();
    let held: Vec<_> = messages.iter().filter(|message| message.purpose == MessagePurpose::MailHeld).collect();
    assert_eq!(held.iter().map(|message| message.recipient.as_str()).collect::<Vec<_>>(), ["hr@acme.example"]);
    assert!(held[0].subject.contains("4711") && held[0].body.contains(&ids[3].to_string()), "{}", held[0].body);
    let Raw::Bytes(bytes) = poison.raw else { unreachable!() };
    assert_eq!(scene.store.raw_mail(&TenantId::new("acme"), ids[1]).await.unwrap(), bytes);
    scene.store.close().await;
}

/// Acceptance: G2. What was in hand when a run ended is tried alone; alone at two ends it is held. A clean stop counts as nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves() {
    let scene = scene().await;
    let (first, second) = (mail("first"), mail("second"));
    let (in_hand, waiting) = (first.id, second.id);
    scene.store.accept(first).await.unwrap();
    assert_eq!(scene.store.claim(Turn::Together, 1).await.unwrap().len(), 1);
    scene.store.accept(second).await.unwrap();
    // The run ends without a word; the next one begins.
    let mut store = scene.store.clone();
    for life in 1..=2 {
        store.close().await;
        store = Store::open(&scene.place, Missing::IsAnError).await.unwrap();
        assert_eq!(store.recover().await.unwrap(), 1, "life {life}");
        if life == 1 {
            let claimed = store.claim(Turn::Together, 10).await.unwrap();
            let ids: Vec<_> = claimed.iter().map(|claimed| claimed.as_ref().unwrap().id).collect();
            assert_eq!(ids, [waiting], "what was in hand is not tried together with others");
            store.put_back_all().await.unwrap();
        }
        let alone = store.claim(Turn::Alone, 10).await.unwrap();
        assert!(alone.len() == 1 && alone[0].as_ref().unwrap().alone && alone[0].as_ref().unwrap().id == in_hand);
    }
    store.close().await;
    let store = Store::open(&scene.place, Missing::IsAnError).await.unwrap();
    assert_eq!(store.recover().await.unwrap(), 1);
    // Without another look at its bytes.
    let claimed = store.claim(Turn::Alone, 10).await.unwrap().remove(0).unwrap();
    let pipeline = Pipeline { reader: |_, _, _| panic!("it is read again"), ..Pipeline::new(store.clone(), Settings::default(), None) };
    assert_eq!(pipeline.process(&claimed).await.unwrap(), Disposition::Held);
    let tenant = TenantId::new("acme");
    let held = store.arrival(&tenant, in_hand).await.unwrap().unwrap();
    assert_eq!((held.disposition, held.reason.as_deref()), (Some(Disposition::Held), Some("crashed_twice")));
    // The fallback address hears of it, and nobody else.
    let messages = store.messages(&tenant, true).await.unwrap();
    let told: Vec<_> = messages.iter().map(|message| (message.purpose, message.recipient.as_str())).collect();
    assert_eq!(told, [(MessagePurpose::MailHeld, "hr@acme.example")]);
    // This version does not try it again by itself.
    store.mark_unread(VERSION).await.unwrap();
    assert!(store.next_to_heal(HoldReason::CrashedTwice).await.unwrap().is_none());
    // Another one does: once, alone, and one more crash holds it, without a further word.
    store.mark_unread("another").await.unwrap();
    let due = store.next_to_heal(HoldReason::CrashedTwice).await.unwrap().unwrap();
    pipeline.heal_one(due, HoldReason::CrashedTwice).await.unwrap();
    assert!(store.claim(Turn::Together, 1).await.unwrap().iter().all(|claimed| claimed.as_ref().unwrap().id != in_hand));
    assert!(store.claim(Turn::Alone, 1).await.unwrap()[0].as_ref().unwrap().id == in_hand);
    store.close().await;
    let store = Store::open(&scene.place, Missing::IsAnError).await.unwrap();
    store.recover().await.unwrap();
    // What waited beside it was in hand as well, and is tried first or second: only the one that crashes is held.
    let claimed: Vec<_> = store.claim(Turn::Alone, 2).await.unwrap().into_iter().map(Result::unwrap).collect();
    let claimed = claimed.iter().find(|claimed| claimed.id == in_hand).unwrap();
    let pipeline = Pipeline { reader: |_, _, _| panic!("it is read again"), ..Pipeline::new(store.clone(), Settings::default(), None) };
    assert_eq!(pipeline.process(claimed).await.unwrap(), Disposition::Held);
    assert_eq!(store.messages(&tenant, true).await.unwrap().len(), 1);
    store.mark_unread(VERSION).await.unwrap();
    assert!(store.next_to_heal(HoldReason::CrashedTwice).await.unwrap().is_none());
    store.close().await;
}

/// Acceptance: G9. A result is committed only by whoever has the arrival in hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_claim_files_nothing() {
    let scene = scene().await;
    let arrival = mail("x");
    let id = arrival.id;
    scene.store.accept(arrival).await.unwrap();
    let stale = scene.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    scene.store.put_back(&stale.tenant, id, stale.fence, Duration::ZERO).await.unwrap();
    let fresh = scene.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    assert!(fresh.fence > stale.fence);
    let pipeline = Pipeline::new(scene.store.clone(), Settings::default(), None);
    assert!(pipeline.process(&stale).await.unwrap_err().to_string().contains("other hands"));
    assert_eq!(scene.disposition(id).await.0, None);
    assert_eq!(pipeline.process(&fresh).await.unwrap(), Disposition::Filed);
    scene.store.close().await;
}

/// Acceptance: G9. A fault in one mail of a group undoes that mail alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_loses_only_its_faulty_mail() {
    let scene = scene().await;
    let twin = mail("twin");
    let mut arrivals: Vec<Arrival> = (0..20).map(|number| mail(&number.to_string())).collect();
    // The same id twice cannot be: the second of the two is at fault, whichever that is.
    arrivals.insert(7, twin.clone());
    arrivals.insert(13, twin.clone());
    let outcomes = futures_util::future::join_all(arrivals.iter().map(|arrival| scene.store.accept(arrival.clone()))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    for arrival in &arrivals {
        assert_eq!(scene.disposition(arrival.id).await, (None, None));
    }
    scene.store.close().await;
}

#[tokio::test]
async fn one_daemon_at_a_time() {
    let scene = scene().await;
    assert!(!DaemonLock::is_taken(&scene.place));
    let lock = DaemonLock::take(&scene.place).unwrap();
    assert!(DaemonLock::is_taken(&scene.place) && DaemonLock::take(&scene.place).is_err());
    drop(lock);
    assert!(!DaemonLock::is_taken(&scene.place));
    scene.store.close().await;
}

/// Acceptance: G4, G6, G7. What another version could not read is looked at once by this one; it is filed only by address, its forwarder
/// gets his one receipt, and what still cannot be read stays as it is, without a word.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_could_not_read() {
    let scene = scene().await;
    let tenant = TenantId::new("acme");
    let inside = |address: &str| {
        let text = "From: petra@acme.example\nSubject: 4711 WG: poison\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\nFrom: Somebody <ADDRESS>\nSubject: x\n\nDone.\n";
        arrival(&text.replace("ADDRESS", address))
    };
    let (his, strangers) = (inside("maria.mueller@example.net"), inside("fremd@example.org"));
    let ids = [his.id, strangers.id];
    for arrival in [his, strangers] {
        scene.store.accept(arrival).await.unwrap();
    }
    let old = Pipeline { reader: faulty, ..Pipeline::new(scene.store.clone(), Settings::default(), None) };
    let work = async |pipeline: &Pipeline| {
        for claimed in scene.store.claim(Turn::Together, 10).await.unwrap() {
            pipeline.process(&claimed.unwrap()).await.unwrap();
        }
    };
    let heal = async |pipeline: &Pipeline, version| {
        scene.store.mark_unread(version).await.unwrap();
        let mut looks = 0;
        while let Some(due) = scene.store.next_to_heal(HoldReason::Unreadable).await.unwrap() {
            pipeline.heal_one(due, HoldReason::Unreadable).await.unwrap();
            looks += 1;
        }
        looks
    };
    work(&old).await;
    for id in ids {
        assert_eq!(scene.disposition(id).await, (Some(Disposition::Held), Some("unreadable".into())));
    }
    assert_eq!(heal(&old, VERSION).await, 0, "it is the same version");
    assert_eq!(heal(&old, "another").await, 2);
    work(&old).await;
    let lines = scene.store.audit_of(&tenant, &ids[0].to_string()).await.unwrap();
    assert_eq!(lines.len(), 1, "it is held as before, and nothing is written about it");
    assert!(scene.store.messages(&tenant, true).await.unwrap().is_empty());
    let new = Pipeline::new(scene.store.clone(), Settings::default(), None);
    assert_eq!(heal(&new, "yet another").await, 2);
    work(&new).await;
    assert_eq!(scene.disposition(ids[0]).await.0, Some(Disposition::Filed));
    assert_eq!(scene.disposition(ids[1]).await, (Some(Disposition::Held), Some("number_unconfirmed".into())));
    let messages = scene.store.messages(&tenant, true).await.unwrap();
    let receipts = messages.iter().filter(|message| message.purpose == MessagePurpose::Receipt);
    assert_eq!(receipts.map(|message| message.recipient.as_str()).collect::<Vec<_>>(), ["petra@acme.example"]);
    scene.store.close().await;
}

/// An application that is committed between a mail's judgement and its end is found by the end: the import saw no held mail.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_turns_up_in_between() {
    let scene = scene().await;
    let text = "From: petra@acme.example\nSubject: 6001 WG: x\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\nFrom: Nora <nora@example.net>\nSubject: x\n\nDone.\n";
    let mail = arrival(text);
    let id = mail.id;
    scene.store.accept(mail).await.unwrap();
    let pipeline = Pipeline::new(scene.store.clone(), Settings::default(), None);
    let claimed = scene.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    let raw = scene.store.raw_mail(&claimed.tenant, id).await.unwrap();
    let mut read = pipeline.read(&claimed, raw.clone()).await.unwrap().unwrap();
    // What is changed about a forwarder in between is found by one look soon after.
    let looks = |reason, tries| pipeline.heals_at(&read, &Verdict::Hold(reason), tries).is_some();
    for reason in [HoldReason::SenderUnknown, HoldReason::SenderMayNotImport, HoldReason::ForwarderMayNotSee] {
        assert_eq!((looks(reason, 0), looks(reason, 1)), (true, false), "{reason:?}");
    }
    assert!(!looks(HoldReason::UnknownNumber, 0) && !looks(HoldReason::NoNumber, 0));
    let judged = pipeline.judge(&claimed, &mut read, &raw).await.unwrap();
    let application = r#"{"tenant": {"id": "acme"}, "applications": [{"id": "N1", "reference": "6001", "job": "J1",
        "candidate": {"id": "CN", "name": "Nora Neu", "emails": ["nora@example.net"]}}]}"#;
    examples::import(&scene.store, application).await;
    assert!(!scene.store.mark_what_waited().await.unwrap(), "nothing is held yet");
    file::put(&scene.store, read.decided(&claimed, &judged, None)).await.unwrap();
    assert_eq!(scene.disposition(id).await, (Some(Disposition::Held), Some("unknown_number".into())));
    let due = scene.store.next_to_heal(HoldReason::UnknownNumber).await.unwrap().unwrap();
    pipeline.heal_one(due, HoldReason::UnknownNumber).await.unwrap();
    let claimed = scene.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    assert_eq!(pipeline.process(&claimed).await.unwrap(), Disposition::Filed);
    scene.store.close().await;
}

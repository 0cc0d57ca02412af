//! What waits, heals and was told: planted damages are found, and what is sound is not.

use super::*;
use crate::model::alarm::{Alarm, AlarmKind};
use crate::model::arrival::{Arrival, Door, Envelope, Purpose};
use crate::model::mailbox::{Lies, MaildirFile};
use crate::model::outbound::MessagePurpose;
use crate::model::verdict::{Disposition, HoldReason};
use crate::store::daily::Told;
use crate::store::examples;
use crate::store::filing::{Filing, Waits};
use jiff::Timestamp;

struct Scene {
    store: Store,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn ends(&self, purpose: Purpose, lies: Option<Lies>, disposition: Disposition, reason: &'static str, waits: Waits) -> ArrivalId {
        let mail = examples::arrival(&self.tenant, b"x");
        let (id, envelope) = (mail.id, Envelope { purpose, ..mail.envelope });
        self.store.accept_from(Arrival { door: Door::Maildir, envelope, ..mail }, lies).await.unwrap();
        let filing = Filing { disposition, waits, ..examples::held(&examples::claimed(&self.store).await, reason) };
        self.store.file(filing).await.unwrap();
        id
    }
}

/// A mail of a Maildir that is held, heals and was named by a digest; a mail to ourselves; an alarm that was told.
async fn scene() -> Scene {
    let (store, folder) = examples::store().await;
    let scene = Scene { store, tenant: TenantId::new(TenantId::MACHINE), _folder: folder };
    let (store, now) = (&scene.store, Timestamp::now());
    store.begin_maildir("spool", "source", Vec::new()).await.unwrap();
    let file = Lies::InMaildir(MaildirFile { maildir: "spool".into(), file: "hash".into() });
    let waits = Waits { due: Some(now), number: Some("4711".into()), version: None };
    let held = scene.ends(Purpose::Import, Some(file), Disposition::Held, HoldReason::UnknownNumber.as_str(), waits).await;
    let token = store.ask_canary("maildir", "spool", now).await.unwrap();
    store.canary_is_sent(&token, now).await.unwrap();
    scene.ends(Purpose::Canary { token }, None, Disposition::Ignored, "canary", Waits::default()).await;
    let day = jiff::civil::date(2026, 11, 22);
    let told = Told {
        tenant: scene.tenant.clone(),
        day,
        at: now,
        mails: 1,
        named: vec![held],
        messages: vec![examples::message(MessagePurpose::Digest)],
    };
    assert!(store.tell_day(told).await.unwrap());
    store.raise(Alarm { kind: AlarmKind::DoorFailing, about: "spool".into(), text: "t".into() }, now).await.unwrap();
    store
        .damage(
            "insert into alarm_told (kind, about, way, raised_at, attempts, due_at) select kind, about, 'log', raised_at, 0, 0 from alarm;
             insert into mailbox (name, last_uid, again_until, held_until) values ('hr', 0, 0, 0);
             insert into mailbox_mail (mailbox, uid_validity, uid, tenant, arrival, fate, copied, attempts, due_at)
                 select 'hr', 1, 1, tenant, id, 'accepted', false, 0, 0 from arrival where disposition = 'held';
             insert into healing_event (tenant, kind, about, after) values ('-', 'number', '4711', '')",
        )
        .await;
    scene
}

#[tokio::test]
async fn planted_damages_of_what_waits_are_found() {
    let sound = scene().await;
    assert_eq!(sound.store.disagreements().await.unwrap(), Vec::<Finding>::new());
    // Nor does anything that an operator may do disagree.
    let held = sound.store.all_held().await.unwrap()[0].id;
    sound.store.retry(&sound.tenant, held, "op".into(), None).await.unwrap();
    assert_eq!(sound.store.disagreements().await.unwrap(), Vec::<Finding>::new());
    sound.store.close().await;
    for (damage, want) in [
        ("update arrival set done_at = null where disposition = 'held'", "nobody knows since when"),
        ("update arrival set waits_since = 1 where disposition = 'held'", "has an end, and waits all the same"),
        ("update arrival set heal_due_at = 1 where disposition = 'ignored'", "is to heal by itself, and is not held"),
        ("update arrival set heal_unsettled = 1 where disposition = 'ignored'", "is to heal by itself, and is not held"),
        ("update arrival set disposition = null where disposition = 'held'", "is to heal by itself, and is not held"),
        ("update arrival set heals = 'unknown_number' where disposition = 'held'", "names what it was held for, and has an end"),
        ("update arrival set held_number = '4711' where disposition = 'ignored'", "names what it was held for, and has an end"),
        ("update held_named set arrival = 'X'", "is named by a digest, and either"),
        ("delete from outbound_message", "is named by a digest, and either"),
        ("update maildir_mail set arrival = 'X'", "accepted from a Maildir, and no such mail"),
        ("update maildir_mail set arrival = null", "accepted from a Maildir, and no such mail"),
        ("update maildir_mail set sha256 = '00'", "accepted from a Maildir, and no such mail"),
        ("update mailbox_mail set arrival = 'X'", "accepted from a mailbox, and no such mail"),
        ("update canary set arrival = 'X'", "a mail to ourselves that arrived, and no such mail"),
        ("update canary set arrival = null", "a mail to ourselves that arrived, and no such mail"),
        ("update healing_event set kind = 'job'", "has an event that no held mail waits for"),
        ("delete from alarm", "was told as an alarm, and there is none"),
    ] {
        let scene = scene().await;
        scene.store.damage(damage).await;
        let findings = scene.store.disagreements().await.unwrap();
        assert!(findings.iter().any(|finding| finding.contains(want)), "{damage}: {findings:?}");
        scene.store.close().await;
    }
}

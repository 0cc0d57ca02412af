//! What goes, what stays, and what is reported.

use super::*;
use crate::model::arrival::Arrival;
use crate::model::facts::{Facts, Origin};
use crate::model::id::ArrivalId;
use crate::model::outbound::MessagePurpose;
use crate::store::arrivals::Turn;
use crate::store::daily::Told;
use crate::store::examples::{self, message};
use crate::store::filing::Filing;
use crate::store::outbox::Tried;

struct Scene {
    store: Store,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let (store, folder) = examples::store().await;
    let scene = Scene { store, tenant: TenantId::new("acme"), _folder: folder };
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "name": "Acme", "import_addresses": ["import@acme.example"]}}"#).await;
    scene
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

impl Scene {
    /// A held mail of so many days ago, with this message about it.
    async fn held(&self, age: i64, purpose: Option<MessagePurpose>) -> ArrivalId {
        let facts = Facts { origin: Origin::SubmissionRelay, ..Facts::default() };
        let mail = examples::arrival(&self.tenant, format!("mail of {age} days").as_bytes());
        let id = mail.id;
        self.store.accept(Arrival { at: Timestamp::now() - days(age), facts, ..mail }).await.unwrap();
        let held = examples::held(&examples::claimed(&self.store).await, "unknown_number");
        let filing = Filing { messages: purpose.map(message).into_iter().collect(), ..held };
        self.store.file(filing).await.unwrap();
        id
    }

    /// It goes through again, as an operator wants, and is held anew.
    async fn held_anew(&self, id: ArrivalId, at: Timestamp, purpose: Option<MessagePurpose>) {
        self.store.retry(&self.tenant, id, "op".into(), None).await.unwrap();
        let claimed = examples::claimed(&self.store).await;
        assert_eq!(claimed.id, id);
        let held = examples::held(&claimed, "number_unconfirmed");
        let filing = Filing { at, messages: purpose.map(message).into_iter().collect(), ..held };
        self.store.file(filing).await.unwrap();
    }

    /// A digest of this moment names it.
    async fn digest(&self, at: Timestamp, id: ArrivalId) {
        let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let messages = vec![message(MessagePurpose::Digest)];
        let told = Told { tenant: self.tenant.clone(), day, at, mails: 1, named: vec![id], messages };
        assert!(self.store.tell_day(told.clone()).await.unwrap());
        assert!(!self.store.tell_day(told).await.unwrap(), "a day is told once");
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
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "discard_held_after_days": 30}}"#).await;
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
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "discard_held_after_days": 30}}"#).await;
    let id = scene.held(40, None).await;
    assert_eq!(scene.store.discard_by_age(now).await.unwrap(), 0);
    let text = scene.alarm().await.unwrap();
    assert!(text.starts_with("1 held mails of acme are older than") && !text.contains('@'), "{text}");
    // The next digest tells of it: that is no reason to shout, for a week.
    examples::import(
        &scene.store,
        r#"{"tenant": {"id": "acme"}, "users": [{"email": "anna@acme.example", "name": "Anna", "role": "administrator"}]}"#,
    )
    .await;
    scene.store.discard_by_age(now - days(4)).await.unwrap();
    assert_eq!(scene.alarm().await, None);
    scene.store.discard_by_age(now + days(1)).await.unwrap();
    assert!(scene.alarm().await.is_some());
    scene.digest(now, id).await;
    // Queued is not told.
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 0);
    scene.outbox(Tried::Sent).await;
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 1);
    assert!(!scene.is_held(id).await);
    assert_eq!(scene.alarm().await, None);
    scene.store.close().await;
}

/// A mail of long ago that is held anew has all its time again: whoever was told of it before knows nothing of this.
#[tokio::test]
async fn what_is_held_anew_is_not_old() {
    let scene = scene().await;
    let anew = Timestamp::now() - days(100);
    // Whatever waits for the relay is told at the moment of which it is.
    let told = async || {
        scene.outbox(Tried::Sent).await;
        scene.store.damage("update outbound_message set done_at = created_at").await;
    };
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "discard_held_after_days": 30}}"#).await;
    let receipt = Some(MessagePurpose::Receipt);
    let (reopened, named, again) = (scene.held(140, receipt).await, scene.held(140, None).await, scene.held(140, receipt).await);
    scene.digest(anew - days(39), named).await;
    told().await;
    scene.store.discard(&scene.tenant, reopened, "op".into(), "spam".into()).await.unwrap();
    scene.held_anew(reopened, anew, None).await;
    scene.held_anew(named, anew, None).await;
    scene.held_anew(again, anew, receipt).await;
    told().await;
    for later in [0, 4, 29] {
        assert_eq!(scene.store.discard_by_age(anew + days(later)).await.unwrap(), 0, "{later} days after it was held last");
    }
    // All are as old now, and somebody was told of one of them since.
    assert_eq!(scene.store.discard_by_age(anew + days(31)).await.unwrap(), 1);
    assert_eq!((scene.is_held(reopened).await, scene.is_held(named).await, scene.is_held(again).await), (true, true, false));
    // A digest names it again, although one named it before.
    scene.digest(anew + days(32), named).await;
    told().await;
    assert_eq!(scene.store.discard_by_age(anew + days(34)).await.unwrap(), 0);
    assert_eq!(scene.store.discard_by_age(anew + days(36)).await.unwrap(), 1);
    assert!(scene.is_held(reopened).await && !scene.is_held(named).await);
    scene.store.close().await;
}

/// How long a mail waits for its end has nothing to do with the day on which it came.
#[tokio::test]
async fn what_goes_through_again_waits_since_then() {
    let scene = scene().await;
    let oldest = async || scene.store.oldest_arrivals().await.unwrap().first().map(|(_, at)| *at);
    let held = scene.held(40, Some(MessagePurpose::Receipt)).await;
    assert_eq!(oldest().await, None);
    let before = Timestamp::now() - SignedDuration::from_secs(1);
    scene.store.retry(&scene.tenant, held, "op".into(), None).await.unwrap();
    let since = oldest().await.unwrap();
    assert!(since > before, "{since}");
    // An operator's second word does not hide how long it waits.
    scene.store.retry(&scene.tenant, held, "op".into(), None).await.unwrap();
    assert_eq!(oldest().await, Some(since));
    let claimed = scene.store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    scene.store.put_back(&scene.tenant, held, claimed.fence, std::time::Duration::ZERO).await.unwrap();
    assert_eq!(oldest().await, Some(since), "our trouble is what is to be heard of");
    // One that has just come and waits for long, because we are in trouble, counts from its coming.
    scene.store.damage("update arrival set waits_since = null").await;
    assert!(oldest().await.unwrap() < before - days(39));
    scene.store.close().await;
}

/// One tenant's settings that cannot be read are not the others' trouble.
#[tokio::test]
async fn one_tenant_stops_no_other() {
    let scene = scene().await;
    let now = Timestamp::now();
    for (id, address) in [("aaa", "import@aaa.example"), ("bbb", "import@bbb.example")] {
        let tenant = serde_json::json!({"tenant": {"id": id, "name": id, "import_addresses": [address], "discard_held_after_days": 30}});
        examples::import(&scene.store, &tenant.to_string()).await;
    }
    examples::import(&scene.store, r#"{"tenant": {"id": "acme", "discard_held_after_days": 30}}"#).await;
    scene.store.damage("update tenant set discard_held_after_days = 'many' where id = 'aaa'").await;
    scene.store.damage("update tenant set discard_held_after_days = 9223372036854775807, digest_at = 'noon' where id = 'bbb'").await;
    let id = scene.held(40, Some(MessagePurpose::Receipt)).await;
    scene.outbox(Tried::Sent).await;
    assert_eq!(scene.store.discard_by_age(now + days(4)).await.unwrap(), 1);
    assert!(!scene.is_held(id).await);
    let told: Vec<String> = scene.store.digest_hours().await.unwrap().into_iter().map(|hour| hour.tenant.to_string()).collect();
    assert_eq!(told, ["aaa", "acme"]);
    scene.store.close().await;
}

/// What is asked every hour and every day is looked up among what is held and open, whatever lies in the tables.
#[tokio::test]
async fn nothing_walks_what_was_discarded() {
    let scene = scene().await;
    let goes = concat!("select a.tenant, a.id from arrival a where ", too_old!(), " and a.claimed_by is null and ", told!(), " limit 100");
    let stays = concat!("select count(*) from arrival a where ", too_old!(), " and not ", told!());
    for (sql, index) in [
        (goes, "arrival_held_since (tenant=? AND disposition=? AND done_at<?)"),
        (stays, "arrival_held_since (tenant=? AND disposition=? AND done_at<?)"),
        (crate::store::daily::GROUPS, "arrival_held"),
        (crate::store::daily::WAITING, "arrival_held"),
    ] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(&scene.store.reads).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{sql}: {steps:?}");
        assert!(!steps.iter().any(|step| step.contains("arrival_by_disposition")), "{sql}: {steps:?}");
        assert!(steps[0].contains(index), "{sql}: {steps:?}");
        let of_held = steps.iter().any(|step| step.contains("outbound_message_of_held (tenant=? AND arrival=?)"));
        assert_eq!(of_held, sql == goes || sql == stays, "{sql}: {steps:?}");
    }
    scene.store.close().await;
}

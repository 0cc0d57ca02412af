//! The quota as rows come, change and go.

use super::*;
use crate::model::arrival::{Arrival, Envelope, Purpose, Raw};
use crate::model::facts::{Facts, Origin};
use crate::model::verdict::Disposition;
use crate::store::arrivals::Turn;
use crate::store::blobs::LARGEST_IN_DATABASE;
use crate::store::examples;
use crate::store::filing::Filing;

async fn store() -> (Store, TenantId, tempfile::TempDir) {
    let (store, folder) = examples::store().await;
    (store, TenantId::machine(), folder)
}

fn arrival(tenant: &TenantId, facts: Facts, purpose: Purpose, bytes: usize) -> Arrival {
    let is_strangers = purpose == Purpose::Import && !facts.anybody_vouches();
    let mail = examples::arrival(tenant, &vec![b'x'; bytes]);
    Arrival { envelope: Envelope { purpose, ..mail.envelope }, facts: Facts { is_strangers, ..facts }, ..mail }
}

fn unproved(tenant: &TenantId, bytes: usize) -> Arrival {
    arrival(tenant, Facts { origin: Origin::Relay, ..Facts::default() }, Purpose::Import, bytes)
}

/// Ends what is due as the pipeline does.
async fn ends(store: &Store, disposition: Disposition) {
    for claimed in store.claim(Turn::Together, 10).await.unwrap() {
        let filing = Filing { disposition, at: Timestamp::now(), ..examples::held(&claimed.unwrap(), "sender_not_authenticated") };
        store.file(filing).await.unwrap();
    }
}

/// The count follows whatever becomes of a mail: waiting, held, retried, assigned, discarded, filed, ignored.
#[tokio::test]
async fn the_count_is_right_after_everything() {
    let (store, tenant, _folder) = store().await;
    let count = async || store.unvouched(&tenant).await.unwrap();
    let mail = unproved(&tenant, 100);
    let id = mail.id;
    store.accept(mail).await.unwrap();
    assert_eq!(count().await, (1, 100), "waiting");
    ends(&store, Disposition::Held).await;
    assert_eq!(count().await, (1, 100), "held");
    store.retry(&tenant, id, "op".into(), None).await.unwrap();
    assert_eq!(count().await, (1, 100), "retried");
    ends(&store, Disposition::Held).await;
    store.discard(&tenant, id, "op".into(), "no".into()).await.unwrap();
    assert_eq!(count().await, (0, 0), "discarded");
    store.retry(&tenant, id, "op".into(), Some("4711".into())).await.unwrap();
    assert_eq!(count().await, (1, 100), "assigned");
    ends(&store, Disposition::Filed).await;
    assert_eq!(count().await, (0, 0), "filed");
    for end in [Disposition::Ignored, Disposition::Duplicate] {
        store.accept(unproved(&tenant, 7)).await.unwrap();
        assert_eq!(count().await, (1, 7));
        ends(&store, end).await;
        assert_eq!(count().await, (0, 0), "{end:?}");
    }
    // What somebody vouches for, and what goes to another mailbox, has no part in it.
    store.accept(arrival(&tenant, Facts { origin: Origin::SubmissionRelay, ..Facts::default() }, Purpose::Import, 5)).await.unwrap();
    store.accept(arrival(&tenant, Facts::default(), Purpose::Postmaster, 5)).await.unwrap();
    assert_eq!(count().await, (0, 0));
    store.close().await;
}

#[tokio::test]
async fn mails_and_bytes() {
    let (store, tenant, _folder) = store().await;
    let check = async |mails: u64, bytes: u64, size: u64, want: bool| {
        let most = HeldLimits { mails, bytes, age_days: 1 };
        let (mails, bytes) = store.unvouched(&tenant).await.unwrap();
        assert_eq!(most.has_room(mails, bytes, size), want, "{most:?} {size}");
    };
    check(1, 100, 100, true).await;
    check(0, 100, 1, false).await;
    check(1, 100, 101, false).await;
    store.accept(unproved(&tenant, 60)).await.unwrap();
    check(2, 100, 40, true).await;
    check(2, 100, 41, false).await;
    check(1, 100, 1, false).await;
    check(2, u64::MAX, u64::MAX, true).await;
    store.close().await;
}

/// The cost of counting is stated: one index, and nothing of the table.
#[tokio::test]
async fn counting_looks_at_one_index_alone() {
    let (store, tenant, _folder) = store().await;
    let sql = concat!(
        "explain query plan select count(*) as mails, coalesce(sum(size), 0) as bytes from arrival where tenant = $1 and ",
        waits!()
    );
    let plan: Vec<String> =
        sqlx::query(sql).bind(tenant.as_str()).fetch_all(&store.reads).await.unwrap().iter().map(|row| row.get("detail")).collect();
    assert!(plan.len() == 1 && plan[0].contains("USING COVERING INDEX arrival_unvouched (tenant=?)"), "{plan:?}");
    store.close().await;
}

/// What is too old is closed and its bytes are gone, small and large; what is not, or has an end or a sender, stays.
#[tokio::test]
async fn what_is_too_old() {
    let (store, tenant, _folder) = store().await;
    let long_ago = Timestamp::now() - SignedDuration::from_hours(24 * 31);
    let small = Arrival { at: long_ago, ..unproved(&tenant, 10) };
    let large = Arrival { at: long_ago, ..unproved(&tenant, LARGEST_IN_DATABASE + 1) };
    let mut upload = store.blobs().upload_raw(&tenant, large.id).await.unwrap();
    let Raw::Bytes(bytes) = &large.raw else { unreachable!() };
    upload.write(bytes).await.unwrap();
    upload.complete().await.unwrap();
    let large = Arrival { raw: Raw::Object, ..large };
    let young = unproved(&tenant, 10);
    let proved =
        Arrival { at: long_ago, ..arrival(&tenant, Facts { origin: Origin::SubmissionRelay, ..Facts::default() }, Purpose::Import, 10) };
    let (gone, kept) = ([small.id, large.id], [young.id, proved.id]);
    for mail in [small, large, young, proved] {
        store.accept(mail).await.unwrap();
    }
    let before = Timestamp::now() - SignedDuration::from_hours(24 * 30);
    assert_eq!(store.discard_unvouched(before, 30).await.unwrap(), 0, "nothing is held yet");
    ends(&store, Disposition::Held).await;
    assert_eq!(store.discard_unvouched(before, 30).await.unwrap(), 2);
    assert_eq!(store.discard_unvouched(before, 30).await.unwrap(), 0);
    for id in gone {
        assert!(store.raw_mail(&tenant, id).await.is_err());
        let row = store.arrival(&tenant, id).await.unwrap().unwrap();
        let (_, who, why) = row.closed.unwrap();
        assert!(row.raw_gone && who == "quota" && why.contains("30 days"), "{why}");
        let error = store.retry(&tenant, id, "op".into(), None).await.unwrap_err().to_string();
        assert!(error.contains("bytes were removed"), "{error}");
    }
    for id in kept {
        assert!(store.raw_mail(&tenant, id).await.is_ok() && store.arrival(&tenant, id).await.unwrap().unwrap().is_held());
    }
    assert_eq!(store.unvouched(&tenant).await.unwrap(), (1, 10));
    store.close().await;
}

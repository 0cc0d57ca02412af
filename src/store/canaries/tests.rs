use super::*;
use crate::model::arrival::Envelope;
use crate::model::id::TenantId;
use crate::store::examples;

fn mail(token: &str) -> Arrival {
    let mail = examples::arrival(&TenantId::machine(), b"x");
    let purpose = Purpose::Canary { token: token.to_owned() };
    Arrival { envelope: Envelope { purpose, ..mail.envelope }, ..mail }
}

/// Counts once, for a day, at its door; what is over goes with its bytes.
#[tokio::test]
async fn one_counts_once_and_not_for_long() {
    let (store, _folder) = examples::store().await;
    let now = Timestamp::now();
    let token = store.ask_canary("smtp", "smtp", now).await.unwrap();
    assert_eq!(store.canary_door(&token, now).await.unwrap(), None, "not sent yet");
    assert_eq!(store.canaries_to_send().await.unwrap().len(), 1);
    store.canary_is_sent(&token, now).await.unwrap();
    assert!(store.canaries_to_send().await.unwrap().is_empty());
    assert_eq!(store.canary_door(&token, now).await.unwrap(), Some(("smtp".into(), "smtp".into())));
    assert_eq!(store.canary_door(&token, now + LIVES).await.unwrap(), None, "its time is over");
    assert_eq!(store.canary_door("nobody", now).await.unwrap(), None);
    let first = mail(&token);
    let id = first.id;
    store.accept(first).await.unwrap();
    assert_eq!(store.canary_door(&token, now).await.unwrap(), None, "used");
    // A copy that was let in at the same moment is put off, and leaves nothing.
    let copy = mail(&token);
    let copied = copy.id;
    assert!(matches!(store.accept(copy).await, Err(NotWritten::NotNow(_))));
    assert!(!store.has_arrival(&TenantId::machine(), copied).await.unwrap());
    assert!(store.canaries_of("smtp", "smtp").await.unwrap()[0].arrived_at.is_some());
    // Bytes of what has no end yet stay.
    assert_eq!(store.forget_canaries(now + LIVES).await.unwrap(), 1);
    assert!(store.raw_mail(&TenantId::machine(), id).await.is_ok());
    assert_eq!(store.forget_canaries(now + LIVES).await.unwrap(), 0);
}

/// A clock that was ahead for years, and was set back: what it asked for counts from now, and is missed as any other.
#[tokio::test]
async fn those_of_times_to_come_count_from_now() {
    let (store, _folder) = examples::store().await;
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let ahead = now + SignedDuration::from_hours(9_000);
    let before = store.ask_canary("smtp", "smtp", now - SignedDuration::from_secs(5)).await.unwrap();
    let under_way = store.ask_canary("smtp", "smtp", ahead).await.unwrap();
    store.canary_is_sent(&under_way, ahead).await.unwrap();
    store.date_canaries_back(now).await.unwrap();
    let one = store.canary(&under_way).await.unwrap().unwrap();
    assert_eq!((one.asked_at, one.sent_at, one.arrived_at), (now, Some(now), None));
    assert_eq!(store.canary_door(&under_way, now).await.unwrap(), Some(("smtp".into(), "smtp".into())), "still known for what it is");
    let other = store.canary(&before).await.unwrap().unwrap();
    assert_eq!((other.asked_at, other.sent_at), (now - SignedDuration::from_secs(5), None));
    let written = *store.changes().borrow();
    store.date_canaries_back(now).await.unwrap();
    assert_eq!(*store.changes().borrow(), written, "nobody is woken where there is nothing to do");
}

/// None of what is asked again and again reads a table that grows.
#[tokio::test]
async fn indexes_are_used() {
    let (store, _folder) = examples::store().await;
    for (sql, index) in [
        ("select * from canary where sent_at is null order by asked_at limit 1", "canary_to_send"),
        ("select * from canary where door_kind = 'x' and door_name = 'y' order by asked_at desc limit 1", "canary_by_door"),
        ("delete from canary where asked_at < 1 returning tenant, arrival", "canary_by_age"),
        ("select door, min(at) as at from arrival where disposition is null group by door", "arrival_waiting"),
        ("select min(created_at) from outbound_message where state in ('queued', 'sending', 'deferred')", "outbound_message_waiting"),
    ] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(&store.reads).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get::<String, _>("detail")).collect();
        assert!(plan.iter().any(|line| line.contains(index)), "{sql}: {plan:?}");
    }
}

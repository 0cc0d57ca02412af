//! What is due, what is marked, and what a crash leaves.

use super::*;
use crate::store::arrivals::Turn;
use crate::store::examples;
use crate::store::filing::{Filing, Waits};

async fn store() -> (Store, TenantId, tempfile::TempDir) {
    let (store, folder) = examples::store().await;
    (store, TenantId::machine(), folder)
}

/// A mail that is held for this reason.
async fn held(store: &Store, tenant: &TenantId, reason: HoldReason, waits: Waits) -> ArrivalId {
    let mail = examples::arrival(tenant, b"x");
    let id = mail.id;
    store.accept(mail).await.unwrap();
    let mut filing = Filing { waits, ..examples::held(&examples::claimed(store).await, reason.as_str()) };
    filing.summary.from_address = Some("Petra@acme.example".into());
    store.file(filing).await.unwrap();
    id
}

fn waits_for(number: &str) -> Waits {
    Waits { number: Some(number.into()), ..Waits::default() }
}

async fn event(store: &Store, tenant: &TenantId, kind: &'static str, about: &'static str) {
    let tenant = tenant.clone();
    let insert = store.write(move |c| {
        Box::pin(async move {
            let sql = "insert into healing_event (tenant, kind, about, after) values ($1, $2, $3, '')";
            sqlx::query(sql).bind(tenant.as_str()).bind(kind).bind(about).execute(c).await?;
            Ok(())
        })
    });
    insert.await.unwrap();
}

/// Whatever is asked now and then, or for each application and user of an import, is looked up: nothing walks all that is held.
#[tokio::test]
async fn what_is_asked_is_looked_up() {
    let (store, _, _folder) = store().await;
    for (sql, index) in [
        (DUE, "arrival_to_heal"),
        (BY_NUMBER, "arrival_held_by_number"),
        (BY_FORWARDER, "arrival_held_by_forwarder"),
        (UNREAD, "arrival_held_unread"),
        (WAITED_FOR, "arrival_held_by_number"),
        (HELD, "arrival_held "),
    ] {
        let rows = sqlx::query(AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(&store.reads).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let lists: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH") || step.starts_with("SCAN")).collect();
        assert!(lists.iter().all(|step| step.starts_with("SEARCH")), "{sql}: {steps:?}");
        assert!(lists.iter().any(|step| step.contains(index)), "{sql}: {steps:?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}: {steps:?}");
    }
    store.close().await;
}

/// More than one step holds: all are marked, each once, nobody else's, and nothing that waits for something else.
#[tokio::test]
async fn what_waited_is_marked_in_steps() {
    let (store, tenant, _folder) = store().await;
    for _ in 0..(2 * STEP + 3) {
        held(&store, &tenant, HoldReason::UnknownNumber, waits_for("4711")).await;
    }
    let others = [
        held(&store, &tenant, HoldReason::UnknownNumber, waits_for("4712")).await,
        held(&store, &tenant, HoldReason::NoNumber, Waits::default()).await,
        held(&store, &tenant, HoldReason::SenderUnknown, Waits::default()).await,
    ];
    assert!(!store.mark_what_waited().await.unwrap());
    event(&store, &tenant, "number", "4711").await;
    let mut steps = 0;
    while store.mark_what_waited().await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 4);
    let due = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&store.reads);
    assert_eq!(due("select count(*) from arrival where heal_due_at is not null").await.unwrap(), 2 * STEP + 3);
    for id in others {
        assert_eq!(store.arrival(&tenant, id).await.unwrap().unwrap().heal_due, None);
    }
    // By the forwarder's address, however it was written.
    event(&store, &tenant, "forwarder", "petra@acme.example").await;
    while store.mark_what_waited().await.unwrap() {}
    assert!(store.arrival(&tenant, others[2]).await.unwrap().unwrap().heal_due.is_some());
    assert_eq!(store.arrival(&tenant, others[1]).await.unwrap().unwrap().heal_due, None);
    store.close().await;
}

/// Acceptance: G2, G4. A look is counted before it is begun; what two looks in a row were cut off at is looked at no more.
#[tokio::test]
async fn looks_that_a_crash_cut_off() {
    let (store, tenant, _folder) = store().await;
    let now = Some(Timestamp::now());
    let id = held(&store, &tenant, HoldReason::NotScanned, Waits { due: now, ..Waits::default() }).await;
    let next = async || store.next_to_heal(HoldReason::NotScanned).await.unwrap();
    let first = next().await.unwrap();
    assert_eq!((first.id, first.tries), (id, 0));
    assert!(store.begin_look(&first, now, "1").await.unwrap().is_some());
    // It ends well: whatever was cut off before counts no more.
    let second = next().await.unwrap();
    let looked = store.begin_look(&second, now, "1").await.unwrap().unwrap();
    assert_eq!(next().await.map(|due| due.id), None, "two in a row");
    store.settle(&looked, now).await.unwrap();
    for tries in 2..4 {
        let due = next().await.unwrap();
        assert_eq!(due.tries, tries);
        store.begin_look(&due, now, "1").await.unwrap().unwrap();
    }
    assert!(next().await.is_none());
    // An operator's word begins anew, and what a look found before it changes nothing more.
    store.retry(&tenant, id, "operator".into(), None).await.unwrap();
    assert!(!store.send_through(&looked, HoldReason::NotScanned, false).await.unwrap());
    let shown = store.arrival(&tenant, id).await.unwrap().unwrap();
    assert_eq!((shown.heal_tries, shown.heal_due), (0, None));
    store.close().await;
}

/// A mail that somebody discarded, or that is held for something else by now, is not sent through.
#[tokio::test]
async fn what_changed_meanwhile_stays() {
    let (store, tenant, _folder) = store().await;
    let waits = || Waits { due: Some(Timestamp::now()), ..Waits::default() };
    let discarded = held(&store, &tenant, HoldReason::NotScanned, waits()).await;
    let due = store.next_to_heal(HoldReason::NotScanned).await.unwrap().unwrap();
    let looked = store.begin_look(&due, None, "1").await.unwrap().unwrap();
    store.discard(&tenant, discarded, "operator".into(), "x".into()).await.unwrap();
    assert!(!store.send_through(&looked, HoldReason::NotScanned, false).await.unwrap());
    assert!(store.begin_look(&due, None, "1").await.unwrap().is_none());
    let id = held(&store, &tenant, HoldReason::NotScanned, waits()).await;
    let due = store.next_to_heal(HoldReason::NotScanned).await.unwrap().unwrap();
    let looked = store.begin_look(&due, None, "1").await.unwrap().unwrap();
    assert!(!store.send_through(&looked, HoldReason::UnknownNumber, false).await.unwrap());
    assert!(store.send_through(&looked, HoldReason::NotScanned, false).await.unwrap());
    assert!(!store.send_through(&looked, HoldReason::NotScanned, false).await.unwrap(), "only once");
    let claimed = store.claim(Turn::Together, 1).await.unwrap().remove(0).unwrap();
    assert_eq!((claimed.id, claimed.heals, claimed.heal_tries), (id, Some(HoldReason::NotScanned), 1));
    let audit = store.audit_of(&tenant, &id.to_string()).await.unwrap();
    assert_eq!(audit.iter().map(|line| (line.actor.as_str(), line.what.as_str())).collect::<Vec<_>>(), [(ACTOR, "retried")]);
    store.close().await;
}

/// Acceptance: G4. A row that cannot be read is counted like any other, so that it holds up nobody behind it.
#[tokio::test]
async fn a_row_that_cannot_be_read() {
    let (store, tenant, _folder) = store().await;
    let now = Timestamp::now();
    let broken = held(&store, &tenant, HoldReason::NotScanned, Waits { due: Some(now), ..Waits::default() }).await;
    let behind = Waits { due: now.checked_add(jiff::SignedDuration::from_millis(1)).ok(), ..Waits::default() };
    let behind = held(&store, &tenant, HoldReason::NotScanned, behind).await;
    let id = broken.to_string();
    let damage = store.write(move |c| {
        Box::pin(async move {
            sqlx::query("update arrival set envelope = 'no JSON' where id = $1").bind(id).execute(c).await?;
            Ok(())
        })
    });
    damage.await.unwrap();
    let due = store.next_to_heal(HoldReason::NotScanned).await.unwrap().unwrap();
    assert_eq!(due.id, broken);
    let later = now.checked_add(jiff::SignedDuration::from_hours(1)).ok();
    assert!(store.begin_look(&due, later, "1").await.is_err());
    assert_eq!(store.next_to_heal(HoldReason::NotScanned).await.unwrap().map(|due| due.id), Some(behind));
    store.close().await;
}

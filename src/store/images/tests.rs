use super::*;
use crate::model::id::{ArrivalId, EntryId};
use crate::model::installation::Place;
use crate::store::Missing;
use crate::store::filing::NewEntry;
use sqlx::Row;

struct Scene {
    _folder: tempfile::TempDir,
    store: Store,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    Scene { _folder: folder, store }
}

fn tenant() -> TenantId {
    TenantId::machine()
}

fn key(writer: &str) -> ImageKey {
    ImageKey { writer: writer.into(), sha256: "f00".into() }
}

/// A mail that was filed under an application, with these images.
fn filed(application: &str, at: i64, images: &[ImageKey]) -> Filing {
    let at = Timestamp::from_millisecond(at).unwrap();
    let entry = NewEntry {
        id: EntryId::generate(),
        application: application.into(),
        at,
        kind: "inbound_email",
        actor: String::new(),
        subject: String::new(),
        body: "{}".into(),
        visibility: "department",
        dedupe_key: None,
        message_id: None,
        moved_from: None,
    };
    Filing { entry: Some(entry), images: images.to_vec(), ..Filing::afterwards(tenant(), ArrivalId::generate(), at) }
}

async fn counted(store: &Store, rows: Vec<Filing>) {
    store.write(move |c| Box::pin(async move { Ok(count(c, &rows).await?) })).await.unwrap();
}

#[tokio::test]
async fn mails_and_applications_are_counted() {
    let scene = scene().await;
    let store = &scene.store;
    let seen = async |writer: &str| store.seen_images(&tenant(), &[key(writer), key("nobody")]).await.unwrap().get(&key(writer)).copied();
    assert_eq!(seen("p").await, None);
    counted(store, vec![filed("A1", 1, &[key("p")])]).await;
    assert_eq!(seen("p").await, Some(SeenTimes { mails: 1, applications: 1 }));
    counted(store, vec![filed("A1", 2, &[key("p")])]).await;
    assert_eq!(seen("p").await, Some(SeenTimes { mails: 2, applications: 1 }));
    // Three of one group, of two applications; another's image; one that was not filed.
    let held = Filing { entry: None, ..filed("A9", 3, &[key("p")]) };
    counted(store, vec![filed("A1", 3, &[key("p")]), filed("A2", 4, &[key("p"), key("q")]), filed("A2", 5, &[key("p")]), held]).await;
    assert_eq!(
        (seen("p").await, seen("q").await),
        (Some(SeenTimes { mails: 5, applications: 3 }), Some(SeenTimes { mails: 1, applications: 1 }))
    );
    assert!(store.seen_images(&TenantId::new("other"), &[key("p")]).await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn what_nobody_sends_is_forgotten() {
    let scene = scene().await;
    let store = &scene.store;
    let now = Timestamp::now();
    let old = (now - SignedDuration::from_hours(24 * 401)).as_millisecond();
    counted(store, vec![filed("A1", old, &[key("old")]), filed("A1", now.as_millisecond(), &[key("new")])]).await;
    store.forget_images(now).await.unwrap();
    let left = store.seen_images(&tenant(), &[key("old"), key("new")]).await.unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), [&key("new")]);
    store.close().await;
}

/// Asked for every mail that has images, and forgotten by age: neither walks the table.
#[tokio::test]
async fn statements_use_an_index() {
    let scene = scene().await;
    for sql in [
        "select times from seen_image where tenant = 'a' and (writer, sha256) in (values ('b', 'c'), ('d', 'e'))",
        "delete from seen_image where (tenant, writer, sha256) in (
             select tenant, writer, sha256 from seen_image where last_at < 5 order by last_at limit 10)",
    ] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(&scene.store.reads).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let of_table: Vec<_> = steps.iter().filter(|step| step.contains("seen_image")).collect();
        assert!(!of_table.is_empty() && of_table.iter().all(|step| step.starts_with("SEARCH")), "{steps:?}");
    }
    scene.store.close().await;
}

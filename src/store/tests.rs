use super::*;

/// G1 stands on these: what the writer's connection really has is read back.
#[tokio::test]
async fn the_writer_is_durable() {
    let (store, _folder) = examples::store().await;
    let pragmas = store.write(|c| {
        Box::pin(async move {
            let mut found = Vec::new();
            for pragma in ["pragma synchronous", "pragma foreign_keys", "pragma secure_delete"] {
                found.push(sqlx::query_scalar::<_, i64>(pragma).fetch_one(&mut *c).await?);
            }
            let journal: String = sqlx::query_scalar("pragma journal_mode").fetch_one(c).await?;
            Ok((found, journal))
        })
    });
    // FULL is 2: the log is synced at every commit.
    assert_eq!(pragmas.await.unwrap(), (vec![2, 1, 1], "wal".to_owned()));
    store.close().await;
}

/// A job that fails is undone alone; the jobs around it, in the same group, stand.
#[tokio::test]
async fn a_faulty_job_is_undone_alone() {
    let (store, _folder) = examples::store().await;
    let put = |id: &'static str, fails: bool| {
        store.write(move |c| {
            Box::pin(async move {
                sqlx::query("insert into department (tenant, id, name) values ('-', $1, 'x')").bind(id).execute(c).await?;
                anyhow::ensure!(!fails, "planted");
                Ok(())
            })
        })
    };
    let (first, faulty, last) = tokio::join!(put("a", false), put("b", true), put("c", false));
    assert!(first.is_ok() && faulty.is_err() && last.is_ok());
    let ids: Vec<String> = sqlx::query_scalar("select id from department order by id").fetch_all(&store.reads).await.unwrap();
    assert_eq!(ids, ["a", "c"]);
    store.close().await;
}

/// The database is made for its owner alone, and never in place of one that is missing by mistake.
#[tokio::test]
async fn a_missing_database_is_an_error_for_commands() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let error = Store::open(&place, Missing::IsAnError).await.err().unwrap().to_string();
    assert!(error.contains("x.db") && error.contains("import"), "{error}");
    assert!(!place.database.exists());
}

/// A file of root's in the service's folder would stop the service; a missing database is not replaced by an empty one.
#[tokio::test]
async fn who_may_open_what() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    store.close().await;
    let lock = DaemonLock::take(&place).unwrap();
    lock.mark().unwrap();
    std::fs::rename(&place.database, folder.path().join("aside")).unwrap();
    for missing in [Missing::Create, Missing::IsAnError] {
        let error = Store::open(&place, missing).await.err().unwrap().to_string();
        assert!(error.contains("the database is missing") && !place.database.exists(), "{error}");
    }
    std::fs::rename(folder.path().join("aside"), &place.database).unwrap();
    if rustix::process::geteuid().is_root() {
        let stranger = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(stranger.path(), Some(65534), None).unwrap();
        let place = Place { database: stranger.path().join("x.db"), blobs: stranger.path().join("blobs") };
        let error = Store::open(&place, Missing::Create).await.err().unwrap().to_string();
        assert!(error.contains("65534") && !place.database.exists(), "{error}");
        std::fs::write(&place.database, "").unwrap();
        let error = Store::open(&place, Missing::Create).await.err().unwrap().to_string();
        assert!(error.contains("chown"), "{error}");
    }
}

/// A newer command does not change the schema under an older daemon.
#[tokio::test]
async fn only_the_daemon_migrates_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let lock = DaemonLock::take(&place).unwrap();
    let error = Store::open(&place, Missing::Create).await.err().unwrap();
    assert!(format!("{error:#}").contains("older version"), "{error:#}");
    Store::open_as_daemon(&lock, &place).await.unwrap().close().await;
    Store::open(&place, Missing::IsAnError).await.unwrap().close().await;
}

/// What an interrupted upload left is taken away, and nothing else.
#[tokio::test]
async fn interrupted_uploads() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let (tenant, whole, cut) = (crate::model::id::TenantId::new("acme"), ulid_of(1), ulid_of(2));
    let mut upload = blobs.upload_raw(&tenant, whole).await.unwrap();
    upload.write(b"whole").await.unwrap();
    upload.complete().await.unwrap();
    let mut upload = blobs.upload_raw(&tenant, cut).await.unwrap();
    upload.write(&vec![0; 2 << 20]).await.unwrap();
    // A crash runs no destructors.
    std::mem::forget(upload);
    assert_eq!(blobs.sweep().unwrap(), 1);
    assert_eq!(blobs.sweep().unwrap(), 0);
    assert_eq!(blobs.raw(&tenant, whole).await.unwrap(), "whole");
}

fn ulid_of(number: u128) -> crate::model::id::ArrivalId {
    ulid::Ulid::from(number).to_string().parse().unwrap()
}

/// A caller hears why nothing was written.
#[tokio::test]
async fn the_reason_reaches_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    let put = || store.write(|c| Box::pin(async move { Ok(sqlx::query("delete from department").execute(c).await?.rows_affected()) }));
    put().await.unwrap();
    std::fs::remove_file(&place.database).unwrap();
    let error = put().await.unwrap_err().to_string();
    assert!(error.contains("x.db") && error.contains("removed"), "{error}");
    let before = *store.changes().borrow();
    put().await.unwrap_err();
    assert_eq!(*store.changes().borrow(), before, "nobody is woken by what was not written");
}

/// Rows of an older version get their key at the next start, and only once.
#[tokio::test]
async fn names_of_older_rows_are_worked_out() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    let written = store.write(|c| {
        Box::pin(async move {
            for number in 0..1_100 {
                let put = sqlx::query("insert into candidate (tenant, id, name) values ('-', $1, $2)");
                put.bind(number.to_string()).bind(format!("Müller, Maria {number}x")).execute(&mut *c).await?;
            }
            Ok(())
        })
    });
    written.await.unwrap();
    store.close().await;
    let store = Store::open(&place, Missing::IsAnError).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from candidate where name_key is null").fetch_one(&store.reads).await.unwrap();
    let key: String = sqlx::query_scalar("select name_key from candidate where id = '7'").fetch_one(&store.reads).await.unwrap();
    assert_eq!((left, key.as_str()), (0, "7x maria mueller"));
    store.close().await;
}

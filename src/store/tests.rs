use super::*;

/// G1 stands on these: what the writer's connection really has is read back.
#[tokio::test]
async fn the_writer_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
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
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: folder.path().join("x.db"), blobs: folder.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
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

//! A database of every released version opens, is brought forward, and still tells what it held.
//! `fixtures/databases/VERSION.sql` is the dump of one; none of them is ever changed.

use crate::harness::*;
use sqlx::Connection;

#[test]
fn databases_of_every_release_open() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/databases");
    let mut releases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    releases.sort();
    assert!(!releases.is_empty());
    for release in releases {
        let mut acme = Installation::empty("");
        std::fs::create_dir(acme.path("state")).unwrap();
        let dump = std::fs::read_to_string(&release).unwrap();
        let path = acme.path("state/rohrpost.db");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(false);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(dump)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
        let daemon = acme.serve();
        eventually("the folder of what was held", || acme.held()[0]["file"].as_str().map(str::to_owned));
        let entry = acme.entries("4711").remove(0);
        assert_eq!(
            (entry["documents"][0]["name"].as_str(), entry["original"]["from"]["address"].as_str()),
            (Some("Anschreiben.pdf"), Some(MARIA))
        );
        let id = entry["documents"][0]["id"].as_str().unwrap();
        assert_eq!(acme.runs(&["document", "get", id, "--tenant", "acme"]).stdout, b"%PDF-1.4 brief", "{}", release.display());
        // The same mail once more is still a duplicate, and new mail is filed.
        let mail = Forward { attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], ..Forward::default() }.mail();
        let again = daemon.delivers(&mail);
        assert_eq!(acme.ended(&again)["disposition"], "duplicate");
        let new = daemon.delivers(&Forward { id: "new@x", ..Forward::default() }.mail());
        assert_eq!(acme.ended(&new)["disposition"], "filed");
        // What was filed then can be taken back, and those who were told then hear of it.
        let moved = acme.succeeds(&["history", "move", entry["id"].as_str().unwrap(), "--reference", "4712", "--tenant", "acme"]);
        assert!(moved.contains("2 people who had been told"), "{moved}");
        let copy = acme.entries("4712").remove(0)["documents"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(acme.runs(&["document", "get", &copy, "--tenant", "acme"]).stdout, b"%PDF-1.4 brief");
        assert_eq!(acme.ended(&daemon.delivers(&mail))["disposition"], "duplicate");
        acme.all_sent();
        daemon.stop();
        acme.is_sound();
    }
}

/// Writes the dump of this version: run it once at a release, with the version as its name.
#[test]
#[ignore = "makes a fixture: ROHRPOST_RELEASE=0.1.0 cargo test --test system write_this_release -- --ignored"]
fn write_this_release() {
    let version = std::env::var("ROHRPOST_RELEASE").unwrap();
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let filed = daemon.delivers(&Forward { attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], ..Forward::default() }.mail());
    let held = daemon.delivers(&Forward { subject: "9999 WG: x", id: "held@x", ..Forward::default() }.mail());
    acme.ended(&filed);
    acme.ended(&held);
    acme.all_sent();
    daemon.stop();
    let script = "import sqlite3, sys\nfor line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)";
    let output = std::process::Command::new("python3").args(["-c", script]).arg(acme.path("state/rohrpost.db")).output().unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/databases").join(format!("{version}.sql"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, output.stdout).unwrap();
}

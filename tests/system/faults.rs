//! Faults of the machine: no room, a locked database, folders that went away. Never a false yes; nothing is lost (G1).

use crate::harness::*;
use sqlx::Connection;
use std::process::Command;

/// Acceptance: G1. S1.E14's other half: 452 while there is too little room, 250 when there is room again.
#[test]
fn too_little_free_space() {
    let mut acme = Installation::new();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace("min_free_bytes = 0", "min_free_bytes = 1152921504606846976")).unwrap();
    let daemon = acme.serve();
    let reply = daemon.connect().sends(PETRA, IMPORT, &Forward::default().mail());
    assert!(reply.starts_with("452 4.3.1 "), "{reply}");
    daemon.stop();
    std::fs::write(acme.path("rohrpost.toml"), text).unwrap();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. A disk that is really full: a small file system of its own.
#[test]
fn a_full_disk() {
    let acme = Installation::empty("");
    let state = acme.path("state");
    std::fs::create_dir(&state).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&state).status().unwrap().success();
    assert!(mounted, "this test mounts a small tmpfs: run it as root");
    let full = FullDisk { acme: Some(acme), state };
    full.run();
}

struct FullDisk {
    acme: Option<Installation>,
    state: std::path::PathBuf,
}

impl FullDisk {
    fn run(mut self) {
        let acme = self.acme.as_mut().unwrap();
        acme.import(ACME);
        let daemon = acme.serve();
        let id = daemon.delivers(&Forward::default().mail());
        assert_eq!(acme.ended(&id)["disposition"], "filed");
        acme.all_sent();
        // Large mails go to the blob store, small ones into the database: both must say "not now".
        let filler = vec![0u8; 1 << 20];
        let mut blocks = 0;
        while std::fs::write(self.state.join(format!("filler-{blocks}")), &filler).is_ok() {
            blocks += 1;
        }
        let large = "Kanarie-Datei\n".repeat(100_000);
        let reply = daemon.connect().sends(
            PETRA,
            IMPORT,
            &Forward { attachments: &[("gross.txt", &large)], id: "large@x", ..Forward::default() }.mail(),
        );
        assert!(reply.starts_with("452 4.3.1 ") || reply.starts_with("451 4.3.0 "), "{reply}");
        let mut refused = 0;
        let mut kept = vec![id];
        for number in 0..400 {
            let text = "kanarienvogel-text ".repeat(800);
            let mail = Forward { id: &format!("fill-{number}@x"), text: &text, ..Forward::default() }.mail();
            let reply = daemon.connect().sends(PETRA, IMPORT, &mail);
            match reply.strip_prefix("250 2.0.0 kept as ") {
                Some(id) => kept.push(id.to_owned()),
                None => {
                    assert!(reply.starts_with("452 4.3.1 ") || reply.starts_with("451 4.3.0 "), "{reply}");
                    refused += 1;
                }
            }
            if refused > 5 {
                break;
            }
        }
        assert!(refused > 5, "the disk never filled");
        // Room again: the service goes on by itself, and everything that got a 250 ends.
        for block in 0..=blocks {
            let _ = std::fs::remove_file(self.state.join(format!("filler-{block}")));
        }
        for id in &kept {
            assert_eq!(acme.ended(id)["disposition"], "filed");
        }
        acme.all_sent();
        daemon.stop();
        acme.is_sound();
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        drop(self.acme.take().map(|mut acme| {
            acme.leaves_outbox = true;
            acme
        }));
        let _ = Command::new("umount").arg("-l").arg(&self.state).status();
    }
}

/// Acceptance: G1. Somebody else's transaction: 451, and everything goes on behind it.
#[test]
fn a_locked_database() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let path = acme.path("state/rohrpost.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut connection = runtime.block_on(async { sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap() });
    runtime.block_on(async { sqlx::query("begin immediate").execute(&mut connection).await.unwrap() });
    let reply = daemon.connect().sends(PETRA, IMPORT, &Forward::default().mail());
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    runtime.block_on(async { sqlx::query("rollback").execute(&mut connection).await.unwrap() });
    let id = daemon.delivers(&Forward::default().mail());
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. Neither a mail's end nor its putting back can be written, as on a full disk: as soon as both can, it ends by itself.
#[test]
fn a_mail_that_could_not_be_put_back() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let path = acme.path("state/rohrpost.db");
    let full = "create trigger full before update on arrival when new.disposition is not null or new.claimed_by is null
        begin select raise(abort, 'database or disk is full'); end";
    damage(&path, full);
    let id = daemon.delivers(&Forward::default().mail());
    eventually("a word about it", || acme.logs().contains(&format!("arrival {id} could not be put back")).then_some(()));
    damage(&path, "drop trigger full");
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. The database's file is taken away while the service runs: nothing is taken any more, and no empty one comes in its place.
#[test]
fn a_database_that_went_away() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let before = daemon.delivers(&Forward::default().mail());
    acme.ended(&before);
    let (path, aside) = (acme.path("state/rohrpost.db"), acme.path("state/aside.db"));
    std::fs::rename(&path, &aside).unwrap();
    let mail = Forward { id: "away@x", ..Forward::default() }.mail();
    let reply = daemon.connect().sends(PETRA, IMPORT, &mail);
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    let (code, error) = acme.fails(&["import", concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo/organisation.json")]);
    assert!(code == 1 && error.contains("the database is missing"), "{error}");
    assert!(!path.exists());
    std::fs::rename(&aside, &path).unwrap();
    let id = daemon.delivers(&mail);
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. Bytes that changed on the disk are not filed, whoever says so.
#[test]
fn raw_bytes_that_changed() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "9999 x", ..Forward::default() }.mail());
    acme.ended(&id);
    damage(&acme.path("state/rohrpost.db"), "update raw_mail set bytes = substr(bytes, 1, length(bytes) - 3) || x'58' || x'0d0a'");
    acme.succeeds(&["--tenant", "acme", "dead-letter", "assign", &id, "--reference", "4711"]);
    let ended = eventually("the second end", || acme.mails().into_iter().find(|mail| mail["reason"] == "damaged"));
    assert_eq!((&ended["disposition"], &ended["reason"]), (&"held".into(), &"damaged".into()));
    // The folder is made again without it, once: its file would not be recognised, and written again and again.
    std::fs::remove_dir_all(acme.path("state/dead-letters/new")).unwrap();
    eventually("a word about it", || acme.logs().contains("is shown by `dead-letter list` alone").then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(std::fs::read_dir(acme.path("state/dead-letters/new")).unwrap().count(), 0);
    assert_eq!(acme.logs().matches("is shown by `dead-letter list` alone").count(), 1);
    assert_eq!(acme.held().len(), 1);
    daemon.stop();
}

/// Acceptance: G1. The blob folder has gone: large mail is "not now", small mail goes on.
#[test]
fn a_blob_store_that_went_away() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    std::fs::rename(acme.path("state/blobs"), acme.path("state/elsewhere")).unwrap();
    std::fs::write(acme.path("state/blobs"), "in the way").unwrap();
    let large = "Kanarie-Datei\n".repeat(10_000);
    let mail = Forward { attachments: &[("gross.txt", &large)], id: "large@x", ..Forward::default() }.mail();
    let reply = daemon.connect().sends(PETRA, IMPORT, &mail);
    assert!(reply.starts_with("451 4.3.0 ") || reply.starts_with("452 4.3.1 "), "{reply}");
    std::fs::remove_file(acme.path("state/blobs")).unwrap();
    std::fs::rename(acme.path("state/elsewhere"), acme.path("state/blobs")).unwrap();
    let id = daemon.delivers(&mail);
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Plants each damage in a sound database of its own: `verify` fails, and says these words.
fn each_is_found(acme: &Installation, damages: &[(&'static str, &str)]) {
    let path = acme.path("state/rohrpost.db");
    let sound = std::fs::read(&path).unwrap();
    for (sql, words) in damages {
        damage(&path, sql);
        let (code, error) = acme.fails(&["verify"]);
        assert!(code == 1 && error.contains("do not agree") && error.contains(words), "{sql}: {error}");
        std::fs::write(&path, &sound).unwrap();
    }
}

/// Changes the database as nothing of ours would.
fn damage(database: &std::path::Path, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(database.to_str().unwrap()).await.unwrap();
        sqlx::raw_sql("pragma foreign_keys = off").execute(&mut connection).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Twelve planted damages of what was recorded of two mails, tokens of a mailbox that is not configured, and a file that is gone: `verify`
/// finds each.
#[test]
fn verify_finds_what_does_not_agree() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let filed = daemon.delivers(&Forward { attachments: &[("Anschreiben.pdf", "%PDF")], ..Forward::default() }.mail());
    let held = daemon.delivers(&Forward { subject: "9999 x", id: "held@x", ..Forward::default() }.mail());
    acme.ended(&filed);
    acme.ended(&held);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
    let damages = [
        "update raw_mail set bytes = x'00' || substr(bytes, 2)",
        "delete from raw_mail",
        "update arrival set sha256 = '00'",
        "update arrival set disposition = null, reason = null where disposition = 'held'",
        "update arrival set entry = null where disposition = 'filed'",
        "update arrival set disposition = 'filed' where disposition = 'held'",
        "update document set range_start = range_start + 1",
        "update document set sha256 = '00'",
        "delete from document",
        "delete from document; delete from history_entry",
        "delete from outbound_message where purpose = 'reply_imported'",
        "update arrival set disposition = 'ignored' where disposition = 'held'",
    ];
    each_is_found(&acme, &damages.map(|sql| (sql, "do not agree")));
    let tokens =
        "insert into oauth_token (mailbox, provider, source, generation, login_at, key_id, refresh, obtained_at, expires_at, state,
        failures, held_until) values ('gone', 'p', 's', 1, 0, 'k', x'00', 0, 0, 'good', 0, 0)";
    each_is_found(&acme, &[(tokens, "mailbox gone: its tokens are kept")]);
    std::fs::remove_file(acme.path(&format!("state/dead-letters/new/{held}.rohrpost"))).unwrap();
    assert!(acme.fails(&["verify"]).1.contains("does not show it"));
}

/// Eighteen planted damages of what was taken back, one mail withdrawn and one moved: `verify` finds each, and says what it is.
#[test]
fn verify_finds_what_was_taken_back_wrongly() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    for (id, command) in [("withdrawn@x", &["withdraw", "--why", "falsch"]), ("moved@x", &["move", "--reference", "4712"])] {
        let mail = Forward { id, attachments: &[("Anschreiben.pdf", "%PDF")], ..Forward::default() }.mail();
        acme.ended(&daemon.delivers(&mail));
        acme.all_sent();
        let entry = acme.entries("4711").pop().unwrap()["id"].as_str().unwrap().to_owned();
        acme.succeeds(&["--tenant", "acme", "history", command[0], &entry, command[1], command[2]]);
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
    let damages = [
        (
            "delete from document where entry in (select id from history_entry where moved_from is not null)",
            "names 1 files, and there are 0",
        ),
        (
            "delete from document where entry in (select withdrawn_entry from history_entry union select about from history_entry)",
            "names 1 files",
        ),
        ("update document set range_start = range_start + 1 where application = 'A2'", "do not have the hash"),
        ("update document set in_files = true", "is a document of a withdrawn entry, and still shown"),
        (
            "update history_entry set withdrawn_at = null where id in (select about from history_entry where kind = 'withdrawn')",
            "that is not marked as withdrawn",
        ),
        (
            "drop index history_entry_once; update history_entry set withdrawn_at = null where id in (select moved_from from history_entry)",
            "has more than one history entry",
        ),
        ("update history_entry set withdrawn_entry = 'X' where kind = 'inbound_email' and application = 'A1'", "and no entry says so"),
        ("update history_entry set withdrawn_entry = null where kind = 'inbound_email' and application = 'A1'", "and no entry says so"),
        ("delete from history_entry where kind = 'withdrawn'", "and no entry says so"),
        ("update history_entry set about = null where kind = 'withdrawn'", "that is not marked as withdrawn"),
        ("delete from history_entry where moved_from is not null", "and none has come in its place"),
        ("update history_entry set moved_from = null", "and none has come in its place"),
        ("update history_entry set kind = 'withdrawn' where kind = 'moved'", "came in the place of an entry that was not moved"),
        (
            "update arrival set entry = (select moved_from from history_entry where moved_from is not null)",
            "in whose place another has come",
        ),
        ("update arrival set application = 'A1'", "names the history entry of another mail or application"),
        ("delete from outbound_message where purpose = 'correction'", "2 people must hear that it was taken back, the outbox has 0"),
        ("update outbound_message set cancelled_at = null", "is a notice about a withdrawn entry, and may still go out"),
        ("update outbound_message set state = 'deferred' where purpose = 'reply_imported'", "and may still go out"),
    ];
    each_is_found(&acme, &damages);
}

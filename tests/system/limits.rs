//! What one peer, one network and the unproved may do: brakes at the door, and the quota of mail that nobody vouches for.

use crate::harness::*;
use sqlx::Connection;
use std::io::Write;
use std::process::{Command, Stdio};

/// Logs in four times in one session each: wrong, wrong, right, right; prints the codes.
const GUESSER: &str = r#"
import smtplib, ssl, sys
port, ca, user, password, source = sys.argv[1:6]
for guess in ["wrong", "wrong", password, password]:
    client = smtplib.SMTP("localhost", int(port), source_address=(source, 0))
    client.starttls(context=ssl.create_default_context(cafile=ca))
    client.ehlo()
    try:
        code, _ = client.login(user, guess)
    except smtplib.SMTPAuthenticationError as error:
        code = error.smtp_code, error.smtp_error.decode().split()[0]
    print(code)
    client.close()
"#;

#[test]
fn logins_that_fail_too_often() {
    let mut acme = Installation::new();
    let smtp = format!("{}\nmax_failed_logins_per_hour = 2", acme.certificate());
    let relay = acme.relay_section();
    acme.configure(&smtp, &relay);
    let mut child = acme.command(&["user", "set-password", PETRA]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(child.wait().unwrap().success());
    let daemon = acme.serve();
    let guess = |source: &str| {
        let (port, ca) = (daemon.address.port().to_string(), acme.path("cert.pem"));
        let output = Command::new("python3").args(["-c", GUESSER, &port, ca.to_str().unwrap(), PETRA, PASSWORD, source]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // Two are looked at. Then even the right password is not.
    assert_eq!(guess("127.0.0.2"), ["(535, '5.7.8')", "(535, '5.7.8')", "(454, '4.7.0')", "(454, '4.7.0')"]);
    assert!(acme.logs().contains("a login was refused: too many have failed"));
    // Another address has its own, until the network of both has used up its multiple: 16, of which 2 are gone.
    for host in 3..=9 {
        assert_eq!(guess(&format!("127.0.0.{host}"))[..2], ["(535, '5.7.8')", "(535, '5.7.8')"], "{host}");
    }
    assert_eq!(guess("127.0.0.10")[0], "(454, '4.7.0')");
    assert_eq!(guess("127.0.1.1")[0], "(535, '5.7.8')");
    daemon.stop();
}

#[test]
fn connections_and_mails() {
    let mut acme = Installation::new();
    let relay = acme.relay_section();
    acme.configure("max_connections_per_minute = 3\nmax_mails_per_hour = 2", &relay);
    let daemon = acme.serve();
    let start = std::time::Instant::now();
    let connect = |local: &str| {
        let mut peer = Smtp::connect_unread(local, daemon.address);
        let greeting = peer.reply();
        (peer, greeting)
    };
    let (mut first, greeting) = connect("127.0.0.2");
    assert!(greeting.starts_with("220 "), "{greeting}");
    for _ in 0..2 {
        assert!(connect("127.0.0.2").1.starts_with("220 "));
    }
    let (mut turned_away, greeting) = connect("127.0.0.2");
    assert!(greeting.starts_with("421 4.7.0 ") && turned_away.rest().is_empty(), "{greeting}");
    // Mails are counted where they begin, also those that come to nothing; what comes too early is not.
    assert!(first.says("MAIL FROM:<a@example.net>").starts_with("503 "));
    assert!(first.says("EHLO a.example").starts_with("250"));
    for _ in 0..2 {
        assert!(first.says("MAIL FROM:<a@example.net>").starts_with("250 "));
        assert!(first.says("RSET").starts_with("250 "));
    }
    let reply = first.says("MAIL FROM:<a@example.net>");
    assert!(reply.starts_with("450 4.7.1 "), "{reply}");
    assert!(first.says("RSET").starts_with("250 "), "the session goes on");
    // The host that we trust brings everybody's mail.
    for number in 0..20 {
        let id = daemon.delivers(&Forward { id: &format!("{number}@acme.example"), ..Forward::default() }.mail());
        assert_eq!(acme.ended(&id)["disposition"], "filed");
    }
    // The network of the first peer may do eight times as much: 24, of which 3 are gone, and one comes back every 2.5 seconds.
    let greeted = (3..=100).filter(|host| connect(&format!("127.0.0.{host}")).1.starts_with("220 ")).count();
    let back = start.elapsed().as_millis() as usize / 2500 + 1;
    assert!((21..=21 + back).contains(&greeted), "{greeted} of {back}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A mail from the host in front that nobody vouches for, and one that somebody does.
fn unproved(id: &str) -> String {
    Forward { id, ..Forward::default() }.mail().replace("dmarc=pass", "dmarc=fail")
}

/// Acceptance: S1.E6. Unproved mail waits up to its quota; then the host in front keeps it. Proved mail is not affected.
#[test]
fn the_quota_of_unproved_mail() {
    let mut acme = Installation::new();
    let quota = "[held_unauthenticated]\nmax_mails = 2\n";
    acme.configure("", &format!("{}{quota}", acme.relay_section()));
    let daemon = acme.serve();
    let send = |mail: &str| daemon.connect().sends(PETRA, IMPORT, mail);
    let held: Vec<String> = ["1@x", "2@x"].iter().map(|id| daemon.delivers(&unproved(id))).collect();
    assert_eq!(send(&unproved("3@x")), "452 4.2.2 too much unauthenticated mail waits");
    // Large mail that is not taken leaves no object behind.
    let large = unproved("4@x").replace("kanarienvogel-text", &"Kanarie-Datei ".repeat(10_000));
    assert!(send(&large).starts_with("452 4.2.2 "));
    assert_eq!(objects(&acme.path("state/blobs/raw")), 0);
    let proved = daemon.delivers(&Forward { id: "5@acme.example", ..Forward::default() }.mail());
    assert_eq!(acme.ended(&proved)["disposition"], "filed");
    for id in &held {
        assert_eq!(acme.ended(id)["reason"], "sender_not_authenticated");
    }
    // A retry changes nothing; what is assigned or discarded makes room.
    acme.succeeds(&["--tenant", "acme", "mail", "retry", &held[0]]);
    acme.ended(&held[0]);
    assert!(send(&unproved("6@x")).starts_with("452 "));
    acme.succeeds(&["--tenant", "acme", "dead-letter", "assign", &held[0], "--reference", "4711"]);
    assert_eq!(acme.ended(&held[0])["disposition"], "filed");
    let next = daemon.delivers(&unproved("7@x"));
    assert!(send(&unproved("8@x")).starts_with("452 "));
    acme.succeeds(&["--tenant", "acme", "dead-letter", "discard", &held[1], "--why", "spam"]);
    let last = daemon.delivers(&unproved("9@x"));
    for id in [next, last] {
        acme.ended(&id);
    }
    acme.all_sent();
    daemon.stop();
    // By bytes: one more than is there, and then there is no room for another.
    acme.configure("", &format!("{}[held_unauthenticated]\nmax_bytes = 2500\n", acme.relay_section()));
    let daemon = acme.serve();
    let replies: Vec<bool> =
        (10..14).map(|number| daemon.connect().sends(PETRA, IMPORT, &unproved(&format!("{number}@x"))).starts_with("250 ")).collect();
    assert!(replies[0] && !replies[3] && replies.is_sorted_by(|one, next| one >= next), "{replies:?}");
    eventually("the end of all", || acme.mails().iter().all(|mail| !mail["disposition"].is_null()).then_some(()));
    daemon.stop();
    acme.is_sound();
}

fn objects(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { objects(&path) } else { 1 }).sum()
}

/// What waits for too long is discarded with its bytes; the row, the listing, the folder and `verify` know.
#[test]
fn unproved_mail_that_is_too_old() {
    let mut acme = Installation::new();
    acme.configure("", &format!("{}[held_unauthenticated]\nmax_age_days = 3\n", acme.relay_section()));
    let daemon = acme.serve();
    let large = unproved("2@x").replace("kanarienvogel-text", &"Kanarie-Datei ".repeat(10_000));
    let old: Vec<String> = [unproved("1@x"), large].iter().map(|mail| daemon.delivers(mail)).collect();
    let young = daemon.delivers(&unproved("3@x"));
    for id in old.iter().chain([&young]) {
        assert_eq!(acme.ended(id)["disposition"], "held");
    }
    daemon.stop();
    assert_eq!(objects(&acme.path("state/blobs/raw")), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect(acme.path("state/rohrpost.db").to_str().unwrap()).await.unwrap();
        let changed =
            sqlx::query("update arrival set at = at - 4 * 86400000 where id <> $1").bind(&young).execute(&mut database).await.unwrap();
        assert_eq!(changed.rows_affected(), 2);
        database.close().await.unwrap();
    });
    let daemon = acme.serve();
    for id in &old {
        let mail = eventually("the discard", || {
            let mail = acme.json(&["--tenant", "acme", "mail", "show", id, "--json"]);
            (!mail["closed"].is_null()).then_some(mail)
        });
        assert_eq!((&mail["closed"]["by"], &mail["raw_gone"]), (&"quota".into(), &true.into()), "{mail}");
        assert!(acme.succeeds(&["--tenant", "acme", "mail", "show", id]).contains("Its bytes were removed"));
        for command in [&["mail", "show", id, "--raw"][..], &["mail", "retry", id]] {
            let (code, error) = acme.fails(&[&["--tenant", "acme"], command].concat());
            assert!(code == 1 && error.contains("bytes") && error.contains("removed"), "{error}");
        }
    }
    eventually("the object to go", || (objects(&acme.path("state/blobs/raw")) == 0).then_some(()));
    assert_eq!(acme.held().len(), 1);
    let shown = || std::fs::read_dir(acme.path("state/dead-letters/new")).unwrap().count();
    eventually("the folder", || (shown() == 1).then_some(()));
    daemon.stop();
    acme.is_sound();
    // Bytes that are missing without such a discard are found, as before.
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect(acme.path("state/rohrpost.db").to_str().unwrap()).await.unwrap();
        sqlx::query("update arrival set raw_gone = true where id = $1").bind(&young).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    });
    assert!(acme.fails(&["verify"]).1.contains("should be removed"));
}

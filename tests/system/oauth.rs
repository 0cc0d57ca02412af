//! Mailboxes that sign in by OAuth 2.0: a provider and a mail server of other people's making, the real binary between them.

use crate::dovecot::*;
use crate::harness::*;
use crate::imap::{door, filed, mail, section, with_mailboxes};
use crate::oidc::*;
use serde_json::Value;

const LOST: &str = "alarm where kind = 'sign_in_lost' and cleared_at is null";

/// A provider, a mail server that asks it about tokens, and an installation with these mailboxes.
struct Scene {
    provider: Provider,
    dovecot: Dovecot,
    acme: Installation,
}

/// A mailbox of the provider's.
fn mailbox(name: &str, port: u16, more: &str) -> String {
    section(name, port, &format!("tls = \"none\"\noauth = \"own\"\nfirst = \"everything\"\n{more}"))
}

fn scene(life_seconds: u32, oauth: &str, mailboxes: &[(&str, &str)]) -> Scene {
    let provider = Provider::start(life_seconds);
    let dovecot = Dovecot::asking(&provider.introspection(), "");
    let mailboxes: String = mailboxes.iter().map(|(name, more)| mailbox(name, dovecot.port, more)).collect();
    let key = fresh_key();
    let acme = with_mailboxes(&(provider.section(oauth) + &format!("[seal]\nkey = {{ value = {key:?} }}\n") + &mailboxes));
    Scene { provider, dovecot, acme }
}

fn fresh_key() -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rohrpost")).args(["oauth", "key"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What `oauth list` says of a mailbox.
fn sign_in(acme: &Installation, name: &str) -> Value {
    let all = acme.json(&["oauth", "list", "--json"]);
    all.as_array().unwrap().iter().find(|one| one["mailbox"] == name).cloned().unwrap()
}

/// RFC 8628, with the person's part.
fn by_device(acme: &Installation, name: &str) -> String {
    let mut login = Waiting::start(acme, &["oauth", "login", name]);
    let address = login.says("or open ");
    browses(&address, "");
    let (code, said) = login.ends();
    assert_eq!(code, 0, "{said}");
    said
}

fn listens(acme: &Installation, name: &str) {
    eventually(&format!("mailbox {name} to listen"), || (door(acme, name)["state"] == "listening").then_some(()));
}

/// No token that the provider ever gave, nor its client's secret, stands in this text.
#[track_caller]
fn has_no_token(provider: &Provider, what: &str, text: &[u8]) {
    let seen = provider.seen();
    let tokens: Vec<&str> = seen["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
    assert!(tokens.len() > 2, "{seen}");
    for secret in tokens.into_iter().chain([CLIENT_SECRET]) {
        assert!(!text.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret stands in {what}");
    }
}

/// Device code and XOAUTH2, browser with PKCE and OAUTHBEARER, a pasted address: each picked up by the running service, each renewed in
/// time with a token that rotates, and mail is filed through them all, also after a restart.
#[test]
fn people_sign_in() {
    let mut scene =
        scene(6, "", &[("device", ""), ("browser", "mechanism = \"oauthbearer\"\nfolder = \"Zwei\"\n"), ("pasted", "folder = \"Drei\"\n")]);
    let mut client = scene.dovecot.client();
    client.does("CREATE Zwei");
    client.does("CREATE Drei");
    let daemon = scene.acme.serve();
    let acme = &scene.acme;
    for name in ["device", "browser", "pasted"] {
        eventually("a door that says what is missing", || {
            let error = door(acme, name)["last_error"].as_str().unwrap_or_default().to_owned();
            error.contains(&format!("rohrpost oauth login {name}")).then_some(())
        });
        assert_eq!(sign_in(acme, name)["state"], "not_signed_in");
    }
    assert_eq!(acme.count(LOST), 3);
    assert!(acme.succeeds(&["check"]).contains("rohrpost oauth login browser"));
    let said = by_device(acme, "device");
    let mut login = Waiting::start(acme, &["oauth", "login", "browser", "--browser"]);
    login.says("Open in a browser");
    let url = login.says("");
    // Somebody else knocks first, with a state of his own.
    let back = url.split("redirect_uri=").nth(1).unwrap().split('&').next().unwrap().replace("%3A", ":").replace("%2F", "/");
    assert!(back.starts_with("http://127.0.0.1:") && url.contains("code_challenge_method=S256"), "{url}");
    assert!(browses(&format!("{back}?code=evil&state=evil"), "").contains("evil"));
    browses(&url, "");
    let (code, by_browser) = login.ends();
    assert_eq!(code, 0, "{by_browser}");
    let by_pasting = pastes(acme);
    for name in ["device", "browser", "pasted"] {
        listens(acme, name);
    }
    assert_eq!(acme.count(LOST), 0);
    for (number, folder) in [(1, "INBOX"), (2, "Zwei"), (3, "Drei")] {
        client.append(folder, "()", &mail(number));
    }
    filed(acme, 3);
    // Tokens of six seconds: each is renewed again and again, before its end, and none is spent twice.
    eventually("tokens that are renewed", || (scene.provider.asked("refresh_token") >= 6).then_some(()));
    assert!(scene.provider.refused().is_empty());
    let state = sign_in(acme, "device");
    assert!(state["state"] == "good" && state["refreshed_at"].is_string() && state["key"] == "current", "{state}");
    let table = scene.acme.succeeds(&["oauth", "list"]);
    daemon.stop();
    let daemon = scene.acme.serve();
    client.append("INBOX", "()", &mail(4));
    filed(&scene.acme, 4);
    scene.acme.all_sent();
    daemon.stop();
    for (what, text) in [("what is said", said), ("what is said", by_browser), ("what is said", by_pasting), ("a table", table)] {
        has_no_token(&scene.provider, what, text.as_bytes());
    }
    has_no_token(&scene.provider, "the log", scene.acme.logs().as_bytes());
    let files = ["rohrpost.db", "rohrpost.db-wal"].map(|name| std::fs::read(scene.acme.path("state").join(name)).unwrap_or_default());
    has_no_token(&scene.provider, "the database", &files.concat());
    scene.acme.is_sound();
}

/// Headless: the address goes out, what the browser was sent to comes back. Another sign-in's address is not taken.
fn pastes(acme: &Installation) -> String {
    let mut other = Waiting::start(acme, &["oauth", "login", "pasted", "--paste"]);
    other.says("Open in a browser");
    let foreign = browses(&other.says(""), "http://127.0.0.1:8765/");
    let mut login = Waiting::start(acme, &["oauth", "login", "pasted", "--paste"]);
    login.says("Open in a browser");
    let url = login.says("");
    let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", login.pid())).unwrap();
    assert!(!cmdline.contains(CLIENT_SECRET), "{cmdline}");
    other.hears(&browses(&url, "http://127.0.0.1:8765/"));
    let (code, said) = other.ends();
    assert!(code == 1 && said.contains("another sign-in"), "{said}");
    login.hears(&foreign);
    assert_eq!(login.ends().0, 1);
    let mut login = Waiting::start(acme, &["oauth", "login", "pasted", "--paste"]);
    login.says("Open in a browser");
    let back = browses(&login.says(""), "http://127.0.0.1:8765/");
    login.hears(&back);
    let (code, said) = login.ends();
    assert_eq!(code, 0, "{said}");
    said
}

/// Access is taken away: one alarm within a cycle, a door that says so, no storm at the provider or the mail server; a new login mends
/// it without a restart.
#[test]
fn access_is_taken_away() {
    let mut scene = scene(4, "", &[("hr", "")]);
    let daemon = scene.acme.serve();
    let acme = &scene.acme;
    by_device(acme, "hr");
    listens(acme, "hr");
    assert_eq!(acme.count(LOST), 0);
    scene.provider.revoke();
    eventually("an alarm", || (acme.count(LOST) == 1).then_some(()));
    let lost = sign_in(acme, "hr");
    assert!(lost["state"] == "lost" && lost["trouble"] == "invalid_grant" && lost["retry_at"].is_string(), "{lost}");
    // How long the door still gets in by what it has.
    assert!(lost["expires_at"].is_string() && door(acme, "hr")["expires_at"] == lost["expires_at"], "{lost}");
    // The mail server ends the session; no other begins.
    eventually("an ended session", || (scene.dovecot.kill_sessions() > 0).then_some(()));
    eventually("a door that says so", || {
        let door = door(acme, "hr");
        let says = door["last_error"]
            .as_str()
            .is_some_and(|error| error.contains("sign-in lost: invalid_grant") && error.contains("oauth login hr"));
        (door["state"] == "failing" && says).then_some(())
    });
    assert_eq!(scene.provider.refused(), ["invalid_grant"]);
    let mut client = scene.dovecot.client();
    client.append("INBOX", "()", &mail(1));
    by_device(acme, "hr");
    filed(acme, 1);
    assert_eq!((acme.count(LOST), sign_in(acme, "hr")["state"].as_str()), (0, Some("good")));
    let said = scene.acme.succeeds(&["oauth", "logout", "hr"]);
    assert!(said.contains("gone here"), "{said}");
    assert_eq!((sign_in(&scene.acme, "hr")["state"].as_str(), scene.acme.count("oauth_token")), (Some("not_signed_in"), 0));
    eventually("no access", || door(&scene.acme, "hr")["expires_at"].is_null().then_some(()));
    scene.acme.all_sent();
    daemon.stop();
}

/// The client signs in by itself, with nobody's help; a secret that is wrong is an alarm.
#[test]
fn as_a_client() {
    let own = "grant = \"client_credentials\"\n";
    let mut scene = scene(5, own, &[("hr", "")]);
    let config =
        std::fs::read_to_string(scene.acme.path("rohrpost.toml")).unwrap().replace("\"openid\", \"offline_access\", \"imap\"", "\"imap\"");
    std::fs::write(scene.acme.path("secret"), "wrong\n").unwrap();
    let file = format!("{{ file = {:?} }}", scene.acme.path("secret"));
    std::fs::write(scene.acme.path("rohrpost.toml"), config.replace(&format!("{{ value = {CLIENT_SECRET:?} }}"), &file)).unwrap();
    let daemon = scene.acme.serve();
    let acme = &scene.acme;
    eventually("an alarm", || (acme.count(LOST) == 1).then_some(()));
    assert_eq!(sign_in(acme, "hr")["trouble"], "invalid_client");
    assert!(acme.fails(&["oauth", "login", "hr"]).1.contains("invalid_client"));
    std::fs::write(acme.path("secret"), format!("{CLIENT_SECRET}\n")).unwrap();
    acme.succeeds(&["oauth", "login", "hr"]);
    listens(acme, "hr");
    scene.dovecot.client().append("INBOX", "()", &mail(1));
    filed(acme, 1);
    eventually("tokens that are renewed", || (scene.provider.asked("client_credentials") >= 5).then_some(()));
    assert_eq!((acme.count(LOST), acme.succeeds(&["check", "--connect"]).contains("UIDVALIDITY")), (0, true));
    acme.all_sent();
    daemon.stop();
    has_no_token(&scene.provider, "the log", scene.acme.logs().as_bytes());
}

/// The mail server does not take what the provider gives: one new token is asked for, and then nobody is bothered until a person was there.
#[test]
fn a_user_without_the_right() {
    let provider = Provider::start(3_600);
    let dovecot = Dovecot::asking(&provider.introspection(), "");
    let proxy = Proxy::before(dovecot.port);
    // The client's tokens stand for the import address, and for nobody else.
    let other = mailbox("hr", proxy.port, "").replace(&format!("user = {USER:?}"), "user = \"other@acme.example\"");
    let own = provider.section("grant = \"client_credentials\"").replace("\"openid\", \"offline_access\", ", "");
    let key = format!("[seal]\nkey = {{ value = {:?} }}\n", fresh_key());
    let mut acme = with_mailboxes(&(own + &key + &other));
    let daemon = acme.serve();
    eventually("an alarm", || (acme.count(LOST) == 1).then_some(()));
    eventually("a door that says so", || {
        let error = door(&acme, "hr")["last_error"].as_str().unwrap_or_default().to_owned();
        error.contains("takes no token of mailbox hr").then_some(())
    });
    assert_eq!(sign_in(&acme, "hr")["state"], "refused");
    assert_eq!((provider.asked("client_credentials"), proxy.heard("AUTHENTICATE XOAUTH2")), (2, 2));
    daemon.stop();
    // With the right it is as if nothing had been; the alarm ends where the mail server takes a token.
    let path = acme.path("rohrpost.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("user = \"other@acme.example\"", &format!("user = {USER:?}"));
    std::fs::write(&path, text).unwrap();
    let daemon = acme.serve();
    assert_eq!(acme.count(LOST), 1);
    acme.succeeds(&["oauth", "login", "hr"]);
    listens(&acme, "hr");
    assert_eq!((acme.count(LOST), sign_in(&acme, "hr")["state"].as_str()), (0, Some("good")));
    daemon.stop();
}

/// A provider that is away takes nothing from a token that is good; when it is back, all goes on without a person.
#[test]
fn the_provider_is_away() {
    let mut scene = scene(20, "", &[("hr", "")]);
    by_device(&scene.acme, "hr");
    scene.provider.down(2);
    let daemon = scene.acme.serve();
    let acme = &scene.acme;
    listens(acme, "hr");
    eventually("trouble", || (scene.provider.asked("down") >= 1).then_some(()));
    // The old one still opens the mailbox: a session that ends is followed by another.
    scene.dovecot.kill_sessions();
    scene.dovecot.client().append("INBOX", "()", &mail(1));
    filed(acme, 1);
    eventually("new tokens", || (scene.provider.asked("refresh_token") >= 1).then_some(()));
    eventually("a good state", || (sign_in(acme, "hr")["state"] == "good" && sign_in(acme, "hr")["trouble"].is_null()).then_some(()));
    assert_eq!((acme.count("alarm"), scene.provider.asked("down")), (0, 2));
    acme.all_sent();
    daemon.stop();
}

/// The service and many commands want a token that is due at the same moment: the one that renews is spent once.
#[test]
fn nobody_spends_it_twice() {
    let mut scene = scene(6, "", &[("hr", "")]);
    by_device(&scene.acme, "hr");
    let daemon = scene.acme.serve();
    let acme = &scene.acme;
    let renewed = || scene.provider.asked("refresh_token");
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                eventually("four renewals", || {
                    // On a busy machine a token may end on its way; only the provider's word counts here.
                    acme.runs(&["check", "--connect"]);
                    (renewed() >= 4).then_some(())
                })
            });
        }
    });
    assert!(scene.provider.refused().is_empty());
    assert_eq!((acme.count("alarm"), sign_in(acme, "hr")["trouble"].is_null()), (0, true));
    daemon.stop();
}

/// A key is replaced: the old one opens until everything is sealed anew; without it, nothing opens, and that is said.
#[test]
fn a_key_is_replaced() {
    let mut scene = scene(3_600, "", &[("hr", "")]);
    by_device(&scene.acme, "hr");
    let path = scene.acme.path("rohrpost.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().skip_while(|line| *line != "[seal]").nth(1).unwrap().to_owned();
    let old = line.trim_start_matches("key = ");
    let new = format!("key = {{ value = {:?} }}", fresh_key());
    std::fs::write(&path, text.replace(&line, &new)).unwrap();
    assert_eq!(sign_in(&scene.acme, "hr")["key"], "unknown");
    let (code, said) = scene.acme.fails(&["oauth", "reseal"]);
    assert!(code == 1 && said.contains("hr: ") && said.contains("seal.old_keys"), "{said}");
    let daemon = scene.acme.serve();
    eventually("an alarm", || (scene.acme.count(LOST) == 1).then_some(()));
    eventually("a door that says why", || {
        let error = door(&scene.acme, "hr")["last_error"].as_str().unwrap_or_default().to_owned();
        error.contains("seal.old_keys").then_some(())
    });
    daemon.stop();
    std::fs::write(&path, text.replace(&line, &format!("{new}\nold_keys = [{old}]"))).unwrap();
    assert_eq!(sign_in(&scene.acme, "hr")["key"], "old");
    let daemon = scene.acme.serve();
    listens(&scene.acme, "hr");
    assert_eq!(scene.acme.succeeds(&["oauth", "reseal"]).trim(), "1 sign-in sealed anew");
    assert_eq!(scene.acme.count(LOST), 0);
    daemon.stop();
    std::fs::write(&path, text.replace(&line, &new)).unwrap();
    assert_eq!(sign_in(&scene.acme, "hr")["key"], "current");
    let daemon = scene.acme.serve();
    scene.dovecot.client().append("INBOX", "()", &mail(1));
    filed(&scene.acme, 1);
    scene.acme.all_sent();
    daemon.stop();
    assert!(!scene.acme.logs().contains(new.split('"').nth(1).unwrap()));
}

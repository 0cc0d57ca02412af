//! What proves a sender at our own door, and what happens while the DNS does not answer. The DNS is real, on loopback.

use crate::dns::Answer;
use crate::harness::*;
use crate::signer::Signer;
use std::time::{Duration, Instant};

/// Petra's domain asks for DMARC, Paula's has no policy; both are Acme's users, and f.example is believed as a forwarder.
pub const MORE_USERS: &str = r#"{"tenant": {"id": "acme", "trusted_sealers": ["f.example"]},
  "users": [{"email": "petra@plain.example", "name": "Paula Plain", "role": "hr_manager", "departments": ["it"], "locale": "de"},
    {"email": "old@acme.example", "name": "Otto Alt", "role": "hr_manager", "departments": ["it"], "locale": "de", "active": false}]}"#;

/// A forward of this sender, as it leaves his program.
pub fn forward(sender: &str, id: &str) -> String {
    let mail = Forward { sender, id, ..Forward::default() }.mail();
    mail.split_once('\n').unwrap().1.to_owned()
}

/// Records that every test needs.
pub fn publish(acme: &Installation) {
    acme.dns.txt("acme.example", "v=spf1 ip4:127.0.0.9 -all");
    acme.dns.txt("_dmarc.acme.example", "v=DMARC1; p=reject");
}

fn sends(daemon: &Daemon, peer: &str, from: &str, mail: &str) -> String {
    Smtp::connect_from(peer, daemon.address).sends(from, IMPORT, mail)
}

fn kept(reply: &str) -> String {
    reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}")).to_owned()
}

/// Acceptance: S1.E6; G6. Each proof files a mail of a direct peer, and what was found is shown.
#[test]
fn each_proof_files() {
    let mut acme = Installation::new();
    acme.import(MORE_USERS);
    publish(&acme);
    let (ed, rsa) = (Signer::new(&acme.dns, "acme.example", "ed", ""), Signer::rsa(&acme.dns, "acme.example", "rsa"));
    let (plain, sealer) = (Signer::new(&acme.dns, "plain.example", "s", ""), Signer::new(&acme.dns, "f.example", "f", ""));
    let daemon = acme.serve();
    let changed = |id: &str| sealer.seals(true, "acme.example", &forward(PETRA, id).replace("Subject: 4711", "Subject: 4711 [Liste]"));
    for (peer, from, mail, says) in [
        ("127.0.0.9", PETRA, forward(PETRA, "spf@x"), "spf=pass smtp.mailfrom=acme.example; dmarc=pass header.from=acme.example"),
        ("127.0.0.2", PETRA, ed.signs(&forward(PETRA, "ed@x")), "dkim=pass header.d=acme.example header.s=ed; dmarc=pass"),
        ("127.0.0.2", "", rsa.signs(&forward(PETRA, "rsa@x")), "dkim=pass header.d=acme.example header.s=rsa; dmarc=pass"),
        ("127.0.0.1", "bounces@list.example", ed.signs(&forward(PETRA, "relay@x")), "mx.acme.example; dkim=pass"),
        (
            "127.0.0.2",
            "",
            plain.signs(&forward("petra@plain.example", "plain@x")),
            "dkim=pass header.d=plain.example header.s=s; dmarc=none",
        ),
        ("127.0.0.2", "list@f.example", changed("arc@x"), "arc=pass header.d=f.example"),
    ] {
        let id = kept(&sends(&daemon, peer, from, &mail));
        let shown = acme.ended(&id);
        assert_eq!(shown["disposition"], "filed", "{says}: {shown}");
        let results = shown["facts"]["checked"]["results"].as_str().unwrap();
        assert!(results.starts_with("mx.acme.example; ") && results.contains(says), "{says}: {results}");
        let text = acme.succeeds(&["mail", "show", &id, "--tenant", "acme"]);
        assert!(text.contains(&format!("checks    {results}")), "{text}");
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A large mail is hashed as well, and others are answered meanwhile.
#[test]
fn a_large_mail() {
    let mut acme = Installation::new();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    let daemon = acme.serve();
    let content = format!("{}\n", "Kanarie-Datei ".repeat(70)).repeat(30 << 10);
    let mail = Forward { attachments: &[("gross.txt", &content)], id: "large@x", ..Forward::default() }.mail();
    let mail = signer.signs(mail.split_once('\n').unwrap().1);
    let id = kept(&sends(&daemon, "127.0.0.2", "", &mail));
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    // One byte at its very end.
    let altered = mail.replacen("Kanarie-Datei", "Kanarie-Datex", 1);
    assert!(sends(&daemon, "127.0.0.2", "", &altered).starts_with("550 5.7.1 "));
    assert_eq!(acme.mails().len(), 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// The DNS fails or keeps silent: 451, within the budget, and nothing is kept; then it is mended. What was accepted is judged
/// by what was found, without asking again.
#[test]
fn trouble_with_the_dns() {
    let mut acme = Installation::new();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    let daemon = acme.serve();
    let key = "ed._domainkey.acme.example";
    let mail = signer.signs(&forward(PETRA, "trouble@x"));
    let big = Forward { attachments: &[("gross.txt", &"Kanarie-Datei\n".repeat(20_000))], id: "big@x", ..Forward::default() }.mail();
    let big = signer.signs(big.split_once('\n').unwrap().1);
    for answer in [Answer::ServFail, Answer::Silence] {
        acme.dns.put(key, answer.clone());
        for (peer, mail) in [("127.0.0.2", &mail), ("127.0.0.1", &mail), ("127.0.0.2", &big)] {
            let start = Instant::now();
            let reply = sends(&daemon, peer, "", mail);
            assert!(reply.starts_with("451 4.4.3 "), "{answer:?} {peer}: {reply}");
            assert!(start.elapsed() < Duration::from_secs(8), "{answer:?} {peer}: {:?}", start.elapsed());
        }
        // What vouches already is enough, whatever does not come back.
        let id = kept(&sends(&daemon, "127.0.0.9", PETRA, &signer.signs(&forward(PETRA, &format!("{answer:?}@x")))));
        assert_eq!(acme.ended(&id)["disposition"], "filed");
        // A stranger's DNS is no reason to have his forgeries again.
        acme.dns.put("x._domainkey.evil.example", answer.clone());
        let stranger = Signer::new(&acme.dns, "evil.example", "x", "");
        let reply = sends(&daemon, "127.0.0.2", "", &stranger.signs(&forward(PETRA, "evil@x")));
        assert!(reply.starts_with("550 5.7.1 "), "{answer:?}: {reply}");
    }
    // The log names what was not answered and who should have, not for every mail.
    let told = acme.logs().matches("did not answer what was asked about ed._domainkey.acme.example; mail that needs it gets 451").count();
    assert!((1..6).contains(&told), "{told}");
    assert_eq!(acme.mails().len(), 2);
    let objects = std::fs::read_dir(acme.path("state/blobs/raw")).map(|tenants| tenants.flat_map(|one| walk(&one.unwrap().path())).count());
    assert_eq!(objects.unwrap_or(0), 0, "a mail that was put off left its object behind");
    // Mended: the same mail is taken. Its number is not known yet, so it waits; then the DNS goes away for good.
    acme.dns.forget(key);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    let unknown = signer.signs(&forward(PETRA, "later@x").replace("Subject: 4711", "Subject: 8888"));
    let id = kept(&sends(&daemon, "127.0.0.2", "", &unknown));
    assert_eq!(acme.ended(&id)["reason"], "unknown_number");
    // Its copy in the dead-letter folder says what was found, too.
    let says = ["X-Rohrpost-Authentication-Results: mx.acme.example; spf=none", "dkim=pass header.d=acme.example"];
    eventually("the results in the folder", || {
        let files = walk(&acme.path("state/dead-letters/new"));
        let found = |file: &std::path::PathBuf| std::fs::read_to_string(file).is_ok_and(|text| says.iter().all(|part| text.contains(part)));
        files.iter().any(found).then_some(())
    });
    acme.dns.goes_away();
    let asked = acme.dns.asked();
    let application = r#"{"tenant": {"id": "acme"}, "applications": [{"id": "A8", "reference": "8888", "job": "J1",
        "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}}]}"#;
    acme.import(application);
    // What was imported may have healed it already.
    let tried = acme.runs(&["mail", "retry", &id, "--tenant", "acme"]);
    assert!(tried.status.success() || String::from_utf8_lossy(&tried.stderr).contains("is filed already"), "{tried:?}");
    eventually("a filed mail", || (acme.ended(&id)["disposition"] == "filed").then_some(()));
    assert_eq!(acme.dns.asked(), asked);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A good signature is no proof as long as nobody knows what its domain asks for: the mail comes again, and is filed then.
#[test]
fn a_policy_that_nobody_can_read() {
    let mut acme = Installation::new();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    acme.dns.put("_dmarc.acme.example", Answer::ServFail);
    let daemon = acme.serve();
    let mail = signer.signs(&forward(PETRA, "policy@x"));
    for peer in ["127.0.0.2", "127.0.0.1"] {
        let reply = sends(&daemon, peer, "", &mail);
        assert!(reply.starts_with("451 4.4.3 "), "{peer}: {reply}");
    }
    assert!(acme.mails().is_empty());
    acme.dns.forget("_dmarc.acme.example");
    publish(&acme);
    let id = kept(&sends(&daemon, "127.0.0.2", "", &mail));
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

fn walk(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    std::fs::read_dir(path).map(|entries| entries.flat_map(|entry| walk(&entry.unwrap().path())).collect()).unwrap_or_default()
}

/// The two settings of the gate, and a peer whose user nobody knows.
#[test]
fn what_the_gate_is_told() {
    let mut acme = Installation::new();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    let relay = acme.relay_section();
    let daemon = acme.serve();
    let unknown = sends(&daemon, "127.0.0.2", "", &signer.signs(&forward("nobody@acme.example", "nobody@x")));
    assert!(unknown.starts_with("550 5.7.1 this address is not known here as a user"), "{unknown}");
    // The id of the answer leads to the log, which says what was found of the sender.
    let id = unknown.rsplit_once('(').unwrap().1.trim_end_matches(')');
    let logs = acme.logs();
    let line = logs.lines().find(|line| line.contains("refused a mail at the door") && line.contains(id)).unwrap();
    for part in [
        "INFO",
        "tenant=acme",
        "127.0.0.2",
        "NotAUser",
        "dkim=pass header.d=acme.example header.s=ed",
        "dmarc=pass header.from=acme.example",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    daemon.stop();
    acme.configure("unauthenticated = \"hold\"", &relay);
    let daemon = acme.serve();
    for (mail, reason) in [
        (forward(PETRA, "held1@x"), "sender_not_authenticated"),
        (signer.signs(&forward("nobody@acme.example", "held2@x")), "sender_unknown"),
    ] {
        let id = kept(&sends(&daemon, "127.0.0.2", "", &mail));
        assert_eq!(acme.ended(&id)["reason"], reason);
    }
    daemon.stop();
    acme.configure("", &relay);
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    let refusing = text.replace("authserv_id = \"mx.acme.example\"", "authserv_id = \"mx.acme.example\"\nunauthenticated = \"refuse\"");
    std::fs::write(acme.path("rohrpost.toml"), refusing).unwrap();
    let daemon = acme.serve();
    assert!(sends(&daemon, "127.0.0.1", PETRA, &forward(PETRA, "refused@x")).starts_with("550 5.7.1 "));
    daemon.stop();
    acme.all_sent();
    acme.is_sound();
}

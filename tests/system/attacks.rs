//! Ways to be taken for somebody else, each through the real binary: what is tried, from where, and how it ends.
//! The table of docs/security.md names these rows, and a test compares them.

use crate::dns::Answer;
use crate::harness::*;
use crate::proofs::{MORE_USERS, forward, publish};
use crate::signer::{SIGNED, Signer};
use std::collections::BTreeSet;

/// What a row comes to.
const FILED: &str = "filed";
const NO_PROOF: &str = "550 the sender is not authenticated";
const NO_USER: &str = "550 this address is not known";

/// Peers: a stranger, a stranger whom evil.example's SPF names too, and the mail host in front.
const STRANGER: &str = "127.0.0.2";
const HOST: &str = "127.0.0.1";

/// Name, peer, reverse-path, mail, outcome (a refusal, `filed`, or why it is held).
struct Attack(&'static str, &'static str, &'static str, String, &'static str);

/// Everybody's keys.
struct Keys {
    acme: Signer,
    plain: Signer,
    child: Signer,
    evil: Signer,
    cousins: Vec<(&'static str, Signer)>,
    revoked: Signer,
    testing: Signer,
    sealer: Signer,
    evil_sealer: Signer,
    beta: Signer,
}

/// acrne.example, xn--cme-7cd.example (with a Cyrillic а), acme-hr.example: domains of the attacker's own, all in order.
const COUSINS: [&str; 3] = ["acrne.example", "xn--cme-7cd.example", "acme-hr.example"];

fn keys(acme: &Installation) -> Keys {
    let dns = &acme.dns;
    for domain in COUSINS.into_iter().chain(["evil.example", "beta.example"]) {
        dns.txt(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject");
        dns.txt(domain, "v=spf1 +all");
    }
    dns.txt("client.example", "v=spf1 +all");
    dns.txt("_dmarc.strict.example", "v=DMARC1; p=reject; adkim=s");
    let revoked = Signer::new(dns, "plain.example", "revoked", "");
    dns.forget("revoked._domainkey.plain.example");
    dns.put("revoked._domainkey.plain.example", Answer::Txt("v=DKIM1; k=ed25519; p=".into()));
    Keys {
        acme: Signer::new(dns, "acme.example", "s", ""),
        plain: Signer::new(dns, "plain.example", "s", ""),
        child: Signer::new(dns, "mail.plain.example", "s", ""),
        evil: Signer::new(dns, "evil.example", "s", ""),
        cousins: COUSINS.map(|domain| (domain, Signer::new(dns, domain, "s", ""))).into(),
        revoked,
        testing: Signer::new(dns, "plain.example", "testing", "t=y; "),
        sealer: Signer::new(dns, "f.example", "s", ""),
        evil_sealer: Signer::new(dns, "evil.example", "seal", ""),
        beta: Signer::new(dns, "beta.example", "s", ""),
    }
}

/// Made with keys and hashes that no library signs with any more.
fn vector(acme: &Installation, name: &str) -> String {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../fixtures/dkim/vectors.json")).unwrap();
    let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap().clone();
    for (name, text) in case["txt"].as_object().unwrap() {
        acme.dns.forget(name);
        acme.dns.txt(name, text.as_str().unwrap());
    }
    case["message"].as_str().unwrap().to_owned()
}

const PAULA: &str = "petra@plain.example";

/// From is forged, or somebody else's in disguise.
fn of_from(keys: &Keys) -> Vec<Attack> {
    let evil = |name, from: &str, want| {
        let mail = forward("x@evil.example", &name_id(name)).replace("From: Somebody <x@evil.example>", &format!("From: {from}"));
        Attack(name, STRANGER, "x@evil.example", keys.evil.signs(&mail), want)
    };
    let mut rows = vec![
        Attack("genuine, of nobody's address", STRANGER, "", keys.acme.signs(&forward("nobody@acme.example", "r10@x")), NO_USER),
        Attack("genuine, of a user who left", STRANGER, "", keys.acme.signs(&forward("old@acme.example", "r11@x")), NO_USER),
        Attack("genuine, of another tenant's user", STRANGER, "", keys.beta.signs(&forward("bert@beta.example", "r12@x")), NO_USER),
        Attack("unsigned, of a domain with a policy", STRANGER, PETRA, forward(PETRA, "f1@x"), NO_PROOF),
        Attack("unsigned, of a domain without one", STRANGER, PAULA, forward(PAULA, "f2@x"), NO_PROOF),
        Attack("unsigned, through the mail host", HOST, PETRA, forward(PETRA, "f3@x"), "sender_not_authenticated"),
        Attack("signed by another domain", STRANGER, "", keys.evil.signs(&forward(PETRA, "f4@x")), NO_PROOF),
        Attack("of a subdomain that nobody has", STRANGER, "", forward("petra@mail.acme.example", "f5@x"), NO_PROOF),
        evil("display name is a user's address", "\"petra@acme.example\" <x@evil.example>", NO_USER),
        evil("the same, encoded", "=?utf-8?Q?petra=40acme=2Eexample?= <x@evil.example>", NO_USER),
        evil("display name is a user's name", "Petra Huber <x@evil.example>", NO_USER),
        evil("two addresses in From", "petra@acme.example, x@evil.example", NO_PROOF),
        evil("two addresses in From, the forged one last", "x@evil.example, petra@acme.example", NO_PROOF),
        evil("a group in From", "Team: petra@acme.example, x@evil.example;", NO_PROOF),
        evil("a comment in From", "x@evil.example (petra@acme.example)", NO_USER),
        evil("an encoded word as address", "=?utf-8?Q?petra=40acme.example?=", NO_PROOF),
        evil("a route in From", "<@evil.example:petra@acme.example>", NO_PROOF),
        evil("a quoted address in From", "\"petra@acme.example\"@evil.example", NO_USER),
        evil("a second address behind From's", "Petra <petra@acme.example> <x@evil.example>", NO_USER),
        evil("an address folded apart", "petra@acme.example,\n x@evil.example", NO_PROOF),
        evil("no From at all", "\nX-From: petra@acme.example", NO_PROOF),
    ];
    let two = forward("x@evil.example", "f20@x");
    rows.push(Attack("two From fields", STRANGER, "", format!("From: {PETRA}\n{}", keys.evil.signs(&two)), NO_PROOF));
    let body = keys.evil.signs(&two.replace("f20@", "f21@").replace("Bitte ablegen.", &format!("From: {PETRA}\n\nBitte ablegen.")));
    rows.push(Attack("From in the body", STRANGER, "", body, NO_USER));
    let names = ["look-alike: rn for m", "look-alike: a Cyrillic letter", "look-alike: a cousin"];
    for (name, (domain, signer)) in names.into_iter().zip(&keys.cousins) {
        rows.push(Attack(name, STRANGER, "", signer.signs(&forward(&format!("petra@{domain}"), &name_id(domain))), NO_USER));
    }
    rows
}

/// A genuine mail with a file.
fn multipart(id: &str) -> String {
    let mail = Forward { attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], id, ..Forward::default() }.mail();
    mail.split_once('\n').unwrap().1.to_owned()
}

/// Fields without a line end that a reader of the first bytes could stop at.
fn long_names(bytes: usize) -> String {
    format!("{}: x\n", "N".repeat(997)).repeat(bytes / 1_000)
}

fn name_id(name: &str) -> String {
    let id: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{id}@x")
}

/// A genuine signature, and what somebody makes of the mail behind it.
fn of_signed_mail(keys: &Keys) -> Vec<Attack> {
    let genuine = |id: &str| keys.acme.signs(&forward(PETRA, id));
    let altered = |name, from: &str, to: &str, want| {
        let mail = genuine(&name_id(name));
        let changed = mail.replacen(from, to, 1);
        assert_ne!(mail, changed, "{name}");
        Attack(name, STRANGER, "", changed, want)
    };
    let on_top = |name, field: &str, want| Attack(name, STRANGER, "", format!("{field}\n{}", genuine(&name_id(name))), want);
    let elsewhere = |id: &str| forward(PETRA, id).replace("To: import@acme.example", "To: max@acme.example");
    vec![
        altered("the body is changed", "ich komme gern", "ich komme nie", NO_PROOF),
        altered("text is added", "Bitte ablegen.", "Bitte ablegen.\nUnd Max auch.", NO_PROOF),
        altered("the number is changed", "Subject: 4711", "Subject: 4712", NO_PROOF),
        altered("the user is changed", "From: Somebody <petra@", "From: Somebody <max@", NO_PROOF),
        altered("a signed field is taken out", "Date: Mon, 23 Nov 2026 09:30:00 +0100\n", "", NO_PROOF),
        altered("To is changed", "To: import@acme.example", "To: import@acme.example, x@evil.example", NO_PROOF),
        on_top("a second Subject on top", "Subject: 4712 WG: x", "header_doubled"),
        on_top("a second Subject with a blank before its colon", "Subject : 4712 WG: x", "header_doubled"),
        on_top("a second To on top", "To: import@acme.example", "header_doubled"),
        on_top("a second Date on top", "Date: Mon, 23 Nov 2020 09:30:00 +0100", "header_doubled"),
        on_top("a second Content-Type on top", "Content-Type: text/html", "header_doubled"),
        on_top("a second From of the same domain on top", "From: max@acme.example", NO_PROOF),
        on_top("a mailbox separator on top", "From max@acme.example Mon Nov 23 09:30:00 2026", NO_PROOF),
        on_top("a line that is no field on top", "no field\nSubject: 4712", NO_PROOF),
        Attack("sent on: signed to somebody else", STRANGER, "", keys.acme.signs(&elsewhere("r1@x")), "addressed_elsewhere"),
        Attack(
            "sent on: To is not signed",
            STRANGER,
            "",
            keys.acme.signs_only(&["From", "Subject", "Date"], &forward(PETRA, "r2@x")),
            "addressed_elsewhere",
        ),
        Attack(
            "sent on: To is added on top",
            STRANGER,
            "",
            format!("To: {IMPORT}\n{}", keys.acme.signs(&elsewhere("r3@x"))),
            "header_doubled",
        ),
        Attack(
            "sent on: Cc is added on top",
            STRANGER,
            "",
            format!("Cc: {IMPORT}\n{}", keys.acme.signs(&elsewhere("r4@x"))),
            "addressed_elsewhere",
        ),
        Attack("sent on through the mail host", HOST, "", keys.acme.signs(&elsewhere("r5@x")), "addressed_elsewhere"),
        Attack(
            "Subject is not signed",
            STRANGER,
            "",
            keys.acme.signs_only(&["From", "To", "Date"], &forward(PETRA, "r6@x")),
            "addressed_elsewhere",
        ),
        Attack("From is not signed", STRANGER, "", keys.acme.signs_only(&SIGNED[1..], &forward(PETRA, "r7@x")), NO_PROOF),
        Attack("text behind l=", STRANGER, "", keys.acme.signs_the_length(&forward(PETRA, "r8@x")) + "\nUnd Max auch.\n", NO_PROOF),
        Attack("l=, nothing added", STRANGER, "", keys.acme.signs_the_length(&forward(PETRA, "r9@x")), NO_PROOF),
    ]
}

/// Keys, hashes and domains of signatures.
fn of_keys(acme: &Installation, keys: &Keys) -> Vec<Attack> {
    let paula = |id: &str| forward(PAULA, id);
    let parent = forward("petra@dep.plain.example", "k1@x");
    let many = keys.evil.signs(&paula("k9@x"));
    let signature = &many[..many.find("From:").unwrap_or(0)];
    let signature = &signature[..signature.find("Received:").unwrap()];
    let junk = |count: usize| "X-Junk: y\n".repeat(count);
    vec![
        Attack("a parent's signature without a policy", STRANGER, "", keys.plain.signs(&parent), NO_PROOF),
        Attack("a child's signature without a policy", STRANGER, "", keys.child.signs(&paula("k2@x")), NO_PROOF),
        Attack("a revoked key", STRANGER, "", keys.revoked.signs(&paula("k3@x")), NO_PROOF),
        Attack("a key in testing", STRANGER, "", keys.testing.signs(&paula("k4@x")), NO_PROOF),
        Attack("no key", STRANGER, "", keys.plain.signs(&paula("k5@x")).replace("s=s;", "s=gone;"), NO_PROOF),
        Attack("a key of 512 bits", STRANGER, "", vector(acme, "rsa-512-sha256"), NO_PROOF),
        Attack("rsa-sha1", STRANGER, "", vector(acme, "rsa-1024-sha1"), NO_PROOF),
        Attack(
            "how it is read is not signed",
            STRANGER,
            "",
            keys.acme.signs_only(&["From", "To", "Subject", "Date", "Message-ID"], &multipart("k16@x")),
            "addressed_elsewhere",
        ),
        Attack("an expired signature", STRANGER, "", vector(acme, "rsa-1024-expired"), NO_PROOF),
        Attack("hundreds of signatures", STRANGER, "", signature.repeat(200) + &many, NO_PROOF),
        Attack(
            "an oversized From",
            STRANGER,
            "",
            keys.evil.signs(&forward("x@evil.example", "k10@x").replace("Somebody", &"S ".repeat(10_000))),
            NO_PROOF_OR_USER,
        ),
        Attack(
            "From behind 2,000 fields",
            STRANGER,
            "",
            format!("From: max@acme.example\n{}{}", junk(2_000), keys.acme.signs(&forward(PETRA, "k11@x"))),
            NO_PROOF,
        ),
        Attack(
            "From behind 70 KB",
            STRANGER,
            "",
            format!("From: max@acme.example\nX-Junk: {}\n{}", "y".repeat(70_000), keys.acme.signs(&forward(PETRA, "k12@x"))),
            NO_PROOF,
        ),
        Attack("SPF of the envelope's own domain", STRANGER, "x@evil.example", forward(PETRA, "k13@x"), NO_PROOF),
        Attack("SPF of HELO, null sender", STRANGER, "", forward(PETRA, "k14@x"), NO_PROOF),
        Attack("SPF of a look-alike", STRANGER, "petra@acrne.example", forward("petra@acrne.example", "k15@x"), NO_USER),
    ]
}

/// An oversized From is some stranger's, whom the checks know.
const NO_PROOF_OR_USER: &str = NO_USER;

/// Results that others wrote down, and chains.
fn of_results(keys: &Keys) -> Vec<Attack> {
    let host =
        |name, fields: &str| Attack(name, HOST, PETRA, format!("{fields}{}", forward(PETRA, &name_id(name))), "sender_not_authenticated");
    const PASS: &str = "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\n";
    let sealed = |id: &str| keys.sealer.seals(true, "acme.example", &forward(PETRA, id));
    // Genuine results of the host, for a mail of Petra's to Max that somebody sends on.
    let passed = |name, spf: &str, on_top: &str, want| {
        let to_max = forward(PETRA, &name_id(name)).replace("To: import@", "To: max@");
        let results = format!("Authentication-Results: mx.acme.example; {spf}dmarc=pass header.from=acme.example\n");
        Attack(name, HOST, "x@evil.example", format!("{results}{on_top}{to_max}"), want)
    };
    const OWN: &str = "spf=pass smtp.mailfrom=acme.example; ";
    let chain = |name, mail: String, want| Attack(name, STRANGER, "list@f.example", mail, want);
    vec![
        Attack("forged results, sent directly", STRANGER, PETRA, format!("{PASS}{}", forward(PETRA, "a1@x")), NO_PROOF),
        host(
            "forged results below the host's own",
            &format!("Authentication-Results: mx.acme.example; dmarc=none header.from=acme.example\n{PASS}"),
        ),
        host("results of another name", "Authentication-Results: evil.example; dmarc=pass header.from=acme.example\n"),
        host("a pass inside a comment", "Authentication-Results: mx.acme.example; spf=fail (; dmarc=pass header.from=acme.example)\n"),
        host(
            "a pass inside a quoted string",
            "Authentication-Results: mx.acme.example; spf=fail reason=\"; dmarc=pass header.from=acme.example\"\n",
        ),
        host("a pass of another domain", "Authentication-Results: mx.acme.example; dmarc=pass header.from=evil.example\n"),
        host("a name that only begins so", "Authentication-Results: mx.acme.example.evil.example; dmarc=pass header.from=acme.example\n"),
        host(
            "two domains in one pass",
            "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example header.from=evil.example\n",
        ),
        chain("a chain whose body is changed", sealed("a9@x").replace("ich komme gern", "ich komme nie"), NO_PROOF),
        chain("a chain by nobody who is trusted", keys.evil_sealer.seals(true, "acme.example", &forward(PETRA, "a10@x")), NO_PROOF),
        chain("a chain that says it failed", sealed("a11@x").replace("cv=none", "cv=fail"), NO_PROOF),
        chain("a chain with a gap", sealed("a12@x").replace("i=1;", "i=2;"), NO_PROOF),
        chain("a chain over a failure", keys.sealer.seals(false, "acme.example", &forward(PETRA, "a13@x")), "sender_not_authenticated"),
        chain("a chain over another domain", keys.sealer.seals(true, "evil.example", &forward(PETRA, "a14@x")), "sender_not_authenticated"),
        chain(
            "a chain whose results are changed",
            sealed("a15@x").replace("header.from=acme.example", "header.from=evil.example"),
            NO_PROOF,
        ),
        chain(
            "a trusted name in a forged seal",
            keys.evil_sealer.seals(true, "acme.example", &forward(PETRA, "a16@x")).replace("d=evil.example", "d=f.example"),
            NO_PROOF,
        ),
        chain(
            "a chain that leaves out the subject",
            keys.sealer.seals_only(&["From", "To", "Date"], "acme.example", &forward(PETRA, "a18@x")),
            "addressed_elsewhere",
        ),
        passed("sent on, as somebody whose own SPF passes", "spf=pass smtp.mailfrom=evil.example; ", "", "addressed_elsewhere"),
        passed("sent on, where the host says nothing of SPF", "", "", "addressed_elsewhere"),
        passed("two results that contradict each other", "dmarc=fail header.from=acme.example; ", "", "sender_not_authenticated"),
        passed("a comment that does not end", "spf=pass smtp.mailfrom=acme.example (; ", "", "sender_not_authenticated"),
        passed("a second Subject behind 64 KiB", OWN, &format!("Subject: 4800 WG: x\n{}", long_names(70_000)), "sender_unclear"),
        passed("a line that is no field above the Subject", OWN, "Subject: 4800 WG: x\nno field here\n", "sender_unclear"),
        chain(
            "a chain sent on to us",
            keys.sealer.seals(true, "acme.example", &forward(PETRA, "a17@x").replace("To: import@", "To: max@")),
            "addressed_elsewhere",
        ),
    ]
}

/// What is not attacked is filed: else a row could pass because everything is refused.
fn controls(acme: &Installation, keys: &Keys) -> Vec<Attack> {
    vec![
        Attack("control: signed", STRANGER, "", keys.acme.signs(&forward(PETRA, "c1@x")), FILED),
        Attack("control: signed, no policy", STRANGER, "", keys.plain.signs(&forward(PAULA, "c2@x")), FILED),
        Attack("control: SPF", "127.0.0.9", PETRA, forward(PETRA, "c3@x"), FILED),
        Attack("control: sealed", STRANGER, "", keys.sealer.seals(true, "acme.example", &forward(PETRA, "c4@x")), FILED),
        Attack("control: pinned results", HOST, PETRA, Forward { id: "c5@x", ..Forward::default() }.mail(), FILED),
        // The weak ones' sound sibling: she is proved, and held only because nothing is inside what calls itself a forward.
        Attack("control: a key of 1,024 bits", STRANGER, "", vector(acme, "rsa-1024-sha256"), "number_unconfirmed"),
    ]
}

/// Acceptance: S1.E6; G6.
#[test]
fn nobody_is_taken_for_somebody_else() {
    let mut acme = Installation::new();
    acme.import(MORE_USERS);
    // One stranger tries them all.
    acme.configure("max_connections_per_minute = 1000", &acme.relay_section());
    publish(&acme);
    let keys = keys(&acme);
    let rows: Vec<Attack> = [of_from(&keys), of_signed_mail(&keys), of_keys(&acme, &keys), of_results(&keys), controls(&acme, &keys)]
        .into_iter()
        .flatten()
        .collect();
    let daemon = acme.serve();
    let mut wrong = Vec::new();
    for Attack(name, peer, from, mail, want) in &rows {
        let reply = Smtp::connect_from(peer, daemon.address).sends(from, IMPORT, mail);
        let seen = match reply.strip_prefix("250 2.0.0 kept as ") {
            None => reply.clone(),
            Some(id) => {
                let mail = acme.ended(id);
                mail["reason"].as_str().or(mail["disposition"].as_str()).unwrap().to_owned()
            }
        };
        if !seen.replace("550 5.7.1 ", "550 ").starts_with(want) {
            wrong.push(format!("{name}: {seen}, not {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let filed = rows.iter().filter(|row| row.4 == FILED).count();
    assert_eq!(acme.mails().iter().filter(|mail| mail["disposition"] == "filed").count(), filed);
    named_in_the_docs(&rows);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// docs/security.md has a row for each attack, and none that is not tried.
fn named_in_the_docs(rows: &[Attack]) {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md")).unwrap();
    let (_, table) = text.split_once("\n## Attacks on who sent it\n").expect("the section");
    let listed: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).filter(|name| *name != "attack").collect();
    let tried: BTreeSet<&str> = rows.iter().map(|row| row.0).filter(|name| !name.starts_with("control: ")).collect();
    assert_eq!(listed, tried);
    assert!(tried.len() >= 40, "{}", tried.len());
}

//! Public vectors by value, and what the checks add to them. The resolver and the packets are real; the server is on loopback.

use super::dns::{Answer, Dns as Server};
use super::*;
use crate::model::facts::Facts;
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Vectors {
    #[serde(default)]
    txt: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    cv: String,
    #[serde(default)]
    txt: BTreeMap<String, String>,
    message: String,
}

fn vectors(text: &str) -> Vectors {
    serde_json::from_str(text).unwrap()
}

async fn ask(server: &Server, budget: Duration, mail: &str, facts: &Facts, mail_from: Option<&str>) -> Checked {
    let dns = Dns { resolvers: vec![server.address], budget };
    let checks = Checks::new(&dns, "mx.acme.example".into());
    let reading = Reading::of(mail.replace('\n', "\r\n").as_bytes());
    checks.ask(reading.as_ref(), &Question { facts, mail_from, trusted_sealers: &["example.org".to_owned()] }).await
}

fn relay() -> Facts {
    Facts { origin: Origin::Relay, ..Facts::default() }
}

const BUDGET: Duration = Duration::from_secs(20);

fn serve(zone: &BTreeMap<String, String>, server: &Server) {
    for (name, text) in zone {
        server.txt(name, text);
    }
}

/// RFC 8463 appendix A, RFC 6376 appendix A, and weak keys and hashes beside one that is not.
#[tokio::test]
async fn signatures() {
    let vectors = vectors(include_str!("../../../../fixtures/dkim/vectors.json"));
    let mut seen = 0;
    for case in &vectors.cases {
        let server = Server::start();
        serve(&case.txt, &server);
        let checked = ask(&server, BUDGET, &case.message, &relay(), None).await;
        let results: Vec<(&str, bool)> = checked.dkim.iter().map(|dkim| (dkim.result.as_str(), dkim.aligned)).collect();
        let want: &[(&str, bool)] = match case.name.as_str() {
            "rfc8463" => &[("pass", true), ("pass", true)],
            // Its domain is a parent of From's, and there is no policy that would let it speak for it.
            "rfc6376" => &[("pass", false)],
            "rsa-1024-sha256" => &[("pass", true)],
            "rsa-512-sha256" => &[("fail", false)],
            "rsa-1024-expired" => &[("neutral", false)],
            "rsa-1024-sha1" => &[("permerror", false)],
            other => panic!("{other}"),
        };
        assert_eq!(results, want, "{}", case.name);
        assert!(!checked.dns_trouble && checked.dmarc.result == "none", "{}: {checked:?}", case.name);
        // One letter of the body, or of a signed field, and nothing holds.
        for (from, to) in [("Joe.\n", "Jim.\n"), ("Is dinner", "Is supper"), ("kanarienvogel", "kanarienvogex"), ("4711", "4712")] {
            let altered = case.message.replace(from, to);
            let passed = ask(&server, BUDGET, &altered, &relay(), None).await.dkim.iter().filter(|dkim| dkim.result == "pass").count();
            assert!(altered == case.message || passed == 0, "{}: {from}", case.name);
        }
        seen += 1;
    }
    assert_eq!(seen, 6);
}

/// The ARC test suite: our reading of each result is the suite's.
#[tokio::test]
async fn chains() {
    let vectors = vectors(include_str!("../../../../fixtures/arc/vectors.json"));
    let server = Server::start();
    serve(&vectors.txt, &server);
    for case in &vectors.cases {
        let checked = ask(&server, BUDGET, &case.message, &relay(), None).await;
        let seen = checked.arc.as_ref().map_or("none", |arc| arc.result.as_str());
        assert_eq!(seen, case.cv, "{}: {checked:?}", case.name);
        if seen == "pass" {
            let arc = checked.arc.unwrap();
            assert!(arc.sets.iter().all(|set| set.sealer == "example.org" && set.dmarc.is_some()), "{}", case.name);
            assert_eq!(arc.signs[..2], ["from", "to"], "{}", case.name);
        }
    }
    assert!(vectors.cases.len() >= 15);
}

/// What a key, a policy and the DNS say of a signature that holds. The domain of From is football.example.com.
#[tokio::test]
async fn what_stands_around_a_signature() {
    let vectors = vectors(include_str!("../../../../fixtures/dkim/vectors.json"));
    let case = &vectors.cases[0];
    let check = async |changes: &[(&str, Option<Answer>)], mail: &str, want: &str| {
        let server = Server::start();
        serve(&case.txt, &server);
        for (name, answer) in changes {
            server.forget(name);
            if let Some(answer) = answer {
                server.put(name, answer.clone());
            }
        }
        let checked = ask(&server, Duration::from_secs(2), mail, &relay(), None).await;
        let dkim: Vec<String> = checked.dkim.iter().map(|dkim| format!("{}{}", dkim.result, if dkim.aligned { "+" } else { "" })).collect();
        let seen = format!("{} dmarc={}{}", dkim.join(" "), checked.dmarc.result, if checked.dns_trouble { " trouble" } else { "" });
        assert_eq!(seen, want, "{changes:?}");
    };
    let (ed, rsa, policy) =
        ("brisbane._domainkey.football.example.com", "test._domainkey.football.example.com", "_dmarc.football.example.com");
    let txt = |text: &str| Some(Answer::Txt(text.into()));
    let key = |tags: &str| txt(&format!("v=DKIM1; k=ed25519; {tags}p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
    let mail = case.message.as_str();
    check(&[], mail, "pass+ pass+ dmarc=none").await;
    check(&[(policy, txt("v=DMARC1; p=reject; adkim=s"))], mail, "pass+ pass+ dmarc=pass").await;
    check(&[("_dmarc.example.com", txt("v=DMARC1; p=reject"))], mail, "pass+ pass+ dmarc=pass").await;
    check(&[(ed, key("t=y; "))], mail, "neutral pass+ dmarc=none").await;
    check(&[(ed, key("s=tlsrpt; "))], mail, "neutral pass+ dmarc=none").await;
    check(&[(ed, key("s=email:x; t=s; h=sha1:sha256; "))], mail, "pass+ pass+ dmarc=none").await;
    check(&[(ed, key("h=sha1; "))], mail, "neutral pass+ dmarc=none").await;
    check(&[(ed, txt("v=DKIM1; k=ed25519; p="))], mail, "permerror pass+ dmarc=none").await;
    check(&[(ed, None), (rsa, None)], mail, "permerror permerror dmarc=none").await;
    // Trouble matters where the answer could have proved something.
    check(&[(ed, Some(Answer::ServFail)), (rsa, None)], mail, "temperror+ permerror dmarc=none trouble").await;
    check(&[(ed, Some(Answer::Silence)), (rsa, None)], mail, "temperror+ permerror dmarc=none trouble").await;
    check(&[(policy, Some(Answer::ServFail))], mail, "pass+ pass+ dmarc=temperror trouble").await;
    check(&[(policy, Some(Answer::ServFail)), (ed, None), (rsa, None)], mail, "permerror permerror dmarc=temperror").await;
    let strangers = mail.replace("d=football.example.com; i=@football.example.com", "d=evil.example.net; i=@evil.example.net");
    let broken =
        [("brisbane._domainkey.evil.example.net", Some(Answer::ServFail)), ("test._domainkey.evil.example.net", Some(Answer::Silence))];
    check(&broken, &strangers, "temperror temperror dmarc=none").await;
    // Several authors: nothing is asked, nothing is found.
    check(&[], &mail.replace("From: Joe", "From: x@evil.example.net, Joe"), " dmarc=").await;
}

/// RFC 6376's example: a parent's signature speaks for From where From's policy lets it, and not where it is strict.
#[tokio::test]
async fn alignment_follows_the_policy() {
    let vectors = vectors(include_str!("../../../../fixtures/dkim/vectors.json"));
    let case = &vectors.cases[1];
    for (name, policy, result, aligned) in [
        ("_dmarc.example.com", "v=DMARC1; p=reject", "pass", true),
        ("_dmarc.example.com", "v=DMARC1; p=reject; adkim=s", "fail", false),
        ("_dmarc.football.example.com", "v=DMARC1; p=none", "fail", false),
        ("_dmarc.football.example.com", "v=DMARC1; p=none; psd=n", "fail", false),
        ("_dmarc.com", "v=DMARC1; p=none; psd=y", "pass", true),
    ] {
        let server = Server::start();
        serve(&case.txt, &server);
        server.txt(name, policy);
        let checked = ask(&server, BUDGET, &case.message, &relay(), None).await;
        assert_eq!((checked.dmarc.result.as_str(), checked.dkim[0].aligned), (result, aligned), "{name} {policy}: {checked:?}");
    }
}

/// RFC 7208, over the resolver: which identity, which address, and what it adds to DMARC.
#[tokio::test]
async fn spf_of_direct_peers() {
    let server = Server::start();
    server.txt("acme.example", "v=spf1 ip4:192.0.2.7 a:mail.acme.example -all");
    server.put("mail.acme.example", Answer::A([192, 0, 2, 8].into()));
    server.txt("mail.acme.example", "v=spf1 a -all");
    server.txt("_dmarc.acme.example", "v=DMARC1; p=reject");
    server.txt("all.example", "v=spf1 +all");
    server.put("broken.acme.example", Answer::ServFail);
    let mail = "From: petra@acme.example\nTo: import@acme.example\n\nx\n";
    for (peer, mail_from, want) in [
        ("192.0.2.7", Some("petra@acme.example"), "pass dmarc=pass"),
        ("::ffff:192.0.2.7", Some("petra@acme.example"), "pass dmarc=pass"),
        ("192.0.2.8", Some("petra@acme.example"), "pass dmarc=pass"),
        ("192.0.2.9", Some("petra@acme.example"), "fail dmarc=fail"),
        ("192.0.2.9", Some("x@all.example"), "pass dmarc=fail"),
        ("192.0.2.8", None, "pass dmarc=pass"),
        ("192.0.2.9", None, "fail dmarc=fail"),
        ("192.0.2.9", Some("x@nowhere.example"), "none dmarc=fail"),
        ("192.0.2.9", Some("x@broken.acme.example"), "temperror dmarc=temperror trouble"),
    ] {
        let facts = Facts { peer: Some(peer.parse().unwrap()), helo: Some("mail.acme.example".into()), ..Facts::default() };
        let checked = ask(&server, BUDGET, mail, &facts, mail_from).await;
        let trouble = if checked.dns_trouble { " trouble" } else { "" };
        let seen = format!("{} dmarc={}{trouble}", checked.spf.unwrap().result, checked.dmarc.result);
        assert_eq!(seen, want, "{peer} {mail_from:?}");
    }
    let behind = Facts { peer: Some("192.0.2.7".parse().unwrap()), ..relay() };
    assert_eq!(ask(&server, BUDGET, mail, &behind, Some("petra@acme.example")).await.spf, None);
}

/// Without a usable resolver nothing is found, and that is said: no false no.
#[tokio::test]
async fn no_resolver_is_trouble() {
    let checks = Checks { resolver: None, budget: BUDGET, hostname: "mx.acme.example".into() };
    let facts = relay();
    let question = Question { facts: &facts, mail_from: None, trusted_sealers: &[] };
    let reading = Reading::of(b"From: petra@acme.example\r\n\r\nx");
    assert!(checks.ask(reading.as_ref(), &question).await.dns_trouble);
    // Nothing in this one could be proved by any answer.
    assert!(!checks.ask(Reading::of(b"Subject: x\r\n\r\nx").as_ref(), &question).await.dns_trouble);
}

/// Who is asked about at all.
#[test]
fn only_where_it_can_decide() {
    use crate::model::facts::{Dmarc, Login, Pinned};
    use crate::model::id::{OutboundId, TenantId, UserId};
    let pinned = |dmarc: bool| Pinned { dmarc: dmarc.then(|| Dmarc { result: "none".into(), header_from: None }), spf: None };
    let check = |purpose: &Purpose, facts: &Facts, want: bool| assert_eq!(are_needed(purpose, facts), want, "{purpose:?} {facts:?}");
    let import = &Purpose::Import;
    check(import, &Facts::default(), true);
    check(import, &relay(), true);
    check(import, &Facts { origin: Origin::SubmissionRelay, ..Facts::default() }, false);
    check(import, &Facts { login: Some(Login { tenant: TenantId::new("acme"), user: UserId::generate() }), ..Facts::default() }, false);
    check(import, &Facts { pinned: Some(pinned(true)), ..relay() }, false);
    check(import, &Facts { pinned: Some(pinned(false)), ..relay() }, true);
    check(&Purpose::Reply { application: "A1".into() }, &relay(), true);
    check(&Purpose::ReceiptAnswer { message: None }, &relay(), true);
    check(&Purpose::Bounces { message: OutboundId::generate() }, &relay(), false);
    check(&Purpose::Postmaster, &relay(), false);
}

/// However many signatures there are, and however silent the DNS is, it ends.
#[tokio::test]
async fn work_is_bounded() {
    let vectors = vectors(include_str!("../../../../fixtures/dkim/vectors.json"));
    let case = &vectors.cases[0];
    let server = Server::start();
    serve(&case.txt, &server);
    let strange = |n: usize| format!("DKIM-Signature: v=1; a=rsa-sha256; d=e{n}.evil.example.net; s=s; h=from; bh=eA==; b=eA==\n");
    let flood: String = (0..300).map(strange).collect();
    let checked = ask(&server, BUDGET, &format!("{flood}{}", case.message), &relay(), None).await;
    // The two that may speak for the author are found behind all the others.
    assert_eq!(checked.dkim.iter().filter(|dkim| dkim.result == "pass").count(), 2);
    assert_eq!(checked.dkim.len(), MOST_SIGNATURES);
    assert!(server.asked() < 60, "{}", server.asked());
    server.goes_away();
    let start = std::time::Instant::now();
    let checked = ask(&server, Duration::from_secs(1), &case.message, &relay(), None).await;
    assert!(start.elapsed() < Duration::from_secs(3) && checked.dns_trouble, "{:?} {checked:?}", start.elapsed());
    assert_eq!(checked.dmarc.result, "temperror");
}

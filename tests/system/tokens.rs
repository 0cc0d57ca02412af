//! Reply tokens: a candidate writes to his application by himself.

use crate::harness::*;
use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// A candidate's own mail, proved by the mail host in front.
struct Direct<'a> {
    from: &'a str,
    subject: &'a str,
    id: &'a str,
    more: &'a str,
}

impl Default for Direct<'_> {
    fn default() -> Self {
        Direct { from: MARIA, subject: "Re: kanarie-betreff", id: "direct@example.net", more: "" }
    }
}

impl Direct<'_> {
    fn mail(&self) -> String {
        let domain = self.from.rsplit('@').next().unwrap();
        format!(
            "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom={domain}; dmarc=pass header.from={domain}\n{}From: Maria Kanarie <{}>\nTo: x@y.example\nSubject: {}\n\
             Message-ID: <{}>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b0\n\n--b0\nContent-Type: text/plain; charset=utf-8\n\n\
             kanarienvogel-text: ich komme gern.\n--b0\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"Lebenslauf.pdf\"\n\n\
             %PDF-1.4 cv\n--b0--\n",
            self.more, self.from, self.subject, self.id
        )
    }
}

/// Gives out an address for the application.
fn address(acme: &Installation, tenant: &str, reference: &str) -> String {
    acme.succeeds(&["token", "create", reference, "--tenant", tenant]).trim().to_owned()
}

/// How a mail to that address ends: `filed`, or the reason why not.
#[track_caller]
fn end(acme: &Installation, daemon: &Daemon, to: &str, mail: &str) -> String {
    let reply = daemon.connect().sends("somebody@example.net", to, mail);
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    let mail = acme.ended(id);
    mail["reason"].as_str().unwrap_or_else(|| text(&mail, "disposition")).to_owned()
}

/// Lets the time of every token be over: nobody waits a day for a test.
fn expire_all(acme: &Installation) {
    let path = acme.path("state/rohrpost.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::query("update token set expires_at = 1").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Acceptance: S1.18, S1.20, S1.24, S1.25; G6, G7. The candidate's own mail is filed and told; the candidate hears nothing.
#[test]
fn a_candidate_writes_directly() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let to = address(&acme, "acme", "4711");
    assert!(to.starts_with("import+") && to.ends_with("@acme.example") && to.len() == "import+@acme.example".len() + 16, "{to}");
    assert_eq!(end(&acme, &daemon, &to, &Direct::default().mail()), "filed");
    let entry = acme.entries("4711").remove(0);
    assert_eq!((text(&entry, "actor"), entry["flags"].to_string()), ("Maria Kanarie", r#"["direct"]"#.to_owned()));
    assert_eq!((entry["from"]["address"].as_str(), text(&entry["documents"][0], "kind")), (Some(MARIA), "cv"));
    assert!(text(&entry, "text").contains("kanarienvogel-text") && entry["forwarder"].is_null());
    let shown = acme.succeeds(&["history", "4711", "--tenant", "acme"]);
    assert!(
        shown.contains("written by    Maria Kanarie <kanarie.adresse@example.net>") && shown.contains("sent          directly"),
        "{shown}"
    );
    // Her own number in the subject is no other one; the same mail twice is one.
    assert_eq!(end(&acme, &daemon, &to, &Direct { subject: "4711 noch etwas", id: "own", ..Direct::default() }.mail()), "filed");
    assert_eq!(end(&acme, &daemon, &to, &Direct::default().mail()), "duplicate");
    assert_eq!(acme.entries("4711").len(), 2);
    let sent = acme.all_sent();
    let mut told: Vec<&str> = sent.iter().map(|message| text(message, "to")).collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!((sent.len(), told), (4, vec!["max@acme.example", PETRA]));
    for message in acme.catcher.as_ref().unwrap().caught() {
        let mail = text_of(&message.data);
        assert!(mail.contains("Direkt geschrieben: ") || mail.contains("Written to us directly: "), "{mail}");
    }
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E6, S1.E8; G6, G7, G10. What a token does not do.
#[test]
fn a_token_alone_is_no_proof() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let (to, foreign) = (address(&acme, "acme", "4711"), address(&acme, "beta", "5000"));
    let check =
        |to: &str, mail: Direct<'_>, want: &str| assert_eq!(end(&acme, &daemon, to, &mail.mail()), want, "{} {}", mail.from, mail.id);
    check(&to, Direct { from: "eva@example.net", id: "1", ..Direct::default() }, "not_the_candidate");
    check(&to, Direct { from: "fremd@example.org", id: "2", ..Direct::default() }, "not_the_candidate");
    check(&to, Direct { subject: "4712 x", id: "3", ..Direct::default() }, "token_and_number_disagree");
    // A year is nobody's number.
    check(&to, Direct { subject: "2026 wird gut", id: "4", ..Direct::default() }, "filed");
    check(&to, Direct { more: "Auto-Submitted: auto-replied\n", id: "5", ..Direct::default() }, "auto_reply");
    check(&to, Direct { subject: "Automatische Antwort: x", id: "6", ..Direct::default() }, "auto_reply");
    let forged = Direct { id: "7", ..Direct::default() }.mail().replace("dmarc=pass", "dmarc=fail");
    assert_eq!(end(&acme, &daemon, &to, &forged), "sender_not_authenticated");
    // From outside without any proof it is kept for an operator, and nobody is answered.
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends(MARIA, &to, &Direct { id: "8", ..Direct::default() }.mail());
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(text(&acme.ended(id), "reason"), "sender_not_authenticated");
    // Another tenant's token means nothing here: an ordinary import address, at which a candidate is nobody.
    let here = foreign.replace("beta.example", "acme.example");
    check(&here, Direct { id: "9", ..Direct::default() }, "sender_unknown");
    assert_eq!(acme.entries("4711").len(), 1);
    // A user who forwards there: the token decides, another number holds it, and he alone is told.
    let forward = |subject: &str, id: &str, inside: (&str, &str)| {
        let mail = Forward { subject, id, inside, ..Forward::default() }.mail();
        end(&acme, &daemon, &to, &mail)
    };
    let maria = ("Maria Kanarie", MARIA);
    assert_eq!(forward("WG: x", "f1", maria), "filed");
    assert_eq!(forward("4712 WG: x", "f2", maria), "token_and_number_disagree");
    assert_eq!(forward("WG: x", "f3", ("Eva Anders", "eva@example.net")), "number_and_sender_disagree");
    let sent = acme.all_sent();
    assert_eq!(sent.iter().filter(|message| text(message, "purpose") == "receipt").count(), 2);
    for message in acme.catcher.as_ref().unwrap().caught() {
        assert!(message.to[0].contains("acme.example"), "G7: {:?}", message.to);
    }
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G6, G10. Tokens are listed, taken back, and end; then their addresses are ordinary ones.
#[test]
fn tokens_end() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let (kept, taken) = (address(&acme, "acme", "4711"), address(&acme, "acme", "4712"));
    let token = |address: &str| address.split(['+', '@']).nth(1).unwrap().to_owned();
    let list = |more: &[&str]| {
        let mut args = vec!["token", "list", "--json", "--tenant", "acme"];
        args.extend(more);
        let list = acme.json(&args);
        list.as_array().unwrap().iter().map(|one| (text(one, "address").to_owned(), text(one, "state").to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), [(kept.clone(), "valid".to_owned()), (taken.clone(), "valid".to_owned())]);
    assert_eq!(list(&["4711"]), [(kept.clone(), "valid".to_owned())]);
    // Nobody takes back another tenant's, nor one that there is not; an erased application gets none.
    assert_eq!(acme.fails(&["token", "revoke", &token(&taken), "--tenant", "beta"]).0, 1);
    for (args, error) in [
        (["token", "revoke", "nosuchtoken"], "no such token"),
        (["token", "create", "4900"], "erased"),
        (["token", "create", "5000"], "no application with the number 5000"),
    ] {
        let (code, said) = acme.fails(&[&args[..], &["--tenant", "acme"]].concat());
        assert!(code == 1 && said.contains(error), "{said}");
    }
    assert_eq!(acme.runs(&["token", "create", "4711", "--days", "0", "--tenant", "acme"]).status.code(), Some(2));
    assert!(acme.succeeds(&["token", "revoke", &token(&taken), "--tenant", "acme"]).contains("revoked"));
    assert_eq!(acme.fails(&["token", "revoke", &token(&taken), "--tenant", "acme"]).0, 1);
    assert_eq!(list(&["4712"]), [(taken.clone(), "revoked".to_owned())]);
    let shown = acme.succeeds(&["token", "list", "--tenant", "acme"]);
    assert!(shown.contains("4711") && shown.contains("revoked") && shown.contains("valid"), "{shown}");
    let eva = Direct { from: "eva@example.net", ..Direct::default() }.mail();
    assert_eq!(end(&acme, &daemon, &taken, &eva), "sender_unknown");
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends("eva@example.net", &taken, &eva);
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    // In any case that a mail host makes of it; and beside the plain address only in a transaction of its own.
    assert_eq!(end(&acme, &daemon, &kept.to_uppercase(), &Direct::default().mail()), "filed");
    let mut peer = daemon.connect();
    peer.says("EHLO x");
    peer.says("MAIL FROM:<a@b.example>");
    assert!(peer.says(&format!("RCPT TO:<{kept}>")).starts_with("250 "));
    assert!(peer.says(&format!("RCPT TO:<{kept}>")).starts_with("250 "));
    assert!(peer.says(&format!("RCPT TO:<{IMPORT}>")).starts_with("452 4.5.3 "));
    // A token whose time is over.
    expire_all(&acme);
    assert_eq!(list(&["4711"]), [(kept.clone(), "expired".to_owned())]);
    assert_eq!(end(&acme, &daemon, &kept, &Direct { id: "late", ..Direct::default() }.mail()), "sender_unknown");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

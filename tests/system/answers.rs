//! Receipts that are answered: what an answer repairs, and what it does not.

use crate::harness::*;
use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// What is answered: the newest message that was caught for the address, and where its answers go.
struct Receipt {
    mail: String,
    reply_to: String,
}

impl Receipt {
    /// Waits for the `number`th message to the address, counted from 1.
    #[track_caller]
    fn caught(acme: &Installation, to: &str, number: usize) -> Receipt {
        let mail = eventually(&format!("message {number} to {to}"), || {
            let caught = acme.catcher.as_ref().unwrap().caught();
            caught.iter().filter(|message| message.to[0].contains(to)).nth(number - 1).map(|message| decoded(&text_of(&message.data)))
        });
        let reply_to = mail.lines().find_map(|line| line.strip_prefix("Reply-To: ")).unwrap_or_default().to_owned();
        Receipt { mail, reply_to }
    }

    /// Offered numbers, in order.
    fn offers(&self) -> Vec<&str> {
        let lines = self.mail.lines().filter(|line| line.starts_with("  ") && line[2..].starts_with(|c: char| c.is_ascii_digit()));
        lines.filter_map(|line| line[2..].split_once("  ")?.1.split(',').next()).collect()
    }
}

/// Quoted-printable, as our own messages bear it.
fn decoded(mail: &str) -> String {
    let mut bytes = Vec::new();
    let joined = mail.replace("=\n", "");
    let mut rest = joined.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = (first == b'=').then(|| behind.get(..2)).flatten().and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer as a mail program writes it, proved by the mail host in front.
struct Answer<'a> {
    from: &'a str,
    subject: &'a str,
    id: &'a str,
    body: &'a str,
    more: &'a str,
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Answer { from: PETRA, subject: "AW: Nicht zugeordnet: kanarie-betreff", id: "answer@acme.example", body: "1", more: "" }
    }
}

impl Answer<'_> {
    fn mail(&self) -> String {
        let domain = self.from.rsplit('@').next().unwrap();
        format!(
            "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom={domain}; dmarc=pass header.from={domain}\n{}From: Somebody <{}>\nTo: x@y.example\nSubject: {}\n\
             Message-ID: <{}>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{}\n\n-- \nkanarienvogel-text\n\n\
             Am 23.11.2026 um 09:31 schrieb Rohrpost <noreply@acme.example>:\n> Vielleicht gehört die Nachricht hierher:\n>   1  4712\n",
            self.more, self.from, self.subject, self.id, self.body
        )
    }
}

impl Daemon {
    /// Sends a mail to any address; returns its id.
    #[track_caller]
    fn takes(&self, to: &str, mail: &str) -> String {
        let reply = self.connect().sends("somebody@acme.example", to, mail);
        reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}")).to_owned()
    }
}

#[track_caller]
fn end(acme: &Installation, id: &str) -> (String, Option<String>) {
    let mail = acme.ended(id);
    (text(&mail, "disposition").to_owned(), mail["reason"].as_str().map(str::to_owned))
}

fn audited(mail: &Value, what: &str) -> Vec<(String, String)> {
    let lines = mail["audit"].as_array().unwrap().iter().filter(|line| line["what"] == what);
    lines.map(|line| (text(line, "actor").to_owned(), text(line, "detail").to_owned())).collect()
}

fn ignored() -> (String, Option<String>) {
    ("ignored".into(), Some("answer_to_receipt".into()))
}

/// A mail with a number that leads nowhere: held, and Petra is told.
fn held(acme: &Installation, daemon: &Daemon, subject: &str) -> String {
    let id = daemon.delivers(&Forward { subject, id: subject, ..Forward::default() }.mail());
    assert_eq!(end(acme, &id).0, "held", "{subject}");
    id
}

/// Acceptance: S1.E4, S1.E20; G6, G7. A receipt offers what the mail may belong to; an answer of its recipient files the mail, once.
#[test]
fn an_answer_repairs() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let wrong = held(&acme, &daemon, "4771 WG: x");
    let receipt = Receipt::caught(&acme, PETRA, 1);
    assert_eq!(receipt.offers(), ["4711", "4800", "BW-0000001-5"], "{}", receipt.mail);
    assert!(receipt.mail.contains("Maria Kanarie, Entwickler (m/w/d) (dieselbe Absenderadresse"), "{}", receipt.mail);
    let id = daemon.takes(&receipt.reply_to, &Answer::default().mail());
    assert_eq!(end(&acme, &id), ignored());
    let answer = acme.ended(&id);
    assert_eq!(audited(&answer, "answered"), [(PETRA.to_owned(), format!("mail {wrong} goes to 4711"))]);
    assert_eq!(end(&acme, &wrong), ("filed".into(), None));
    let repaired = acme.ended(&wrong);
    assert_eq!(audited(&repaired, "assigned"), [(PETRA.to_owned(), "4711 in answer to a receipt".to_owned())]);
    let entry = acme.entries("4711").remove(0);
    assert_eq!((text(&entry, "actor"), entry["flags"].to_string()), (PETRA, r#"["assigned"]"#.to_owned()));
    assert_eq!(entry["original"]["from"]["address"], MARIA);
    // A second answer changes nothing, and says so; one of words alone is thanks, and nobody answers thanks.
    for (number, body) in [("2", "2"), ("3", "Danke!"), ("4", "4712")] {
        let id = daemon.takes(&receipt.reply_to, &Answer { id: number, body, ..Answer::default() }.mail());
        assert_eq!(end(&acme, &id), ignored(), "{body}");
    }
    let (again, twice) = (Receipt::caught(&acme, "petra@acme.example", 3), acme.all_sent());
    assert!(again.mail.contains("deine erste Antwort gilt") && again.reply_to == "hr@acme.example", "{}", again.mail);
    assert_eq!(twice.iter().filter(|message| message["purpose"] == "receipt").count(), 3, "{twice:?}");
    assert_eq!((acme.entries("4711").len(), acme.entries("4712").len()), (1, 0));
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E4. Every way to say it: a choice, a number in the first line, one in the subject, HTML, another subject above Outlook's block.
#[test]
fn ways_to_answer() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let html =
        "Content-Type: text/html; charset=utf-8\n\n<div>4711</div><div><br></div><blockquote>Vielleicht gehört sie hierher</blockquote>\n";
    let outlook = "\nVon: Rohrpost <noreply@acme.example>\nGesendet: Montag, 23. November 2026 09:31\nAn: Petra Huber <petra@acme.example>\n\
                   Betreff: Nicht zugeordnet: 4774 WG: x\n\nDie Bewerbungsnummer 4774 gibt es nicht.\n";
    let plain = |subject: &str, body: &str| Answer { subject, body, ..Answer::default() }.mail();
    let answers = [
        plain("AW: Nicht zugeordnet", "(1)."),
        plain("AW: Nicht zugeordnet", "4711 ist richtig."),
        plain("4711", ""),
        plain("4711 AW: Nicht zugeordnet", outlook),
        plain("4711", outlook),
        {
            let mail = plain("AW: Nicht zugeordnet", "");
            let head = mail.split("Content-Type").next().unwrap().to_owned();
            format!("{head}{html}")
        },
    ];
    for (number, answer) in (1..).zip(answers) {
        let wrong = held(&acme, &daemon, &format!("477{number} WG: x"));
        // The receipts, and a notice for each mail that was repaired before.
        let receipt = Receipt::caught(&acme, PETRA, 2 * number - 1);
        let answer =
            answer.replace("answer@acme.example", &format!("{number}@acme.example")).replace("4774 WG: x", &format!("477{number} WG: x"));
        let id = daemon.takes(&receipt.reply_to, &answer);
        assert_eq!(end(&acme, &id), ignored(), "{answer}");
        assert_eq!(end(&acme, &wrong), ("filed".into(), None), "{answer}");
        acme.all_sent();
    }
    assert_eq!(acme.entries("4711").len(), 6);
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E4, S1.E20; G7. What cannot be understood, or leads nowhere, is told with a new address; then the right answer repairs.
#[test]
fn useless_answers_are_told() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let wrong = held(&acme, &daemon, "4771 WG: x");
    let mut receipt = Receipt::caught(&acme, PETRA, 1);
    let useless = [
        ("Ich weiß es nicht.", "erster Zeile steht weder"),
        ("4", "stand nicht zur Wahl"),
        ("9999", "9999 gibt es nicht"),
        ("4900", "wurde gelöscht"),
    ];
    for (number, (body, _)) in (2..).zip(useless) {
        let id = daemon.takes(&receipt.reply_to, &Answer { body, id: body, ..Answer::default() }.mail());
        assert_eq!(end(&acme, &id), ignored(), "{body}");
        let next = Receipt::caught(&acme, PETRA, number);
        assert!(next.reply_to != receipt.reply_to && next.reply_to.starts_with("import+"), "{}", next.mail);
        assert!(next.mail.contains("hat nichts geändert") && next.offers().len() == 3, "{}", next.mail);
        receipt = next;
    }
    // Words alone are answered once: after that, a program that marks nothing would go round.
    let id = daemon.takes(&receipt.reply_to, &Answer { body: "Hm.", id: "hm", ..Answer::default() }.mail());
    assert_eq!(end(&acme, &id), ignored());
    let id = daemon.takes(&receipt.reply_to, &Answer { body: "1", id: "last", ..Answer::default() }.mail());
    assert_eq!((end(&acme, &id), end(&acme, &wrong)), (ignored(), ("filed".into(), None)));
    let receipts = acme.all_sent().iter().filter(|message| message["purpose"] == "receipt").count();
    assert_eq!(receipts, 5);
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E6, S1.E8; G6, G7. Another user, a stranger, a forged From, a program: nothing is repaired, and nobody is answered.
#[test]
fn who_may_not_answer() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let wrong = held(&acme, &daemon, "4771 WG: x");
    let receipt = Receipt::caught(&acme, PETRA, 1);
    let forged = Answer { id: "forged", ..Answer::default() }.mail().replace("dmarc=pass", "dmarc=fail");
    let answers = [
        Answer { from: "dora@acme.example", id: "dora", ..Answer::default() }.mail(),
        Answer { from: "dora@acme.example", id: "typed", subject: "4711 AW: x", ..Answer::default() }.mail(),
        Answer { from: "stranger@evil.example", id: "evil", ..Answer::default() }.mail(),
        Answer { from: MARIA, id: "maria", ..Answer::default() }.mail(),
        Answer { from: "bert@beta.example", id: "bert", ..Answer::default() }.mail(),
        forged,
        Answer { more: "Auto-Submitted: auto-replied\n", id: "auto", ..Answer::default() }.mail(),
    ];
    let stays = format!("mail {wrong} stays as it is: not_the_recipient");
    let unproved = "answer_to_receipt: its sender is not proved";
    let why = [stays.as_str(), &stays, unproved, unproved, unproved, unproved, "auto_reply"];
    for (answer, why) in answers.iter().zip(why) {
        let id = daemon.takes(&receipt.reply_to, answer);
        assert_eq!(end(&acme, &id).0, "ignored", "{answer}");
        let shown = acme.succeeds(&["mail", "show", &id, "--tenant", "acme"]);
        assert!(shown.trim_end().ends_with(why), "{why} is missing in {shown}");
        assert!(shown.contains(&format!("address   answers to the receipt for mail {wrong}\n")), "{shown}");
    }
    // From outside, without any proof, and with a number in the subject: held like any mail of nobody.
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends(
        PETRA,
        &receipt.reply_to,
        &Answer { subject: "4711 x", id: "outside", ..Answer::default() }.mail(),
    );
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(end(&acme, id), ("held".into(), Some("sender_not_authenticated".into())));
    // Another tenant's import address does not know the token: an unproved sender is turned away, a proved one is nobody there.
    let elsewhere = receipt.reply_to.replace("acme.example", "beta.example");
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends(PETRA, &elsewhere, &Answer { id: "b", ..Answer::default() }.mail());
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    assert_eq!(end(&acme, &wrong).0, "held");
    assert!(acme.entries("4711").is_empty());
    assert_eq!(acme.all_sent().iter().filter(|message| message["purpose"] == "receipt").count(), 1);
    daemon.stop();
    acme.is_sound();
}

/// What comes to a receipt's address unproved waits under the quota of all unproved mail.
#[test]
fn unproved_answers_have_a_quota() {
    let mut acme = Installation::new();
    acme.configure("", &(acme.relay_section() + "[held_unauthenticated]\nmax_mails = 1\n"));
    let daemon = acme.serve();
    held(&acme, &daemon, "4771 WG: x");
    let receipt = Receipt::caught(&acme, PETRA, 1);
    let unproved = |id: &str| Answer { id, subject: "4711 x", ..Answer::default() }.mail().replace("dmarc=pass", "dmarc=fail");
    let id = daemon.takes(&receipt.reply_to, &unproved("first"));
    assert_eq!(end(&acme, &id), ("held".into(), Some("sender_not_authenticated".into())));
    for to in [receipt.reply_to.as_str(), IMPORT] {
        let reply = daemon.connect().sends(PETRA, to, &unproved("second"));
        assert_eq!(reply, "452 4.2.2 too much unauthenticated mail waits");
    }
    let id = daemon.takes(&receipt.reply_to, &Answer::default().mail());
    assert_eq!(end(&acme, &id), ignored());
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E4, G6. A number is checked again: who wrote the mail still counts, and what is held again is told anew.
#[test]
fn an_answer_is_checked_again() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    // Eva's mail under Maria's number; and Petra insists.
    let wrong = daemon.delivers(&Forward { inside: ("Eva Anders", "eva@example.net"), ..Forward::default() }.mail());
    assert_eq!(end(&acme, &wrong).1.as_deref(), Some("number_and_sender_disagree"));
    let receipt = Receipt::caught(&acme, PETRA, 1);
    // Eva has one application: nothing else can be filed, and nothing else is offered.
    assert_eq!(receipt.offers(), ["4712"], "{}", receipt.mail);
    daemon.takes(&receipt.reply_to, &Answer { body: "4711", ..Answer::default() }.mail());
    let receipt = Receipt::caught(&acme, PETRA, 2);
    assert!(receipt.mail.contains("4711 gehört zu einer anderen Person") && receipt.offers() == ["4712"], "{}", receipt.mail);
    assert_eq!(end(&acme, &wrong).1.as_deref(), Some("number_and_sender_disagree"));
    let shown = acme.succeeds(&["mail", "show", &wrong, "--tenant", "acme"]);
    assert!(shown.contains("number    4711; 4711 was chosen by petra@acme.example\n"), "{shown}");
    daemon.takes(&receipt.reply_to, &Answer { body: "1", id: "second", ..Answer::default() }.mail());
    eventually("Eva's mail in Eva's history", || (acme.entries("4712").len() == 1).then_some(()));
    // Nobody knows the writer, but the forwarder vouches for his own number.
    let unknown = daemon.delivers(&Forward { inside: ("Ganz Fremd", "fremd@example.org"), id: "u@x", ..Forward::default() }.mail());
    assert_eq!(end(&acme, &unknown).1.as_deref(), Some("number_unconfirmed"));
    let receipt = Receipt::caught(&acme, PETRA, 4);
    assert!(receipt.mail.contains("1  4711, Maria Kanarie, Entwickler (m/w/d) (die Nummer, die du geschrieben hast)"), "{}", receipt.mail);
    daemon.takes(&receipt.reply_to, &Answer { body: "1", id: "third", ..Answer::default() }.mail());
    eventually("the mail that was vouched for", || (acme.entries("4711").len() == 1).then_some(()));
    assert_eq!(acme.entries("4711")[0]["flags"].to_string(), r#"["assigned","sender_unknown"]"#);
    // Discarded meanwhile, it waits no more.
    let junk = held(&acme, &daemon, "7777 WG: x");
    let receipt = Receipt::caught(&acme, PETRA, 6);
    acme.succeeds(&["dead-letter", "discard", &junk, "--why", "Werbung", "--tenant", "acme"]);
    daemon.takes(&receipt.reply_to, &Answer { body: "4711", id: "late", ..Answer::default() }.mail());
    assert!(Receipt::caught(&acme, PETRA, 7).mail.contains("wartet nicht mehr"));
    assert_eq!(acme.ended(&junk)["closed"]["why"], "Werbung");
    // An answer that led nowhere hides nothing of what was typed.
    let eva = Forward { subject: "4771 WG: x", inside: ("Eva Anders", "eva@example.net"), id: "typed@x", ..Forward::default() };
    let typed = daemon.delivers(&eva.mail());
    let receipt = Receipt::caught(&acme, PETRA, 8);
    assert_eq!(receipt.offers(), ["4712"], "{}", receipt.mail);
    daemon.takes(&receipt.reply_to, &Answer { body: "4711", id: "fourth", ..Answer::default() }.mail());
    assert_eq!(Receipt::caught(&acme, PETRA, 9).offers(), ["4712"]);
    let shown = acme.succeeds(&["mail", "show", &typed, "--tenant", "acme"]);
    assert!(shown.contains("number    4771; 4711 was chosen by petra@acme.example\n"), "{shown}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A forward to a receipt's address is a forward.
#[test]
fn a_forward_to_a_receipts_address() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let wrong = held(&acme, &daemon, "4771 WG: x");
    let receipt = Receipt::caught(&acme, PETRA, 1);
    let id = daemon.takes(&receipt.reply_to, &Forward { id: "f@x", ..Forward::default() }.mail());
    assert_eq!(end(&acme, &id), ("filed".into(), None));
    let id = daemon.takes(&receipt.reply_to, &Forward { subject: "4711 Ihre Einladung", id: "g@x", ..Forward::default() }.mail());
    assert_eq!(end(&acme, &id), ("filed".into(), None));
    let id = daemon.takes(&receipt.reply_to, &Forward { subject: "WG: Ihre Einladung", id: "h@x", ..Forward::default() }.mail());
    assert_eq!(end(&acme, &id), ("held".into(), Some("no_number".into())));
    assert_eq!(end(&acme, &wrong).0, "held");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G3, G9. Ten answers at once repair once.
#[test]
fn answers_at_once() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let wrong = held(&acme, &daemon, "4771 WG: x");
    let receipt = Receipt::caught(&acme, PETRA, 1);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let send = |number: usize| {
            let (id, body) = (format!("{number}@x"), if number.is_multiple_of(2) { "4711" } else { "4800" });
            let mail = Answer { id: &id, body, ..Answer::default() }.mail();
            let (daemon, to) = (&daemon, &receipt.reply_to);
            scope.spawn(move || daemon.takes(to, &mail))
        };
        let threads: Vec<_> = (0..10).map(send).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let repaired = ids.iter().filter(|id| {
        assert_eq!(end(&acme, id), ignored());
        audited(&acme.ended(id), "answered")[0].1.contains(" goes to ")
    });
    assert_eq!(repaired.count(), 1);
    assert_eq!(end(&acme, &wrong), ("filed".into(), None));
    assert_eq!(acme.entries("4711").len() + acme.entries("4800").len(), 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A department's user and one who wants receipts for what was filed, too.
const DEPARTMENT: &str = r#"{"tenant": {"id": "acme"},
  "departments": [{"id": "law", "name": "Recht"}],
  "users": [{"email": "lea@acme.example", "name": "Lea Recht", "role": "department_plus", "departments": ["law"], "locale": "en"},
            {"email": "hans@acme.example", "name": "Hans Quittung", "role": "hr_manager", "locale": "sv", "receipts": true}],
  "jobs": [{"id": "J3", "title": "Counsel", "department": "law"}],
  "applications": [{"id": "A7", "reference": "4717", "job": "J3", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}}]}"#;

/// Acceptance: G7, G10. Two receipts of a department's user, one for a number of another department, one for nobody's: they read the same.
#[test]
fn what_a_department_may_not_see() {
    let mut acme = Installation::new();
    acme.import(DEPARTMENT);
    let daemon = acme.serve();
    let lea = "lea@acme.example";
    let mails = [("4711", "forwarder_may_not_see"), ("4771", "unknown_number")];
    let receipts: Vec<Receipt> = (1..)
        .zip(mails)
        .map(|(at, (number, reason))| {
            let subject = format!("{number} WG: x");
            let id = daemon.delivers(&Forward { subject: &subject, sender: lea, id: number, ..Forward::default() }.mail());
            assert_eq!(end(&acme, &id).1.as_deref(), Some(reason));
            Receipt::caught(&acme, lea, at)
        })
        .collect();
    let shown = |at: usize| {
        let mail = &receipts[at].mail;
        let lines = mail.lines().filter(|line| !["Date:", "Message-ID:", "Reply-To:"].iter().any(|name| line.starts_with(name)));
        lines.collect::<Vec<_>>().join("\n").replace(mails[at].0, "NUMBER")
    };
    // 4717 is one slip from either, and the only one that Lea may see.
    assert_eq!(shown(0), shown(1));
    assert_eq!((receipts[0].offers(), receipts[1].offers()), (vec!["4717"], vec!["4717"]));
    for receipt in &receipts {
        assert!(!receipt.mail.contains("Entwickler") && !receipt.mail.contains("4800"), "{}", receipt.mail);
    }
    // She may not choose it either: it is unknown to her.
    daemon.takes(&receipts[0].reply_to, &Answer { from: lea, body: "4711", ..Answer::default() }.mail());
    assert!(Receipt::caught(&acme, lea, 3).mail.contains("There is no reference number 4711."));
    daemon.takes(&receipts[0].reply_to, &Answer { from: lea, body: "1", id: "one", ..Answer::default() }.mail());
    eventually("the mail in her own department", || (acme.entries("4717").len() == 1).then_some(()));
    assert!(acme.entries("4711").is_empty());
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.27, S1.E16. Whoever wants receipts is told what was filed and who knows; nobody gets two mails of one.
#[test]
fn receipts_by_choice() {
    let mut acme = Installation::new();
    acme.import(DEPARTMENT);
    let daemon = acme.serve();
    let hans = "hans@acme.example";
    let files = [("Anschreiben.pdf", "%PDF-1.4 brief"), ("Kanarie-Datei.txt", "x")];
    let id = daemon.delivers(&Forward { sender: hans, attachments: &files, ..Forward::default() }.mail());
    assert_eq!(end(&acme, &id).0, "filed");
    let receipt = Receipt::caught(&acme, hans, 1);
    for line in ["Anschreiben.pdf (Personligt brev)", "Kanarie-Datei.txt (", "Informerade: Max Weber, Petra Huber", "4711, Maria Kanarie"] {
        assert!(receipt.mail.contains(line), "{line}: {}", receipt.mail);
    }
    assert!(
        receipt.reply_to == "hr@acme.example" && !receipt.mail.contains("kanarienvogel-text") && !receipt.mail.contains("kanarie-betreff")
    );
    // Responsible himself, the notice is his receipt.
    acme.import(r#"{"tenant": {"id": "acme"}, "jobs": [{"id": "J1", "title": "Entwickler (m/w/d)", "department": "it", "responsible": ["hans@acme.example"]}]}"#);
    let id = daemon.delivers(&Forward { sender: hans, id: "second@x", ..Forward::default() }.mail());
    assert_eq!(end(&acme, &id).0, "filed");
    let sent = acme.all_sent();
    let of_hans: Vec<&str> = sent.iter().filter(|message| message["to"] == hans).map(|message| text(message, "purpose")).collect();
    assert_eq!(of_hans, ["receipt", "reply_imported"]);
    daemon.stop();
    acme.is_sound();
}

//! A mailbox as Exchange Online fills it: what it says of senders in its own way, and what others say in its name.

use crate::dovecot::*;
use crate::harness::*;
use crate::imap::{plain, with_mailboxes};

/// Mail as it lies in such a mailbox: this on top, and below it what the sender wrote.
fn mail(number: usize, on_top: &str, below: &str) -> String {
    let mail = Forward { id: &format!("exchange-{number}@acme.example"), text: &format!("Nummer {number}."), ..Forward::default() }.mail();
    // Whatever stands there of another mail host goes.
    let lines: Vec<&str> = mail.lines().filter(|line| !line.starts_with("Authentication-Results:")).collect();
    format!("{on_top}Received: from sender by border.example; Sun, 22 Nov 2026 09:00:00 +0000\n{below}{}\n", lines.join("\n"))
}

const INTERNAL: &str = "X-MS-Exchange-Organization-AuthAs: Internal\n";
const ANONYMOUS: &str = "X-MS-Exchange-Organization-AuthAs: Anonymous\n";
const PASS: &str = "Authentication-Results: spf=pass (sender IP is 192.0.2.7)\n smtp.mailfrom=acme.example; dkim=pass (signature was verified)\n \
                    header.d=acme.example;dmarc=pass action=none\n header.from=acme.example;compauth=pass reason=100\n";

/// Own users' mail and proved mail from outside are filed; what bears forged words of Exchange's is held, and so is all of it in a mailbox
/// that is not said to be Exchange's.
#[test]
fn only_its_own_words_count() {
    let dovecot = Dovecot::start();
    let mut client = dovecot.client();
    client.does("CREATE Andere");
    let exchange = plain("exchange", dovecot.port, "results = \"exchange_online\"\nown_domains = [\"acme.example\"]\n")
        .replace("authserv_id = \"mx.acme.example\"\n", "");
    let other = plain("other", dovecot.port, "folder = \"Andere\"\n");
    let mut acme = with_mailboxes(&(exchange + &other));
    let failed = PASS.replace("dmarc=pass", "dmarc=fail");
    let named = PASS.replace("Results: ", "Results: acme.example; ");
    for (number, on_top, below) in [
        (1, INTERNAL.to_owned(), ""),
        (2, format!("{ANONYMOUS}{PASS}"), ""),
        (3, format!("{ANONYMOUS}{failed}"), PASS),
        (4, format!("{ANONYMOUS}{failed}"), INTERNAL),
        (5, ANONYMOUS.to_owned(), named.as_str()),
        (6, String::new(), PASS),
        (7, format!("{INTERNAL}{INTERNAL}"), ""),
    ] {
        client.append("INBOX", "()", &mail(number, &on_top, below));
    }
    client.append("Andere", "()", &mail(8, INTERNAL, ""));
    client.append("Andere", "()", &mail(9, &format!("{ANONYMOUS}{PASS}"), ""));
    let daemon = acme.serve();
    let mails = eventually("nine ends", || {
        let mails = acme.mails();
        (mails.len() == 9 && mails.iter().all(|mail| !mail["disposition"].is_null())).then_some(mails)
    });
    let count = |what: &str| mails.iter().filter(|mail| mail["disposition"] == what).count();
    assert_eq!((count("filed"), count("held")), (2, 7), "{mails:?}");
    let texts = acme.succeeds(&["history", "4711", "--tenant", "acme"]);
    assert!(texts.contains("Nummer 1.") && texts.contains("Nummer 2."), "{texts}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

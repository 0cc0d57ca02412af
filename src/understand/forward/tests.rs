//! One row per mail program and language. Acceptance: S1.12.

use super::*;
use crate::model::organisation::ReferenceRules;

fn rules() -> Rules {
    Rules::new(&ReferenceRules::default(), Vec::new()).unwrap()
}

fn check(text: &str, prefix: Option<Prefix>, note: &str, from: (&str, &str), subject: &str, date: &str, body: &str) {
    let forward = read(text, prefix, &rules()).unwrap_or_else(|| panic!("no forward found in {text}"));
    let original = &forward.chain[0];
    let found = (forward.note.as_str(), original.from.name.as_deref(), original.from.address.as_deref());
    assert_eq!(found, (note, Some(from.0).filter(|n| !n.is_empty()), Some(from.1).filter(|a| !a.is_empty())), "{text}");
    assert_eq!(
        (original.subject.as_str(), original.date.as_deref().unwrap_or(""), original.body.as_str()),
        (subject, date, body),
        "{text}"
    );
}

const MARIA: (&str, &str) = ("Maria Müller", "maria@example.net");

#[test]
fn outlook_german_and_english() {
    let german = "Bitte ablegen.\n\nVon: Maria Müller <maria@example.net>\nGesendet: Freitag, 20. November 2026 18:02\nAn: Petra Huber <petra@acme.example>\nCc: Max <max@acme.example>\nBetreff: AW: Ihre Einladung\n\nHallo,\n\nich komme.\n\nMaria";
    check(
        german,
        Some(Prefix::Forward),
        "Bitte ablegen.",
        MARIA,
        "AW: Ihre Einladung",
        "2026-11-20T18:02:00",
        "Hallo,\n\nich komme.\n\nMaria",
    );
    let english = "________________________________\nFrom: Maria Müller <maria@example.net>\nSent: Friday, November 20, 2026 6:02 PM\nTo: petra@acme.example <petra@acme.example>\nSubject: Re: Your invitation\n\nHello";
    check(english, Some(Prefix::Forward), "", MARIA, "Re: Your invitation", "2026-11-20T18:02:00", "Hello");
    let old = "-----Ursprüngliche Nachricht-----\nVon: Maria Müller [mailto:maria@example.net]\nGesendet: Freitag, 20. November 2026 18:02\nAn: Petra Huber\nBetreff: x\n\nHallo";
    check(old, None, "", MARIA, "x", "2026-11-20T18:02:00", "Hallo");
    let desktop = "Von: Maria Müller\nGesendet: Freitag, 20. November 2026 18:02\nAn: Petra Huber\nBetreff: x\n\nHallo";
    check(desktop, Some(Prefix::Forward), "", ("Maria Müller", ""), "x", "2026-11-20T18:02:00", "Hallo");
}

#[test]
fn gmail_apple_thunderbird() {
    let gmail = "Siehe unten\n\n---------- Forwarded message ---------\nVon: Maria Müller <maria@example.net>\nDate: Fr., 20. Nov. 2026 um 18:02 Uhr\nSubject: Re: Einladung\nTo: Petra Huber <petra@acme.example>\n\n\nHallo";
    check(gmail, Some(Prefix::Forward), "Siehe unten", MARIA, "Re: Einladung", "2026-11-20T18:02:00", "Hallo");
    let apple = "Anfang der weitergeleiteten Nachricht:\n\nVon: Maria Müller <maria@example.net>\nBetreff: Aw: Einladung\nDatum: 20. November 2026 um 18:02:11 MEZ\nAn: petra@acme.example\n\nHallo";
    check(apple, None, "", MARIA, "Aw: Einladung", "2026-11-20T18:02:11+01:00", "Hallo");
    let quoted = "Zur Info\n\n> Begin forwarded message:\n> \n> From: Maria Müller <maria@example.net>\n> Subject: Re: x\n> Date: 20 November 2026 at 18:02:11 CET\n> To: petra@acme.example\n> \n> Hello\n> > quoted\n\nGruß Petra";
    check(quoted, Some(Prefix::Forward), "Zur Info", MARIA, "Re: x", "2026-11-20T18:02:11+01:00", "Hello\n> quoted");
    let bird = "-------- Weitergeleitete Nachricht --------\nBetreff: \tRe: x\nDatum: \tFri, 20 Nov 2026 18:02:11 +0100\nVon: \tMaria Müller <maria@example.net>\nAn: \tpetra@acme.example\n\n\nHallo";
    check(bird, Some(Prefix::Forward), "", MARIA, "Re: x", "2026-11-20T18:02:11+01:00", "Hallo");
}

#[test]
fn bold_wrapped_and_swedish() {
    let bold = "*Von:* Maria Müller <maria@example.net>\n*Gesendet:* Freitag, 20. November 2026 18:02\n*An:* Petra Huber <petra@acme.example>;\n Max <max@acme.example>\n*Betreff:* x\n\nHallo";
    check(bold, Some(Prefix::Forward), "", MARIA, "x", "2026-11-20T18:02:00", "Hallo");
    let swedish = "Från: Maria Müller <maria@example.net>\nSkickat: den 20 november 2026 18:02\nTill: Petra\nÄmne: Sv: x\n\nHej";
    check(swedish, Some(Prefix::Forward), "", MARIA, "Sv: x", "2026-11-20T18:02:00", "Hej");
}

/// The newer Outlook: what stands right below a subject of few letters is the salutation, however many bytes they have.
#[test]
fn no_empty_line_behind_the_subject() {
    let text = "От: Maria Müller <maria@example.net>\nКому: petra@acme.example\nТема: Приглашение на собеседование\nЗдравствуйте!\n\nДа.";
    check(text, Some(Prefix::Forward), "", MARIA, "Приглашение на собеседование", "", "Здравствуйте!\n\nДа.");
}

/// Header blocks are looked for in the first lines alone; behind one, nothing is lost.
#[test]
fn long_texts() {
    let block = "Von: Maria Müller <maria@example.net>\nBetreff: x\n\n";
    let long = "Zeile\n".repeat(3 * MOST_LINES);
    check(&format!("{block}{long}"), Some(Prefix::Forward), "", MARIA, "x", "", long.trim_end());
    assert_eq!(read(&format!("{}{block}", "\n".repeat(MOST_LINES)), Some(Prefix::Forward), &rules()), None);
    assert_eq!(HeadLine::all(&"\n".repeat(1 << 20)).len(), MOST_LINES);
    let at_the_end = format!("{}{block}Hallo", "\n".repeat(MOST_LINES - 2));
    check(&at_the_end, Some(Prefix::Forward), "", MARIA, "x", "", "Hallo");
}

#[test]
fn a_chain_is_kept() {
    let text = "-------- Forwarded Message --------\nSubject: Fwd: x\nDate: Fri, 20 Nov 2026 18:02:11 +0100\nFrom: Petra <petra@acme.example>\nTo: max@acme.example\n\nfyi\n\n---------- Forwarded message ---------\nFrom: Maria Müller <maria@example.net>\nDate: Thu, Nov 19, 2026 at 6:02 PM\nSubject: x\nTo: petra@acme.example\n\nHello";
    let forward = read(text, Some(Prefix::Forward), &rules()).unwrap();
    let chain: Vec<_> = forward.chain.iter().map(|one| (one.level, one.from.address.as_deref().unwrap())).collect();
    assert_eq!(chain, [(0, "petra@acme.example"), (1, "maria@example.net")]);
    assert_eq!(forward.chain[1].body, "Hello");
}

#[test]
fn replies_and_plain_text_are_none() {
    let reply =
        "Danke!\n\nVon: Petra Huber <petra@acme.example>\nGesendet: Freitag, 20. November 2026 18:02\nAn: Maria\nBetreff: x\n\nHallo";
    for (text, prefix) in [
        (reply, Some(Prefix::Reply)),
        ("Am 20.11.2026 um 18:02 schrieb Petra:\n> Hallo", Some(Prefix::Reply)),
        ("Von: Hamburg\nnach: Berlin", None),
        ("Zeit: 18 Uhr\nOrt: Berlin\nVon: mir", None),
        ("Meine Adresse ist maria@example.net", Some(Prefix::Forward)),
        ("-----\n", None),
        ("", None),
    ] {
        assert_eq!(read(text, prefix, &rules()), None, "{text}");
    }
    // A forward inside a reply bears its own separator.
    let inside = "Danke!\n\n---------- Forwarded message ---------\nFrom: Maria <m@e.example>\nSubject: x\n\nHi";
    assert!(read(inside, Some(Prefix::Reply), &rules()).is_some());
}

/// What stands first counts, and what a candidate may have written himself makes nobody of him (G6).
#[test]
fn a_candidate_does_not_choose_who_he_is() {
    let unclear = |text: &str, prefix: Option<Prefix>| read(text, prefix, &rules()).unwrap().chain[0].sender_is_unclear;
    let forward = Some(Prefix::Forward);
    // A name that wraps, and goes on like a field.
    assert!(unclear("Von: Maria <m@e.example> x\nAn: <mallory@e.example>\nAn: Petra <p@a.example>\nBetreff: x\n\nHallo", forward));
    assert!(unclear(
        "From: Maria <m@e.example> x\nTo: <mallory@e.example>\nDate: 20 Nov 2026\nSubject: x\nTo: <p@a.example>\n\nHello",
        forward
    ));
    let yahoo = "----- Weitergeleitete Nachricht ----- Von: \"m@e.example An: x\" <mallory@e.example>An: p@a.example <p@a.example>Gesendet: 20.11.2026Betreff: x";
    assert!(unclear(yahoo, forward));
    // A name with the words of the line that introduces him.
    assert!(unclear("Am 20.11.2026 schrieb \"m@e.example schrieb am 1.1.2020\" <mallory@e.example>:\n\n    Hallo", forward));
    // A header block in his own text, below the line that introduces it.
    let inside =
        "Am 20.11.2026 schrieb Mallory <mallory@e.example>:\n\nHallo\n\nVon: Maria <m@e.example>\nGesendet: 1.1.2020\nBetreff: x\n\nIch";
    let found = read(inside, forward, &rules()).unwrap();
    assert_eq!(found.chain[0].from.address.as_deref(), Some("mallory@e.example"));
    // A sentence of the note reads like such a line: the forward below it is found, under any subject, and unclear.
    let note = "Am 3.11.2026 schrieb mir Frau Müller:\nsie kommt.\n\n-------- Weitergeleitete Nachricht --------\nVon: Maria <m@e.example>\nBetreff: x\n\nIch";
    for prefix in [forward, None] {
        let found = read(note, prefix, &rules()).unwrap();
        assert_eq!((found.chain[0].from.address.as_deref(), found.chain[0].sender_is_unclear), (Some("m@e.example"), true));
    }
    // A separator in what an answer quotes.
    let quoted = "Danke!\n\nAm 20.11.2026 schrieb Mallory <mallory@e.example>:\n> -------- Weitergeleitete Nachricht --------\n> Von: Maria <m@e.example>\n> Betreff: x\n> \n> Ich";
    assert_eq!(read(quoted, Some(Prefix::Reply), &rules()), None);
    // A separator whose header block nobody can read.
    assert!(unclear(
        "---------- Forwarded message ---------\n差出人: Mallory\n\nVon: Maria <m@e.example>\nGesendet: 1.1.2020\nBetreff: x\n\nIch",
        forward
    ));
    for prose in ["Reise:\nVon: Berlin\nAn: Hamburg\n\nMaria", "From: 9:00\nTo: 12:00\n\nMaria"] {
        assert_eq!(read(prose, forward, &rules()), None, "{prose}");
    }
}

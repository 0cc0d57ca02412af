use super::*;
use crate::model::message::Defect;
use crate::model::organisation::{ReferenceRules, Rules};
use crate::understand::{read, read_with_renderings};

fn differs(plain: &str, html: &str) -> bool {
    differ(plain, &[html.to_owned()])
}

/// What mail programs make of one letter: each pair says the same.
const HONEST: &[(&str, &str)] = &[
    ("Ich nehme das Angebot an.\n\nMaria", "<p>Ich nehme das <b>Angebot</b> an.</p><p>Maria</p>"),
    ("Ich nehme\ndas Angebot\nan.", "<div>Ich nehme das Angebot an.</div>"),
    ("Das ist *wichtig* und _neu_ für /alle/ hier", "Das ist <b>wichtig</b> und <u>neu</u> für <i>alle</i> hier"),
    (
        "Mein Zeugnis <https://x.example/z?id=4711> liegt bereit, siehe [1].\n\n[1] https://x.example/z",
        "Mein <a href='https://x.example/z?id=4711'>Zeugnis</a> liegt bereit, siehe.",
    ),
    ("Schreiben Sie an Maria <maria@e.example> bitte bald", "Schreiben Sie an <a href='mailto:maria@e.example'>Maria</a> bitte bald"),
    (
        "[cid:image001.png@01D0.ABCD]\nHallo Petra, anbei mein Lebenslauf\n[Logo der Firma]",
        "<img src='cid:image001.png@01D0.ABCD' alt='Logo'>Hallo Petra, anbei mein Lebenslauf",
    ),
    ("[image: image.png]\nHallo Petra, siehe oben", "<img src=cid:1 alt=image.png><div>Hallo Petra, siehe oben</div>"),
    (
        "Hallo Petra,\n\nanbei alles.\n\n<Lebenslauf.pdf><Zeugnis 2019.pdf>\n\nViele Grüße",
        "<div>Hallo Petra,</div><div>anbei alles.</div><div>Viele Grüße</div>",
    ),
    ("* eins\n* zwei\n* drei", "<ul><li>eins</li><li>zwei</li><li>drei</li></ul>"),
    ("   - eins\n   - zwei", "<ol><li>eins<li>zwei</ol>"),
    ("Name\nMaria\nOrt\nBerlin", "<table><tr><td>Name</td><td>Maria</td></tr><tr><td>Ort</td><td>Berlin</td></tr></table>"),
    ("Gut.\n\n> Am Montag um 10?\n> Petra", "Gut.<blockquote>Am Montag um 10?<br>Petra</blockquote>"),
    ("Gut.\n\n-----Ursprüngliche Nachricht-----\nVon: Petra\nMontag?", "Gut.<hr><b>Von:</b> Petra<br>Montag?"),
    ("Bis Montag\n-- \nMaria Müller\n+49 30 123456", "Bis Montag<br>--<br>Maria Müller<br>+49 30 123456"),
    ("Viele Gruesse, Maria Mueller aus Muenchen", "Viele Grüße, Maria Müller aus München"),
    ("Viele Gr??e aus M?nchen von Maria, bis Montag dann", "Viele Grüße aus München von Maria, bis Montag dann"),
    ("Gehalt: 60.000 EUR ab 1. März", "Gehalt: 60.000&nbsp;EUR ab 1. M&auml;rz"),
    ("Ihr Termin ist am Montag.", "<div style='display:none'>Nicht verpassen: Vorschau &zwnj;</div><p>Ihr Termin ist am Montag.</p>"),
    (
        "View in browser: https://x.example\n\nYour interview is on Monday at 10.",
        "<a href='https://x.example'>Click here to see this mail online</a><p>Your interview is on Monday at 10.</p>",
    ),
    (
        "Your interview is on Monday.",
        "<p>Your interview is on Monday.</p><p>Directions: take the train to the main station, walk north.</p><p>You may unsubscribe at any time.</p>",
    ),
    ("Bitte klicken Sie hier: https://x.example/", "Bitte klicken Sie <a href='https://x.example/'>diesen Knopf</a>"),
    ("", "<p>Nur HTML</p>"),
    ("Nur Text", "<img src='cid:plakat'>"),
    ("We\u{ad}ekend in Ber\u{200b}lin with the whole team", "Weekend in Berlin with the whole team"),
    (
        "Ja, gern! Maria",
        "<html><head><style>p{margin:0}</style><title>Neue Nachricht</title></head><body><p>Ja, gern!</p><p>Maria</p></body></html>",
    ),
    ("Gesendet von meinem iPhone\n\nJa, das passt mir gut.", "Ja, das passt mir gut.<br>Gesendet von meinem iPhone"),
    (
        "Gut.\n\nVon: Maria\nGesendet: Friday, November 20, 2026 6:02:11 PM\nAn: Petra\n\nMontag?",
        "Gut.<hr><b>Von:</b> Maria<br><b>Gesendet:</b> Freitag, 20. November 2026 18:02<br><b>An:</b> Petra<br><br>Montag?",
    ),
    ("Grüße\u{a0}aus Köln, ich freue mich", "Gru\u{308}&szlig;e aus Ko\u{308}ln, ich freue mich"),
];

/// What senders have tried: each pair says two things.
const TRICKS: &[(&str, &str)] = &[
    ("Ich nehme das Angebot an.", "<p>Ich lehne das Angebot ab.</p>"),
    ("We reject your offer of Monday.", "We accept your offer of Monday."),
    ("Ich kann die Stelle antreten, vielen Dank.", "Ich kann die Stelle nicht antreten, vielen Dank."),
    ("I will not come on Monday, sorry for that.", "I will come on Monday, sorry for that."),
    ("Mein Gehaltswunsch: 50.000 EUR im Jahr.", "Mein Gehaltswunsch: 80.000 EUR im Jahr."),
    ("Bitte überweisen auf DE89 3704 0044 0532 0130 00, danke", "Bitte überweisen auf DE12 5001 0517 0648 4898 90, danke"),
    ("Rückfragen an maria@e.example bitte.", "Rückfragen an <b>mallory@evil.example</b> bitte."),
    ("Hiermit bewerbe ich mich. Maria Müller, Berlin", "Hiermit bewerbe ich mich. Eva Schmidt, Berlin"),
    ("Die Nummer lautet 4711 wie besprochen.", "Die Nummer lautet 4812 wie besprochen."),
    ("Ja.", "Nein."),
    ("Guten Tag, anbei meine Unterlagen für die Stelle.", "<p>Sie haben gewonnen! Jetzt Konto bestätigen und Preis sichern.</p>"),
    ("Ich nehme das Angebot an.", "<span style='display:none'>Ich nehme das Angebot an.</span><p>Ich lehne es leider ab, alles Gute.</p>"),
    ("Ich nehme das Angebot an.", "<font color=white>Ich nehme das Angebot an.</font><p>Leider sage ich Ihnen hiermit endgültig ab.</p>"),
    ("Ich habe kein Interesse an der Stelle.", "Ich habe ein Interesse an der Stelle."),
    ("Jag tackar ja till tjänsten.", "Jag tackar nej till tjänsten."),
    ("Rufen Sie mich an: 030 123456, Maria", "Rufen Sie mich an: 030 987654, Maria"),
    ("Ich habe keine Vorstrafen, versichere ich.", "Ich habe Vorstrafen, versichere ich."),
    (
        "Der Termin am Dienstag passt.",
        "<style>.x{display:none}</style><span class=x>Der Termin am Dienstag passt.</span>Der Termin am Freitag passt.",
    ),
];

#[test]
fn honest_pairs() {
    let flagged: Vec<_> = HONEST.iter().filter(|(plain, html)| differs(plain, html)).collect();
    assert!(flagged.is_empty(), "{flagged:#?}");
}

#[test]
fn tricks() {
    let missed: Vec<_> = TRICKS.iter().filter(|(plain, html)| !differs(plain, html)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn texts_that_only_ask_for_another_program() {
    let html =
        "Sehr geehrte Frau Petra, hiermit bewerbe ich mich um die Stelle, die Sie am Montag ausgeschrieben haben, und bitte um Antwort.";
    for stub in [
        "Diese E-Mail enthält HTML. Ihr Mailprogramm kann sie nicht darstellen.",
        "Your mail client does not support HTML.",
        "This message requires an HTML viewer.",
        "Please use an HTML compatible email viewer!",
        "To view this message, please use an HTML-capable client.",
        "The HTML newsletter could be read here: http://x.example/",
        "Din e-postklient har inte stöd för HTML.",
    ] {
        assert!(is_stub(stub, html), "{stub}");
    }
    for text in ["Ich kann HTML und CSS.", "Bitte um Antwort.", "", "Ich nehme das Angebot an."] {
        assert!(!is_stub(text, html), "{text}");
    }
    assert!(!is_stub("Your mail client does not support HTML.", "Hi"), "the HTML says less");
}

#[test]
fn work_is_bounded() {
    for plain in ["(".repeat(2 << 20), "<http:".repeat(300_000), "a b ".repeat(500_000), "nicht ".repeat(300_000), "1 ".repeat(1 << 20)] {
        let html = "<b>x</b> nicht ".repeat(100_000);
        differs(&plain, &html);
    }
}

fn alternatives(plain: &str, html: &str) -> String {
    format!(
        "Content-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain; charset=utf-8\n\n{plain}\n--a\nContent-Type: text/html; charset=utf-8\n\n{html}\n--a--\n"
    )
}

#[test]
fn the_entry_is_flagged() {
    let rules = Rules::new(&ReferenceRules::default(), Vec::new()).unwrap();
    let check = |mail: &str, text: &str, differs: bool| {
        let (message, defects) = read(None, mail.as_bytes(), &rules);
        assert_eq!(message.renderings_differ, differs, "{mail}");
        assert_eq!(defects.iter().any(|defect| matches!(defect, Defect::RenderingsDiffer(_))), differs, "{defects:?}");
        assert!(message.text.contains(text), "{}", message.text);
    };
    let head = "From: m@e.example\nSubject: x\nMIME-Version: 1.0\n";
    let trick = alternatives("Ich nehme das Angebot an.", "<p>Ich lehne das Angebot ab.</p>");
    check(&format!("{head}{trick}"), "Ich nehme das Angebot an.", true);
    check(&format!("{head}{}", alternatives("Ja, gern.", "<p>Ja, gern.</p>")), "Ja, gern.", false);
    let stub = alternatives("Your mail client does not support HTML.", "<p>Hiermit bewerbe ich mich um die ausgeschriebene Stelle.</p>");
    check(&format!("{head}{stub}"), "Hiermit bewerbe ich mich", false);
    check(&format!("{head}{}", alternatives("  ", "<p>Nur HTML.</p>")), "Nur HTML.", false);
    // In a mail that was forwarded as an attachment.
    let inside = format!(
        "{head}Content-Type: multipart/mixed; boundary=m\n\n--m\n\nsiehe unten\n--m\nContent-Type: message/rfc822\n\nFrom: eva@e.example\nSubject: y\n{trick}\n--m--\n"
    );
    check(&inside, "Ich nehme das Angebot an.", true);
    // Both can be shown.
    let (_, _, renderings) = read_with_renderings(inside.as_bytes(), &rules);
    assert_eq!((renderings.len(), renderings[0].of, renderings[0].html[0].trim()), (1, 1, "<p>Ich lehne das Angebot ab.</p>"));
}

//! One forward with every kind of part there is, as mail programs send them: its entry, its files and its notice.

use crate::harness::*;
use base64::Engine;
use serde_json::Value;

fn base64(bytes: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    encoded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}

/// A PNG of that size, as far as its head tells; the rest fills it up.
fn png(width: u32, height: u32, bytes: usize) -> Vec<u8> {
    let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    image.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    image.extend([8, 6, 0, 0, 0]);
    image.resize(bytes, 0x5a);
    image
}

/// The same as JPEG.
fn jpeg(width: u16, height: u16, bytes: usize) -> Vec<u8> {
    let mut image = b"\xff\xd8\xff\xc0\0\x11\x08".to_vec();
    image.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    image.resize(bytes, 0x5a);
    image
}

/// A ZIP of empty files.
fn zip(names: &[&str]) -> Vec<u8> {
    let (mut files, mut list) = (Vec::new(), Vec::new());
    for name in names {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let at = u32::try_from(files.len()).unwrap().to_le_bytes();
        files.extend([b"PK\x03\x04\x14\0".as_slice(), &[0; 20], &length, &[0; 2], name.as_bytes()].concat());
        list.extend([b"PK\x01\x02\x14\0\x14\0".as_slice(), &[0; 20], &length, &[0; 12], &at, name.as_bytes()].concat());
    }
    let count = u16::try_from(names.len()).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(list.len()).unwrap().to_le_bytes(), u32::try_from(files.len()).unwrap().to_le_bytes());
    [files, list, b"PK\x05\x06\0\0\0\0".to_vec(), count.to_vec(), count.to_vec(), size.to_vec(), at.to_vec(), vec![0, 0]].concat()
}

fn part(head: &str, bytes: &[u8]) -> String {
    format!("{head}\nContent-Transfer-Encoding: base64\n\n{}", base64(bytes))
}

const HEAD: &str = "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom=acme.example; dmarc=pass header.from=acme.example\n\
    From: Petra Huber <petra@acme.example>\nTo: import@acme.example\nDate: Mon, 23 Nov 2026 09:30:00 +0100\nMIME-Version: 1.0\n";

fn block(html: bool) -> String {
    let lines = [format!("Von: Maria Kanarie <{MARIA}>"), "Gesendet: Freitag, 20. November 2026 18:02".into()];
    let more = ["An: Petra Huber <petra@acme.example>", "Betreff: AW: kanarie-betreff"];
    let lines: Vec<String> = lines.into_iter().chain(more.map(str::to_owned)).collect();
    if html { lines.iter().map(|line| format!("<p>{}</p>", line.replace('<', "&lt;"))).collect() } else { lines.join("\n") }
}

/// As Outlook forwards it: her logo and icon above, the candidate's photo and signature below.
fn forward() -> String {
    let html = format!(
        "<p>Bitte ablegen.</p><p>Mit freundlichen Gr&uuml;&szlig;en<br>Petra</p><img width=180 height=60 src=\"cid:logo@x\">\
         <a href=\"https://www.linkedin.com/company/acme\"><img width=24 height=24 src=\"cid:li@x\"></a>{}\
         <p>kanarienvogel-text: anbei meine Unterlagen.</p><img src=\"cid:photo@x\">",
        block(true)
    );
    let texts = [
        format!(
            "Content-Type: text/plain; charset=utf-8\n\nBitte ablegen.\n\n{}\n\nkanarienvogel-text: anbei meine Unterlagen.",
            block(false)
        ),
        format!("Content-Type: text/html; charset=utf-8\n\n{html}"),
        "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR".to_owned(),
    ];
    let alternative = format!("Content-Type: multipart/alternative; boundary=a\n\n--a\n{}\n--a--\n", texts.join("\n--a\n"));
    let cid = |name: &str, id: &str, kind: &str, bytes: &[u8]| {
        let head = format!("Content-Type: image/{kind}; name={name}\nContent-ID: <{id}>\nContent-Disposition: inline; filename={name}");
        part(&head, bytes)
    };
    let related = [
        alternative,
        cid("image001.png", "logo@x", "png", &png(180, 60, 4_000)),
        cid("image002.png", "li@x", "png", &png(24, 24, 900)),
        cid("IMG_1234.jpeg", "photo@x", "jpeg", &jpeg(1536, 2048, 9_000)),
    ];
    let related = format!("Content-Type: multipart/related; boundary=r\n\n--r\n{}\n--r--\n", related.join("\n--r\n"));
    let parts = [
        related,
        part(
            "Content-Type: application/pdf; name=Lebenslauf.pdf\nContent-Disposition: inline; filename=Lebenslauf.pdf\nContent-ID: <pdf@x>",
            b"%PDF-1.4 kanarie",
        ),
        part("Content-Type: application/zip\nContent-Disposition: attachment; filename=Zeugnisse.zip", &zip(&["Abitur.pdf", "Diplom.pdf"])),
        part(
            "Content-Type: application/pdf\nContent-Disposition: attachment; filename=gesperrt.pdf",
            b"%PDF-1.7 trailer <</Encrypt 5 0 R>>",
        ),
        part("Content-Type: text/vcard; name=maria.vcf\nContent-Disposition: attachment", b"BEGIN:VCARD\nEND:VCARD\n"),
        part("Content-Type: application/pdf\nContent-Disposition: attachment", b"%PDF-1.4 namenlos"),
        part("Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment; filename=smime.p7s", b"0\x80"),
    ];
    format!(
        "{HEAD}Subject: 4711 WG: kanarie-betreff\nMessage-ID: <parts@acme.example>\nContent-Type: multipart/mixed; boundary=m\n\n--m\n{}\n--m--\n",
        parts.join("\n--m\n")
    )
}

fn row(part: &Value) -> (&str, &str, &str) {
    let word = |key: &str| part[key].as_str().unwrap_or("-");
    (word("name"), word("role"), word("reason"))
}

/// Acceptance: S1.20, S1.21, S1.E10; G8.
#[test]
fn every_part_of_a_forward_is_accounted_for() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&forward());
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let entry = acme.entries("4711").remove(0);
    let parts = entry["parts"].as_array().unwrap();
    let rows: Vec<_> = parts.iter().map(row).collect();
    assert_eq!(
        rows,
        [
            ("-", "inline", "calendar"),
            ("image001.png", "signature", "logo"),
            ("image002.png", "signature", "social icon"),
            ("IMG_1234.jpeg", "file", "-"),
            ("Lebenslauf.pdf", "file", "-"),
            ("Zeugnisse.zip", "file", "-"),
            ("gesperrt.pdf", "file", "-"),
            ("maria.vcf", "file", "-"),
            ("-", "file", "-"),
            ("smime.p7s", "skipped", "digital signature"),
            ("-", "skipped", "other form of the text"),
        ]
    );
    assert_eq!((&parts[0]["calendar"]["method"], &parts[0]["calendar"]["component"]), (&"REQUEST".into(), &"VEVENT".into()));
    assert_eq!((&parts[5]["inside"][0]["name"], &parts[5]["inside"][1]["name"]), (&"Abitur.pdf".into(), &"Diplom.pdf".into()));
    assert_eq!((&parts[6]["locked"], &parts[5]["locked"]), (&true.into(), &Value::Null));
    let documents: Vec<_> = entry["documents"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(documents, ["IMG_1234.jpeg", "Lebenslauf.pdf", "Zeugnisse.zip", "gesperrt.pdf", "maria.vcf", "unnamed.pdf"]);
    // People read it in words, in the history and beside the mail.
    let history = acme.succeeds(&["history", "4711", "--tenant", "acme"]);
    let mail = acme.succeeds(&["mail", "show", &id, "--tenant", "acme"]);
    for words in [
        "image001.png  (logo of a signature)",
        "image002.png  (icon of a social network)",
        "(invitation to a meeting)",
        "smime.p7s  (digital signature)",
    ] {
        assert!(history.contains(words), "{words} in {history}");
        assert!(mail.contains(words), "{words} in {mail}");
    }
    for (name, note) in
        [("Zeugnisse.zip", "2 files inside: Abitur.pdf, Diplom.pdf"), ("gesperrt.pdf", "encrypted: a password may be needed")]
    {
        assert!(mail.contains(&format!("  about         {name}  ({note})")), "{mail}");
        // Beside the document: two may have one name.
        let line = history.lines().find(|line| line.starts_with("  file ") && line.contains(name)).unwrap();
        assert!(line.ends_with(&format!("; {note})")) && !history.contains("  about "), "{history}");
    }
    // The HTML form of the text is no loss: it stands in the JSON alone.
    assert!(!history.contains("another form of the text") && !mail.contains("another form of the text"), "{history}{mail}");
    let shown = acme.json(&["mail", "show", &id, "--tenant", "acme", "--json"]);
    assert_eq!((&shown["parts"], &shown["parts_forecast"]), (&entry["parts"], &false.into()));
    acme.all_sent();
    let caught = acme.catcher.as_ref().unwrap().caught();
    let notice = |to: &str| caught.iter().map(|one| text_of(&one.data)).find(|mail| mail.contains(&format!("To: {to}"))).unwrap();
    for (to, seen) in
        [(PETRA, ["Darin (2): Abitur.pdf, Diplom.pdf", "Kennwort"]), ("max@acme.example", ["Inside (2): Abitur.pdf", "password"])]
    {
        let notice = notice(to);
        assert!(notice.contains("IMG_1234.jpeg") && seen.iter().all(|words| notice.contains(words)), "{notice}");
        assert!(!notice.contains("image001") && !notice.contains("smime"), "{notice}");
    }
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E10; G8. A small image that comes with mail after mail is a logo; a photo that is sent again is filed again.
#[test]
fn what_is_sent_again_and_again_is_a_logo() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    for (number, (reference, role, reason)) in
        [("4711", "file", "-"), ("4712", "file", "-"), ("4711", "signature", "sent before")].into_iter().enumerate()
    {
        let image = part("Content-Type: image/png\nContent-Disposition: attachment; filename=firma.png", &png(160, 50, 3_000));
        let photo = part("Content-Type: image/jpeg\nContent-Disposition: attachment; filename=maria.jpg", &jpeg(300, 400, 3_000));
        // Written by Petra herself, for any candidate.
        let mail = format!(
            "{HEAD}Subject: {reference} WG: {number}\nMessage-ID: <again{number}@acme.example>\nContent-Type: multipart/mixed; boundary=m\n\n--m\n\n\
             Telefonat mit dem Bewerber.\n--m\n{image}\n--m\n{photo}\n--m--\n"
        );
        let id = daemon.delivers(&mail);
        let ended = acme.ended(&id);
        if ended["disposition"] == "held" {
            acme.succeeds(&["dead-letter", "assign", &id, "--reference", reference, "--tenant", "acme"]);
            eventually("it is filed", || (acme.ended(&id)["disposition"] == "filed").then_some(()));
        }
        let entry = acme.entries(reference).pop().unwrap();
        let rows: Vec<_> = entry["parts"].as_array().unwrap().iter().map(row).collect();
        assert_eq!(rows, [("firma.png", role, reason), ("maria.jpg", "file", "-")], "{number}");
    }
    assert_eq!(acme.count("seen_image"), 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

//! What is told of the parts of a mail while it is held and when it is filed: in words, as JSON, and on its page.

use crate::harness::*;

fn part(name: &str, bytes: &str) -> String {
    format!(
        "Content-Type: application/pdf\nContent-Disposition: attachment; filename={name}\nContent-Transfer-Encoding: base64\n\n{bytes}\n"
    )
}

/// A locked PDF, a program under a PDF's name, an empty file; of somebody whose name has umlauts, to a number that nobody has.
fn mail() -> String {
    let parts = [
        "Content-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain\n\nBitte ablegen.\n--a\nContent-Type: text/html\n\n<p>Bitte ablegen.</p>\n--a--\n"
            .to_owned(),
        // %PDF-1.7 trailer <</Encrypt 5 0 R>>
        part("Zeugnis-kanarie.pdf", "JVBERi0xLjcgdHJhaWxlciA8PC9FbmNyeXB0IDUgMCBSPj4="),
        // The head of an MZ program.
        part("Arbeitszeugnis.pdf", "TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAA=="),
        part("leer.pdf", ""),
    ];
    format!(
        "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom=acme.example; dmarc=pass header.from=acme.example\n\
         From: =?utf-8?q?Petra_H=C3=BCb=C3=A9r?= <petra@acme.example>\nTo: =?iso-8859-1?Q?B=FCro?= <import@acme.example>\n\
         Subject: 4799 =?utf-8?b?R3LDvMOfZQ==?=\nMessage-ID: <page@acme.example>\nDate: Mon, 23 Nov 2026 09:30:00 +0100\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=m\n\n--m\n{}\n--m--\n",
        parts.join("\n--m\n")
    )
}

/// Acceptance: S1.E14; G8. Before it is filed a forecast, said so; then what its entry says.
#[test]
fn held_and_filed() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&mail());
    assert_eq!(acme.ended(&id)["disposition"], "held");
    let show = |acme: &Installation, more: &[&str]| acme.succeeds(&[&["mail", "show", &id, "--tenant", "acme"], more].concat());
    let held = show(&acme, &[]);
    for words in [
        "\nparts     a forecast, read anew from the bytes",
        "\n  file          Zeugnis-kanarie.pdf  (",
        "; encrypted: a password may be needed)\n",
        "\n  not filed     Arbeitszeugnis.pdf  (is a program under another name)\n",
        "0 bytes; empty: there is nothing in it)\n",
    ] {
        assert!(held.contains(words), "{words} in {held}");
    }
    assert_eq!(acme.succeeds(&["dead-letter", "show", &id, "--tenant", "acme"]), held);
    let json = acme.json(&["dead-letter", "show", &id, "--tenant", "acme", "--json"]);
    let parts = json["parts"].as_array().unwrap();
    let rows: Vec<_> = parts.iter().map(|part| (part["name"].as_str(), part["reason"].as_str())).collect();
    assert_eq!(
        rows,
        [
            (Some("Zeugnis-kanarie.pdf"), None),
            (Some("Arbeitszeugnis.pdf"), Some("disguised")),
            (Some("leer.pdf"), None),
            (None, Some("other form of the text"))
        ]
    );
    assert_eq!(json["parts_forecast"], true);

    let program = "<td>Arbeitszeugnis.pdf</td><td>not filed</td><td>is a program under another name</td>";
    let page = show(&acme, &["--html"]);
    for words in [
        "<td>From</td><td>Petra Hübér &lt;petra@acme.example&gt;</td>",
        "<td>To</td><td>Büro &lt;import@acme.example&gt;</td>",
        "<td>Subject</td><td>4799 Grüße</td>",
        "what would become of it",
        "a forecast, read anew from the bytes",
        program,
        "<summary>HTML</summary>",
        // A defect names the file.
        "&quot;Arbeitszeugnis.pdf&quot;: its name says it is pdf",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("=?"), "{page}");

    acme.succeeds(&["dead-letter", "assign", &id, "--reference", "4711", "--tenant", "acme"]);
    eventually("it is filed", || (acme.ended(&id)["disposition"] == "filed").then_some(()));
    let page = show(&acme, &["--html"]);
    let flag = "a person chose the application: an operator, or the forwarder in answer to a receipt";
    let encrypted = "<td>Zeugnis-kanarie.pdf</td><td>filed</td><td>encrypted: a password may be needed</td>";
    for words in ["what became of it", program, encrypted, "<td>another form</td>", flag] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("a forecast") && !page.contains(">assigned<"), "{page}");
    let filed = show(&acme, &[]);
    assert!(
        filed.contains("  not filed     Arbeitszeugnis.pdf  (is a program under another name)") && !filed.contains("a forecast"),
        "{filed}"
    );
    let history = acme.succeeds(&["history", "4711", "--tenant", "acme"]);
    assert!(history.contains(&format!("\n  mind          {flag}\n")), "{history}");
    assert_eq!(acme.entries("4711")[0]["flags"], serde_json::json!(["assigned"]));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

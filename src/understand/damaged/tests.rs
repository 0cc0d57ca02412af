//! Mails that are damaged as real ones are, each in a file of its own: what a human can read of them is read, and no file is lost.

use super::super::read;
use crate::model::organisation::{ReferenceRules, Rules};
use std::collections::BTreeSet;
use std::path::Path;

const GREETING: &str = "Hallo Frau Ünal";
const CV: &[&str] = &["Lebenslauf.pdf"];

/// A file, what its text must say, the names of its files, a part of a defect that is told.
const WANTED: &[(&str, &[&str], &[&str], &str)] = &[
    ("attached-mail-is-none", &[GREETING], &["kaputt.eml"], ""),
    ("attached-mail-is-empty", &[GREETING], &[], ""),
    ("attached-mail-in-base64", &[GREETING, "Text der inneren Mail"], &[], ""),
    ("headers-repeated-in-parts", &["HTML-Te"], &[], ""),
    ("disposition-is-an-encoded-word", &["Guten Tag"], &[], ""),
    ("received-ends-in-a-fold", &[], &[], ""),
    ("only-a-closing-boundary", &["Hier steht der Text."], &[], "without its boundary"),
    ("line-end-in-a-parameter", &[GREETING], &[], ""),
    ("no-body", &[], &[], "without its boundary"),
    ("other-boundary", &[GREETING], CV, ""),
    ("no-boundary-named", &[GREETING], CV, ""),
    ("closing-boundary-with-one-dash", &[GREETING], CV, ""),
    ("boundaries-with-blanks", &[GREETING], CV, ""),
    ("no-blank-line-before-body", &[GREETING, "Unterlagen"], &[], "without an empty line"),
    ("no-blank-line-and-colon", &["Anmerkung: anbei", "Ünal"], &[], "without an empty line"),
    ("folds-without-blanks", &[GREETING], CV, "no field"),
    ("part-without-header", &["Hinweis: Hallo Frau Ünal", "Unterlagen"], CV, ""),
    ("blanks-before-colons", &[GREETING], &[], ""),
    ("line-ends-cr", &[GREETING, "\nanbei meine"], CV, ""),
    ("line-ends-cr-cr-lf", &[GREETING, "\nanbei meine"], CV, ""),
    ("line-ends-mixed", &[GREETING, "\nanbei meine"], CV, ""),
    ("nul-bytes", &[GREETING], CV, ""),
    ("says-base64-is-text", &[GREETING, "Unterlagen"], &[], "says base64 and is none"),
    ("says-quoted-printable-is-none", &[GREETING, "2 = 1+1, a=b"], &[], ""),
    ("base64-with-a-hole", &[GREETING, "meine Unterlagen."], &[], "base64 is damaged"),
    ("transfer-encoding-misspelt", &[GREETING], &[], ""),
    ("no-media-type", &[GREETING], &[], ""),
    ("mbox", &[GREETING, ">From hier an"], &[], ""),
    ("twice-encoded", &["Hallo Frau Ünal – schöne Grüße"], &[], "encoded again; undone"),
    ("wrong-charset-in-name", &[GREETING], &["Lebenslauf Müller.pdf"], ""),
    ("utf-16-under-another-name", &[GREETING], &[], "evidently UTF-16"),
    ("not-a-mail", &[GREETING], &[], ""),
    ("charset-in-html-alone", &["Zażółć gęślą"], &[], ""),
];

/// Acceptance: S1.E11; G8.
#[test]
fn what_can_be_read_is_read() {
    let rules = Rules::new(&ReferenceRules::default(), vec!["acme.example".into()]).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/damaged");
    let files: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let wanted: BTreeSet<String> = WANTED.iter().map(|(name, ..)| format!("{name}.eml")).collect();
    assert_eq!(files, wanted, "each file has its row");
    for (name, texts, names, defect) in WANTED {
        let raw = std::fs::read(folder.join(format!("{name}.eml"))).unwrap();
        let (message, defects) = read(None, &raw, &rules);
        for text in *texts {
            assert!(message.text.contains(text), "{name}: {text:?} is not in {:?}", message.text);
        }
        let found: Vec<&str> = message.attachments.iter().filter_map(|file| file.name.as_deref()).collect();
        assert_eq!(&found, names, "{name}");
        let told: Vec<String> = defects.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(defect)) || defect.is_empty(), "{name}: {told:?}");
        if raw.starts_with(b"From: ") {
            assert_eq!(message.from.as_ref().and_then(|from| from.name.as_deref()), Some("Maria Müller"), "{name}");
        }
    }
}

/// Acceptance: S1.E11; G8.
#[test]
fn enormous_damage_is_bounded() {
    let rules = Rules::new(&ReferenceRules::default(), vec![]).unwrap();
    let text_of = |raw: &[u8]| read(None, raw, &rules).0.text;
    let fields = format!("{}\nHallo", "X-Feld: x\n".repeat(100_000));
    assert_eq!(text_of(fields.as_bytes()), "Hallo");
    let line = format!("Subject: x\n\n{}", "Hallo ".repeat(8 << 20));
    assert!(text_of(line.as_bytes()).starts_with("Hallo Hallo"));
    let messages = format!("{}Subject: x\n\nHallo", "Content-Type: message/rfc822\n\n".repeat(10_000));
    let (message, _) = read(None, messages.as_bytes(), &rules);
    assert!(!message.text.is_empty() || !message.attachments.is_empty());
    let noise = format!("Subject: x\n{}", "kein Feld\nMessage-ID: <a@b>\n".repeat(10_000));
    assert!(text_of(noise.as_bytes()).contains("kein Feld"));
    let boundaries = format!(
        "Content-Type: multipart/mixed; boundary=a\n\n{}",
        "--a\nContent-Type: multipart/mixed; boundary=nie\n\nHallo\n".repeat(2_500)
    );
    assert!(text_of(boundaries.as_bytes()).contains("Hallo"));
}

//! S/MIME as a real OpenSSL writes it: what is signed opaquely is read, what is encrypted is held and answered.

use crate::harness::*;
use std::process::Command;

/// The header section of a mail and its MIME entity, told apart as a signing mail program does.
fn parted(mail: &str) -> (String, String) {
    let (head, body) = mail.split_once("\n\n").unwrap();
    let (mut outer, mut inner) = (String::new(), String::new());
    let mut is_inner = false;
    for line in head.lines() {
        if !line.starts_with([' ', '\t']) {
            is_inner = line.to_ascii_lowercase().starts_with("content-");
        }
        if !line.to_ascii_lowercase().starts_with("mime-version") {
            let section = if is_inner { &mut inner } else { &mut outer };
            section.push_str(line);
            section.push('\n');
        }
    }
    (outer, format!("{inner}\n{body}"))
}

/// The mail as OpenSSL makes it of its entity; `args` are those of `openssl cms`.
fn sealed(acme: &Installation, mail: &str, args: &[&str]) -> String {
    let (outer, entity) = parted(mail);
    std::fs::write(acme.path("entity"), entity.replace('\n', "\r\n")).unwrap();
    let output = Command::new("openssl").arg("cms").args(args).arg("-in").arg(acme.path("entity")).current_dir(acme.folder.path()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    outer + &String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

const SIGN: [&str; 8] = ["-sign", "-nodetach", "-binary", "-signer", "cert.pem", "-inkey", "key.pem", "-md"];

/// Acceptance: S1.E14; G8. Definite lengths, and the indefinite ones of a program that streams.
#[test]
fn opaque_signatures_are_opened() {
    let mut acme = Installation::new();
    acme.certificate();
    let daemon = acme.serve();
    let long = "Zeile um Zeile.\n".repeat(5_000);
    for (number, more) in [&["sha256"][..], &["sha256", "-stream", "-indef"]].into_iter().enumerate() {
        let id = format!("signed-{number}@acme.example");
        let files = [("Anschreiben.pdf", "%PDF-1.4 brief"), ("Kanarie-Datei.txt", long.as_str())];
        let mail = Forward { id: &id, attachments: &files, ..Forward::default() }.mail();
        let arrival = daemon.delivers(&sealed(&acme, &mail, &[&SIGN[..], more].concat()));
        assert_eq!(acme.ended(&arrival)["disposition"], "filed");
        let entry = acme.entries("4711").pop().unwrap();
        assert_eq!(entry["original"]["from"]["address"], MARIA);
        assert!(entry["text"].as_str().unwrap().contains("kanarienvogel-text"), "{entry}");
        let parts: Vec<_> = entry["parts"].as_array().unwrap().iter().map(|part| (&part["role"], &part["reason"], &part["name"])).collect();
        assert_eq!(
            parts.iter().map(|(role, reason, name)| format!("{role} {reason} {name}")).collect::<Vec<_>>(),
            [r#""skipped" "unpacked" "smime.p7m""#, r#""file" null "Anschreiben.pdf""#, r#""file" null "Kanarie-Datei.txt""#]
        );
        assert!(entry["defects"].to_string().contains("nobody has verified"), "{}", entry["defects"]);
        let ids: Vec<_> = entry["documents"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(acme.runs(&["document", "get", &ids[0], "--tenant", "acme"]).stdout, b"%PDF-1.4 brief");
        let got = acme.runs(&["document", "get", &ids[1], "--tenant", "acme"]).stdout;
        assert!(got == long.replace('\n', "\r\n").as_bytes(), "{} bytes", got.len());
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E14; G7. Also where a signature is around it: what is encrypted is held, and its forwarder hears why.
#[test]
fn encrypted_mail_is_held_and_answered() {
    let mut acme = Installation::new();
    acme.certificate();
    let daemon = acme.serve();
    let encrypt = ["-encrypt", "-aes256", "-recip", "cert.pem"];
    let mail = |id: &str| Forward { id, ..Forward::default() }.mail();
    let encrypted = sealed(&acme, &mail("encrypted@acme.example"), &encrypt);
    let both = sealed(&acme, &sealed(&acme, &mail("both@acme.example"), &encrypt), &[&SIGN[..], &["sha256"]].concat());
    for mail in [encrypted, both] {
        let arrival = daemon.delivers(&mail);
        let ended = acme.ended(&arrival);
        assert_eq!((ended["disposition"].as_str(), ended["reason"].as_str()), (Some("held"), Some("encrypted")), "{ended}");
    }
    acme.all_sent();
    let receipts = acme.catcher.as_ref().unwrap().caught();
    let said = receipts.iter().filter(|caught| text_of(&caught.data).contains(&format!("To: {PETRA}"))).count();
    assert_eq!(said, 2, "each is told of");
    daemon.stop();
    acme.is_sound();
}

//! The demo as a newcomer calls it.

use std::process::{Command, Stdio};

fn demo(args: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_rohrpost")).arg("demo").args(args).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_demo_does_what_it_says() {
    let output = demo(&["--once"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let ends: Vec<&str> = said.lines().skip(2).take(7).map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(
        ends,
        [
            "filed",
            "held (unknown_number)",
            "refused (550)",
            "filed",
            "held (number_and_sender_disagree)",
            "duplicate",
            "ignored (auto_reply)"
        ]
    );
    for part in [
        "Anschreiben_Müller.pdf  (cover_letter",
        "perhaps  4711  Maria Müller",
        "Neue Antwort von Jörg Großmann",
        "Everything went as expected.",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn the_demo_with_own_mails() {
    let mails = tempfile::tempdir().unwrap();
    std::fs::write(mails.path().join("a.eml"), "From: petra@acme.example\nSubject: 4711 eigene\n\nHallo\n").unwrap();
    std::fs::write(mails.path().join("b.eml"), "From: petra@acme.example\nSubject: ohne Nummer\n\nHallo\n").unwrap();
    let output = demo(&["--once", "--mail", mails.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        said.contains("filed                               a.eml") && said.contains("held (no_number)                    b.eml"),
        "{said}"
    );
    let nowhere = demo(&["--once", "--mail", "/nowhere"]);
    assert!(nowhere.status.code() == Some(1) && String::from_utf8_lossy(&nowhere.stderr).contains("/nowhere"));
}

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
        "\n== rohrpost history 4711\n4711  Maria Müller  ",
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
    assert!(said.contains("\n== rohrpost history 4711\n") && said.ends_with("Every mail was taken and has an end.\n"), "{said}");
    // The history of the application that a mail was filed to, and no other; a refused mail is said, and makes the exit code 1.
    std::fs::remove_file(mails.path().join("a.eml")).unwrap();
    std::fs::write(mails.path().join("c.eml"), "From: petra@acme.example\nSubject: BW-0000001-5 eigene\n\nHallo\n").unwrap();
    std::fs::write(mails.path().join("d.eml"), "From: petra@acme.example\nSubject: 4711 zu gross\n\n".to_owned() + &"x\n".repeat(20 << 20))
        .unwrap();
    let output = demo(&["--once", "--mail", mails.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("filed                               c.eml") && said.contains("refused (552)                       d.eml"),
        "{said}"
    );
    assert!(said.contains("\n== rohrpost history BW-0000001-5\nBW-0000001-5  ") && !said.contains("history 4711"), "{said}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("d.eml: refused: 552") && !error.contains("c.eml"), "{error}");
    let nowhere = demo(&["--once", "--mail", "/nowhere"]);
    assert!(nowhere.status.code() == Some(1) && String::from_utf8_lossy(&nowhere.stderr).contains("/nowhere"));
}

/// It tells what can be typed: the program that runs is called by its own path.
#[test]
fn the_demo_keeps_running() {
    use std::io::BufRead;
    let mut child = Command::new(env!("CARGO_BIN_EXE_rohrpost")).arg("demo").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let hint = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("Look at it:")).unwrap();
    let words: Vec<&str> = hint.split_whitespace().skip(3).collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("unknown_number"), "{hint}: {output:?}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

//! The dead-letter folder as an operator uses it: ls, mv, rm, cp, an editor.

use crate::harness::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn files(acme: &Installation, part: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(acme.path("state/dead-letters").join(part))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn shown(acme: &Installation) -> PathBuf {
    eventually("a file in the folder", || files(acme, "new").into_iter().next())
}

#[test]
fn what_is_held_is_a_file() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let mail = Forward { subject: "9999 WG: kanarie-betreff", ..Forward::default() }.mail();
    let id = daemon.delivers(&mail);
    acme.ended(&id);
    let path = shown(&acme);
    let text = std::fs::read(&path).unwrap();
    let raw = acme.runs(&["mail", "show", &id, "--raw", "--tenant", "acme"]).stdout;
    assert!(text.ends_with(&raw), "the raw mail stands untouched behind our header");
    let head = String::from_utf8(text[..text.len() - raw.len()].to_vec()).unwrap();
    assert!(
        head.starts_with("X-Rohrpost-Reason: unknown_number\r\n") && head.ends_with(&format!("X-Rohrpost-Arrival: {id}\r\n")),
        "{head}"
    );
    assert!(head.lines().all(|line| line.starts_with("X-Rohrpost-")), "{head}");
    assert_eq!(acme.held()[0]["file"].as_str(), path.to_str());
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode(path), mode(acme.path("state/dead-letters/new")), mode(acme.path("state/dead-letters/.Retry/new"))),
        (0o640, 0o770, 0o770)
    );
    // Members of the group move files, but cannot put anything in the place of these two.
    assert_eq!((mode(acme.path("state/dead-letters")), mode(acme.path("state/dead-letters/.Retry"))), (0o1770, 0o1770));
    // Repaired, the file goes.
    acme.succeeds(&["dead-letter", "assign", &id, "--reference", "4711", "--tenant", "acme"]);
    eventually("an empty folder", || files(&acme, "new").is_empty().then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

#[test]
fn moving_a_file_to_retry_sends_it_through_again() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    // By name alone it does not heal by itself.
    let inside = ("Nora Neu", "nora@example.net");
    let id = daemon.delivers(&Forward { subject: "6000 WG: x", inside, ..Forward::default() }.mail());
    acme.ended(&id);
    // Too early: it is judged again, and held again.
    std::fs::rename(shown(&acme), acme.path("state/dead-letters/.Retry/new/any name:2,S")).unwrap();
    eventually("a second judgement", || {
        let mail = acme.json(&["mail", "show", &id, "--json", "--tenant", "acme"]);
        (mail["attempts"] == 2 && mail["disposition"] == "held").then_some(())
    });
    acme.import(r#"{"tenant": {"id": "acme"}, "applications": [{"id": "A9", "reference": "6000", "job": "J1", "candidate": {"id": "CN", "name": "Nora Neu"}}]}"#);
    let path = eventually("the file again", || files(&acme, "new").into_iter().next());
    std::fs::rename(path, acme.path("state/dead-letters/.Retry/cur/by mutt")).unwrap();
    eventually("a filed mail", || (acme.ended(&id)["disposition"] == "filed").then_some(()));
    eventually("empty folders", || (files(&acme, "new").is_empty() && files(&acme, ".Retry/cur").is_empty()).then_some(()));
    let audit = acme.json(&["mail", "show", &id, "--json", "--tenant", "acme"])["audit"].clone();
    assert!(audit.as_array().unwrap().iter().filter(|line| line["actor"] == "folder" && line["what"] == "retried").count() == 2, "{audit}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A removed file comes back; changed and unknown ones are left alone, listed as foreign, and never filed.
#[test]
fn removed_changed_and_foreign_files() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "9999 WG: x", ..Forward::default() }.mail());
    acme.ended(&id);
    std::fs::remove_file(shown(&acme)).unwrap();
    let path = shown(&acme);
    // mutt opens it: moved to cur with flags, and nothing else happens.
    let seen = acme.path("state/dead-letters/cur").join(format!("{}:2,S", path.file_name().unwrap().to_str().unwrap()));
    std::fs::rename(&path, &seen).unwrap();
    // The subject is edited by hand, which changes the mail: no proof of anything any more.
    let edited = String::from_utf8(std::fs::read(&seen).unwrap()).unwrap().replace("Subject: 9999", "Subject: 4711");
    let own = acme.path("state/dead-letters/.Retry/new/edited");
    std::fs::write(&own, &edited).unwrap();
    std::fs::write(acme.path("state/dead-letters/new/a letter"), "From: x\nSubject: 4711\n\nhello\n").unwrap();
    let listed = eventually("foreign files", || {
        let text = acme.succeeds(&["dead-letter", "list", "--tenant", "acme"]);
        (text.matches("foreign file, left alone").count() == 2).then_some(text)
    });
    assert!(listed.contains("edited") && listed.contains("a letter"), "{listed}");
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(own.exists() && seen.exists() && acme.entries("4711").is_empty());
    assert_eq!(acme.held().len(), 1);
    for path in [own, acme.path("state/dead-letters/new/a letter")] {
        std::fs::remove_file(path).unwrap();
    }
    acme.succeeds(&["dead-letter", "discard", &id, "--why", "Werbung", "--tenant", "acme"]);
    eventually("an empty folder", || (files(&acme, "cur").is_empty() && files(&acme, "new").is_empty()).then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// What a member of the group might put there: a link that leads elsewhere, a file without end, a pipe. Nothing is changed behind
/// the link, nobody waits for the others, and mail goes on.
#[test]
fn traps_in_the_folder() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let folder = acme.path("state/dead-letters");
    let mode = |name: &str| std::fs::metadata(acme.path(name)).unwrap().permissions().mode() & 0o7777;
    let before = mode("state/blobs");
    std::fs::File::create(folder.join(".Retry/new/endless")).unwrap().set_len(200 << 30).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join(".Retry/new/pipe")).status().unwrap().success());
    std::fs::rename(folder.join("new"), folder.join("old")).unwrap();
    std::os::unix::fs::symlink("../blobs", folder.join("new")).unwrap();
    let id = daemon.delivers(&Forward { subject: "9999 WG: x", ..Forward::default() }.mail());
    assert_eq!(acme.ended(&id)["disposition"], "held");
    eventually("a word about the link", || acme.logs().contains("dead-letters/new: a folder is needed here").then_some(()));
    assert_eq!(mode("state/blobs"), before);
    assert!(std::fs::read_dir(acme.path("state/blobs")).unwrap().all(|entry| entry.unwrap().file_type().unwrap().is_dir()));
    std::fs::remove_file(folder.join("new")).unwrap();
    std::fs::rename(folder.join("old"), folder.join("new")).unwrap();
    // Changed by hand, it is shown once more beside; both are the service's own names, and its own copy goes in the end.
    let path = shown(&acme);
    std::fs::write(&path, "changed").unwrap();
    let copy = eventually("the copy", || files(&acme, "new").into_iter().find(|file| file.extension().is_some_and(|end| end == "2")));
    acme.succeeds(&["dead-letter", "discard", &id, "--why", "Werbung", "--tenant", "acme"]);
    eventually("its end", || (!copy.exists() && path.exists()).then_some(()));
    acme.all_sent();
    daemon.stop();
}

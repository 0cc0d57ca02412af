//! The dead-letter folder as an operator uses it: ls, mv, rm, cp, an editor.

use crate::harness::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

pub fn files(acme: &Installation, part: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(acme.path("state/dead-letters").join(part))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

pub fn shown(acme: &Installation) -> PathBuf {
    eventually("a file in the folder", || files(acme, "new").into_iter().next())
}

/// Waits until a whole pass has been made that began after this call: the service sets the modes of its folders anew in each.
pub fn scanned(acme: &Installation) {
    let tmp = acme.path("state/dead-letters/tmp");
    for _ in 0..2 {
        std::fs::set_permissions(&tmp, std::fs::Permissions::from_mode(0o700)).unwrap();
        eventually("a pass", || (std::fs::metadata(&tmp).unwrap().permissions().mode() & 0o7777 == 0o770).then_some(()));
    }
}

/// Files that are listed as foreign, and why.
pub fn foreign(acme: &Installation) -> Vec<(String, String)> {
    let list = acme.json(&["dead-letter", "list", "--json", "--tenant", "acme"]);
    let foreign = list.as_array().unwrap().iter().filter(|entry| entry["foreign"] == true);
    foreign.map(|entry| (entry["file"].as_str().unwrap().to_owned(), entry["why"].as_str().unwrap().to_owned())).collect()
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

/// What operators and their programs do to files: nothing of it files a mail, loses one, or shows it twice.
#[test]
fn what_else_happens_to_files() {
    let mut acme = Installation::new();
    acme.by = vec!["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "9999 WG: x", ..Forward::default() }.mail());
    acme.ended(&id);
    let path = shown(&acme);
    let folder = acme.path("state/dead-letters");
    let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
    let raw = &text[text.find("X-Rohrpost-Arrival").unwrap()..];
    let raw = &raw[raw.find('\n').unwrap() + 1..];
    let put = |name: &str, text: &str| {
        let path = folder.join(".Retry/new").join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    put("edited", &text.replace("Subject: 9999", "Subject: 4711"));
    put("line ends", &text.replace("\r\n", "\n"));
    put("cut off", &text[..text.len() - 7]);
    put("only ours", &text[..text.len() - raw.len()]);
    put("nothing", "");
    put("other tenant", &text.replace("X-Rohrpost-Tenant: acme", "X-Rohrpost-Tenant: beta"));
    put("other mail", &text.replace(&id, "01M8J0QH9ZC6XVN1TR2S3A4B5C"));
    put("without a tenant", &text.replace("X-Rohrpost-Tenant: acme\r\n", ""));
    let locked = put("locked", "a letter");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::os::unix::fs::chown(&locked, Some(65534), None).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("new/link")).unwrap();
    std::fs::create_dir_all(folder.join(".Sent/cur")).unwrap();
    std::fs::write(folder.join(".Sent/cur/a copy"), &text).unwrap();
    std::fs::write(folder.join("dovecot-uidlist"), "3 V1").unwrap();
    // What an interrupted run was writing goes; what a mail program is saving stays.
    std::fs::write(folder.join("tmp").join(path.file_name().unwrap()), "half").unwrap();
    std::fs::write(folder.join("tmp/1795368324.R1.host"), "half").unwrap();
    scanned(&acme);
    let mut found = foreign(&acme);
    let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    found.iter_mut().for_each(|(path, _)| *path = name(path));
    found.sort();
    let mut want = [
        ("edited", "changed"),
        ("line ends", "changed"),
        ("cut off", "changed"),
        ("only ours", "changed"),
        ("nothing", "unknown"),
        ("other tenant", "changed"),
        ("other mail", "changed"),
        ("without a tenant", "changed"),
        // The commands are root's in this test, and read it.
        ("locked", "unknown"),
        ("link", "unknown"),
        (".Sent", "folder"),
        ("dovecot-uidlist", "unknown"),
    ];
    want.sort();
    let found: Vec<(&str, &str)> = found.iter().map(|(path, why)| (path.as_str(), why.as_str())).collect();
    assert_eq!(found, want);
    std::fs::remove_file(folder.join("new/link")).unwrap();
    assert_eq!(files(&acme, "new"), [path]);
    assert_eq!(files(&acme, "tmp"), [folder.join("tmp/1795368324.R1.host")]);
    let mail = acme.json(&["mail", "show", &id, "--json", "--tenant", "acme"]);
    assert_eq!((mail["attempts"].as_i64(), mail["disposition"].as_str()), (Some(1), Some("held")), "{mail}");
    // Without lines of ours it is known by its bytes.
    put("bare", raw);
    eventually("a second judgement", || (acme.json(&["mail", "show", &id, "--json", "--tenant", "acme"])["attempts"] == 2).then_some(()));
    acme.ended(&id);
    // A hard link is a name of the same file: the one goes, the other stays.
    let path = shown(&acme);
    std::fs::hard_link(&path, folder.join(".Retry/cur/link")).unwrap();
    eventually("a third judgement", || (acme.json(&["mail", "show", &id, "--json", "--tenant", "acme"])["attempts"] == 3).then_some(()));
    acme.ended(&id);
    scanned(&acme);
    assert!(!folder.join(".Retry/cur/link").exists());
    assert_eq!(files(&acme, "new").len(), 1);
    // A copy under another name is no second mail, and nobody's concern.
    std::fs::copy(shown(&acme), folder.join("cur/my copy:2,S")).unwrap();
    scanned(&acme);
    assert!(!foreign(&acme).iter().any(|(path, _)| path.contains("my copy")));
    // Twice in .Retry it is filed once, and both files go.
    acme.import(r#"{"tenant": {"id": "acme"}, "applications": [{"id": "A9", "reference": "9999", "job": "J1", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}}]}"#);
    let again = std::fs::read_to_string(shown(&acme)).unwrap();
    let (one, two) = (put("one", &again), put("two", &again));
    eventually("a filed mail", || (acme.ended(&id)["disposition"] == "filed").then_some(()));
    eventually("their end", || (!one.exists() && !two.exists()).then_some(()));
    assert_eq!(acme.entries("9999").len(), 1);
    // The copy shows nothing any more, and is listed; it is its maker's to remove.
    eventually("the copy", || foreign(&acme).iter().any(|(path, why)| path.ends_with("my copy:2,S") && why == "not_held").then_some(()));
    acme.all_sent();
    daemon.stop();
}

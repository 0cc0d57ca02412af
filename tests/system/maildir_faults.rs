//! What goes wrong in a Maildir and between it and us: nothing lost, nothing twice, and nobody waits for somebody else's fault (G1 to G4).

use crate::harness::*;
use crate::imap::{door, filed};
use crate::imap_faults::Lock;
use crate::maildir::*;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn state_of(acme: &Installation) -> (String, String) {
    let door = door(acme, "inbox");
    let text = |key: &str| door[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("last_error"))
}

/// Acceptance: G4. What is no mail is moved aside and told; what cannot be read stays; what vanishes has vanished; mails behind it go on.
#[test]
fn odd_files() {
    let (mut acme, maildir) = with_maildir("max_message_bytes = 65536\npoll_seconds = 1\n");
    let new = |name: &str| maildir.0.join("new").join(name);
    // The service's own: what lies in a folder of somebody else's could not be moved with it.
    std::fs::create_dir(new("1700000003.M1P1.host")).unwrap();
    give_to(&mut acme, 64_997);
    let secret = acme.path("elsewhere");
    std::fs::write(&secret, mail(90)).unwrap();
    std::os::unix::fs::symlink(&secret, new("1700000001.M1P1.host")).unwrap();
    crate::postfix::run(Command::new("mkfifo").arg(new("1700000002.M1P1.host")));
    std::fs::write(new("1700000003.M1P1.host/inside"), "x").unwrap();
    drop(std::os::unix::net::UnixListener::bind(new("1700000004.M1P1.host")).unwrap());
    maildir.delivers("1700000005.M1P1.host", &format!("{}{}", mail(5), "kanarienvogel-text\n".repeat(4_000)));
    maildir.delivers("1700000006.M1P1.host", "");
    crate::postfix::run(Command::new("touch").args(["-d", "2 hours ago"]).arg(new("1700000006.M1P1.host")));
    // Somebody else's, and empty since just now: both may change.
    maildir.delivers("1700000007.M1P1.host", &mail(7));
    std::fs::set_permissions(new("1700000007.M1P1.host"), std::fs::Permissions::from_mode(0o600)).unwrap();
    maildir.delivers("1700000008.M1P1.host", "");
    // No sense in it, but a mail all the same; a name that is none; and an honest one behind everything.
    maildir.delivers("1700000009.M1P1.host", "\u{0}\u{1}no mail at all");
    maildir.delivers("kanarie.adresse@example.net", &mail(10));
    std::fs::write(new(".hidden"), mail(91)).unwrap();
    maildir.delivers("1700000011.M1P1.host", &mail(11));
    let daemon = acme.serve();
    filed(&acme, 2);
    let refused: Vec<String> = (1..=6).map(|number| format!("170000000{number}.M1P1.host")).collect();
    eventually("six files moved aside", || (maildir.names(".Rohrpost.Refused/new") == refused).then_some(()));
    let stays = [".hidden", "1700000007.M1P1.host", "1700000008.M1P1.host"];
    eventually("three that stay", || (maildir.names("new") == stays).then_some(()));
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), mail(90));
    assert!(std::fs::symlink_metadata(maildir.0.join(".Rohrpost.Refused/new").join(&refused[0])).unwrap().is_symlink());
    let logs = acme.logs();
    for why in [
        "a link is no mail",
        "a pipe is no mail",
        "a folder is no mail",
        "a socket or device is no mail",
        "are more than max_message_bytes",
    ] {
        assert!(logs.contains(why), "{why}");
    }
    assert!(logs.contains("it cannot be opened") && logs.contains("it is empty"));
    assert!(!state_of(&acme).1.is_empty());
    eventually("two that wait", || (door(&acme, "inbox")["waiting"] == 2).then_some(()));
    // One of them waits for somebody's hand.
    eventually("a door that says so", || (state_of(&acme).0 == "failing").then_some(()));
    // They become mails, and are taken without anybody's help.
    chown(new("1700000007.M1P1.host"), Some(64_997), None).unwrap();
    filed(&acme, 3);
    eventually("a door that works, though a file is put off", || (state_of(&acme).0 == "listening").then_some(()));
    assert_eq!(maildir.names("new"), [".hidden", "1700000008.M1P1.host"]);
    std::fs::write(new("1700000008.M1P1.host"), mail(8)).unwrap();
    filed(&acme, 4);
    eventually("only the hidden one", || (maildir.names("new") == [".hidden"]).then_some(()));
    assert_eq!(maildir.names(".Rohrpost.Refused/new").len(), 6);
    // Somebody mends one and puts it back: it is a mail like others.
    maildir.delivers("1700000006.M1P1.host", &mail(6));
    filed(&acme, 5);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G2, G3. kill -9 between the commit and the moving: known when it is found again, and no second arrival.
#[test]
fn killed_before_it_left() {
    let (mut acme, maildir) = with_maildir("poll_seconds = 1\n");
    give_to(&mut acme, 64_996);
    // In a sticky folder of somebody else's his files may be read, and not moved.
    let new = maildir.0.join("new");
    chown(&new, Some(0), Some(0)).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o1777)).unwrap();
    maildir.delivers("1700000001.M1P1.host", &mail(1));
    let big =
        Forward { id: "big@acme.example", attachments: &[("gross.txt", &"Kanarie-Datei\n".repeat(20_000))], ..Forward::default() }.mail();
    maildir.delivers("1700000002.M1P1.host", &big);
    let daemon = acme.serve();
    filed(&acme, 2);
    eventually("a door that cannot move it", || state_of(&acme).1.contains("cannot be moved or removed").then_some(()));
    daemon.kill();
    assert_eq!((maildir.names("new").len(), acme.count("maildir_mail"), acme.mails().len()), (2, 2, 2));
    // A mail program opened the folder meanwhile.
    std::fs::rename(new.join("1700000001.M1P1.host"), maildir.0.join("cur/1700000001.M1P1.host:2,S")).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o777)).unwrap();
    let daemon = acme.serve();
    eventually("an empty Maildir", || (maildir.names("new").is_empty() && maildir.names("cur").is_empty()).then_some(()));
    assert_eq!(maildir.names(".Rohrpost.Accepted/new"), ["1700000002.M1P1.host"]);
    assert_eq!(maildir.names(".Rohrpost.Accepted/cur"), ["1700000001.M1P1.host:2,S"]);
    eventually("no notes", || (acme.count("maildir_mail") == 0).then_some(()));
    assert_eq!((acme.mails().len(), acme.entries("4711").len()), (2, 2));
    // Another mail under a name that was used before replaces nothing.
    maildir.delivers("1700000002.M1P1.host", &mail(3));
    filed(&acme, 3);
    eventually("both", || (maildir.names(".Rohrpost.Accepted/new").len() == 2).then_some(()));
    assert_eq!(maildir.names(".Rohrpost.Accepted/new"), ["1700000002.M1P1.host", "1700000002.M1P1.host.1"]);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E15; G2, G3. kill -9 at twelve moments while three hundred mails come: each arrives once, whatever was half done.
#[test]
fn killed_again_and_again() {
    const MAILS: usize = 300;
    let (mut acme, maildir) = with_maildir("");
    for number in 0..MAILS {
        maildir.delivers(&format!("{}.M{number}P1.host", 1_700_000_000 + number), &mail(number));
    }
    for round in 0..12 {
        let daemon = acme.serve();
        // Somewhere within a group: what is committed and what has left are not the same.
        eventually("progress", || (acme.count("arrival") > 15 * round + 7).then_some(()));
        daemon.kill();
    }
    let daemon = acme.serve();
    eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    all_filed(&acme, MAILS);
    assert_eq!(maildir.names(".Rohrpost.Accepted/new").len(), MAILS);
    acme.all_sent();
    daemon.stop();
    assert_eq!(acme.count("maildir_mail"), 0);
    acme.is_sound();
}

/// Acceptance: G1. While the database is in other hands mail stays in its folder, untouched; then it is filed, once.
#[test]
fn locked_database() {
    let (mut acme, maildir) = with_maildir("");
    let daemon = acme.serve();
    eventually("an open door", || (state_of(&acme).0 == "listening").then_some(()));
    let lock = Lock::take(&acme);
    maildir.delivers("1700000001.M1P1.host", &mail(1));
    maildir.delivers("1700000002.M1P1.host", &mail(2));
    eventually("a door that keeps away", || acme.logs().contains("Maildir inbox is left alone for a while").then_some(()));
    assert_eq!((maildir.names("new").len(), acme.count("arrival")), (2, 0));
    drop(lock);
    filed(&acme, 2);
    eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    assert_eq!(acme.mails().len(), 2);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G4. Without a Maildir, with half of one, or with one that may not be written, its door says so and the others work; it is
/// opened as soon as it can be.
#[test]
fn a_folder_that_is_missing() {
    let (mut acme, maildir) = with_maildir("");
    give_to(&mut acme, 64_995);
    std::fs::remove_dir_all(&maildir.0).unwrap();
    let daemon = acme.serve();
    let says = |part: &str| eventually(part, || (state_of(&acme).0 == "failing" && state_of(&acme).1.contains(part)).then_some(()));
    says("the Maildir: No such file or directory");
    assert_eq!(acme.ended(&daemon.delivers(&mail(1)))["disposition"], "filed");
    std::fs::create_dir_all(maildir.0.join("new")).unwrap();
    std::os::unix::fs::symlink("/etc", maildir.0.join("cur")).unwrap();
    // A link is followed nowhere inside.
    says("cur: ");
    std::fs::remove_file(maildir.0.join("cur")).unwrap();
    std::fs::create_dir_all(maildir.0.join("cur")).unwrap();
    says("new: Permission denied");
    std::fs::create_dir_all(maildir.0.join("tmp")).unwrap();
    for part in ["", "new", "cur"] {
        chown(maildir.0.join(part), Some(64_995), Some(64_995)).unwrap();
    }
    maildir.delivers("1700000002.M1P1.host", &mail(2));
    filed(&acme, 2);
    // Replaced under the running service, as a restored backup would.
    eventually("a door that listens", || (state_of(&acme).0 == "listening").then_some(()));
    std::fs::rename(&maildir.0, acme.path("old")).unwrap();
    says("the Maildir: No such file or directory");
    std::fs::rename(acme.path("old"), &maildir.0).unwrap();
    maildir.delivers("1700000003.M1P1.host", &mail(3));
    filed(&acme, 3);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Whoever may write into a Maildir cannot have mails put elsewhere, nor folders made there: no link is followed to the folders for what has left.
#[test]
fn a_link_in_the_place_of_a_folder() {
    let (mut acme, maildir) = with_maildir("");
    let elsewhere = acme.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    maildir.delivers("1700000001.M1P1.host", &mail(1));
    let daemon = acme.serve();
    filed(&acme, 1);
    for (number, name) in [(2, ".Rohrpost.Accepted"), (3, ".Rohrpost.Refused")] {
        let (link, aside) = (maildir.0.join(name), acme.path(name));
        std::fs::rename(&link, &aside).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        maildir.delivers(&format!("170000000{number}.M1P1.host"), &mail(number));
        eventually("a door that fails", || (state_of(&acme).0 == "failing" && state_of(&acme).1.starts_with(name)).then_some(()));
        assert_eq!((names(&elsewhere), maildir.names("new").len()), (Vec::new(), 1));
        std::fs::remove_file(&link).unwrap();
        std::fs::rename(&aside, &link).unwrap();
        filed(&acme, number);
        eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Holds every inotify instance that one user may have.
struct Greedy(Child);

impl Greedy {
    fn start(user: u32) -> Greedy {
        let code = "import ctypes, sys\nlibc = ctypes.CDLL(None)\nwhile libc.inotify_init1(0) >= 0: pass\nprint('all', flush=True)\nsys.stdin.read()";
        let mut command = Command::new("python3");
        command.uid(user).gid(user);
        let mut child = command.args(["-c", code]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "all\n");
        Greedy(child)
    }
}

impl Drop for Greedy {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// The system's word is only a hint: without any, the folder is looked at all the same.
#[test]
fn found_without_inotify() {
    let (mut acme, maildir) = with_maildir("poll_seconds = 1\n");
    give_to(&mut acme, 64_994);
    let _greedy = Greedy::start(64_994);
    let daemon = acme.serve();
    eventually("a word about it", || acme.logs().contains("Maildir inbox cannot be watched").then_some(()));
    eventually("a door that listens", || (state_of(&acme).0 == "listening").then_some(()));
    for number in 1..=3 {
        maildir.delivers(&format!("170000000{number}.M1P1.host"), &mail(number));
        filed(&acme, number);
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G3. A mail program opens the folder between the reading of a mail and its leaving: what lies in `cur` then is that mail.
#[test]
fn moved_while_it_is_taken() {
    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
    let (mut acme, maildir) = with_maildir("poll_seconds = 1\n");
    let daemon = acme.serve();
    eventually("an open door", || (state_of(&acme).0 == "listening").then_some(()));
    let read = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&read, maildir.0.join("new"), WatchFlags::CLOSE_NOWRITE).unwrap();
    for number in 1..=3 {
        let name = format!("170000000{number}.M1P1.host");
        // What was read waits for the database until it has been moved.
        let lock = Lock::take(&acme);
        maildir.delivers(&name, &mail(number));
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&read, &mut buffer);
        while reader.next().unwrap().file_name().is_none_or(|file| file.to_bytes() != name.as_bytes()) {}
        std::fs::rename(maildir.0.join("new").join(&name), maildir.0.join("cur").join(format!("{name}:2,S"))).unwrap();
        drop(lock);
        eventually("an empty folder", || maildir.names("cur").is_empty().then_some(()));
    }
    filed(&acme, 3);
    assert_eq!((acme.mails().len(), maildir.names(".Rohrpost.Accepted/cur").len()), (3, 3));
    assert!(acme.logs().contains("taken=\"known\""), "none was moved in time");
    // One that is removed meanwhile is forgotten once it is nowhere.
    let lock = Lock::take(&acme);
    maildir.delivers("1700000004.M1P1.host", &mail(4));
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(&read, &mut buffer);
    while reader.next().unwrap().file_name().is_none_or(|file| file.to_bytes() != b"1700000004.M1P1.host") {}
    std::fs::remove_file(maildir.0.join("new/1700000004.M1P1.host")).unwrap();
    drop(lock);
    filed(&acme, 4);
    eventually("no notes", || (acme.count("maildir_mail") == 0).then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Files that come and go while the folder is read.
#[test]
fn files_that_vanish() {
    let (mut acme, maildir) = with_maildir("");
    let daemon = acme.serve();
    let new = maildir.0.join("new");
    let started = std::time::Instant::now();
    let mut number = 0;
    // Until the door has met some of them too late; others it takes.
    while !acme.logs().contains("taken=\"gone\"") {
        assert!(started.elapsed() < PATIENCE, "no file vanished in time");
        let names: Vec<String> = (0..40)
            .map(|_| {
                number += 1;
                format!("{}.M1P1.host", 1_700_000_000 + number)
            })
            .collect();
        names.iter().for_each(|name| maildir.delivers(name, &mail(number)));
        names.iter().rev().for_each(|name| drop(std::fs::remove_file(new.join(name))));
        std::thread::sleep(Duration::from_millis(5));
    }
    maildir.delivers("1800000000.M1P1.host", &mail(0));
    eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    eventually("an end for all", || acme.mails().iter().all(|mail| !mail["disposition"].is_null()).then_some(()));
    let ids = message_ids(&acme);
    assert!(ids.contains(&"maildir-0@acme.example".to_owned()) && maildir.names(".Rohrpost.Refused/new").is_empty());
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

//! The dead-letter folder in an operator's mail program: NeoMutt in a terminal of tmux, as a user who is none of the service's and only
//! belongs to its group.

use crate::folder::{files, foreign, scanned, shown};
use crate::harness::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Debian's `nobody`, who is known by a name. The folder belongs to root's group here, as it belongs to the group `rohrpost` elsewhere.
const OPERATOR: &str = "65534";

/// A running NeoMutt that has the dead-letter folder open. Its terminal ends with it.
struct Mutt {
    socket: String,
}

impl Mutt {
    /// The editor changes the number of a mail.
    fn opens(acme: &Installation) -> Mutt {
        let folder = acme.path("state/dead-letters");
        let (rc, home) = (acme.path("muttrc"), acme.path("home"));
        std::fs::create_dir_all(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(OPERATOR.parse().unwrap()), None).unwrap();
        std::fs::set_permissions(acme.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let text = format!(
            "set folder={folder:?}\nset mbox_type=Maildir\nset tmpdir={home:?}\nset confirmappend=no\nset wait_key=no\nset mark_old=no\n\
             set delete=yes\nset sort=subject\nset mail_check=1\nset timeout=1\nset header_cache=\"\"\nset sendmail=/bin/false\n\
             set editor=\"sed -i s/9999/4711/\"\nset index_format=\"%Z %s\"\n"
        );
        std::fs::write(&rc, text).unwrap();
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let socket = format!("rohrpost-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let program = format!(
            "setpriv --reuid {OPERATOR} --regid {OPERATOR} --groups 0 env HOME={home:?} LANG=C.UTF-8 neomutt -n -F {rc:?} -f {folder:?}"
        );
        let mutt = Mutt { socket };
        mutt.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "40", &program]);
        mutt
    }

    /// NeoMutt overlooks what comes within the second of its last look: it is asked afresh.
    fn opens_again(self, acme: &Installation) -> Mutt {
        drop(self);
        Mutt::opens(acme)
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.socket]).args(args).output().unwrap();
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses these keys, in tmux's words; others than these are typed as they stand.
    fn presses(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Presses a key until this stands on the screen: a program that has just drawn it may still throw away what was typed before. Only
    /// for keys that do nothing more the second time.
    fn presses_until(&self, key: &str, text: &str) {
        eventually(text, || {
            self.presses(&[key]);
            let shows = || self.tmux(&["capture-pane", "-p"]).contains(text);
            (0..60)
                .any(|_| {
                    shows() || {
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        false
                    }
                })
                .then_some(())
        });
    }

    #[track_caller]
    fn sees(&self, text: &str) -> String {
        let mut screen = String::new();
        let start = std::time::Instant::now();
        loop {
            if screen.contains(text) {
                return screen;
            }
            assert!(start.elapsed() < PATIENCE, "{text:?} is not on the screen:\n{screen}");
            std::thread::sleep(std::time::Duration::from_millis(50));
            screen = self.tmux(&["capture-pane", "-p"]);
        }
    }

    /// Saves the mail under the bar to a folder, which marks it as deleted here, and does what is marked.
    fn saves_to(&self, folder: &str) {
        self.presses_until("s", "Save to mailbox");
        self.presses(&["C-u", folder, "Enter"]);
        self.sees("Del:1");
        self.presses(&["$"]);
    }
}

impl Drop for Mutt {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let screen = Command::new("tmux").args(["-L", &self.socket, "capture-pane", "-p"]).output();
            eprintln!("--- the screen:\n{}", screen.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default());
        }
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

fn attempts(acme: &Installation, id: &str) -> i64 {
    acme.json(&["mail", "show", id, "--json", "--tenant", "acme"])["attempts"].as_i64().unwrap()
}

/// The service may not read what is not its own here, although it is root.
fn serves_as_others_do(acme: &mut Installation) -> Daemon {
    acme.by = vec!["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    acme.serve()
}

#[test]
fn an_operator_in_mutt() {
    let mut acme = Installation::new();
    let daemon = serves_as_others_do(&mut acme);
    let id = daemon.delivers(&Forward { subject: "9999 WG: held", ..Forward::default() }.mail());
    acme.ended(&id);
    shown(&acme);
    let mutt = Mutt::opens(&acme);
    // What is held, with its subject; why, in the mail itself.
    mutt.sees("9999 WG: held");
    mutt.presses_until("Enter", "X-Rohrpost-Reason");
    let screen = mutt.sees("X-Rohrpost-Reason: unknown_number");
    assert!(screen.contains("X-Rohrpost-Explanation: ") && screen.contains(&format!("dead-letter show {id}")), "{screen}");
    // Read and flagged it is still the same mail, and there is no second file of it.
    mutt.presses(&["i"]);
    mutt.presses(&["F", "$"]);
    let flagged = eventually("a flagged file", || {
        let cur = files(&acme, "cur");
        cur.into_iter().find(|path| path.to_string_lossy().ends_with(":2,FS"))
    });
    scanned(&acme);
    assert_eq!((files(&acme, "cur"), files(&acme, "new").len()), (vec![flagged], 0));
    assert!(foreign(&acme).is_empty());
    // Saved to .Retry it is judged again: NeoMutt changes the header of what it saves, and the file is its user's own.
    assert_eq!(attempts(&acme, &id), 1);
    mutt.saves_to("=.Retry");
    eventually("a second judgement", || (attempts(&acme, &id) == 2).then_some(()));
    acme.ended(&id);
    assert_eq!(files(&acme, ".Retry/cur").len() + files(&acme, ".Retry/new").len(), 0);
    // Held again, it is shown again. Deleted, it comes back.
    let again = shown(&acme);
    let mutt = mutt.opens_again(&acme);
    mutt.sees("9999 WG: held");
    mutt.presses_until("Enter", "X-Rohrpost-Reason");
    mutt.presses_until("i", "NeoMutt: ");
    mutt.presses(&["d", "$"]);
    eventually("the file's end", || (!again.exists() || files(&acme, "cur").is_empty()).then_some(()));
    shown(&acme);
    scanned(&acme);
    assert_eq!(attempts(&acme, &id), 2);
    assert!(acme.entries("4711").is_empty());
    daemon.stop();
}

/// The number is typed into the mail itself: that is no proof of anything. The changed mail is left alone, wherever it is saved, and the
/// true one comes back.
#[test]
fn a_mail_edited_in_mutt() {
    let mut acme = Installation::new();
    let daemon = serves_as_others_do(&mut acme);
    let id = daemon.delivers(&Forward { subject: "9999 WG: held", ..Forward::default() }.mail());
    acme.ended(&id);
    let path = shown(&acme);
    let mutt = Mutt::opens(&acme);
    mutt.sees("9999 WG: held");
    // It listens once it has shown the mail. A second `e` would make a second copy.
    mutt.presses_until("Enter", "X-Rohrpost-Reason");
    mutt.presses_until("i", "NeoMutt: ");
    mutt.presses(&["e"]);
    eventually("the changed mail", || {
        let list = foreign(&acme);
        (list.len() == 1 && list[0].1 == "changed").then_some(())
    });
    // It is the sync that takes the true one away.
    mutt.presses(&["$"]);
    eventually("the true mail", || files(&acme, "new").contains(&path).then_some(()));
    let text = acme.succeeds(&["dead-letter", "list", "--tenant", "acme"]);
    assert!(text.contains("it was changed; to correct a number use `dead-letter assign`"), "{text}");
    // It stands behind the other one, by its subject.
    let mutt = mutt.opens_again(&acme);
    mutt.sees("9999 WG: held");
    mutt.sees("4711 WG: held");
    mutt.presses_until("Home", "4711 WG: held");
    mutt.saves_to("=.Retry");
    eventually("the changed mail in .Retry", || {
        let list = foreign(&acme);
        (list.len() == 1 && list[0].0.contains(".Retry") && list[0].1 == "changed").then_some(())
    });
    scanned(&acme);
    assert_eq!((attempts(&acme, &id), foreign(&acme).len(), acme.held().len()), (1, 1, 1));
    assert!(acme.entries("4711").is_empty());
    daemon.stop();
}

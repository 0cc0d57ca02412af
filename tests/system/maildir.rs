//! The Maildir door: a folder that another program delivers into, as a real Postfix does, or as the tests do by the same rules.

use crate::dns::Answer;
use crate::harness::*;
use crate::imap::{door, filed};
use crate::signer::Signer;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// A Maildir of the tests' own.
pub struct Maildir(pub PathBuf);

impl Maildir {
    pub fn make(path: PathBuf) -> Maildir {
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(path.join(part)).unwrap();
        }
        Maildir(path)
    }

    pub fn of(acme: &Installation) -> Maildir {
        Maildir::make(acme.path("Maildir"))
    }

    /// Written to `tmp` and renamed, as delivery agents do; with lone LFs.
    pub fn delivers(&self, name: &str, mail: &str) {
        self.delivers_to("new", name, mail);
    }

    pub fn delivers_to(&self, place: &str, name: &str, mail: &str) {
        let written = self.0.join("tmp").join(name);
        std::fs::write(&written, mail).unwrap();
        std::fs::rename(written, self.0.join(place).join(name)).unwrap();
    }

    /// Names in one of its folders, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        names(&self.0.join(folder))
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The lines of one Maildir door. Its interval is so long that only the system's word makes it quick, unless `more` says otherwise.
pub fn section(path: &Path, more: &str) -> String {
    let poll = if more.contains("poll_seconds") { "" } else { "poll_seconds = 3600\n" };
    let first = if more.contains("first") { "" } else { "first = \"everything\"\n" };
    format!(
        "[[maildir]]\nname = \"inbox\"\npath = {path:?}\nimport_address = \"import@acme.example\"\nauthserv_id = \"mx.acme.example\"\n{poll}{first}{more}\n"
    )
}

pub fn with_maildir(more: &str) -> (Installation, Maildir) {
    let acme = Installation::new();
    let maildir = Maildir::of(&acme);
    acme.configure("", &(acme.relay_section() + &section(&maildir.0, more)));
    (acme, maildir)
}

pub fn mail(number: usize) -> String {
    Forward { id: &format!("maildir-{number}@acme.example"), text: &format!("Nummer {number}."), ..Forward::default() }.mail()
}

/// Message-IDs of all arrivals, in the order in which they were accepted.
pub fn message_ids(acme: &Installation) -> Vec<String> {
    let path = acme.path("state/rohrpost.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::query_scalar("select message_id from arrival order by id").fetch_all(&mut connection).await.unwrap()
    })
}

/// Waits until so many mails have an end, and all are filed. A mail that two kills met alone is held, as it must be, and sent through again.
pub fn all_filed(acme: &Installation, count: usize) {
    eventually("an end for all", || {
        let mails = acme.mails();
        (mails.len() >= count && mails.iter().all(|mail| !mail["disposition"].is_null())).then_some(())
    });
    if acme.mails().iter().any(|mail| mail["reason"] == "crashed_twice") {
        acme.succeeds(&["mail", "retry", "--reason", "crashed_twice", "--tenant", "acme"]);
    }
    filed(acme, count);
    let ids = message_ids(acme);
    assert_eq!((ids.len(), ids.iter().collect::<std::collections::HashSet<_>>().len()), (count, count));
}

/// Gives an installation to another user, who runs it from now on. Postfix runs nothing as root, and root may read everything.
pub fn give_to(acme: &mut Installation, user: u32) {
    let program = acme.path("rohrpost");
    if std::fs::hard_link(env!("CARGO_BIN_EXE_rohrpost"), &program).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_rohrpost"), &program).unwrap();
    }
    crate::postfix::run(std::process::Command::new("find").arg(acme.folder.path()).args([
        "-not",
        "-name",
        "rohrpost",
        "-exec",
        "chown",
        &format!("{user}:{user}"),
        "{}",
        "+",
    ]));
    acme.runs_as = Some((user, program));
}

/// The user for whom a Postfix of these tests starts programs and delivers; it must get to the folder, too.
pub fn give_to_nobody(acme: &mut Installation) {
    give_to(acme, 65_534);
    std::fs::set_permissions(acme.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Acceptance: S1.01; G1, G7. Filed within the system's word, moved only then; forged mail is held, automatic mail ignored, nobody answered.
#[test]
fn what_is_delivered_is_filed() {
    let (mut acme, maildir) = with_maildir("");
    let daemon = acme.serve();
    eventually("an open door", || (door(&acme, "inbox")["state"] == "listening").then_some(()));
    maildir.delivers("1700000000.M1P1.host", &mail(1));
    let shown = filed(&acme, 1).remove(0);
    assert_eq!(shown["door"], "maildir");
    let shown = acme.json(&["mail", "show", shown["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
    assert_eq!((shown["facts"]["pinned"]["dmarc"]["result"].as_str(), shown["facts"]["origin"].as_str()), (Some("pass"), Some("relay")));
    assert!(shown["facts"]["peer"].is_null(), "{shown}");
    eventually("a moved mail", || (maildir.names(".Rohrpost.Accepted/new") == ["1700000000.M1P1.host"]).then_some(()));
    assert!(maildir.names("new").is_empty());
    // A mail program has opened the folder, and somebody has read the second mail and thrown the third away. What lies in tmp is nobody's.
    maildir.delivers_to("cur", "1700000003.M1P1.host:2,ST", &mail(3));
    std::fs::write(maildir.0.join("tmp/1700000004.M1P1.host"), mail(4)).unwrap();
    maildir.delivers_to("cur", "1700000002.M1P1.host:2,S", &mail(2));
    filed(&acme, 2);
    eventually("the second one moved", || (maildir.names(".Rohrpost.Accepted/cur") == ["1700000002.M1P1.host:2,S"]).then_some(()));
    // From somebody who is not Petra; and a machine's answer. With the line of an mbox in front, which is no part of a mail.
    let stranger = Forward { sender: "stranger@evil.example", subject: "Abwesend", id: "maildir-6@x", ..Forward::default() }.mail();
    let automatic = stranger.replacen("From:", "Auto-Submitted: auto-replied\nFrom:", 1);
    let forged = mail(5).replacen("Authentication-Results: mx.acme.example; ", "Authentication-Results: evil.example; ", 1);
    maildir.delivers("1700000005.M1P1.host", &format!("From petra@acme.example  Mon Nov 23 09:30:00 2026\n{forged}"));
    maildir.delivers("1700000006.M1P1.host", &automatic);
    let with = |disposition: &str| acme.mails().into_iter().find(|mail| mail["disposition"] == disposition);
    assert_eq!(eventually("a held mail", || with("held"))["reason"], "sender_not_authenticated");
    eventually("an ignored mail", || with("ignored"));
    assert_eq!(
        (maildir.names("cur"), maildir.names("tmp")),
        (vec!["1700000003.M1P1.host:2,ST".into()], vec!["1700000004.M1P1.host".into()])
    );
    assert_eq!(acme.mails().len(), 4);
    let to: Vec<String> = acme.all_sent().iter().map(|message| message["to"].as_str().unwrap().to_owned()).collect();
    assert!(to.iter().all(|to| ["petra@acme.example", "max@acme.example", "rita@acme.example"].contains(&to.as_str())), "{to:?}");
    eventually("an empty Maildir", || {
        let door = door(&acme, "inbox");
        (door["kind"] == "maildir" && door["state"] == "listening" && door["waiting"] == 0 && !door["last_mail_at"].is_null()).then_some(())
    });
    daemon.stop();
    assert_eq!((door(&acme, "inbox")["state"].as_str(), acme.count("maildir_mail")), (Some("stopped"), 0));
    acme.is_sound();
}

/// Oldest first by what the names say, however many wait; `delete` leaves nothing behind.
#[test]
fn five_hundred_that_waited() {
    let (mut acme, maildir) = with_maildir("after = \"delete\"\n");
    for number in (0..500).rev() {
        maildir.delivers(&format!("{}.M{number}P1.host", 1_700_000_000 + number / 10), &mail(number));
    }
    let daemon = acme.serve();
    eventually("five hundred filed mails", || (acme.count("history_entry") == 500).then_some(()));
    eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    assert!(maildir.names(".Rohrpost.Accepted").is_empty() && maildir.names(".Rohrpost.Refused/new").is_empty());
    let number = |id: &String| id.split(['-', '@']).nth(1).and_then(|number| number.parse::<usize>().ok()).unwrap();
    let order: Vec<usize> = message_ids(&acme).iter().map(number).collect();
    assert_eq!(order, (0..500).collect::<Vec<_>>());
    eventually("no notes", || (acme.count("maildir_mail") == 0).then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// `from_now_on` leaves alone what was there, also when a mail program moves it; another path is another Maildir.
#[test]
fn what_was_there_before() {
    let (mut acme, maildir) = with_maildir("first = \"from_now_on\"\n");
    maildir.delivers("1700000001.M1P1.host", &mail(1));
    maildir.delivers_to("cur", "1700000002.M1P1.host:2,S", &mail(2));
    let daemon = acme.serve();
    eventually("an open door", || (door(&acme, "inbox")["state"] == "listening").then_some(()));
    std::fs::rename(maildir.0.join("new/1700000001.M1P1.host"), maildir.0.join("cur/1700000001.M1P1.host:2,S")).unwrap();
    maildir.delivers("1700000003.M1P1.host", &mail(3));
    filed(&acme, 1);
    daemon.stop();
    let daemon = acme.serve();
    maildir.delivers("1700000004.M1P1.host", &mail(4));
    filed(&acme, 2);
    assert_eq!((acme.mails().len(), maildir.names("cur").len()), (2, 2));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G3. A mail keeps its signature and its key with lone LFs: by SMTP and from a folder it is one mail, which is filed once.
#[test]
fn line_ends() {
    let (mut acme, maildir) = with_maildir("");
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    acme.dns.txt("_dmarc.acme.example", "v=DMARC1; p=reject");
    let unsigned = mail(1);
    let unsigned = unsigned.split_once('\n').unwrap().1;
    let signed = signer.signs(unsigned);
    assert!(signed.contains("DKIM-Signature: "), "{signed}");
    let daemon = acme.serve();
    // With lone LFs in the folder; the results that the harness's mails bear are not in it.
    maildir.delivers("1700000001.M1P1.host", &signed.replace("\r\n", "\n"));
    let first = filed(&acme, 1).remove(0);
    let shown = acme.json(&["mail", "show", first["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
    let results = shown["facts"]["checked"]["results"].as_str().unwrap();
    assert!(results.contains("dkim=pass header.d=acme.example") && results.contains("dmarc=pass"), "{results}");
    // The same with CRLF, by SMTP and as a file.
    assert_eq!(acme.ended(&daemon.delivers(&signed))["disposition"], "duplicate");
    let with_cr = signed.replace("\r\n", "\n").replace('\n', "\r\n");
    maildir.delivers("1700000002.M1P1.host", &with_cr);
    eventually("three mails", || (acme.mails().iter().filter(|mail| mail["disposition"] == "duplicate").count() == 2).then_some(()));
    // And the same file again, under another name: delivered twice, it is a duplicate and not swallowed.
    maildir.delivers("1700000003.M1P1.host", &with_cr);
    eventually("four mails", || (acme.mails().iter().filter(|mail| mail["disposition"] == "duplicate").count() == 3).then_some(()));
    // A changed byte is no proof.
    maildir.delivers("1700000004.M1P1.host", &signed.replace("\r\n", "\n").replace("Nummer 1", "Nummer 2"));
    eventually("a held mail", || acme.mails().into_iter().find(|mail| mail["disposition"] == "held"));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1, G4. A user's mail whose sender cannot be checked now stays where it is; the others go on, and it comes later.
#[test]
fn dns_trouble_stops_one() {
    let (mut acme, maildir) = with_maildir("");
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    let key = "ed._domainkey.acme.example";
    acme.dns.put(key, Answer::ServFail);
    let signed = signer.signs(mail(1).split_once('\n').unwrap().1).replace("\r\n", "\n");
    maildir.delivers("1700000001.M1P1.host", &signed);
    maildir.delivers("1700000002.M1P1.host", &mail(2));
    let daemon = acme.serve();
    filed(&acme, 1);
    eventually("one that waits", || {
        let door = door(&acme, "inbox");
        (door["waiting"] == 1 && door["last_error"].as_str().is_some_and(|error| error.contains("DNS"))).then_some(())
    });
    assert_eq!((acme.mails().len(), maildir.names("new")), (1, vec!["1700000001.M1P1.host".to_owned()]));
    acme.dns.mend(key);
    filed(&acme, 2);
    eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E15; G1, G2, G3. A real Postfix delivers with virtual(8) while the service is stopped, runs and is killed: every mail once.
#[test]
fn postfix_delivers() {
    let (mut acme, maildir) = with_maildir("after = \"delete\"\n");
    std::fs::remove_dir_all(&maildir.0).unwrap();
    give_to_nobody(&mut acme);
    std::fs::write(acme.path("maps"), crate::pipe::operation("/etc/postfix/rohrpost-maildir")).unwrap();
    let ours = crate::pipe::operation("main.cf: a Maildir")
        .replace("/etc/postfix/rohrpost-maildir", acme.path("maps").to_str().unwrap())
        .replace("/var/spool/rohrpost", acme.path("").to_str().unwrap())
        .replace("static:999", "static:65534")
        .replace("regexp:/etc/postfix/rohrpost", "inline:{ {import@acme.example = virtual:} }");
    let more = format!("local_recipient_maps =\n{ours}");
    let postfix = crate::postfix::Postfix::start_piped("virtual unix - n n - - virtual\n", &more);
    let sends = |number: usize| postfix.takes(IMPORT, &mail(number));
    // The first one makes the Maildir: until then the door has none.
    let daemon = acme.serve();
    eventually("a door without a Maildir", || (door(&acme, "inbox")["state"] == "failing").then_some(()));
    sends(1);
    filed(&acme, 1);
    daemon.kill();
    let mut count = 1;
    for _ in 0..6 {
        (0..6).for_each(|_| {
            count += 1;
            sends(count);
        });
        eventually("a mail that waits", || (!maildir.names("new").is_empty()).then_some(()));
        let daemon = acme.serve();
        eventually("some of them", || (acme.count("arrival") as usize > count - 5).then_some(()));
        daemon.kill();
    }
    let daemon = acme.serve();
    all_filed(&acme, count);
    eventually("an empty folder", || maildir.names("new").is_empty().then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// `check` tries what can be tried.
#[test]
fn what_check_says() {
    let (mut acme, maildir) = with_maildir("");
    give_to(&mut acme, 64_998);
    assert!(acme.succeeds(&["check"]).contains("the configuration is good"));
    assert!(names(&maildir.0).iter().all(|name| !name.starts_with('.')), "check made something");
    let says = |part: &str| {
        let (code, said) = acme.fails(&["check"]);
        assert!(code == 2 && said.contains("maildir[0].path") && said.contains(part), "{code} {said}");
    };
    chown(maildir.0.join("new"), Some(0), Some(0)).unwrap();
    says("mails could not leave it");
    std::fs::set_permissions(maildir.0.join("new"), std::fs::Permissions::from_mode(0o777)).unwrap();
    chown(&maildir.0, Some(0), Some(0)).unwrap();
    says("cannot be made");
    std::fs::remove_dir(maildir.0.join("cur")).unwrap();
    says("this is no Maildir");
    std::fs::remove_dir_all(&maildir.0).unwrap();
    assert!(acme.succeeds(&["check"]).contains("there is no such folder yet"));
    let other = section(&maildir.0, "").replace("import@acme", "nobody@acme");
    acme.configure("", &(acme.relay_section() + &other.replace("authserv_id", "# ")));
    let notes = acme.succeeds(&["check"]);
    assert!(notes.contains("maildir[0].import_address: no tenant") && notes.contains("maildir[0].authserv_id is not set"), "{notes}");
}

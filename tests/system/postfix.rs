//! A real Postfix on both sides: as the mail host in front of us, whose Authentication-Results are pinned, and as the relay that
//! brings our notices into a mailbox. Started in a temporary folder on loopback, and ended by its process id.

use crate::harness::*;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A Postfix instance of its own.
pub struct Postfix {
    folder: PathBuf,
    pub port: u16,
}

/// An ordinary mail host of the domain acme.example: people are its aliases, each with a Maildir, and unknown recipients are refused.
/// The access maps stand for the host's own DMARC filter: it says `pass` of its own users and `none` of everybody else, on top of
/// whatever the mail brought.
fn main_cf(folder: &str) -> String {
    format!(
        "compatibility_level = 3.6\nqueue_directory = {folder}/queue\ndata_directory = {folder}/data\nmaillog_file = {folder}/maillog\n\
         maillog_file_prefixes = {folder}\nmyhostname = mx.acme.example\nmydestination = acme.example\ninet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nalias_maps = texthash:{folder}/aliases\ndefault_privs = nobody\n\
         smtpd_sender_restrictions = check_sender_access regexp:{folder}/results.regexp\nsmtp_tls_security_level = none\n\
         service_throttle_time = 1s\nminimal_backoff_time = 2s\nmaximal_backoff_time = 2s\nqueue_run_delay = 2s\nmessage_size_limit = 60000000\nmailbox_size_limit = 0\n"
    )
}

/// The lines that README tells an operator to write, below the comment that names their file.
fn readme(file: &str) -> String {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let head = format!("\n# {file}");
    let (_, behind) = text.split_once(&head).unwrap_or_else(|| panic!("README.md does not speak of {file}"));
    let lines = behind.lines().skip(1).take_while(|line| !line.starts_with(['#', '`']));
    lines.map(|line| format!("{line}\n")).collect()
}

fn master_cf(port: u16) -> String {
    let mut lines = vec![format!("127.0.0.1:{port} inet n - n - - smtpd")];
    let services = [
        ("pickup", "unix n - n 60 1 pickup"),
        ("cleanup", "unix n - n - 0 cleanup"),
        ("qmgr", "unix n - n 2 1 qmgr"),
        ("rewrite", "unix - - n - - trivial-rewrite"),
        ("bounce", "unix - - n - 0 bounce"),
        ("defer", "unix - - n - 0 bounce"),
        ("trace", "unix - - n - 0 bounce"),
        ("verify", "unix - - n - 1 verify"),
        ("flush", "unix n - n 1000? 0 flush"),
        ("proxymap", "unix - - n - - proxymap"),
        ("smtp", "unix - - n - - smtp"),
        ("relay", "unix - - n - - smtp"),
        ("lmtp", "unix - - n - - lmtp"),
        ("error", "unix - - n - - error"),
        ("retry", "unix - - n - - error"),
        ("local", "unix - n n - - local"),
        ("anvil", "unix - - n - 1 anvil"),
        ("scache", "unix - - n - 1 scache"),
        ("postlog", "unix-dgram n - n - 1 postlogd"),
    ];
    lines.extend(services.iter().map(|(name, rest)| format!("{name} {rest}")));
    lines.join("\n") + "\n"
}

impl Postfix {
    fn start(rohrpost: u16) -> Postfix {
        // The access maps stand for the host's own DMARC filter.
        let results = "/^petra@acme\\.example$/ PREPEND Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\n\
                       /./ PREPEND Authentication-Results: mx.acme.example; dmarc=none header.from=unknown\n";
        Postfix::start_with(rohrpost, "", results)
    }

    /// With further lines in main.cf, and what it writes on top of mail by its sender.
    pub fn start_with(rohrpost: u16, more: &str, results: &str) -> Postfix {
        Postfix::start_full(rohrpost, "", more, results)
    }

    /// With a transport of its own, below the others in master.cf, and main.cf's further lines behind all others. Its filter believes everybody.
    pub fn start_piped(transport: &str, more: &str) -> Postfix {
        let results = "/./ PREPEND Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\n";
        Postfix::start_full(free_port(), transport, more, results)
    }

    /// Takes a mail of Petra's, without the results that the harness's mails begin with.
    pub fn takes(&self, to: &str, mail: &str) {
        let reply = Smtp::connect(self.address()).sends(PETRA, to, mail.split_once('\n').unwrap().1);
        assert!(reply.starts_with("250 "), "{reply}");
    }

    fn start_full(rohrpost: u16, services: &str, more: &str, results: &str) -> Postfix {
        let folder = tempfile::Builder::new().prefix("rohrpost-postfix-").tempdir().unwrap().keep();
        let port = free_port();
        let path = folder.to_str().unwrap();
        for part in ["", "queue", "data", "mailboxes", "etc"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).unwrap();
            run(Command::new("chmod").arg("755").arg(&part));
        }
        run(Command::new("chown").args(["postfix", &format!("{path}/data")]));
        run(Command::new("chown").args(["65534:65534", &format!("{path}/mailboxes")]));
        let here = format!("{path}/rohrpost");
        let ours = readme("/etc/postfix/rohrpost").replace("[127.0.0.1]:2525", &format!("[127.0.0.1]:{rohrpost}"));
        assert!(ours.contains(&rohrpost.to_string()), "{ours}");
        std::fs::write(&here, ours).unwrap();
        // An alias that leads nowhere is found out at delivery, so that the host sends a bounce.
        let aliases = format!("petra {path}/mailboxes/petra/\nmax {path}/mailboxes/max/\nhr nobody-has-this-mailbox@acme.example\n");
        std::fs::write(folder.join("aliases"), aliases).unwrap();
        std::fs::write(folder.join("results.regexp"), results).unwrap();
        let main = main_cf(path) + &readme("main.cf").replace("/etc/postfix/rohrpost", &here) + more;
        std::fs::write(folder.join("etc/main.cf"), main).unwrap();
        std::fs::write(folder.join("etc/master.cf"), master_cf(port) + services).unwrap();
        let postfix = Postfix { folder, port };
        for _ in 0..5 {
            run(Command::new("postfix").args(["-c", &format!("{}/etc", postfix.folder.display()), "start"]));
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_secs(20) {
                if answers(port) {
                    return postfix;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            // Several that are started at the same time on a busy machine: now and then one has no log daemon, and waits for it.
            postfix.ends();
        }
        panic!("Postfix does not answer");
    }

    /// By process id: the master, which ends its children.
    fn ends(&self) {
        let pid = std::fs::read_to_string(self.folder.join("queue/pid/master.pid")).unwrap_or_default();
        if pid.trim().is_empty() {
            return;
        }
        let _ = Command::new("kill").args(["-TERM", pid.trim()]).status();
        for _ in 0..100 {
            if !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Mails in somebody's mailbox.
    fn mailbox(&self, user: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join("mailboxes").join(user).join("new")) else { return Vec::new() };
        entries.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok()).collect()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("maillog")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- Postfix said:\n{}", self.log());
        }
        self.ends();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether it takes a sender: then all of its parts work. On a busy machine one of them may begin late.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut stream = std::io::BufReader::new(stream);
        let mut said = String::new();
        for line in ["", "HELO probe.example\r\n", "MAIL FROM:<probe@acme.example>\r\n", "QUIT\r\n"] {
            stream.get_mut().write_all(line.as_bytes())?;
            said.clear();
            stream.read_line(&mut said)?;
            if !said.starts_with('2') {
                return Ok(false);
            }
        }
        Ok(true)
    };
    ask().unwrap_or(false)
}

pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// The whole way: a recruiter's mail host, Rohrpost, and the notice in Max's mailbox.
#[test]
fn behind_a_mail_host() {
    let mut acme = Installation::new();
    let port = free_port();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"))).unwrap();
    let postfix = Postfix::start(port);
    acme.replace_relay(postfix.port);
    // The host still refuses recipients that nobody is.
    let mut peer = Smtp::connect(postfix.address());
    for line in ["EHLO x", "MAIL FROM:<petra@acme.example>"] {
        assert!(peer.says(line).starts_with("250"));
    }
    let unknown = peer.says("RCPT TO:<importer@acme.example>");
    assert!(unknown.starts_with("550 5.1.1 "), "{unknown}");
    drop(peer);
    // Rohrpost is not there yet: the mail host keeps the mail and tries again.
    let mail = Forward { attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], ..Forward::default() }.mail();
    let without_results = mail.split_once('\n').unwrap().1;
    let reply = Smtp::connect(postfix.address()).sends(PETRA, IMPORT, without_results);
    assert!(reply.starts_with("250 "), "{reply}");
    let daemon = acme.serve();
    let filed = eventually("a filed mail", || acme.mails().into_iter().find(|mail| mail["disposition"] == "filed"));
    let shown = acme.json(&["mail", "show", filed["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
    assert_eq!((shown["facts"]["pinned"]["dmarc"]["result"].as_str(), shown["facts"]["origin"].as_str()), (Some("pass"), Some("relay")));
    assert_eq!(acme.entries("4711")[0]["documents"].as_array().unwrap().len(), 1);
    // The notice, read back from a real mailbox.
    let notice = eventually("a notice in Max's mailbox", || postfix.mailbox("max").into_iter().next());
    assert!(notice.contains("Subject: New reply from Maria Kanarie (4711)") && notice.contains("Maria Kanarie has replied."), "{notice}");
    assert!(notice.contains("Return-Path: <bounces+") && notice.contains("Auto-Submitted: auto-generated"), "{notice}");
    eventually("a notice in Petra's mailbox", || (postfix.mailbox("petra").len() == 1).then_some(()));
    // Forged results below the host's own, and none of its own users: held, nobody is answered.
    let forged = format!(
        "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\n{}",
        mail.replace("Message-ID: <", "Message-ID: <forged")
    );
    let reply = Smtp::connect(postfix.address()).sends("stranger@evil.example", IMPORT, &forged);
    assert!(reply.starts_with("250 "), "{reply}");
    let held = eventually("a held mail", || acme.mails().into_iter().find(|mail| mail["disposition"] == "held"));
    assert_eq!(held["reason"], "sender_not_authenticated");
    // The fallback address has no mailbox: the host's bounce finds its message, and nobody is answered.
    let reply = Smtp::connect(postfix.address()).sends(
        PETRA,
        IMPORT,
        &Forward { subject: "4800 WG: x", id: "closed@x", ..Forward::default() }.mail(),
    );
    assert!(reply.starts_with("250 "), "{reply}");
    let failed = eventually("a bounced notice", || acme.messages().into_iter().find(|message| message["state"] == "failed"));
    assert!(failed["to"] == "hr@acme.example" && failed["last_error"].as_str().unwrap().contains("5.1.1"), "{failed}");
    let reply = Smtp::connect(postfix.address()).sends(
        PETRA,
        IMPORT,
        &Forward { subject: "9999 WG: x", id: "unknown@x", ..Forward::default() }.mail(),
    );
    assert!(reply.starts_with("250 "), "{reply}");
    let receipt =
        eventually("a receipt in Petra's mailbox", || postfix.mailbox("petra").into_iter().find(|mail| mail.contains("Nicht zugeordnet")));
    assert!(receipt.contains("Reply-To: import+"), "{receipt}");
    acme.all_sent();
    acme.leaves_outbox = true;
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1, G2, G3. By SMTP the host keeps what is not taken, and brings again what it does not know to be taken: nothing is lost
/// and nothing is twice, whoever is stopped, started and killed meanwhile.
#[test]
fn stopped_started_and_killed() {
    const MAILS: usize = 45;
    let mut acme = Installation::new();
    let port = free_port();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"))).unwrap();
    let postfix = Postfix::start(port);
    let send = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let mail = Forward { id: &format!("smtp-{number}@acme.example"), ..Forward::default() }.mail();
            postfix.takes(IMPORT, &mail);
        }
    };
    let taken = |acme: &Installation, least: usize| eventually("mails", || (acme.mails().len() >= least).then_some(()));
    send(0..15);
    assert!(acme.mails().is_empty(), "nobody is there yet");
    let daemon = acme.serve();
    taken(&acme, 4);
    daemon.kill();
    send(15..30);
    let daemon = acme.serve();
    taken(&acme, 18);
    daemon.stop();
    let daemon = acme.serve();
    send(30..MAILS);
    taken(&acme, 33);
    daemon.kill();
    let daemon = acme.serve();
    eventually("every mail", || (acme.entries("4711").len() >= MAILS).then_some(()));
    eventually("an empty queue", || (postfix.log().matches(": removed").count() >= MAILS).then_some(()));
    eventually("the end of every mail", || acme.mails().iter().all(|mail| !mail["disposition"].is_null()).then_some(()));
    let odd = acme.mails().into_iter().find(|mail| mail["disposition"] != "filed" && mail["disposition"] != "duplicate");
    assert_eq!((acme.entries("4711").len(), odd, postfix.log().matches("status=bounced").count()), (MAILS, None, 0));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

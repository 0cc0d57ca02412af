//! The LMTP door: behind a real Postfix, by socket and over TCP, with the daemon stopped and killed meanwhile; and what a socket is worth.

use crate::harness::*;
use crate::postfix::Postfix;
use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// An installation with an LMTP door, and the mail host that uses it.
struct Behind {
    acme: Installation,
    postfix: Postfix,
    /// Where the socket lies: others must get to it.
    _folder: tempfile::TempDir,
}

/// A folder that others may look into, as /run/rohrpost is one.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("rohrpost-lmtp-").tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The line of docs/operation.md that an operator writes into his map, with this destination.
fn map_line(domain: &str, destination: &str) -> String {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operation.md")).unwrap();
    let line = text.lines().find(|line| line.contains(" lmtp:unix:/run/rohrpost/lmtp.sock")).unwrap().to_owned();
    line.replace("unix:/run/rohrpost/lmtp.sock", destination).replace("acme", domain) + "\n"
}

impl Behind {
    /// Both tenants' mail goes to Rohrpost: by socket, or by TCP.
    fn new(by_socket: bool) -> Behind {
        let folder = open_folder();
        let acme = Installation::new();
        let (socket, port) = (folder.path().join("lmtp.sock"), free_port());
        let relay = acme.relay_section();
        acme.configure(
            "",
            &format!(
                "{relay}\n[lmtp]\nlisten = [\"unix:{}\", \"127.0.0.1:{port}\"]\nsocket_group = \"postfix\"\nnetworks = [\"127.0.0.1\"]\nauthserv_id = \"mx.acme.example\"\n",
                socket.display()
            ),
        );
        let destination = if by_socket { format!("unix:{}", socket.display()) } else { format!("inet:127.0.0.1:{port}") };
        let map = folder.path().join("map");
        std::fs::write(&map, map_line("acme", &destination) + &map_line("beta", &destination)).unwrap();
        let more = format!(
            "mydestination = acme.example beta.example\nlocal_recipient_maps = regexp:{map}\ntransport_maps = regexp:{map}\n",
            map = map.display()
        );
        let results = "/^petra@acme\\.example$/ PREPEND Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\n\
                       /./ PREPEND Authentication-Results: mx.acme.example; dmarc=none header.from=unknown\n";
        let postfix = Postfix::start_with(free_port(), &more, results);
        Behind { acme, postfix, _folder: folder }
    }

    /// Hands a mail to the mail host.
    fn send(&self, from: &str, to: &[&str], mail: &str) {
        let mut peer = Smtp::connect(self.postfix.address());
        let mut says = |line: &str, code: &str| {
            let reply = peer.says(line);
            assert!(reply.starts_with(code), "{line}: {reply}");
        };
        says("EHLO client.example", "250");
        says(&format!("MAIL FROM:<{from}>"), "250");
        to.iter().for_each(|to| says(&format!("RCPT TO:<{to}>"), "250"));
        says("DATA", "354");
        let data: String = mail.lines().map(|line| format!("{line}\r\n")).collect();
        peer.write(format!("{data}.\r\n").as_bytes());
        let reply = peer.reply();
        assert!(reply.starts_with("250 "), "{reply}");
    }

    fn mails_of(&self, tenant: &str) -> Vec<Value> {
        self.acme.json(&["mail", "list", "--json", "--tenant", tenant]).as_array().unwrap().clone()
    }
}

/// Without the results of another host on top.
fn forward(id: &str, subject: &str) -> String {
    let mail = Forward { id, subject, attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], ..Forward::default() }.mail();
    mail.split_once('\n').unwrap().1.to_owned()
}

/// One mail to two addresses of one tenant, one to two tenants, one of a stranger.
fn what_a_host_delivers(by_socket: bool) {
    let mut behind = Behind::new(by_socket);
    let daemon = behind.acme.serve();
    behind.send(PETRA, &["import@acme.example", "import+x@acme.example"], &forward("one@acme.example", "4711 WG: Ihre Einladung"));
    let filed = eventually("a filed mail", || behind.acme.mails().into_iter().find(|mail| mail["disposition"] == "filed"));
    let shown = behind.acme.json(&["mail", "show", filed["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
    assert_eq!(shown["envelope"]["to"].as_array().unwrap().len(), 2, "{shown}");
    let peer = shown["facts"]["peer"].as_str();
    assert_eq!((shown["facts"]["origin"].as_str(), peer.is_none()), (Some("relay"), by_socket), "{shown}");
    assert_eq!(shown["facts"]["pinned"]["dmarc"]["result"].as_str(), Some("pass"));
    assert_eq!(behind.acme.entries("4711").len(), 1);
    // One transaction is one tenant's: the host hears 452 for the other one, and brings it again.
    behind.send(PETRA, &["import@acme.example", "import@beta.example"], &forward("two@acme.example", "4711 WG: x"));
    eventually("both tenants' mail", || (behind.acme.entries("4711").len() == 2 && behind.mails_of("beta").len() == 1).then_some(()));
    // A stranger's mail is held: a refusal would make the host send a bounce to whoever it says that it is from.
    behind.send("stranger@evil.example", &["import@acme.example"], &forward("three@evil.example", "4711 WG: x"));
    let held = eventually("a held mail", || behind.acme.mails().into_iter().find(|mail| mail["disposition"] == "held"));
    assert_eq!(held["reason"], "sender_not_authenticated");
    let log = behind.postfix.log();
    assert_eq!(log.matches("status=bounced").count(), 0, "{log}");
    let sent = eventually("the host's word for each recipient", || {
        let sent = behind.postfix.log().matches("status=sent (250 2.0.0 kept as ").count();
        (sent == 5).then_some(sent)
    });
    assert_eq!(sent, 5);
    assert_eq!(behind.acme.mails().len(), 3);
    let doors = behind.acme.json(&["doors", "list", "--json"]);
    for kind in ["smtp", "lmtp"] {
        let is_open = |door: &Value| door["kind"] == kind && door["state"] == "listening";
        assert!(doors.as_array().unwrap().iter().any(is_open), "{doors}");
    }
    behind.acme.all_sent();
    daemon.stop();
    behind.acme.is_sound();
}

/// RFC 2033. Acceptance: G10.
#[test]
fn behind_a_mail_host_by_socket() {
    what_a_host_delivers(true);
}

#[test]
fn behind_a_mail_host_over_tcp() {
    what_a_host_delivers(false);
}

/// Acceptance: G1, G2, G3. The host keeps what is not taken, and brings again what it does not know to be taken.
#[test]
fn stopped_started_and_killed() {
    const MAILS: usize = 60;
    let mut behind = Behind::new(true);
    let send = |behind: &Behind, numbers: std::ops::Range<usize>| {
        for number in numbers {
            behind.send(
                PETRA,
                &["import@acme.example", "import+x@acme.example"],
                &forward(&format!("lmtp-{number}@acme.example"), "4711 WG: x"),
            );
        }
    };
    let taken = |behind: &Behind, least: usize| eventually("mails", || (behind.acme.mails().len() >= least).then_some(()));
    send(&behind, 0..20);
    assert_eq!(behind.acme.mails().len(), 0, "nobody is there yet");
    let daemon = behind.acme.serve();
    taken(&behind, 5);
    daemon.kill();
    send(&behind, 20..40);
    let daemon = behind.acme.serve();
    taken(&behind, 25);
    daemon.stop();
    let daemon = behind.acme.serve();
    send(&behind, 40..MAILS);
    taken(&behind, 45);
    daemon.kill();
    let daemon = behind.acme.serve();
    let filed = |behind: &Behind| behind.acme.entries("4711").len();
    eventually("every mail", || (filed(&behind) >= MAILS).then_some(()));
    eventually("the end of every mail", || behind.acme.mails().iter().all(|mail| !mail["disposition"].is_null()).then_some(()));
    eventually("an empty queue", || (behind.postfix.log().matches(": removed").count() >= MAILS).then_some(()));
    assert_eq!(filed(&behind), MAILS);
    let ends: HashSet<String> = behind.acme.mails().iter().map(|mail| mail["disposition"].as_str().unwrap().to_owned()).collect();
    // What the host did not know to be taken came again, and is known.
    assert!(ends.iter().all(|end| end == "filed" || end == "duplicate"), "{ends:?}");
    assert_eq!(behind.postfix.log().matches("status=bounced").count(), 0);
    behind.acme.all_sent();
    daemon.stop();
    behind.acme.is_sound();
}

/// A client that says exactly what it is told, by socket.
struct Client(BufReader<UnixStream>);

impl Client {
    fn connect(path: &PathBuf) -> Client {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client(BufReader::new(stream));
        let greeting = client.reply();
        assert!(greeting.starts_with("220 mx.acme.example LMTP"), "{greeting}");
        client
    }

    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    fn says(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// The answer to the last dot.
    fn sends(&mut self, mail: &str) -> String {
        for (line, code) in [("LHLO host", "250"), ("MAIL FROM:<>", "250"), ("RCPT TO:<import@acme.example>", "250"), ("DATA", "354")] {
            let reply = self.says(line);
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
        let data: String = mail.lines().map(|line| format!("{line}\r\n")).collect();
        self.says(&format!("{data}."))
    }
}

fn with_socket(acme: &Installation, more: &str) -> PathBuf {
    let (relay, socket) = (acme.relay_section(), acme.path("lmtp.sock"));
    acme.configure("", &format!("{relay}\n[lmtp]\nlisten = [\"unix:{}\"]\nauthserv_id = \"mx.acme.example\"\n{more}\n", socket.display()));
    socket
}

/// A dead run's file is replaced; a file that is none, and a socket that somebody listens on, are not.
#[test]
fn what_a_socket_is_worth() {
    let mut acme = Installation::new();
    let socket = with_socket(&acme, "");
    let note = |acme: &Installation| acme.succeeds(&["check"]).contains("somebody listens there");
    assert!(!note(&acme));
    let daemon = acme.serve();
    let there = std::fs::symlink_metadata(&socket).unwrap();
    assert!(there.file_type().is_socket() && there.mode() & 0o777 == 0o660, "{there:?}");
    assert!(note(&acme));
    assert_eq!(Client::connect(&socket).says("EHLO x").get(..9), Some("500 5.5.1"));
    daemon.kill();
    assert!(socket.exists(), "a dead run leaves its file");
    let daemon = acme.serve();
    assert!(Client::connect(&socket).says("LHLO x").starts_with("250"));
    // Another daemon of another database.
    let mut beta = Installation::new();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    let here = |installation: &Installation| installation.folder.path().to_str().unwrap().to_owned();
    let other = text.replace(&format!("{}/state", here(&acme)), &format!("{}/state", here(&beta)));
    std::fs::write(beta.path("rohrpost.toml"), other).unwrap();
    let Err(log) = beta.try_serve() else { panic!("two daemons on one socket") };
    assert!(log.contains("exit 1") && log.contains("lmtp.sock: somebody listens there already"), "{log}");
    assert!(Client::connect(&socket).says("LHLO x").starts_with("250"), "the first one still has it");
    daemon.stop();
    assert!(!socket.exists(), "a clean end takes it away");
    std::fs::write(&socket, "precious").unwrap();
    let Err(log) = acme.try_serve() else { panic!("a file was replaced") };
    assert!(log.contains("exit 1") && log.contains("no socket"), "{log}");
    let (code, said) = acme.fails(&["check"]);
    assert!(code == 2 && said.contains("lmtp.listen") && said.contains("no socket"), "{said}");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
}

/// Whoever can connect is believed: `check` says where that is everybody on this machine.
#[test]
fn what_check_says_of_an_open_door() {
    let acme = Installation::new();
    let socket = with_socket(&acme, "");
    let (everybody, locally) = ("lmtp.socket_mode: every user of this machine can connect", "every program of this machine can connect");
    let said = acme.succeeds(&["check"]);
    assert!(!said.contains(everybody) && !said.contains(locally), "{said}");
    for (mode, is_open) in [("0666", true), ("0662", true), ("0664", true), ("0660", false)] {
        with_socket(&acme, &format!("socket_mode = {mode:?}"));
        assert_eq!(acme.succeeds(&["check"]).contains(everybody), is_open, "{mode}");
    }
    // Another's socket could take this one's place, unless only owners may remove what lies there.
    let with_mode = |mode: u32| std::fs::set_permissions(socket.parent().unwrap(), std::fs::Permissions::from_mode(mode)).unwrap();
    with_mode(0o777);
    let (code, said) = acme.fails(&["check"]);
    assert!(code == 2 && said.contains("lmtp.listen: unix:") && said.contains("everybody may write into"), "{said}");
    with_mode(0o1777);
    acme.succeeds(&["check"]);
    with_mode(0o700);
    // By address: who may connect must be said, and on this machine it is said to everybody.
    let config = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    let by_tcp = config.replace(&format!("unix:{}", socket.display()), &format!("127.0.0.1:{}", free_port()));
    std::fs::write(acme.path("rohrpost.toml"), &by_tcp).unwrap();
    let (code, said) = acme.fails(&["check"]);
    assert!(code == 2 && said.contains("lmtp.networks") && said.contains("say who may connect"), "{said}");
    let named = by_tcp.replace("[lmtp]", "[lmtp]\nnetworks = [\"127.0.0.1\"]");
    std::fs::write(acme.path("rohrpost.toml"), &named).unwrap();
    assert!(acme.succeeds(&["check"]).contains(locally));
    let (ahead, ours) = named.split_once("[lmtp]").unwrap();
    let believes_nobody = format!("{ahead}[lmtp]{}", ours.replace("authserv_id", "# authserv_id"));
    std::fs::write(acme.path("rohrpost.toml"), believes_nobody).unwrap();
    assert!(!acme.succeeds(&["check"]).contains(locally));
}

/// Whatever would be refused at our own door is held here, or put off; and only mail hosts may come by network.
#[test]
fn nothing_becomes_a_bounce() {
    let mut acme = Installation::new();
    let port = free_port();
    let socket = with_socket(&acme, "networks = [\"127.0.0.1\"]\n[held_unauthenticated]\nmax_mails = 2");
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    let both = text.replace("lmtp.sock\"]", &format!("lmtp.sock\", \"127.0.0.1:{port}\"]"));
    std::fs::write(acme.path("rohrpost.toml"), both).unwrap();
    let daemon = acme.serve();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    // RFC 5321 §6.3: a mail that goes in circles has its end here, instead of one more turn as a bounce.
    let circles = "Received: from a by b; Mon, 23 Nov 2026 09:30:00 +0100\n".repeat(60);
    let reply = Client::connect(&socket).sends(&format!("{circles}{}", Forward::default().mail()));
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(acme.ended(id)["facts"]["hops"], 61);
    // Nobody vouches for these: the second one finds the quota full.
    let stranger = |number: usize| forward(&format!("s{number}@evil.example"), "4711 WG: x").replace("petra@acme", "petra@evil");
    let mut replies = Vec::new();
    for number in 0..3 {
        replies.push(Client::connect(&socket).sends(&stranger(number)));
    }
    assert!(replies[0].starts_with("250 2.0.0 kept as "), "{replies:?}");
    assert!(replies[2].starts_with("452 4.2.2 "), "{replies:?}");
    // Only the hosts that are named may come by network.
    assert!(Smtp::connect_from("127.0.0.1", address).says("LHLO x").starts_with("250"));
    let mut other = Smtp::connect_unread("127.0.0.2", address);
    assert!(other.reply().starts_with("421 4.7.0 "));
    assert!(acme.logs().contains("127.0.0.2 may not connect by LMTP"));
    daemon.stop();
    acme.is_sound();
}

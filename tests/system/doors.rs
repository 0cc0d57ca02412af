//! The SMTP door as peers meet it: real TLS, real clients of others, limits, and a stop in order.

use crate::harness::*;
use std::io::Write;
use std::process::{Command, Stdio};

pub fn set_password(installation: &Installation, user: &str) {
    let mut child = installation.command(&["user", "set-password", user]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(child.wait().unwrap().success());
}

/// Python's smtplib: STARTTLS, AUTH PLAIN, and what is refused. Answers are printed, one a line.
const CLIENT: &str = r#"
import smtplib, ssl, sys
host, port, ca, user, password, mail = sys.argv[1:7]
context = ssl.create_default_context(cafile=ca)
client = smtplib.SMTP(host, int(port), source_address=("127.0.0.2", 0))
client.ehlo()
print("plain", "auth" in client.esmtp_features, "starttls" in client.esmtp_features)
client.starttls(context=context)
client.ehlo()
print("tls", "auth" in client.esmtp_features, "starttls" in client.esmtp_features)
try:
    client.login(user, "not " + password)
except smtplib.SMTPAuthenticationError as error:
    print("wrong", error.smtp_code)
client.login(user, password)
try:
    client.sendmail(user, ["import@beta.example"], "Subject: x\r\n\r\nx")
except smtplib.SMTPRecipientsRefused as error:
    print("other tenant", list(error.recipients.values())[0][0])
client.mail(user); client.rcpt("import@acme.example")
code, text = client.data(open(mail, "rb").read())
print("data", code, text.decode())
client.quit()
"#;

/// Acceptance: G10. Signing in with a client that is not ours.
#[test]
fn signing_in_with_smtplib() {
    let mut acme = Installation::new();
    let tls = acme.certificate();
    let relay = acme.relay_section();
    acme.configure(&tls, &relay);
    set_password(&acme, PETRA);
    let daemon = acme.serve();
    // The certificate is renewed under the running service: the client knows the new one alone.
    acme.certificate();
    daemon.signal("-HUP");
    eventually("the new certificate", || acme.logs().contains("was read again").then_some(()));
    // Without any Authentication-Results: the login is the proof.
    let mail = Forward::default().mail();
    std::fs::write(acme.path("mail.eml"), mail.split_once('\n').unwrap().1).unwrap();
    let (ca, file) = (acme.path("cert.pem"), acme.path("mail.eml"));
    let port = daemon.address.port().to_string();
    let output = Command::new("python3")
        .args(["-c", CLIENT, "localhost", &port, ca.to_str().unwrap(), PETRA, PASSWORD, file.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        &lines[..4],
        ["plain False True", "tls True False", "wrong 535", "other tenant 550"],
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let id = lines[4].strip_prefix("data 250 2.0.0 kept as ").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(acme.ended(id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// CVE-2011-0411: what was sent in plain text behind STARTTLS is not taken as sent in TLS.
#[test]
fn nothing_passes_starttls_in_plain_text() {
    let mut acme = Installation::new();
    let tls = acme.certificate();
    let relay = acme.relay_section();
    acme.configure(&tls, &relay);
    let daemon = acme.serve();
    let mut peer = daemon.connect();
    peer.says("EHLO x");
    peer.write(b"STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n");
    let reply = peer.reply();
    assert!(reply.starts_with("501 5.5.1 "), "{reply}");
    assert!(peer.rest().is_empty());
    daemon.stop();
}

#[test]
fn connections_are_limited() {
    let mut acme = Installation::new();
    let relay = acme.relay_section();
    acme.configure("max_connections = 3\nmax_connections_per_address = 2", &relay);
    let daemon = acme.serve();
    let (first, second) = (daemon.connect(), daemon.connect());
    assert!(is_turned_away("127.0.0.1", &daemon));
    let third = Smtp::connect_from("127.0.0.2", daemon.address);
    assert!(is_turned_away("127.0.0.3", &daemon), "the limit over all addresses");
    drop(first);
    eventually("a free place", || (!is_turned_away("127.0.0.3", &daemon)).then_some(()));
    drop((second, third));
    for told in ["127.0.0.1 is held up by smtp.max_connections_per_address", "127.0.0.3 is held up by smtp.max_connections:"] {
        assert_eq!(acme.logs().matches(told).count(), 1, "{told}");
    }
    daemon.stop();
}

fn is_turned_away(local: &str, daemon: &Daemon) -> bool {
    let mut peer = Smtp::connect_unread(local, daemon.address);
    let greeting = peer.reply();
    let turned_away = greeting.starts_with("421 4.7.0 ");
    assert!(turned_away || greeting.starts_with("220 "), "{greeting}");
    turned_away
}

/// New and idle peers hear 421, a mail in hand is kept, and the process ends cleanly.
#[test]
fn a_stop_in_order() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let mut idle = daemon.connect();
    let mut busy = daemon.connect();
    busy.begins(PETRA, IMPORT);
    busy.write(b"Subject: 4711 x\r\n");
    daemon.signal("-TERM");
    assert!(idle.reply().starts_with("421 4.3.2 "));
    let mut new = Smtp::connect_unread("127.0.0.1", daemon.address);
    assert!(new.reply().starts_with("421 4.3.2 "));
    busy.write(b"\r\nkanarienvogel-text\r\n.\r\n");
    let reply = busy.reply();
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert!(busy.reply().starts_with("421 4.3.2 "));
    daemon.ends();
    // What was accepted while stopping is processed now or at the next start.
    let daemon = acme.serve();
    assert_eq!(acme.ended(id)["disposition"], "held");
    daemon.stop();
    acme.is_sound();
}

/// systemd is told when the doors are open, and that the process is alive.
#[test]
fn systemd_is_told() {
    let mut acme = Installation::new();
    let socket = std::os::unix::net::UnixDatagram::bind(acme.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let daemon = acme.serve_with(&[("NOTIFY_SOCKET", acme.path("notify").to_str().unwrap()), ("WATCHDOG_USEC", "200000")]);
    let mut heard = String::new();
    while !(heard.contains("READY=1") && heard.contains("WATCHDOG=1")) {
        let mut buffer = [0; 4096];
        let read = socket.recv(&mut buffer).unwrap();
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(heard.contains("STATUS=listening on 127.0.0.1:"), "{heard}");
    daemon.stop();
}

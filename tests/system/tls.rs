//! TLS from the first byte, the other ways to sign in, addresses that are not ASCII, and certificates that are renewed.

use crate::alarms::open;
use crate::doors::set_password;
use crate::harness::*;
use std::process::Command;

/// Python's smtplib over implicit TLS: AUTH LOGIN with its two questions, then with the name beside the command; addresses in UTF-8.
const CLIENT: &str = r#"
import smtplib, ssl, sys
host, port, ca, user, password, mail = sys.argv[1:7]
context = ssl.create_default_context(cafile=ca)
def connect():
    client = smtplib.SMTP_SSL(host, int(port), context=context, source_address=("127.0.0.2", 0))
    client.ehlo()
    return client
client = connect()
print("tls", client.esmtp_features["auth"].split(), "starttls" in client.esmtp_features, "smtputf8" in client.esmtp_features)
print("starttls", client.docmd("STARTTLS")[0])
client.user, client.password = user, "not " + password
try:
    client.auth("LOGIN", client.auth_login, initial_response_ok=False)
except smtplib.SMTPAuthenticationError as error:
    print("wrong", error.smtp_code)
client.password = password
print("login", client.auth("LOGIN", client.auth_login, initial_response_ok=False)[0])
client.command_encoding = "utf-8"
client.mail(user)
print("without", client.rcpt("import@acme.example")[0], client.docmd("RCPT TO:<bewerbungen@m\u00fcller.example>")[0])
client.rset()
data = open(mail, "rb").read()
print("mail", client.mail(user, ["SMTPUTF8", "BODY=8BITMIME"])[0], client.rcpt("Bewerbungen@M\u00fcller.example")[0])
code, text = client.data(data)
print("data", code, text.decode())
client.quit()
client = connect()
client.user, client.password = user, password
print("at once", client.auth("LOGIN", client.auth_login, initial_response_ok=True)[0])
client.quit()
"#;

/// RFC 8314, RFC 4954, RFC 6531. With a client that is not ours.
#[test]
fn tls_from_the_first_byte() {
    let mut acme = Installation::empty("");
    let tenant = ACME.replace(r#"["import@acme.example"]"#, r#"["import@acme.example", "bewerbungen@xn--mller-kva.example"]"#);
    acme.import(&tenant);
    let (tls, relay, port) = (acme.certificate(), acme.relay_section(), free_port());
    acme.configure(&format!("listen_tls = [\"127.0.0.1:{port}\"]\n{tls}"), &relay);
    set_password(&acme, PETRA);
    let daemon = acme.serve();
    assert!(acme.logs().contains(&format!("listening for SMTP over TLS on 127.0.0.1:{port}")));
    let mail = Forward::default().mail();
    std::fs::write(acme.path("mail.eml"), mail.split_once('\n').unwrap().1).unwrap();
    let (ca, file) = (acme.path("cert.pem"), acme.path("mail.eml"));
    let output = Command::new("python3")
        .args(["-c", CLIENT, "localhost", &port.to_string(), ca.to_str().unwrap(), PETRA, PASSWORD, file.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let wanted = ["tls ['PLAIN', 'LOGIN'] False True", "starttls 503", "wrong 535", "login 235", "without 250 553", "mail 250 250"];
    assert_eq!(lines.get(..6), Some(&wanted[..]), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let id = lines[6].strip_prefix("data 250 2.0.0 kept as ").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(lines.get(7), Some(&"at once 235"), "{}", String::from_utf8_lossy(&output.stderr));
    let ended = acme.ended(id);
    assert_eq!((ended["disposition"].as_str(), ended["facts"]["tls"].as_bool()), (Some("filed"), Some(true)));
    assert_eq!(ended["envelope"]["to"][0].as_str(), Some("Bewerbungen@Müller.example"), "{ended}");
    // Whoever speaks in plain text there gets no greeting, and nothing that he says is a command.
    let mut peer = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(&mut peer, b"EHLO x\r\nMAIL FROM:<evil@example.net>\r\n").unwrap();
    let mut heard = Vec::new();
    let _ = std::io::Read::read_to_end(&mut peer, &mut heard);
    assert!(heard.first().is_none_or(|first| *first == 0x15), "a TLS alert at most: {heard:?}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// What the client said of the certificate that it met.
fn verifies(acme: &Installation, port: u16) -> bool {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-verify_return_error", "-brief", "-CAfile"])
        .arg(acme.path("cert.pem"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    output.status.success()
}

/// Renewed files are taken up without a signal; halves of a renewal are not, and the log says so once.
#[test]
fn certificates_are_renewed_without_a_signal() {
    let mut acme = Installation::new();
    let (tls, relay, port) = (acme.certificate(), acme.relay_section(), free_port());
    acme.configure(&format!("listen_tls = [\"127.0.0.1:{port}\"]\n{tls}"), &relay);
    let daemon = acme.serve();
    assert!(verifies(&acme, port));
    acme.certificate();
    assert!(!verifies(&acme, port), "the client knows the new one alone");
    eventually("the new certificate", || acme.logs().contains("was read again").then_some(()));
    assert!(verifies(&acme, port));
    let key = std::fs::read(acme.path("key.pem")).unwrap();
    std::fs::write(acme.path("key.pem"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    eventually("half of a renewal", || acme.logs().contains("the old one stays in use").then_some(()));
    assert!(verifies(&acme, port), "the old one stays in use");
    std::fs::write(acme.path("key.pem"), key).unwrap();
    eventually("the whole of it", || (acme.logs().matches("was read again").count() == 2).then_some(()));
    assert_eq!(acme.logs().matches("the old one stays in use").count(), 1);
    assert!(verifies(&acme, port));
    daemon.stop();
}

/// A certificate like the harness's own, that ends in so many days.
fn ends_in(acme: &Installation, days: i64) {
    let end = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(end.year().into(), end.month() as u8, end.day() as u8);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(acme.path("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(acme.path("key.pem"), key.serialize_pem()).unwrap();
}

/// A certificate that ends soon, and files that are none, are alarms until they are renewed.
#[test]
fn a_certificate_that_nobody_renews() {
    let mut acme = Installation::new();
    let (tls, relay) = (acme.certificate(), acme.relay_section());
    acme.configure(&tls, &relay);
    ends_in(&acme, 3);
    let said = acme.succeeds(&["check"]);
    assert!(said.contains("smtp.tls: the certificate expires at"), "{said}");
    let daemon = acme.serve();
    let text = || acme.json(&["alarms", "list", "--json"])[0]["text"].as_str().unwrap().to_owned();
    let alarm = || eventually("an alarm", || (open(&acme) == ["certificate smtp.tls"]).then_some(()));
    let is_over = || eventually("no alarm", || open(&acme).is_empty().then_some(()));
    alarm();
    assert!(text().starts_with("The certificate of smtp.tls ends in "), "{}", text());
    acme.certificate();
    is_over();
    let key = std::fs::read(acme.path("key.pem")).unwrap();
    std::fs::write(acme.path("key.pem"), "no key").unwrap();
    alarm();
    assert!(text().starts_with("The files of smtp.tls cannot be used: "), "{}", text());
    std::fs::write(acme.path("key.pem"), key).unwrap();
    is_over();
    daemon.stop();
    acme.is_sound();
}

//! Relays that say no. A fake stands for them: no real one refuses on demand.

use crate::harness::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// Answers every session with this greeting, and every RCPT with that reply; returns its port. Ends with the test.
pub fn relay(greeting: &'static str, to_rcpt: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || session(stream.unwrap(), greeting, to_rcpt));
        }
    });
    port
}

fn session(mut stream: TcpStream, greeting: &str, to_rcpt: &str) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    write!(stream, "{greeting}\r\n")?;
    for line in lines {
        let line = line?;
        let reply = match line.split(' ').next() {
            Some("RCPT") if to_rcpt == NEVER && line.contains("max@acme.example") => {
                std::thread::sleep(std::time::Duration::from_secs(600));
                return Ok(());
            }
            Some("RCPT") if to_rcpt == GONE && line.contains("gone@") => "550 5.1.1 <gone@other.example>: no such user",
            Some("RCPT") if to_rcpt == NEVER || to_rcpt == GONE => "250 ok",
            Some("RCPT") => to_rcpt,
            Some("DATA") => "354 go on",
            Some("." | "MAIL" | "EHLO" | "NOOP" | "RSET") => "250 ok",
            Some("QUIT") => return write!(stream, "221 bye\r\n"),
            _ => continue,
        };
        write!(stream, "{reply}\r\n")?;
    }
    Ok(())
}

/// A reply to RCPT: none at all to Max's, good ones to others.
pub const NEVER: &str = "";
/// One address is nobody's any more; good ones to others.
pub const GONE: &str = "gone";

fn section(port: u16) -> String {
    format!("[outgoing]\nhost = \"127.0.0.1\"\nport = {port}\n")
}

/// Acceptance: S1.24. What a relay says of everything is tried again; what it says of a recipient is final, until an operator asks.
#[test]
fn a_no_to_everything_and_a_no_to_one() {
    let mut acme = Installation::new();
    acme.configure("", &section(relay("554 no SMTP service here", "")));
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    let states = |acme: &Installation, state: &str, error: &str| {
        eventually(state, || {
            let messages = acme.messages();
            let fits =
                |message: &serde_json::Value| message["state"] == state && message["last_error"].as_str().unwrap_or("").contains(error);
            (messages.len() == 2 && messages.iter().all(fits)).then_some(())
        })
    };
    states(&acme, "deferred", "554");
    daemon.stop();
    acme.configure("", &section(relay("220 relay.example", "550 5.1.1 nobody of that name")));
    let daemon = acme.serve();
    for message in acme.messages() {
        acme.succeeds(&["outbox", "retry", message["id"].as_str().unwrap(), "--tenant", "acme"]);
    }
    states(&acme, "failed", "5.1.1");
    daemon.stop();
    let relay = acme.relay_section();
    acme.configure("", &relay);
    let daemon = acme.serve();
    let said = acme.succeeds(&["outbox", "retry", "--failed", "--tenant", "acme"]);
    assert_eq!(said.matches("will be tried at once").count(), 2, "{said}");
    assert_eq!(acme.all_sent().len(), 2);
    assert!(acme.succeeds(&["outbox", "retry", "--failed", "--tenant", "acme"]).contains("no message has failed"));
    daemon.stop();
    acme.is_sound();
}

/// One message that does not get on holds up its own place alone.
#[test]
fn a_slow_message_stops_no_other() {
    let mut acme = Installation::new();
    acme.configure("stop_timeout_seconds = 1", &section(relay("220 relay.example", NEVER)));
    let daemon = acme.serve();
    for id in ["one@x", "two@x"] {
        let id = daemon.delivers(&Forward { id, ..Forward::default() }.mail());
        acme.ended(&id);
        let count = |acme: &Installation, state: &str| acme.messages().iter().filter(|message| message["state"] == state).count();
        let sent = acme.entries("4711").len();
        eventually("Petra's notices", || (count(&acme, "sent") == sent).then_some(()));
        assert_eq!(count(&acme, "sending"), sent);
    }
    daemon.stop();
    // What was under way is sent at the next start.
    let relay = acme.relay_section();
    acme.configure("", &relay);
    let daemon = acme.serve();
    assert_eq!(acme.all_sent().len(), 4);
    daemon.stop();
    acme.is_sound();
}

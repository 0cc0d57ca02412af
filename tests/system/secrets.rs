//! Secrets stand in no log, no message, no list of processes, whatever way they come in and whatever goes wrong.

use crate::harness::*;
use rohrpost::config;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

/// Each way has its own.
const BY_VALUE: &str = "kanarie-passwort-value-7w";
const BY_FILE: &str = "kanarie-passwort-file-8f";
const BY_CREDENTIAL: &str = "kanarie-passwort-credential-9c";
const SECRETS: [&str; 3] = [BY_VALUE, BY_FILE, BY_CREDENTIAL];

/// Searches a text for secrets, also as AUTH PLAIN sends them.
#[track_caller]
fn has_none(what: &str, text: &[u8]) {
    use base64::Engine;
    let text = String::from_utf8_lossy(text);
    for secret in SECRETS {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("\0relay-user\0{secret}"));
        assert!(!text.contains(secret) && !text.contains(&encoded), "{secret} stands in {what}: {text}");
    }
}

/// A relay on this machine that offers AUTH and takes no password; returns its port, and how often it was asked.
fn relay() -> (u16, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counted) = (stream.unwrap(), counted.clone());
            std::thread::spawn(move || -> std::io::Result<()> {
                let lines = BufReader::new(stream.try_clone()?).lines();
                write!(stream, "220 relay\r\n")?;
                for line in lines {
                    let line = line?;
                    let reply = match line.split(' ').next() {
                        Some("EHLO") => "250-relay\r\n250 AUTH PLAIN LOGIN",
                        Some("AUTH") => {
                            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            "535 5.7.8 no"
                        }
                        Some("QUIT") => return write!(stream, "221 bye\r\n"),
                        _ => "250 ok",
                    };
                    write!(stream, "{reply}\r\n")?;
                }
                Ok(())
            });
        }
    });
    (port, asked)
}

fn run(acme: &Installation, args: &[&str]) -> Output {
    acme.command(args).env("CREDENTIALS_DIRECTORY", acme.path("credentials")).output().unwrap()
}

/// Every way a secret comes in, through everything that reads it.
#[test]
fn secrets_that_are_used() {
    let mut acme = Installation::new();
    acme.leaves_outbox = true;
    std::fs::write(acme.path("secret"), format!("{BY_FILE}\n")).unwrap();
    let credentials = acme.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("relay"), BY_CREDENTIAL).unwrap();
    let given = [
        format!("{{ value = \"{BY_VALUE}\" }}"),
        format!("{{ file = {:?} }}", acme.path("secret")),
        "{ credential = \"relay\" }".to_owned(),
    ];
    for (number, password) in given.iter().enumerate() {
        let (port, asked) = relay();
        let section = format!("[outgoing]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"relay-user\"\npassword = {password}\n");
        acme.configure("", &section);
        let check = run(&acme, &["check"]);
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        has_none("check", &[check.stdout, check.stderr].concat());
        let daemon = acme.serve_with(&[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]);
        has_none("the list of processes", &std::fs::read(format!("/proc/{}/cmdline", daemon.pid())).unwrap());
        let id = daemon.delivers(&Forward { id: &format!("{number}@acme.example"), ..Forward::default() }.mail());
        eventually("the relay to be asked", || (asked.load(std::sync::atomic::Ordering::Relaxed) > 0).then_some(()));
        let show = |args: &[&str]| {
            let output = run(&acme, args);
            has_none("what a command says", &[output.stdout, output.stderr].concat());
        };
        eventually("the relay's answer", || {
            let list = run(&acme, &["outbox", "list", "--json", "--tenant", "acme"]);
            String::from_utf8_lossy(&list.stdout).contains("535").then_some(())
        });
        show(&["outbox", "list", "--json", "--tenant", "acme"]);
        show(&["mail", "show", &id, "--json", "--tenant", "acme"]);
        daemon.stop();
    }
    has_none("the log", acme.logs().as_bytes());
    // The values themselves are shown to nobody.
    let text = format!("[outgoing]\nhost = \"127.0.0.1\"\nuser = \"u\"\npassword = {}\n", given[0]);
    let config = config::read(&text, Vec::new()).unwrap();
    has_none("Debug", format!("{config:?}{config:#?}").as_bytes());
}

/// A fault in the line of a secret is told without the line.
#[test]
fn secrets_that_are_written_wrongly() {
    let acme = Installation::empty("");
    let read = |text: &str, variables: &[(&str, &str)]| {
        std::fs::write(acme.path("rohrpost.toml"), text).unwrap();
        for command in ["check", "serve"] {
            let output = Command::new(env!("CARGO_BIN_EXE_rohrpost"))
                .arg("--config")
                .arg(acme.path("rohrpost.toml"))
                .arg(command)
                .envs(variables.iter().copied())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}");
            let said = [output.stdout, output.stderr].concat();
            has_none(text, &said);
            let said = String::from_utf8_lossy(&said);
            assert!(said.contains("password") || said.contains("PASSWORD"), "{text}: {said}");
        }
    };
    let head = "[outgoing]\nhost = \"127.0.0.1\"\nuser = \"u\"\n";
    read(&format!("{head}password = \"{BY_VALUE}\"\n"), &[]);
    read(&format!("{head}password = {{ vaule = \"{BY_VALUE}\" }}\n"), &[]);
    read(&format!("{head}password = {{ value = \"{BY_VALUE}\" \n"), &[]);
    read(&format!("{head}password = {{ value = [\"{BY_VALUE}\"] }}\n"), &[]);
    read(&format!("{head}password = {{ value = '{BY_VALUE} }}\n"), &[]);
    read(&format!("{head}pasword = {{ value = \"{BY_VALUE}\" }}\n"), &[]);
    read(&format!("{head}[outgoing.password]\nvalue = {{ x = \"{BY_VALUE}\" }}\n"), &[]);
    read(&format!("{head}[outgoing.password]\nvalue = \"{BY_VALUE}\nport = 3\n"), &[]);
    read(head, &[("ROHRPOST__OUTGOING__PASSWORD", BY_VALUE)]);
    read(head, &[("ROHRPOST__OUTGOING__PASSWORD", "{ vaule = \"kanarie-passwort-value-7w\" }")]);
    read(head, &[("ROHRPOST__OUTGOING__PASSWORD__VALUE", "[\"kanarie-passwort-value-7w\"]")]);
}

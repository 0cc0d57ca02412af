//! What a mail may try in a browser, opened in a real Chromium beside a server that must never be asked.

use crate::harness::*;
use base64::prelude::{BASE64_STANDARD, Engine};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const VECTORS: &str = include_str!("../../fixtures/display/vectors.txt");

/// A server on loopback that counts who asks it.
struct Canary {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Canary {
    fn start() -> Canary {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (list, stopped) = (asked.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let mut begin = [0; 200];
                let read = stream.read(&mut begin).unwrap_or(0);
                list.lock().unwrap().push(String::from_utf8_lossy(&begin[..read]).lines().next().unwrap_or_default().to_owned());
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Canary { port, asked, stop }
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The page as the browser has it when everything that it wanted has been loaded.
fn opened(page: &std::path::Path) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-extensions",
        ])
        .args(["--disable-dev-shm-usage", "--virtual-time-budget=5000", "--timeout=20000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", &format!("file://{}", page.display())])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Acceptance: S1.E13. Nothing is asked for, nothing runs; the same page without our work asks and runs, so the test can tell.
#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let mut acme = Installation::new();
    let canary = Canary::start();
    let host = format!("http://127.0.0.1:{}", canary.port);
    let vectors: Vec<String> = VECTORS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            line.replace("\\n", "\n")
                .replace("\\t", "\t")
                .replace("\\0", "\0")
                .replace("HOST", &host)
                .replace("//canary.example", &host[5..])
        })
        .collect();
    // Some of them end the page for the browser, so they stand in two orders; what is plain stands first.
    let all: String = vectors.iter().chain(vectors.iter().rev()).map(|one| format!("<div>{one}</div>\n")).collect();
    let naive = acme.path("naive.html");
    std::fs::write(&naive, format!("<!DOCTYPE html><meta charset=utf-8><title>naive</title>{all}")).unwrap();
    let shown = opened(&naive);
    assert!(
        shown.contains("<title>pwned</title>") || !canary.asked.lock().unwrap().is_empty(),
        "the vectors do nothing at all: {shown:.500}"
    );
    assert!(!canary.asked.lock().unwrap().is_empty(), "nobody asked the server");
    canary.asked.lock().unwrap().clear();

    let mails = [vec![all], vectors].concat();
    let part = |html: &String| {
        let encoded = BASE64_STANDARD.encode(html).into_bytes();
        let lines: Vec<String> = encoded.chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n", lines.join("\r\n"))
    };
    let parts: String = mails.iter().map(part).collect();
    let mail = format!(
        "From: Petra <petra@acme.example>\r\nTo: import@rohrpost.example\r\nSubject: </title><script>document.title='pwned'</script>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n"
    );
    let daemon = acme.serve();
    let id = daemon.delivers(&mail);
    acme.ended(&id);
    let page = acme.succeeds(&["--tenant", "acme", "mail", "show", &id, "--html"]);
    let file = acme.path("mail.html");
    std::fs::write(&file, &page).unwrap();
    let shown = opened(&file);
    assert!(shown.contains("images left out") && shown.contains("Bitte neu anmelden"), "it was not shown: {shown:.2000}");
    assert!(!shown.contains("<title>pwned"), "a script ran");
    assert_eq!(*canary.asked.lock().unwrap(), Vec::<String>::new(), "the server was asked");
    daemon.stop();
}

//! An HTTP server on loopback that takes what alarms post, and answers as it is told.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

/// What was posted, and how it was answered.
#[derive(Clone, Debug)]
pub struct Post {
    pub answered: u16,
    pub body: Value,
    /// Whether the signature is that of the secret over time and body.
    pub is_signed: bool,
}

/// No answer, until there is another word.
pub const SILENT: u16 = 0;

pub const SECRET: &str = "kanarie-passwort-haken";

#[derive(Clone)]
pub struct Hook {
    pub port: u16,
    status: Arc<AtomicU16>,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Hook {
    pub fn start() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Hook { port: listener.local_addr().unwrap().port(), status: Arc::new(AtomicU16::new(204)), posts: Arc::default() };
        let taken = hook.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = taken.clone();
                std::thread::spawn(move || taken.serve(stream));
            }
        });
        hook
    }

    /// The lines for the configuration.
    pub fn section(&self) -> String {
        format!(
            "[alarms.webhook]\nurl = {{ value = \"http://127.0.0.1:{}/kanarie-passwort-pfad\" }}\nsecret = {{ value = {SECRET:?} }}\n",
            self.port
        )
    }

    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Event, kind and subject of what was taken, in order.
    pub fn told(&self) -> Vec<String> {
        let word = |post: &Post, key: &str| post.body[key].as_str().unwrap_or("?").to_owned();
        let taken = self.posts().into_iter().filter(|post| post.answered < 300);
        taken.map(|post| format!("{} {} {}", word(&post, "event"), word(&post, "kind"), word(&post, "about"))).collect()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let field = |name: &str| {
                let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
                line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
            };
            let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
            reader.read_exact(&mut body)?;
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(field("x-rohrpost-timestamp").as_bytes());
            mac.update(b".");
            mac.update(&body);
            let want: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let is_signed = field("x-rohrpost-signature") == format!("sha256={want}");
            let mut answered = self.status.load(Ordering::SeqCst);
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            self.posts.lock().unwrap().push(Post { answered, body, is_signed });
            while answered == SILENT {
                std::thread::sleep(std::time::Duration::from_millis(20));
                answered = self.status.load(Ordering::SeqCst);
            }
            // Where it leads must not matter: redirects are not followed.
            write!(stream, "HTTP/1.1 {answered} so\r\nLocation: http://127.0.0.1:{}/again\r\nContent-Length: 0\r\n\r\n", self.port)?;
        }
    }
}

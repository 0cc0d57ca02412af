//! A real Dovecot in a temporary folder on loopback, a small client for it, and a proxy that breaks connections where it is told to.

use crate::harness::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const USER: &str = "import@acme.example";
pub const SECRET: &str = "kanarie-passwort-imap";
pub const TOKEN: &str = "kanarie-passwort-token";

/// An IMAP server of its own; ended by process id when dropped.
pub struct Dovecot {
    folder: PathBuf,
    pub port: u16,
    pub tls_port: u16,
    master: Child,
}

impl Dovecot {
    pub fn start() -> Dovecot {
        Dovecot::start_with("")
    }

    /// With these lines at the end of its configuration.
    pub fn start_with(more: &str) -> Dovecot {
        Dovecot::asking(&format!("http://127.0.0.1:{}/", introspection()), more)
    }

    /// With the address at which tokens are looked at, and lines at the end of its configuration.
    pub fn asking(introspection_url: &str, more: &str) -> Dovecot {
        let folder = tempfile::Builder::new().prefix("rohrpost-dovecot-").tempdir().unwrap().keep();
        let open = |path: &PathBuf| assert!(Command::new("chmod").arg("755").arg(path).status().unwrap().success());
        open(&folder);
        let mail = folder.join("mail");
        std::fs::create_dir(&mail).unwrap();
        std::os::unix::fs::chown(&mail, Some(65534), Some(65534)).unwrap();
        certificates(&folder);
        let (port, tls_port) = (free_port(), free_port());
        std::fs::write(folder.join("dovecot.conf"), configuration(folder.to_str().unwrap(), port, tls_port) + more).unwrap();
        let oauth = format!(
            "introspection_mode = post\nintrospection_url = {introspection_url}\nusername_attribute = username\nusername_format = %u\n\
             active_attribute = active\nactive_value = true\n"
        );
        std::fs::write(folder.join("oauth2.conf.ext"), oauth).unwrap();
        let master = Command::new("dovecot").args(["-F", "-c"]).arg(folder.join("dovecot.conf")).stdin(Stdio::null()).spawn();
        let dovecot = Dovecot { folder, port, tls_port, master: master.expect("this test needs dovecot-imapd") };
        eventually("Dovecot", || TcpStream::connect(("127.0.0.1", port)).ok());
        dovecot
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub fn client(&self) -> Client {
        Client::connect(self.port, USER)
    }

    /// Another account.
    pub fn client_of(&self, user: &str) -> Client {
        Client::connect(self.port, user)
    }

    /// The folders as files, to be changed behind the server's back.
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.folder.join("mail").join(user)
    }

    /// SIGKILL to every process that serves a signed-in client; says how many there were.
    pub fn kill_sessions(&self) -> usize {
        let mut killed = 0;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
            if field("Name:") == "imap" && field("PPid:") == self.master.id().to_string() {
                killed += usize::from(Command::new("kill").args(["-KILL", field("Pid:")]).status().unwrap().success());
            }
        }
        killed
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("dovecot.log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- Dovecot said:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
        let _ = Command::new("kill").args(["-TERM", &self.master.id().to_string()]).status();
        let _ = self.master.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn certificates(folder: &std::path::Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join("ca.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(parameters, key);
    let server = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("srv.pem"), parameters.signed_by(&server, &issuer).unwrap().pem()).unwrap();
    std::fs::write(folder.join("srv.key"), server.serialize_pem()).unwrap();
}

fn configuration(folder: &str, port: u16, tls_port: u16) -> String {
    format!(
        "base_dir = {folder}/run\nstate_dir = {folder}/run\nlog_path = {folder}/dovecot.log\nprotocols = imap\nlisten = 127.0.0.1\n\
         ssl = yes\nssl_cert = <{folder}/srv.pem\nssl_key = <{folder}/srv.key\nssl_dh =\ndisable_plaintext_auth = no\n\
         auth_mechanisms = plain login xoauth2 oauthbearer\nauth_failure_delay = 0\nmail_location = maildir:{folder}/mail/%u\n\
         mail_max_userip_connections = 0\nfirst_valid_uid = 1\nnamespace inbox {{\n  inbox = yes\n}}\n\
         passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {folder}/oauth2.conf.ext\n}}\n\
         passdb {{\n  driver = static\n  mechanisms = plain login\n  args = password={SECRET}\n}}\n\
         userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home={folder}/mail/%u\n}}\n\
         service imap-login {{\n  inet_listener imap {{\n    port = {port}\n  }}\n  inet_listener imaps {{\n    port = {tls_port}\n    ssl = yes\n  }}\n}}\n\
         service stats {{\n  chroot =\n}}\nservice anvil {{\n  chroot =\n}}\n"
    )
}

/// The organisation's token service, as far as Dovecot asks it: one token is good.
fn introspection() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || introspect(stream));
        }
    });
    port
}

fn introspect(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let good = String::from_utf8_lossy(&body).contains(TOKEN);
        let answer = if good { format!(r#"{{"active": true, "username": "{USER}"}}"#) } else { r#"{"active": false}"#.to_owned() };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())?;
    }
}

/// A client that says what it is told, as people's mail programs would.
pub struct Client {
    stream: BufReader<TcpStream>,
    number: u32,
}

impl Client {
    fn connect(port: u16, user: &str) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { stream: BufReader::new(stream), number: 0 };
        client.line();
        client.does(&format!("LOGIN {user} {SECRET}"));
        client
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Everything up to the tagged answer, which is last.
    pub fn says(&mut self, command: &str) -> Vec<String> {
        self.number += 1;
        let tag = format!("T{}", self.number);
        write!(self.stream.get_mut(), "{tag} {command}\r\n").unwrap();
        self.until(&tag)
    }

    fn until(&mut self, tag: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let last = line.starts_with(&format!("{tag} ")) || line.is_empty();
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    #[track_caller]
    pub fn does(&mut self, command: &str) -> Vec<String> {
        let lines = self.says(command);
        assert!(lines.last().unwrap().contains(" OK"), "{command}: {lines:?}");
        lines
    }

    /// Puts a mail into a folder; `flags` as in `(\Seen)`, `()` for none.
    pub fn append(&mut self, folder: &str, flags: &str, mail: &str) {
        let mail = mail.replace('\n', "\r\n");
        self.number += 1;
        let tag = format!("T{}", self.number);
        write!(self.stream.get_mut(), "{tag} APPEND {folder} {flags} {{{}+}}\r\n", mail.len()).unwrap();
        self.stream.get_mut().write_all(mail.as_bytes()).unwrap();
        self.stream.get_mut().write_all(b"\r\n").unwrap();
        let lines = self.until(&tag);
        assert!(lines.last().unwrap().contains(" OK"), "{lines:?}");
    }

    /// UID and flags of every mail of a folder; none where there is no such folder.
    pub fn mails(&mut self, folder: &str) -> Vec<String> {
        if !self.says(&format!("SELECT {folder}")).last().unwrap().contains(" OK") {
            return Vec::new();
        }
        self.does("NOOP");
        let lines = self.does("UID FETCH 1:* (UID FLAGS)");
        lines.into_iter().filter(|line| line.contains(" FETCH (")).collect()
    }

    pub fn uid_validity(&mut self, folder: &str) -> String {
        let lines = self.does(&format!("STATUS {folder} (UIDVALIDITY)"));
        lines.iter().find_map(|line| line.split("UIDVALIDITY ").nth(1)).unwrap().to_owned()
    }
}

/// What a proxy does with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Pass,
    /// The client hears this instead, and the other side nothing.
    Answer(String),
    /// The line goes through, changed.
    Change(String),
    /// From here on nothing goes through in either direction; the connections stay.
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Client,
    Server,
}

type Rule = Box<dyn FnMut(From, &str) -> Act + Send>;

/// Stands between a client and a server, line by line.
pub struct Proxy {
    pub port: u16,
    rule: Arc<Mutex<Rule>>,
    pub connections: Arc<AtomicUsize>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn before(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_, _| Act::Pass)));
        let proxy = Proxy { port, rule, connections: Arc::default(), said: Arc::default() };
        let (rule, connections, said) = (proxy.rule.clone(), proxy.connections.clone(), proxy.said.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let held = Arc::new(std::sync::atomic::AtomicBool::new(false));
                for (from, read, write, back) in [
                    (From::Client, client.try_clone().unwrap(), server.try_clone().unwrap(), client.try_clone().unwrap()),
                    (From::Server, server, client.try_clone().unwrap(), client),
                ] {
                    let (rule, said, held) = (rule.clone(), said.clone(), held.clone());
                    std::thread::spawn(move || relay(from, read, write, back, &rule, &said, &held));
                }
            }
        });
        proxy
    }

    pub fn rule(&self, rule: impl FnMut(From, &str) -> Act + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// The client's lines so far that hold this text.
    pub fn heard(&self, text: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn relay(
    from: From,
    read: TcpStream,
    mut write: TcpStream,
    mut back: TcpStream,
    rule: &Mutex<Rule>,
    said: &Mutex<Vec<String>>,
    held: &std::sync::atomic::AtomicBool,
) {
    let mut reader = BufReader::new(read.try_clone().unwrap());
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            // What is held stays open: the other side must not learn that somebody went away.
            if !held.load(Ordering::SeqCst) {
                let _ = write.shutdown(Shutdown::Both);
            }
            return;
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if from == From::Client {
            said.lock().unwrap().push(text.clone());
        }
        while held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let act = rule.lock().unwrap()(from, &text);
        let sent = match act {
            Act::Pass => write.write_all(&line),
            Act::Change(line) => write.write_all(format!("{line}\r\n").as_bytes()),
            Act::Answer(answer) => back.write_all(format!("{answer}\r\n").as_bytes()),
            Act::Hold => {
                held.store(true, Ordering::SeqCst);
                Ok(())
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

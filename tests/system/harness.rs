//! Starts the real binary in a temporary folder and speaks to it as others do. Waits on conditions, never sleeps for luck.
//! Acceptance: G12. When an installation is dropped, its logs are searched for what must never stand in them, and its outbox must be empty.

use crate::dns::Dns;
pub use crate::forward::Forward;
use rohrpost::cli::demo::catcher::Catcher;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Strings that stand in the mails, names and passwords of these tests, and must stand in no log line.
pub const CANARIES: [&str; 5] = ["kanarienvogel-text", "kanarie.adresse", "Kanarie-Datei", "kanarie-passwort", "kanarie-betreff"];
pub const PASSWORD: &str = "kanarie-passwort-1";
pub const PETRA: &str = "petra@acme.example";
pub const MARIA: &str = "kanarie.adresse@example.net";
pub const IMPORT: &str = "import@acme.example";

/// One tenant with all roles, and another one beside it.
pub const ACME: &str = r#"{
  "tenant": {"id": "acme", "name": "Acme GmbH", "import_addresses": ["import@acme.example"], "time_zone": "Europe/Berlin", "locale": "de",
    "fallback_address": "hr@acme.example", "documents_tab": true},
  "departments": [{"id": "it", "name": "IT"}],
  "users": [
    {"email": "petra@acme.example", "name": "Petra Huber", "role": "hr_manager", "departments": ["it"], "locale": "de", "aliases": ["p.huber@acme.example"]},
    {"email": "max@acme.example", "name": "Max Weber", "role": "department", "departments": ["it"], "locale": "en"},
    {"email": "dora@acme.example", "name": "Dora Plus", "role": "department_plus", "departments": ["it"], "locale": "en"},
    {"email": "rita@acme.example", "name": "Rita Koch", "role": "recruiter", "departments": ["it"], "locale": "de"}
  ],
  "jobs": [{"id": "J1", "title": "Entwickler (m/w/d)", "department": "it", "responsible": ["petra@acme.example", "max@acme.example", "rita@acme.example"]},
           {"id": "J2", "title": "Niemandes Stelle", "department": "it"}],
  "applications": [
    {"id": "A1", "reference": "4711", "job": "J1", "status": "in_review", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}, "responsible": ["max@acme.example"]},
    {"id": "A2", "reference": "4712", "job": "J1", "candidate": {"id": "C2", "name": "Eva Anders", "emails": ["eva@example.net"]}},
    {"id": "A3", "reference": "4800", "job": "J2", "status": "rejected", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}},
    {"id": "A4", "reference": "4900", "job": "J1", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}, "erased": true},
    {"id": "A5", "job": "J1", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}}
  ]
}"#;
pub const BETA: &str = r#"{
  "tenant": {"id": "beta", "name": "Beta AG", "import_addresses": ["import@beta.example"], "locale": "en"},
  "users": [{"email": "bert@beta.example", "name": "Bert", "role": "hr_manager"}],
  "jobs": [{"id": "J1", "title": "Clerk", "responsible": ["bert@beta.example"]}],
  "applications": [{"id": "A1", "reference": "5000", "job": "J1", "candidate": {"id": "C1", "name": "Carl", "emails": ["carl@example.net"]}}]
}"#;

/// A folder with a configuration, and a catcher for what it sends.
pub struct Installation {
    pub folder: tempfile::TempDir,
    pub catcher: Option<Catcher>,
    /// Whom it asks for names; empty unless a test fills it.
    pub dns: Dns,
    /// Notices may be left unsent: the test is about that.
    pub leaves_outbox: bool,
    /// Who runs it, and by which path: another user than the tests' own.
    pub runs_as: Option<(u32, PathBuf)>,
    /// What `serve` is started by: a program and its arguments, or nothing.
    pub by: Vec<&'static str>,
    served: u32,
}

impl Installation {
    /// With both tenants loaded, and mail from 127.0.0.0/8 believed if it bears `mx.acme.example`'s results.
    pub fn new() -> Installation {
        let installation = Installation::empty("");
        for organisation in [ACME, BETA] {
            installation.import(organisation);
        }
        installation
    }

    /// Without tenants; `more` stands at the end of the configuration.
    pub fn empty(more: &str) -> Installation {
        let folder = tempfile::Builder::new().prefix("rohrpost-test-").tempdir().unwrap();
        let installation = Installation {
            folder,
            catcher: Some(Catcher::start().unwrap()),
            dns: Dns::start(),
            leaves_outbox: false,
            runs_as: None,
            by: Vec::new(),
            served: 0,
        };
        let port = installation.catcher.as_ref().unwrap().address.port();
        installation.configure("", &format!("[outgoing]\nhost = \"127.0.0.1\"\nport = {port}\n{more}"));
        installation
    }

    /// Writes the configuration anew. `smtp` stands in its section, `rest` behind everything.
    pub fn configure(&self, smtp: &str, rest: &str) {
        let (state, dns) = (self.path("state"), self.dns.address);
        let text = format!(
            "state_dir = {state:?}\nmin_free_bytes = 0\nportal_url = \"https://portal.acme.example\"\npostmaster = \"operator@acme.example\"\n\
             [log]\nlevel = \"trace\"\n\n[smtp]\nlisten = [\"127.0.0.1:0\"]\nhostname = \"mx.acme.example\"\n{smtp}\n\
             [[smtp.trusted]]\nnetworks = [\"127.0.0.1\"]\nauthserv_id = \"mx.acme.example\"\n\n[dns]\nresolvers = [\"{dns}\"]\ntimeout_seconds = 4\n\n{rest}\n"
        );
        std::fs::write(self.path("rohrpost.toml"), text).unwrap();
    }

    /// Sends by another relay from now on.
    pub fn replace_relay(&self, port: u16) {
        let text = std::fs::read_to_string(self.path("rohrpost.toml")).unwrap();
        let old = format!("port = {}", self.catcher.as_ref().unwrap().address.port());
        std::fs::write(self.path("rohrpost.toml"), text.replace(&old, &format!("port = {port}"))).unwrap();
    }

    pub fn relay_section(&self) -> String {
        format!("[outgoing]\nhost = \"127.0.0.1\"\nport = {}\n", self.catcher.as_ref().unwrap().address.port())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn import(&self, json: &str) -> String {
        std::fs::write(self.path("import.json"), json).unwrap();
        self.succeeds(&["import", self.path("import.json").to_str().unwrap()])
    }

    /// A certificate for 127.0.0.1 and localhost; returns the line for the `[smtp]` section.
    pub fn certificate(&self) -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        format!("tls = {{ certificate = {:?}, key = {:?} }}", self.path("cert.pem"), self.path("key.pem"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.command_by(&[], args)
    }

    fn command_by(&self, by: &[&str], args: &[&str]) -> Command {
        let (user, program) = self.runs_as.clone().unwrap_or((0, env!("CARGO_BIN_EXE_rohrpost").into()));
        let words: Vec<std::ffi::OsString> = by.iter().map(Into::into).chain([program.into()]).collect();
        let mut command = Command::new(&words[0]);
        if user != 0 {
            command.uid(user).gid(user);
        }
        command
            .args(&words[1..])
            .arg("--config")
            .arg(self.path("rohrpost.toml"))
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn runs(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    pub fn succeeds(&self, args: &[&str]) -> String {
        let output = self.runs(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Exit code and what was said on standard error.
    pub fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.runs(args);
        assert!(!output.status.success(), "{args:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
    }

    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.succeeds(args)).unwrap()
    }

    /// All arrivals of the tenant.
    pub fn mails(&self) -> Vec<Value> {
        self.json(&["mail", "list", "--json", "--tenant", "acme"]).as_array().unwrap().clone()
    }

    pub fn entries(&self, reference: &str) -> Vec<Value> {
        self.json(&["history", reference, "--json", "--tenant", "acme"])["entries"].as_array().unwrap().clone()
    }

    /// Held mails, without foreign files of the folder.
    pub fn held(&self) -> Vec<Value> {
        let list = self.json(&["dead-letter", "list", "--json", "--tenant", "acme"]);
        list.as_array().unwrap().iter().filter(|entry| entry["foreign"].is_null()).cloned().collect()
    }

    pub fn messages(&self) -> Vec<Value> {
        self.json(&["outbox", "list", "--all", "--json", "--tenant", "acme"]).as_array().unwrap().clone()
    }

    /// Waits until the mail has an end, and returns it as `mail show` does.
    #[track_caller]
    pub fn ended(&self, id: &str) -> Value {
        eventually(&format!("the end of {id}"), || {
            let mail = self.json(&["mail", "show", id, "--json", "--tenant", "acme"]);
            (!mail["disposition"].is_null()).then_some(mail)
        })
    }

    /// Waits until every message is sent, and returns them.
    pub fn all_sent(&self) -> Vec<Value> {
        eventually("an empty outbox", || {
            let messages = self.messages();
            let ended = |message: &Value| ["sent", "delivered", "failed", "cancelled"].iter().any(|state| message["state"] == *state);
            messages.iter().all(ended).then_some(messages)
        })
    }

    /// Starts `serve`, and waits until it listens.
    pub fn serve(&mut self) -> Daemon {
        self.try_serve().unwrap_or_else(|log| panic!("serve did not start:\n{log}"))
    }

    /// Starts `serve` with these variables in its environment.
    pub fn serve_with(&mut self, variables: &[(&str, &str)]) -> Daemon {
        self.start(variables).unwrap_or_else(|log| panic!("serve did not start:\n{log}"))
    }

    /// Starts `serve`; an error is its log.
    pub fn try_serve(&mut self) -> Result<Daemon, String> {
        self.start(&[])
    }
    fn start(&mut self, variables: &[(&str, &str)]) -> Result<Daemon, String> {
        self.served += 1;
        let log = self.path(&format!("log-{}", self.served));
        let file = std::fs::File::create(&log).unwrap();
        let mut command = self.command_by(&self.by, &["serve"]);
        let mut child = command.envs(variables.iter().copied()).stderr(Stdio::from(file)).stdout(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(address) = text.lines().find_map(|line| line.split("listening for SMTP on ").nth(1)) {
                let address = address.split_whitespace().next().unwrap().parse().unwrap();
                return Ok(Daemon { child: Some(child), address });
            }
            if let Some(status) = child.try_wait().unwrap() {
                return Err(format!("exit {}\n{text}", status.code().unwrap_or(-1)));
            }
            assert!(start.elapsed() < PATIENCE, "serve says nothing:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Rows of a table.
    pub fn count(&self, table: &str) -> i64 {
        let path = self.path("state/rohrpost.db");
        let sql = format!("select count(*) from {table}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            use sqlx::Connection;
            let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
        })
    }

    pub fn logs(&self) -> String {
        (1..=self.served).map(|number| std::fs::read_to_string(self.path(&format!("log-{number}"))).unwrap_or_default()).collect()
    }

    /// `verify`, which must find nothing.
    #[track_caller]
    pub fn is_sound(&self) {
        let output = self.runs(&["verify"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the daemon's last lines:\n{}", tail(&self.logs(), 40));
            return;
        }
        let logs = self.logs();
        for canary in CANARIES {
            assert!(!logs.contains(canary), "G12: {canary} stands in a log line");
        }
        // No address at all, whoever's: our own addresses and paths hold no @ either.
        assert_eq!(logs.lines().find(|line| line.contains('@')), None, "G12: an address stands in a log line");
        if !self.leaves_outbox && self.path("state/rohrpost.db").exists() {
            for tenant in ["acme", "beta"] {
                let output = self.runs(&["outbox", "list", "--json", "--tenant", tenant]);
                let waiting: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Array(Vec::new()));
                assert_eq!(waiting.as_array().map_or(0, Vec::len), 0, "messages are left in the outbox of {tenant}: {waiting}");
            }
        }
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Option<Child>,
    pub address: SocketAddr,
}

impl Daemon {
    pub fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id() as i32
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM, and a clean end.
    pub fn stop(self) {
        self.signal("-TERM");
        self.ends();
    }

    /// Waits for a clean end.
    pub fn ends(mut self) {
        let status = self.child.take().unwrap().wait().unwrap();
        assert!(status.success(), "the daemon ended with {status}");
    }

    /// SIGKILL: nothing of it can be caught.
    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn connect(&self) -> Smtp {
        Smtp::connect(self.address)
    }

    /// Sends a mail as the mail host in front would; returns the id of what was kept.
    #[track_caller]
    pub fn delivers(&self, mail: &str) -> String {
        let reply = self.connect().sends("petra@acme.example", IMPORT, mail);
        reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}")).to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// An SMTP client that says exactly what it is told.
pub struct Smtp {
    pub stream: BufReader<TcpStream>,
}

impl Smtp {
    pub fn connect(address: SocketAddr) -> Smtp {
        Smtp::from(TcpStream::connect(address).unwrap())
    }

    /// From another address of this machine; the greeting is not read yet.
    pub fn connect_unread(local: &str, address: SocketAddr) -> Smtp {
        let stream = socket_from(local, address);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Smtp { stream: BufReader::new(stream) }
    }

    /// From another address of this machine.
    pub fn connect_from(local: &str, address: SocketAddr) -> Smtp {
        Smtp::from(socket_from(local, address))
    }

    fn from(stream: TcpStream) -> Smtp {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut smtp = Smtp { stream: BufReader::new(stream) };
        let greeting = smtp.reply();
        assert!(greeting.starts_with("220 ") || greeting.starts_with("421 "), "{greeting}");
        smtp
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// The next reply, its lines joined by `|`; empty at the end.
    pub fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
                return lines.join("|");
            }
            let line = line.trim_end().to_owned();
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines.join("|");
            }
        }
    }

    pub fn says(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// EHLO to 354.
    pub fn begins(&mut self, from: &str, to: &str) {
        for (line, code) in [
            ("EHLO client.example".to_owned(), "250"),
            (format!("MAIL FROM:<{from}>"), "250"),
            (format!("RCPT TO:<{to}>"), "250"),
            ("DATA".to_owned(), "354"),
        ] {
            let reply = self.says(&line);
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
    }

    /// One mail, line ends made CRLF, dots stuffed; returns the answer to the last dot.
    pub fn sends(&mut self, from: &str, to: &str, mail: &str) -> String {
        self.begins(from, to);
        let mut data = String::new();
        for line in mail.lines() {
            data.push_str(if line.starts_with('.') { "." } else { "" });
            data.push_str(line);
            data.push_str("\r\n");
        }
        data.push_str(".\r\n");
        self.write(data.as_bytes());
        self.reply()
    }

    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }
}

/// A connection from another loopback address, so that the daemon sees a direct peer.
fn socket_from(local: &str, address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
        socket.connect(address).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// A port for a server that is started later. Each is given out once, and none of them is one that the system gives to others.
pub fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let start = 10_000 + (std::process::id() % 10_000) as u16;
    loop {
        let port = start + NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(port < 32_000, "no port is left");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Asks until there is an answer.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A message that was caught, as text.
pub fn text_of(data: &[u8]) -> String {
    String::from_utf8_lossy(data).replace("\r\n", "\n")
}

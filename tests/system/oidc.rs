//! An OpenID provider of other people's making (npm's oidc-provider) on loopback, and a person who signs in there with a browser.

use crate::harness::*;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

pub const CLIENT_SECRET: &str = "kanarie-passwort-client";

/// The provider; ended by process id when dropped.
pub struct Provider {
    child: Child,
    pub issuer: String,
    control: String,
}

/// Where the npm packages are; installed if they are not.
fn installed() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    let installed = DONE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let done = Command::new(root.join("tests/system/oidc/install")).stdout(Stdio::null()).status();
        assert!(done.is_ok_and(|status| status.success()), "these tests need node and npm");
        root.join("target/oidc")
    });
    installed.clone()
}

impl Provider {
    /// Its access tokens live so long.
    pub fn start(life_seconds: u32) -> Provider {
        let folder = installed();
        let child = Command::new("node")
            .arg(folder.join("provider.mjs"))
            .args([&life_seconds.to_string(), CLIENT_SECRET])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("these tests need node");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        // What it says further on has to be read by somebody, or it ends.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let (issuer, control) = line.trim().split_once(' ').expect("the provider did not start");
        Provider { issuer: issuer.into(), control: control.into(), child }
    }

    /// The `[[oauth]]` section of a client of it.
    pub fn section(&self, more: &str) -> String {
        let issuer = &self.issuer;
        format!(
            "[[oauth]]\nname = \"own\"\nprovider = \"custom\"\nclient_id = \"rohrpost\"\nclient_secret = {{ value = {CLIENT_SECRET:?} }}\n\
             token_url = \"{issuer}/token\"\nauthorization_url = \"{issuer}/auth\"\ndevice_authorization_url = \"{issuer}/device/auth\"\n\
             scopes = [\"openid\", \"offline_access\", \"imap\"]\n{more}\n"
        )
    }

    /// Where Dovecot looks at tokens.
    pub fn introspection(&self) -> String {
        format!("{}/token/introspection", self.issuer.replace("http://", "http://dovecot:dovecot@"))
    }

    /// What it was asked and gave so far.
    pub fn seen(&self) -> Value {
        self.control("/")
    }

    /// How many questions for a token were answered.
    pub fn asked(&self, grant: &str) -> usize {
        self.seen()["asked"].as_array().unwrap().iter().filter(|one| *one == grant).count()
    }

    /// Errors that it gave for questions for a token, but for those that are part of waiting for a person.
    pub fn refused(&self) -> Vec<String> {
        let seen = self.seen();
        let errors = seen["refused"].as_array().unwrap().iter().map(|error| error.as_str().unwrap().to_owned());
        errors.filter(|error| !["authorization_pending", "slow_down"].contains(&error.as_str())).collect()
    }

    /// Takes all access away, as its administrator would.
    pub fn revoke(&self) {
        self.control("/revoke");
    }

    /// The next so many questions for a token get 503.
    pub fn down(&self, times: u32) {
        self.control(&format!("/down?times={times}"));
    }

    fn control(&self, path: &str) -> Value {
        let address = self.control.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: control\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person opens an address, signs in and agrees. Returns the address that she ends at.
pub fn browses(url: &str, stop_at: &str) -> String {
    let output = Command::new("node").arg(installed().join("person.mjs")).args([url, crate::dovecot::USER, stop_at]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A command that waits for a person, and what it says meanwhile.
pub struct Waiting {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    pub said: String,
}

impl Waiting {
    pub fn start(acme: &Installation, args: &[&str]) -> Waiting {
        let command = &mut acme.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Waiting { child, lines, said: String::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that begins so, without what it begins with.
    #[track_caller]
    pub fn says(&mut self, begins: &str) -> String {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                panic!("it ended before {begins:?}: {}", self.errors());
            }
            self.said.push_str(&line);
            if let Some(rest) = line.strip_prefix(begins) {
                return rest.trim().to_owned();
            }
        }
    }

    pub fn hears(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text));
        text
    }

    /// Its exit code and everything that it said.
    pub fn ends(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let errors = self.errors();
        let status = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), self.said + &rest + &errors)
    }
}

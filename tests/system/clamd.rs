//! A real clamd with a folder, a socket and signatures of its own: one line that knows EICAR's test file. Nothing is downloaded.

use crate::harness::eventually;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// Larger files are not taken by this clamd, in bytes.
pub const LARGEST: usize = 1 << 20;
/// What it finds.
pub const FOUND: &str = "Rohrpost.Eicar.UNOFFICIAL";

/// EICAR's test file. In two pieces, so that no scanner takes this source for it.
pub fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STAN", "DARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

pub struct Clamd {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Clamd {
    /// Its configuration and signatures; it does not run yet.
    pub fn new() -> Clamd {
        let folder = tempfile::Builder::new().prefix("rohrpost-clamd-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("signatures")).unwrap();
        let hex: String = eicar().bytes().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(folder.path().join("signatures/own.ndb"), format!("Rohrpost.Eicar:0:*:{hex}\n")).unwrap();
        let clamd = Clamd { folder, child: None };
        let path = |name: &str| clamd.folder.path().join(name).to_str().unwrap().to_owned();
        let config = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nStreamMaxLength {LARGEST}\nMaxThreads 4\n",
            path("clamd.ctl"),
            path("signatures"),
            path("")
        );
        std::fs::write(clamd.folder.path().join("clamd.conf"), config).unwrap();
        clamd
    }

    /// The `[scan]` section that names it.
    pub fn section(&self, when_down: &str) -> String {
        format!("[scan]\nclamd = \"unix:{}\"\nwhen_down = \"{when_down}\"\n", self.socket())
    }

    fn socket(&self) -> String {
        self.folder.path().join("clamd.ctl").to_str().unwrap().to_owned()
    }

    /// Starts it, and waits until it says PONG.
    pub fn starts(&mut self) {
        let conf = self.folder.path().join("clamd.conf");
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new("clamd").arg("--config-file").arg(conf).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("clamd of the package clamav-daemon"));
        eventually("clamd", || {
            let mut stream = UnixStream::connect(self.socket()).ok()?;
            stream.write_all(b"zPING\0").ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).ok()?;
            (answer == b"PONG\0").then_some(())
        });
    }

    /// Ends it at once, by its id.
    pub fn dies(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

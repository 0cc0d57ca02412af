//! A real Postfix whose real OpenDKIM signs: what it sends passes our own check of DKIM, as a direct peer and as a relay that
//! writes no results; one changed byte, and it does not.

use crate::harness::*;
use crate::postfix::{Postfix, run};
use crate::proofs::publish;
use std::process::{Child, Command};

/// OpenDKIM as a milter; it ends with the test.
struct OpenDkim {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl OpenDkim {
    /// Its key is made by its own tool, and goes into the DNS as that says.
    fn start(acme: &Installation) -> OpenDkim {
        let folder = tempfile::Builder::new().prefix("rohrpost-opendkim-").tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        run(Command::new("opendkim-genkey").args(["-b", "2048", "-d", "acme.example", "-s", "od", "-D", path]));
        let record = std::fs::read_to_string(folder.path().join("od.txt")).unwrap();
        let quoted: String = record.split('"').skip(1).step_by(2).collect();
        acme.dns.txt("od._domainkey.acme.example", &quoted);
        let port = free_port();
        let config = format!(
            "Domain acme.example\nSelector od\nKeyFile {path}/od.private\nSocket inet:{port}@127.0.0.1\nMode s\nSyslog no\nBackground no\n\
             Canonicalization relaxed/simple\nInternalHosts 127.0.0.0/8\nRequireSafeKeys no\nOversignHeaders From\nUserID root\n\
             SignHeaders *,+content-type,+content-transfer-encoding\n"
        );
        std::fs::write(folder.path().join("opendkim.conf"), config).unwrap();
        let child = Command::new("opendkim").args(["-f", "-x", &format!("{path}/opendkim.conf")]).spawn().unwrap();
        let opendkim = OpenDkim { child, port, _folder: folder };
        eventually("OpenDKIM", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        opendkim
    }
}

impl Drop for OpenDkim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Acceptance: S1.E6. Signed by others' software, sent by others' software.
#[test]
fn what_opendkim_signs() {
    let mut acme = Installation::new();
    publish(&acme);
    let opendkim = OpenDkim::start(&acme);
    let port = free_port();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    let text = text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    for (peer, id) in [("127.0.0.2", "direct@x"), ("127.0.0.1", "relay@x")] {
        // As a relay it writes no results of its own, so none are pinned.
        std::fs::write(acme.path("rohrpost.toml"), text.replace("authserv_id = \"mx.acme.example\"\n", "")).unwrap();
        let daemon = acme.serve();
        let milter =
            format!("smtpd_milters = inet:127.0.0.1:{}\nmilter_default_action = tempfail\nsmtp_bind_address = {peer}\n", opendkim.port);
        let postfix = Postfix::start_with(port, &milter, "");
        let mail = Forward { id, attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], ..Forward::default() }.mail();
        postfix.takes(IMPORT, &mail);
        let find = || acme.mails().into_iter().find(|mail| mail["disposition"] == "filed");
        let filed = eventually("a filed mail", || find().filter(|_| acme.mails().len() == if peer == "127.0.0.2" { 1 } else { 2 }));
        let shown = acme.json(&["mail", "show", filed["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
        assert_eq!(shown["facts"]["checked"]["dkim"][0]["result"], "pass", "{shown}");
        drop(postfix);
        // The same bytes with one changed, in a signed field, in the body, in a file: nobody vouches any more.
        let raw = acme.runs(&["mail", "show", filed["id"].as_str().unwrap(), "--raw", "--tenant", "acme"]).stdout;
        let raw = String::from_utf8(raw).unwrap().replace("\r\n", "\n");
        for (from, to) in [("Subject: 4711", "Subject: 4712"), ("ich komme gern", "ich komme nie"), ("%PDF-1.4 brief", "%PDF-1.4 Brief")] {
            let altered = raw.replacen(from, to, 1);
            assert_ne!(altered, raw, "{from}");
            let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends(PETRA, IMPORT, &altered);
            assert!(reply.starts_with("550 5.7.1 "), "{from}: {reply}");
        }
        daemon.stop();
    }
    acme.all_sent();
    acme.is_sound();
}

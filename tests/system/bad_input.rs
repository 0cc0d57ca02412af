//! Bad input gets a clear message that says where and what to do, and nothing is lost.

use crate::harness::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn write(installation: &Installation, name: &str, text: &str) -> String {
    let path = installation.path(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn configurations() {
    let empty = Installation::empty("");
    let check = |text: &str, says: &[&str]| {
        std::fs::write(empty.path("rohrpost.toml"), text).unwrap();
        for command in ["check", "serve"] {
            let (code, error) = empty.fails(&[command]);
            assert_eq!(code, 2, "{error}");
            for part in says {
                assert!(error.contains(part), "{command}: {part:?} is missing in {error}");
            }
        }
    };
    let state = format!("state_dir = {:?}\n", empty.path("state"));
    check("[smtp\n", &["rohrpost.toml", "line 1"]);
    check("state_dri = \"x\"\n\n[smtp]\nlisten = \"everywhere\"\n", &["line 1", "state_dri", "line 4", "listen"]);
    check(&format!("{state}[smtp]\nlisten = [\"127.0.0.1:0\", \"here\"]\nhostname = \"a b\"\n"), &["smtp.listen[1]", "smtp.hostname"]);
    // The service needs its password; a command in a shell may not see it, and works all the same.
    for (password, says) in [("file = \"/nowhere/secret\"", "/nowhere/secret"), ("credential = \"relay\"", "LoadCredential=relay:")] {
        let text = format!("{state}[outgoing]\nuser = \"u\"\npassword = {{ {password} }}\n");
        std::fs::write(empty.path("rohrpost.toml"), text).unwrap();
        let (code, error) = empty.fails(&["serve"]);
        assert!(code == 2 && error.contains("outgoing.password") && error.contains(says), "{error}");
        let notes = empty.succeeds(&["check"]);
        assert!(notes.contains("note: outgoing.password") && notes.contains(says), "{notes}");
        let (code, error) = empty.fails(&["dead-letter", "list"]);
        assert!(code == 1 && !error.contains("password"), "there is no database yet, and that is all: {error}");
    }
    let nowhere = Command::new(env!("CARGO_BIN_EXE_rohrpost")).args(["--config", "/nowhere/rohrpost.toml", "check"]).output().unwrap();
    let error = String::from_utf8_lossy(&nowhere.stderr);
    assert!(nowhere.status.code() == Some(2) && error.contains("/nowhere/rohrpost.toml") && error.contains("default-config"), "{error}");
    // Several certificate faults and an unusable folder, all at once.
    let text = format!(
        "state_dir = {:?}\n[smtp]\ntls = {{ certificate = {:?}, key = \"/nowhere/key.pem\" }}\n",
        empty.path("rohrpost.toml/state"),
        empty.path("no.pem")
    );
    std::fs::write(empty.path("rohrpost.toml"), text).unwrap();
    let (code, error) = empty.fails(&["check"]);
    assert!(code == 2 && error.contains("smtp.tls") && error.contains("no.pem") && error.contains("rohrpost.toml/state"), "{error}");
    std::fs::write(empty.path("rohrpost.toml"), &state).unwrap();
    let good = empty.succeeds(&["check"]);
    assert!(good.contains("the configuration is good") && good.contains("nobody can sign in"), "{good}");
    assert_eq!(empty.runs(&["frobnicate"]).status.code(), Some(2));
    let example = empty.succeeds(&["default-config"]);
    assert!(example.contains("[smtp]") && example.contains("# max_message_bytes = 52428800"));
}

#[test]
fn what_serve_cannot_start_with() {
    let mut acme = Installation::new();
    let relay = acme.relay_section();
    let fails = |acme: &mut Installation, says: &[&str]| {
        let Err(log) = acme.try_serve() else { panic!("serve started") };
        assert!(log.starts_with("exit 1"), "{log}");
        for part in says {
            assert!(log.contains(part), "{part:?} is missing in {log}");
        }
    };
    // A port that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string())).unwrap();
    fails(&mut acme, &["smtp.listen", &taken.local_addr().unwrap().to_string(), "in use"]);
    // A certificate that is not there, and one that is none.
    acme.configure(&format!("tls = {{ certificate = {:?}, key = {:?} }}", acme.path("no.pem"), acme.path("no.pem")), &relay);
    fails(&mut acme, &["smtp.tls", "no.pem", "No such file"]);
    std::fs::write(acme.path("no.pem"), "nothing\n").unwrap();
    fails(&mut acme, &["smtp.tls", "no.pem"]);
    acme.configure("", &relay);
    // A second daemon on the same database.
    let daemon = acme.serve();
    fails(&mut acme, &["another `rohrpost serve`"]);
    daemon.stop();
    // A folder that cannot be made.
    std::fs::remove_dir_all(acme.path("state/dead-letters")).unwrap();
    std::fs::write(acme.path("state/dead-letters"), "a file").unwrap();
    fails(&mut acme, &["dead_letters", "state/dead-letters"]);
    std::fs::remove_file(acme.path("state/dead-letters")).unwrap();
    // A database that is none: it is left as it is.
    std::fs::write(acme.path("state/rohrpost.db"), "this is no database").unwrap();
    for wal in ["rohrpost.db-wal", "rohrpost.db-shm"] {
        let _ = std::fs::remove_file(acme.path("state").join(wal));
    }
    fails(&mut acme, &["rohrpost.db", "not a database"]);
    assert_eq!(std::fs::read_to_string(acme.path("state/rohrpost.db")).unwrap(), "this is no database");
    acme.leaves_outbox = true;
}

/// Nobody but its owner touches a database: files of root would stop the service.
#[test]
fn a_database_of_another_owner() {
    if !rustix_is_root() {
        panic!("this test changes a file's owner: run it as root");
    }
    let acme = Installation::new();
    let database = acme.path("state/rohrpost.db");
    assert!(Command::new("chown").arg("65534").arg(&database).status().unwrap().success());
    for command in [&["mail", "list"][..], &["serve"], &["verify"], &["import", "import.json"]] {
        let (code, error) = acme.fails(command);
        assert!(code == 1 && error.contains("belongs to user 65534") && error.contains("sudo -u"), "{command:?}: {error}");
    }
    assert!(Command::new("chown").arg("0").arg(&database).status().unwrap().success());
    acme.is_sound();
}

fn rustix_is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

#[test]
fn imports() {
    let empty = Installation::empty("");
    let faults = |text: &str, says: &[&str]| {
        let path = write(&empty, "faulty.json", text);
        let (code, error) = empty.fails(&["import", &path]);
        assert_eq!(code, 1, "{error}");
        for part in says {
            assert!(error.contains(part), "{part:?} is missing in {error}");
        }
    };
    faults("{\"tenant\": {\"id\": \"acme\",}}", &["faulty.json: line 1, column 26: this is no JSON: trailing comma"]);
    // Every fault of shape at once.
    let shapeless = ACME
        .replace("\"hr_manager\"", "\"boss\"")
        .replace("\"time_zone\"", "\"timezone\"")
        .replace("\"title\": \"Niemandes Stelle\", ", "");
    faults(
        &shapeless,
        &[
            "faulty.json: tenant.timezone: there is no such field; there are id, name",
            "faulty.json: users[0].role: unknown variant `boss`, expected one of `administrator`",
            "faulty.json: jobs[1].title: is missing",
            "nothing was imported",
        ],
    );
    faults(
        &ACME.replace(
            "\"documents_tab\": true",
            "\"trusted_sealers\": [\"forwarder.example\", \"@forwarder.example\", \"not a domain\", \"https://x.example\", \"localhost\"],
             \"refused_file_types\": [\".js\", \"*.EXE\", \"7z\", \"\", \"tar.gz\", \"a*\", \"js \", \"a/b\"]",
        ),
        &[
            "tenant.trusted_sealers[1]: ",
            "tenant.trusted_sealers[2]: ",
            "tenant.trusted_sealers[3]: ",
            "tenant.trusted_sealers[4]: ",
            "tenant.refused_file_types[3]: ",
            "tenant.refused_file_types[4]: only the last ending of a name counts: write gz",
            "tenant.refused_file_types[5]: ",
            "tenant.refused_file_types[7]: ",
        ],
    );
    faults("{\"tenant\": {\"id\": \"Acme!\"}}", &["tenant.id", "tenant.name", "tenant.import_addresses"]);
    let many = ACME
        .replace("\"job\": \"J2\"", "\"job\": \"J7\"")
        .replace("\"reference\": \"4712\"", "\"reference\": \"4711\"")
        .replace("eva@example.net", "eva at example")
        .replace("hr@acme.example", "import@acme.example")
        .replace("\"rita@acme.example\"]", "\"nobody@acme.example\"]");
    faults(
        &many,
        &[
            "tenant.fallback_address: this is an import address",
            "jobs[0].responsible[2]: there is no user",
            "applications[1].reference: another application in this file",
            "applications[1].candidate.emails[0]",
            "applications[2].job: there is no job \"J7\"",
            "nothing was imported",
        ],
    );
    faults(&ACME.replace("\"4712\"", "\"zu kurz\""), &["applications[1].reference", "pattern would not recognise"]);
    // Nothing of a faulty file was written.
    assert_eq!((empty.count("tenant"), empty.count("user_account")), (1, 0));
    empty.import(ACME);
    let before = (empty.count("user_account"), empty.count("application"), empty.count("responsible"), empty.count("candidate_address"));
    let said = empty.import(ACME);
    assert_eq!(
        before,
        (empty.count("user_account"), empty.count("application"), empty.count("responsible"), empty.count("candidate_address"))
    );
    assert!(!said.contains("got the number"), "a number is issued once: {said}");
    // Another tenant cannot take an import address or a login name.
    let thief = BETA.replace("import@beta.example", "import@acme.example").replace("bert@beta.example", "petra@acme.example");
    faults(&thief, &["tenant.import_addresses[0]: another tenant", "users[0].email: a user of another tenant"]);
}

/// Acceptance: S1.E20. Notices to an import address would come back: nobody whom we write to has one, whichever was there first.
#[test]
fn addresses_that_would_loop() {
    let acme = Installation::new();
    let faults = |text: &str, says: &[&str]| {
        let (code, error) = acme.fails(&["import", &write(&acme, "faulty.json", text)]);
        assert_eq!(code, 1, "{error}");
        let found: Vec<&str> = error.lines().skip(1).map(|line| line.split_once(".json: ").unwrap().1).collect();
        assert_eq!(found, says.iter().map(|say| format!("{say}: notices to it would come back as mail to import")).collect::<Vec<_>>());
    };
    let tenant =
        |id: &str, addresses: &str, more: &str| format!("{{\"tenant\": {{\"id\": \"{id}\", \"import_addresses\": [{addresses}]{more}}}}}");
    // What the database has: users, aliases and the fallback, of this tenant and of others.
    faults(
        &tenant("acme", "\"import@acme.example\", \"Max@acme.example\", \"p.huber@acme.example\", \"hr@acme.example\"", ""),
        &[
            "tenant.import_addresses[1]: the user max@acme.example has the address max@acme.example",
            "tenant.import_addresses[2]: the user petra@acme.example has the address p.huber@acme.example",
            "tenant.import_addresses[3]: hr@acme.example is the fallback address",
        ],
    );
    faults(
        &tenant("beta", "\"petra@acme.example\", \"p.huber@acme.example\", \"hr@acme.example\"", ""),
        &[
            "tenant.import_addresses[0]: a user of another tenant has this address",
            "tenant.import_addresses[1]: a user of another tenant has this address",
            "tenant.import_addresses[2]: it is another tenant's fallback address",
        ],
    );
    // The other way round: another tenant's import address, also with a detail.
    faults(
        &BETA.replace(
            "bert@beta.example\", \"name\": \"Bert\"",
            "bert@beta.example\", \"aliases\": [\"import+x@acme.example\"], \"name\": \"Bert\"",
        ),
        &["users[0].aliases[0]: this is an import address"],
    );
    faults(
        &tenant("beta", "\"import@beta.example\"", ", \"fallback_address\": \"import@acme.example\""),
        &["tenant.fallback_address: this is an import address"],
    );
    // What the same file gives up is free: the fallback, a user's alias, and the import address itself.
    let said = acme.import(&tenant("acme", "\"hr@acme.example\"", ", \"fallback_address\": \"import@acme.example\""));
    assert!(said.contains("tenant acme: 0 departments, 0 users"), "{said}");
    let petra = ", \"users\": [{\"email\": \"petra@acme.example\", \"name\": \"Petra\", \"role\": \"hr_manager\"}]}";
    let said = acme.import(&tenant("acme", "\"p.huber@acme.example\"", "").replace("]}}", &format!("]}}{petra}")));
    assert!(said.contains("1 user, 0 jobs"), "{said}");
}

/// Mails of every size and shape: answered, and if kept, kept whole.
#[test]
fn mails() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    // Nothing at all.
    let mut peer = daemon.connect();
    peer.begins(PETRA, IMPORT);
    peer.write(b".\r\n");
    let reply = peer.reply();
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(acme.ended(id)["reason"], "sender_not_authenticated");
    assert!(acme.runs(&["mail", "show", id, "--raw", "--tenant", "acme"]).stdout.is_empty());
    // 10,000 parts.
    let files: Vec<(&str, &str)> = vec![("Teil.txt", "x"); 10_000];
    let id = daemon.delivers(&Forward { attachments: &files, id: "parts@x", ..Forward::default() }.mail());
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let entry = acme.entries("4711").remove(0);
    assert!(entry["documents"].as_array().unwrap().len() > 1_900 && entry["defects"].to_string().contains("more than 2000 parts"));
    // 10,000 messages, each in the last.
    let nested = "Content-Type: message/rfc822\n\n".repeat(10_000);
    let id = daemon.delivers(&format!("From: petra@acme.example\n{nested}"));
    assert_eq!(acme.ended(&id)["disposition"], "held");
    // 60 MiB: more than a mail may have, told behind the last dot, and the session goes on.
    let mut peer = daemon.connect();
    peer.begins(PETRA, IMPORT);
    let line = format!("{}\r\n", "x".repeat(998));
    let block = line.repeat(1_000);
    for _ in 0..(60 << 20) / block.len() {
        peer.write(block.as_bytes());
    }
    peer.write(b".\r\n");
    assert!(peer.reply().starts_with("552 5.3.4 "));
    assert!(peer.says("NOOP").starts_with("250 "));
    // 45 MiB: kept, filed, read back.
    let content = format!("{}\n", "Kanarie-Datei ".repeat(70)).repeat(45 << 10);
    let id = daemon.delivers(&Forward { attachments: &[("gross.txt", &content)], id: "big@x", ..Forward::default() }.mail());
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let document = acme.entries("4711").pop().unwrap()["documents"][0].clone();
    let got = acme.runs(&["document", "get", document["id"].as_str().unwrap(), "--tenant", "acme"]).stdout;
    assert_eq!(got.len() as u64, document["size"].as_u64().unwrap());
    assert!(got.starts_with(b"Kanarie-Datei ") && got.len() > 43 << 20);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A line of 300 MB costs neither memory nor the service.
#[test]
fn an_endless_line() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let block = vec![b'x'; 1 << 20];
    for in_data in [false, true] {
        let mut peer = daemon.connect();
        if in_data {
            peer.begins(PETRA, IMPORT);
        }
        for _ in 0..300 {
            use std::io::Write;
            if peer.stream.get_mut().write_all(&block).is_err() {
                break;
            }
        }
        let said = String::from_utf8_lossy(&peer.rest()).into_owned();
        let expected = if in_data { "552 5.3.4 " } else { "500 5.5.6 " };
        // A closed connection may swallow the reply, but never go on.
        assert!(said.is_empty() || said.starts_with(expected), "{said}");
    }
    let peak = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB").parse::<u64>().unwrap();
    assert!(peak < 200_000, "{peak} kB");
    let id = daemon.delivers(&Forward::default().mail());
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

fn with_input(acme: &Installation, args: &[&str], input: &[u8]) -> std::process::Output {
    let piped = std::process::Stdio::piped;
    let mut command = acme.command(args).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    // A command that ends without reading has closed its input.
    let _ = std::io::Write::write_all(&mut command.stdin.take().unwrap(), input);
    command.wait_with_output().unwrap()
}

/// Acceptance: G10. What the commands are handed: files, and names; another tenant's users are not there.
#[test]
fn commands() {
    let acme = Installation::new();
    for (args, code, says) in [
        (&["explain", "/nowhere.eml", "--tenant", "acme"][..], 1, "/nowhere.eml"),
        (&["history", "0815", "--tenant", "acme"], 1, "0815"),
        (&["mail", "list"], 2, "--tenant (acme, beta)"),
        (&["mail", "list", "--tenant", "gamma"], 2, "gamma"),
        (&["mail", "show", "xyz", "--tenant", "acme"], 2, "26 letters and digits"),
        (&["document", "get", "01JDF7Q3000000000000000000", "--tenant", "acme"], 1, "01JDF7Q3000000000000000000"),
        (&["import", "/nowhere.json"], 1, "/nowhere.json"),
    ] {
        let (seen, error) = acme.fails(args);
        assert!(seen == code && error.contains(says), "{args:?}: {seen} {error}");
    }
    let output = with_input(&acme, &["user", "set-password", PETRA], b"kurz\n");
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("at least 10"));
    // Another tenant's user is not there.
    for (tenant, code, says) in
        [(&["--tenant", "beta"][..], 1, "no user with this address in beta"), (&["--tenant", "acme"], 0, ""), (&[], 0, "")]
    {
        let mut args = vec!["user", "set-password", PETRA];
        args.extend(tenant);
        let output = with_input(&acme, &args, b"lang genug fuer hier\n");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && error.contains(says), "{args:?}: {error}");
    }
    let mode = |path: &str| std::fs::metadata(acme.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state/rohrpost.db"), mode("state/blobs"), mode("state")), (0o600, 0o700, 0o750));
}

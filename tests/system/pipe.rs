//! `rohrpost deliver`: what a mail host's pipe hears, and what becomes of the mail, also when somebody is killed on the way.

use crate::harness::*;
use crate::imap::filed;
use crate::imap_faults::Lock;
use crate::maildir::{all_filed, give_to, give_to_nobody, message_ids};
use crate::postfix::Postfix;
use crate::signer::Signer;
use std::collections::HashSet;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

fn mail(number: usize) -> String {
    Forward { id: &format!("pipe-{number}@acme.example"), text: &format!("Nummer {number}."), ..Forward::default() }.mail()
}

fn starts(acme: &Installation, args: &[&str], environment: &[(&str, &str)]) -> Child {
    let mut command = acme.command(&[&["deliver"], args].concat());
    // What the test's own environment says is nobody's word.
    for name in ["SENDER", "RECIPIENT", "ORIGINAL_RECIPIENT"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn delivers_with(acme: &Installation, args: &[&str], environment: &[(&str, &str)], mail: &[u8]) -> Output {
    let mut child = starts(acme, args, environment);
    // Whoever has its answer need not read on.
    let _ = child.stdin.take().unwrap().write_all(mail);
    child.wait_with_output().unwrap()
}

/// Exit code and what was said, of which nothing may be an address or a word of the mail.
fn delivers(acme: &Installation, args: &[&str], mail: &str) -> (i32, String) {
    said(&delivers_with(acme, args, &[], mail.as_bytes()))
}

fn said(output: &Output) -> (i32, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains('@') && CANARIES.iter().all(|canary| !text.contains(canary)), "G12: {text}");
    (output.status.code().unwrap_or(-1), text)
}

const TO: [&str; 4] = ["--to", IMPORT, "--authserv-id", "mx.acme.example"];

/// What `mail show` says of the newest.
fn shown(acme: &Installation, tenant: &str) -> serde_json::Value {
    let list = acme.json(&["mail", "list", "--json", "--tenant", tenant]);
    let newest = list.as_array().unwrap().iter().filter_map(|mail| mail["id"].as_str()).max().unwrap();
    acme.json(&["mail", "show", newest, "--json", "--tenant", tenant])
}

/// Acceptance: G1, G12. Each end has its code, as sysexits.h and Postfix have it; nothing is kept but with 0.
#[test]
fn exit_codes() {
    let mut acme = Installation::new();
    let relay = acme.relay_section();
    acme.configure("max_message_bytes = 100000", &relay);
    let check = |args: &[&str], mail: &str, code: i32, words: &str| {
        let found = delivers(&acme, args, mail);
        assert!(found.0 == code && found.1.starts_with(words), "{args:?}: {found:?} instead of {code} {words}");
    };
    check(&["--to", "nobody@acme.example"], &mail(1), 67, "5.1.1 no mail is taken for this recipient here");
    check(&[&TO[..], &["nobody@acme.example"]].concat(), &mail(1), 75, "4.3.0 some of the recipients are not known");
    let huge = format!("{}{}", mail(1), "kanarienvogel-text\n".repeat(10_000));
    check(&TO, &huge, 65, "5.3.4 the mail is larger than 100000 bytes");
    check(&TO, &huge.repeat(20), 65, "5.3.4 the mail is larger than 100000 bytes");
    check(&TO, "", 75, "4.3.0 there was no mail");
    check(&TO, "From petra Mon Nov 23 09:30:00 2026\n", 75, "4.3.0 there was no mail");
    check(&[], &mail(1), 75, "4.3.0 nobody says which import address");
    check(&["--nonsense", "petra@acme.example"], &mail(1), 75, "4.3.5 wrong usage");
    check(&["--to"], &mail(1), 75, "4.3.5 wrong usage");
    let lock = Lock::take(&acme);
    check(&TO, &mail(1), 75, "4.3.0 ");
    drop(lock);
    let config = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), config.replace("min_free_bytes = 0", "min_free_bytes = 1000000000000000")).unwrap();
    check(&TO, &mail(1), 75, "4.3.0 too little free space");
    std::fs::write(acme.path("rohrpost.toml"), config.replace("[smtp]", "[smpt]")).unwrap();
    check(&TO, &mail(1), 75, "4.3.0 ");
    std::fs::write(acme.path("rohrpost.toml"), &config).unwrap();
    std::fs::rename(acme.path("state"), acme.path("away")).unwrap();
    check(&TO, &mail(1), 75, "4.3.0 ");
    std::fs::rename(acme.path("away"), acme.path("state")).unwrap();
    assert_eq!(acme.mails().len(), 0);
    // The only one of all that is kept.
    check(&TO, &mail(1), 0, "kept as ");
    assert_eq!(acme.mails().len(), 1);
    // Somebody else than the service's user.
    give_to(&mut acme, 64_993);
    let program = acme.runs_as.replace((64_992, acme.path("rohrpost"))).unwrap();
    let found = delivers(&acme, &TO, &mail(2));
    assert!(found.0 == 75 && found.1.starts_with("4.3.0 ") && found.1.contains("it must run as that one"), "{found:?}");
    acme.runs_as = Some(program);
    let daemon = acme.serve();
    filed(&acme, 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Before there is a tenant nobody is unknown: a bounce would be wrong tomorrow.
#[test]
fn before_there_is_a_tenant() {
    let acme = Installation::empty("");
    let (code, text) = delivers(&acme, &TO, &mail(1));
    assert!(code == 75 && text.contains("there is no database yet"), "{text}");
    let mut acme = acme;
    acme.serve().stop();
    let (code, text) = delivers(&acme, &TO, &mail(1));
    assert!(code == 75 && text.contains("there is no tenant yet"), "{text}");
}

/// Acceptance: S1.01; G1, G3, G7. Beside the running service and without it; once for each tenant; known again by its bytes, whatever
/// line of an mbox stands in front.
#[test]
fn beside_the_service_and_without_it() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let one = mail(1);
    assert_eq!(delivers(&acme, &TO, &one).0, 0);
    let first = filed(&acme, 1).remove(0);
    assert_eq!(first["door"], "pipe");
    let facts = shown(&acme, "acme")["facts"].clone();
    assert_eq!((facts["origin"].as_str(), facts["pinned"]["dmarc"]["result"].as_str()), (Some("relay"), Some("pass")));
    // Handed over again, with another separator: known, and the id is the same.
    let id = first["id"].as_str().unwrap();
    for front in ["", "From petra@acme.example  Mon Nov 23 09:30:00 2026\n", "From MAILER-DAEMON Mon Nov 23 09:31:00 2026\r\n"] {
        let args = [&TO[..], &["--from", PETRA]].concat();
        let (code, text) = delivers(&acme, &args, &format!("{front}{}", mail(2)));
        assert_eq!(code, 0, "{text}");
    }
    assert_eq!(delivers(&acme, &TO, &one), (0, format!("kept as {id}\n")));
    filed(&acme, 2);
    assert_eq!(acme.mails().len(), 2);
    // The same mail on another way is a duplicate, with its own line ends.
    assert_eq!(acme.ended(&daemon.delivers(&one))["disposition"], "duplicate");
    acme.all_sent();
    daemon.stop();
    // Two tenants, and two addresses of one of them.
    let both = ["--to=import@acme.example", "--to=import@beta.example", "--to=IMPORT+x@acme.example", "--authserv-id=mx.acme.example"];
    let (code, text) = delivers(&acme, &both, &mail(3));
    assert!(code == 0 && text.contains(", "), "{text}");
    assert_eq!(delivers(&acme, &both, &mail(3)), (0, text));
    assert_eq!((acme.mails().len(), acme.json(&["mail", "list", "--json", "--tenant", "beta"]).as_array().unwrap().len()), (4, 1));
    // As local(8) says it; the null sender; and nobody vouches without a name of the host.
    let local = [("ORIGINAL_RECIPIENT", "petra@acme.example"), ("RECIPIENT", "import@beta.example"), ("SENDER", "")];
    assert_eq!(said(&delivers_with(&acme, &[], &local, mail(4).as_bytes())).0, 0);
    let envelope = shown(&acme, "beta")["envelope"].clone();
    assert_eq!((envelope["from"].as_str(), envelope["to"][0].as_str()), (None, Some("import@beta.example")), "{envelope}");
    let daemon = acme.serve();
    filed(&acme, 3);
    let beta = || acme.json(&["mail", "list", "--json", "--tenant", "beta"]);
    eventually("two held mails", || beta().as_array().unwrap().iter().all(|mail| mail["disposition"] == "held").then_some(()));
    acme.all_sent();
    assert!(acme.json(&["outbox", "list", "--all", "--json", "--tenant", "beta"]).as_array().unwrap().is_empty());
    daemon.stop();
    acme.is_sound();
}

/// RFC 6531. A domain has two spellings, and an import address is the same one in both: one mail, handed over once for the two of them.
#[test]
fn either_spelling_of_a_domain() {
    let mut acme = Installation::empty("");
    acme.import(&ACME.replace(r#"["import@acme.example"]"#, r#"["bewerbungen@xn--mller-kva.example"]"#));
    let to = |all: &[&'static str]| [&["--authserv-id", "mx.acme.example", "--to"], all].concat();
    let spelt = ["Bewerbungen@M\u{fc}ller.example", "bewerbungen@xn--mller-kva.example"];
    assert_eq!(delivers(&acme, &to(&spelt[..1]), &mail(1)).0, 0);
    let shown = shown(&acme, "acme");
    assert_eq!((shown["envelope"]["to"][0].as_str(), shown["envelope"]["to"][1].is_null()), (Some(spelt[0]), true), "{shown}");
    let (code, text) = delivers(&acme, &to(&[spelt[0], "--to", spelt[1]]), &mail(2));
    assert!(code == 0 && !text.contains(", "), "{text}");
    assert_eq!(acme.mails().len(), 2);
    let daemon = acme.serve();
    filed(&acme, 2);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A signature is good with lone LFs; trouble with the DNS is for later.
#[test]
fn signed_with_lone_line_feeds() {
    let mut acme = Installation::new();
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    let signed = signer.signs(mail(1).split_once('\n').unwrap().1).replace("\r\n", "\n");
    acme.dns.put("ed._domainkey.acme.example", crate::dns::Answer::ServFail);
    let (code, text) = delivers(&acme, &TO, &signed);
    assert!(code == 75 && text.contains("DNS"), "{text}");
    acme.dns.mend("ed._domainkey.acme.example");
    assert_eq!(delivers(&acme, &TO, &signed).0, 0);
    let results = shown(&acme, "acme")["facts"]["checked"]["results"].as_str().unwrap().to_owned();
    assert!(results.contains("dkim=pass header.d=acme.example"), "{results}");
    let daemon = acme.serve();
    filed(&acme, 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G2. Killed or stopped while the mail comes, or cut off because its giver was killed: nothing is kept, and it is not 0.
#[test]
fn cut_off() {
    let mut acme = Installation::new();
    let big =
        Forward { id: "big@acme.example", attachments: &[("gross.txt", &"Kanarie-Datei\n".repeat(200_000))], ..Forward::default() }.mail();
    for (signal, code) in [("-KILL", None), ("-TERM", Some(75)), ("-INT", Some(75)), ("-HUP", Some(75))] {
        let mut child = starts(&acme, &TO, &[]);
        let mut stdin = child.stdin.take().unwrap();
        // Far more than a pipe holds: so it has been read to the middle.
        stdin.write_all(&big.as_bytes()[..big.len() / 2]).unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{signal}");
        drop(stdin);
    }
    // A giver that dies: the end of its pipe looks like the end of the mail.
    let program = env!("CARGO_BIN_EXE_rohrpost");
    let config = acme.path("rohrpost.toml");
    let code = format!(
        "import subprocess, sys\nchild = subprocess.Popen([{program:?}, '--config', {config:?}, 'deliver', '--to', '{IMPORT}'], stdin=subprocess.PIPE, stderr=open({:?}, 'w'))\n\
         child.stdin.write(sys.stdin.buffer.read())\nchild.stdin.flush()\nprint('half', flush=True)\nimport time\ntime.sleep(600)",
        acme.path("said")
    );
    let mut giver = Command::new("python3").args(["-c", &code]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    giver.stdin.take().unwrap().write_all(&big.as_bytes()[..big.len() / 2]).unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(giver.stdout.take().unwrap()), &mut line).unwrap();
    giver.kill().unwrap();
    giver.wait().unwrap();
    eventually("an answer that nobody hears", || {
        std::fs::read_to_string(acme.path("said")).unwrap().starts_with("4.3.0 the program that gave").then_some(())
    });
    assert_eq!(acme.mails().len(), 0);
    assert_eq!(delivers(&acme, &TO, &big).0, 0);
    let daemon = acme.serve();
    filed(&acme, 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G2, G3. kill -9 of `deliver` at many moments, of which the commit is one, and each mail again until it is 0: every mail once.
#[test]
fn killed_at_random() {
    const MAILS: usize = 60;
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let timed = |mail: &str| {
        let started = std::time::Instant::now();
        assert_eq!(delivers(&acme, &TO, mail).0, 0);
        started.elapsed()
    };
    let mut whole = timed(&mail(0));
    let (mut mails, mut killed) = (0, 0);
    while mails < MAILS || killed <= MAILS / 4 {
        mails += 1;
        assert!(mails <= 10 * MAILS, "only {killed} kills hit");
        let mail = mail(mails);
        let mut child = starts(&acme, &TO, &[]);
        child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
        // Spread over the time that a delivery takes: before, in and behind the commit. On a busy machine it takes another time with each.
        std::thread::sleep(whole.mul_f64((mails % MAILS) as f64 * 1.2 / MAILS as f64));
        let _ = child.kill();
        killed += usize::from(child.wait().unwrap().code().is_none());
        whole = timed(&mail);
    }
    filed(&acme, mails + 1);
    let ids = message_ids(&acme);
    assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (mails + 1, mails + 1));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E15; G1, G2, G3. A real Postfix with a pipe: the service stopped, started and killed, and `deliver` killed; nothing
/// lost, nothing twice. What cannot be taken stays in the queue; who is unknown gets Postfix's bounce.
#[test]
fn postfix_pipes() {
    let mut acme = Installation::new();
    give_to_nobody(&mut acme);
    let config = acme.path("rohrpost.toml");
    let line = operation("master.cf")
        .replace("user=rohrpost", "user=nobody")
        .replace("/usr/bin/rohrpost", &format!("{} --config {}", acme.path("rohrpost").display(), config.display()));
    let transport = "transport_maps = inline:{ {import@acme.example = rohrpost:} {unknown@acme.example = rohrpost:} }\n\
                     local_recipient_maps =\nrohrpost_destination_recipient_limit = 1\n";
    let postfix = Postfix::start_piped(&line, transport);
    acme.replace_relay(postfix.port);
    let sends = |number: usize, to: &str| postfix.takes(to, &mail(number));
    // Nobody serves: it is kept all the same.
    sends(1, IMPORT);
    sends(2, IMPORT);
    eventually("two mails", || (acme.mails().len() == 2).then_some(()));
    let mut count = 2;
    for _ in 0..6 {
        let daemon = acme.serve();
        (0..5).for_each(|_| {
            count += 1;
            sends(count, IMPORT);
        });
        eventually("some of them", || (acme.count("arrival") as usize > count - 4).then_some(()));
        daemon.kill();
    }
    // The database is in other hands for longer than anybody waits: Postfix keeps it.
    let lock = Lock::take(&acme);
    count += 1;
    sends(count, IMPORT);
    eventually("a deferred mail", || postfix.log().contains("status=deferred").then_some(()));
    drop(lock);
    // `deliver` itself is killed.
    count += 1;
    let hold = Lock::take(&acme);
    sends(count, IMPORT);
    let pid = eventually("a process", || pid_of(&acme));
    crate::postfix::run(Command::new("kill").args(["-KILL", &pid]));
    eventually("a word about it", || postfix.log().contains("Command died with signal 9").then_some(()));
    let word = postfix.log().lines().find(|line| line.contains("Command died with signal 9")).unwrap().to_owned();
    assert!(word.contains("status=deferred"), "{word}");
    drop(hold);
    sends(9_999, "unknown@acme.example");
    eventually("a bounce", || postfix.log().contains("status=bounced (no mail is taken for this recipient here").then_some(()));
    let daemon = acme.serve();
    all_filed(&acme, count);
    acme.all_sent();
    acme.leaves_outbox = true;
    daemon.stop();
    acme.is_sound();
}

/// As local(8) calls it for an alias or a .forward: who sent it to whom stands in the environment.
#[test]
fn postfix_local() {
    let mut acme = Installation::new();
    give_to_nobody(&mut acme);
    let command = format!(
        "{} --config {} deliver --authserv-id mx.acme.example",
        acme.path("rohrpost").display(),
        acme.path("rohrpost.toml").display()
    );
    let aliases = format!(
        "recipient_delimiter = +\ntransport_maps =\nlocal_recipient_maps =\nalias_maps = inline:{{ {{import = \"|{command}\"}} }}\n"
    );
    let postfix = Postfix::start_piped("", &aliases);
    postfix.takes("import+x@acme.example", &mail(1));
    let id = eventually("a mail", || acme.mails().first().map(|mail| mail["id"].as_str().unwrap().to_owned()));
    let envelope = shown(&acme, "acme")["envelope"].clone();
    assert_eq!((envelope["from"].as_str(), envelope["to"][0].as_str()), (Some(PETRA), Some("import+x@acme.example")), "{envelope}");
    let daemon = acme.serve();
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// The process id of a `deliver` of this installation.
fn pid_of(acme: &Installation) -> Option<String> {
    let ours = acme.path("rohrpost.toml").to_str().unwrap().to_owned();
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).find_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let fits = line.starts_with(acme.path("rohrpost").to_str().unwrap()) && line.contains(&ours) && line.contains(" deliver ");
        fits.then(|| entry.file_name().into_string().unwrap())
    })
}

/// The line that docs/operation.md tells an operator to write, below the comment that names its file.
pub fn operation(file: &str) -> String {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operation.md")).unwrap();
    let (_, behind) = text.split_once(&format!("\n# {file}")).unwrap_or_else(|| panic!("docs/operation.md does not speak of {file}"));
    let lines = behind.lines().skip(1).take_while(|line| !line.starts_with(['#', '`']));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A delivery starts a program: how long that takes beside a running service, at the median.
#[test]
fn a_delivery_is_quick() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let mut times: Vec<Duration> = (0..20)
        .map(|number| {
            let start = std::time::Instant::now();
            assert_eq!(delivers(&acme, &TO, &mail(number)).0, 0);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("a delivery takes {:?} at the median, {:?} at most", times[10], times[19]);
    filed(&acme, 20);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

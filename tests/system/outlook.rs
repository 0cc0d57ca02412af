//! Outlook's own forms as other programs read them: what Debian's tnef and ytnef and Python's olefile take out of files that we wrote is
//! byte for byte what the program takes out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

#[path = "outlook_files.rs"]
mod files;
#[path = "../../src/understand/containers/outlook/writer.rs"]
mod writer;

use files::{Thing, Val, embedded, file};

/// Debian's, which has Debian's olefile; another may stand before it.
const PYTHON: &str = "/usr/bin/python3";

/// A mail with files of many sizes and names: within one sector and beyond, with umlauts, and more than a header's table takes.
fn mail() -> Thing {
    let bytes = |size: usize| (0..size).map(|at| (at * 7 % 251) as u8).collect::<Vec<u8>>();
    let within = Thing::default().text(0x0037, "Empfehlung").text(0x1000, "Sehr zu empfehlen.").attach(file("Zeugnis.pdf", &bytes(777)));
    Thing::default()
        .text(0x001a, "IPM.Note")
        .text(0x0037, "Bewerbung als Köchin")
        .text(0x0042, "Müller, Maria")
        .text(0x5d02, "maria@e.example")
        .with(0x1000, Val::Text8(b"Gr\xfc\xdfe".to_vec()))
        .with(0x3ffd, Val::Long(1252))
        .attach(file("cv.pdf", &bytes(63)))
        .attach(file("Anschreiben_Mueller.pdf", &bytes(4_096)))
        .attach(file("Mappe.pdf", &bytes(8_500_000)))
        .attach(embedded("Empfehlung", within))
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; tests/run installs what the tests need"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn sha256(bytes: &[u8]) -> String {
    rohrpost::model::digest::sha256(bytes)
}

/// Digests of the files that `rohrpost explain` finds in a file, without mails within and what they have; and its text.
fn explained(path: &Path) -> (BTreeSet<String>, String) {
    let output = run(Command::new(env!("CARGO_BIN_EXE_rohrpost")).args(["explain", "--json"]).arg(path));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = answer["attachments"].as_array().unwrap();
    let digests = found.iter().filter(|one| one["role"] == "file" && one["of"] == 0).map(|one| one["sha256"].as_str().unwrap().to_owned());
    (digests.collect(), answer["text"].as_str().unwrap().to_owned())
}

fn digests_in(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.filter(|bytes| !bytes.starts_with(&[0x78, 0x9f])).map(|bytes| sha256(&bytes)).collect()
}

#[test]
fn tnef_and_ytnef_take_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let winmail = folder.path().join("winmail.dat");
    let mut plain = mail();
    // Neither of them opens a mail within: tnef writes it with its interface's name in front, ytnef opens it beside.
    plain.attachments.pop();
    fs::write(&winmail, files::tnef(&plain)).unwrap();
    let (ours, text) = explained(&winmail);
    assert_eq!((ours.len(), text.trim()), (3, "Grüße"));
    for reader in ["tnef", "ytnef"] {
        let out = folder.path().join(reader);
        fs::create_dir(&out).unwrap();
        match reader {
            "tnef" => run(Command::new(reader).arg("-C").arg(&out).arg(&winmail)),
            _ => run(Command::new(reader).arg("-f").arg(&out).arg(&winmail)),
        };
        assert_eq!(digests_in(&out), ours, "{reader}");
    }
}

#[test]
fn olefile_takes_out_the_same() {
    const READER: &str = "
import hashlib, json, olefile, sys
ole = olefile.OleFileIO(sys.argv[1], raise_defects=olefile.DEFECT_UNSURE)
read = lambda path: ole.openstream(path).read()
data = [path for path in ole.listdir() if path[-1] == '__substg1.0_37010102']
print(json.dumps({
    'outer': sorted(hashlib.sha256(read(path)).hexdigest() for path in data if len(path) == 2),
    'inner': [hashlib.sha256(read(path)).hexdigest() for path in data if len(path) > 2],
    'subject': read('__substg1.0_0037001F').decode('utf-16le'),
    'issues': [str(issue) for issue in ole.parsing_issues],
}))";
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("Bewerbung.msg");
    fs::write(&saved, files::msg(&mail())).unwrap();
    let (ours, _) = explained(&saved);
    let output = run(Command::new(PYTHON).args(["-c", READER]).arg(&saved));
    let theirs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let outer: BTreeSet<String> = theirs["outer"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    assert_eq!((outer.len(), &outer), (3, &ours));
    assert_eq!((&theirs["subject"], &theirs["issues"]), (&"Bewerbung als Köchin".into(), &serde_json::json!([])));
    let output = run(Command::new(env!("CARGO_BIN_EXE_rohrpost")).args(["explain", "--json"]).arg(&saved));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let inner: Vec<_> = answer["attachments"].as_array().unwrap().iter().filter(|one| one["of"] == 1).map(|one| &one["sha256"]).collect();
    assert_eq!(inner, theirs["inner"].as_array().unwrap().iter().collect::<Vec<_>>());
}

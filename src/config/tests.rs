use super::*;
use crate::model::facts::Origin;

fn faults(text: &str) -> Vec<String> {
    match read(text, Vec::new()) {
        Ok(_) => Vec::new(),
        Err(Faults(list)) => list,
    }
}

#[test]
fn the_example_is_the_default() {
    let example = read(EXAMPLE, Vec::new()).unwrap();
    let empty = read("", Vec::new()).unwrap();
    assert_eq!(example.min_free_bytes, empty.min_free_bytes);
    assert_eq!(format!("{:?}", example.smtp.limits), format!("{:?}", empty.smtp.limits));
    assert_eq!(example.place.database, empty.place.database);
    assert_eq!(example.outgoing.give_up_after, empty.outgoing.give_up_after);
    assert_eq!((example.dns, example.smtp.unauthenticated), (empty.dns, empty.smtp.unauthenticated));
    assert_eq!((&example.scan, example.held_unauthenticated), (&empty.scan, empty.held_unauthenticated));
    assert_eq!((example.healing, empty.scan), (empty.healing, None));
    assert_eq!(format!("{:?}", example.alarms), format!("{:?}", empty.alarms));
}

/// Every key of the file stands in the example, commented out or not.
#[test]
fn the_example_has_every_key() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = std::fs::read_dir(folder.join("config")).unwrap().map(|entry| entry.unwrap().path());
    let sources: Vec<String> = rooms.chain([folder.join("config.rs")]).map(|path| std::fs::read_to_string(path).unwrap()).collect();
    // What was said is read into structs whose names begin so; their fields are the keys.
    let raws = sources.iter().flat_map(|source| source.split("struct Raw").skip(1)).filter_map(|rest| rest.split_once("\n}"));
    let keys = raws
        .flat_map(|(fields, _)| fields.lines())
        .filter_map(|line| line.trim().trim_start_matches("pub(super) ").split_once(": "))
        .map(|(key, _)| key)
        .filter(|key| key.chars().all(|c| c.is_lowercase() || c == '_'));
    let mut seen = 0;
    for key in keys {
        assert!(EXAMPLE.contains(key), "{key} is missing in deploy/rohrpost.toml");
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn all_faults_at_once_with_their_lines() {
    let found = faults(
        "state_dri = \"/x\"\nmin_free_bytes = \"much\"\n\n[smtp]\nlisten = [\"nowhere\"]\nmax_recipients = 0\n\n[smpt]\nx = 1\n\n[outgoing]\nport = 70000\n",
    );
    let all = found.join("\n");
    for part in ["line 1", "state_dri", "line 2", "much", "line 8", "smpt", "line 12", "70000"] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert_eq!(found.len(), 6, "{all}");
}

#[test]
fn dns_and_the_gate() {
    let config = read(
        "[smtp]\nunauthenticated = \"hold\"\n[[smtp.trusted]]\nnetworks = [\"192.0.2.0/24\"]\nunauthenticated = \"refuse\"\n\
         [dns]\nresolvers = [\"127.0.0.1:53\", \"[::1]:5353\"]\ntimeout_seconds = 3\n",
        Vec::new(),
    );
    let config = config.unwrap();
    assert_eq!((config.dns.resolvers.len(), config.dns.budget.as_secs()), (2, 3));
    let of = |peer: &str| config.smtp.unauthenticated(peer.parse().unwrap());
    assert_eq!((of("192.0.2.1"), of("198.51.100.1")), (Unauthenticated::Refuse, Unauthenticated::Hold));
    let found = faults("[dns]\nresolvers = [\"ns.example\"]\ntimeout_seconds = 0\n\n[smtp]\nunauthenticated = \"drop\"\n").join("\n");
    for part in ["dns.resolvers[0]", "dns.timeout_seconds", "line 6", "drop"] {
        assert!(found.contains(part), "{part} in {found}");
    }
}

#[test]
fn syntax_errors_say_where() {
    let found = faults("[smtp\nlisten = 1\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("line 1"), "{}", found[0]);
}

#[test]
fn the_environment_lies_over_the_file() {
    let set = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    let text = "[smtp]\nhostname = \"a.example\"\n";
    let config = read(text, set("ROHRPOST__SMTP__HOSTNAME", "b.example")).unwrap();
    assert_eq!(config.smtp.hostname, "b.example");
    let config = read(text, set("ROHRPOST__SMTP__MAX_RECIPIENTS", "7")).unwrap();
    assert_eq!((config.smtp.limits.recipients, config.smtp.hostname.as_str()), (7, "a.example"));
    let Err(Faults(list)) = read(text, set("ROHRPOST__SMTP__HOSTNAM", "b")) else { panic!("an unknown key passed") };
    assert!(list[0].contains("ROHRPOST__SMTP__HOSTNAM"), "{list:?}");
}

#[test]
fn secrets_are_never_shown() {
    let text = "[outgoing]\nhost = \"127.0.0.1\"\nuser = \"u\"\npassword = { value = \"geheim123\" }\n";
    let config = read(text, Vec::new()).unwrap();
    assert!(!format!("{config:?}").contains("geheim123"));
    assert!(config.outgoing.login.is_some());
    for wrong in ["[seal]\nkey = \"geheim123\"\n", "[[oauth]]\nclient_secret = \"geheim123\"\n", "[[imap]]\nbearer = \"geheim123\"\n"] {
        let found = faults(wrong).join("\n");
        assert!(!found.is_empty() && !found.contains("geheim123"), "{found}");
    }
}

/// A command in a shell has no credentials, and needs none.
#[test]
fn a_password_is_fetched_where_it_is_needed() {
    let outgoing = |password: &str| read(&format!("[outgoing]\nuser = \"u\"\npassword = {{ {password} }}\n"), Vec::new()).unwrap().outgoing;
    let error = format!("{:#}", outgoing("credential = \"relay-password\"").fetched_login().unwrap_err());
    assert!(error.contains("outgoing.password") && error.contains("LoadCredential=relay-password:"), "{error}");
    let missing = format!("{:#}", outgoing("file = \"/nowhere/password\"").fetched_login().unwrap_err());
    assert!(missing.contains("/nowhere/password"), "{missing}");
    assert!(outgoing("value = \"p\"").fetched_login().unwrap().is_some());
}

#[test]
fn a_password_never_goes_in_plain_text() {
    let found = faults("[outgoing]\nhost = \"relay.example\"\ntls = \"none\"\nuser = \"u\"\npassword = { value = \"p\" }\n");
    assert!(found.iter().any(|fault| fault.starts_with("outgoing.tls")), "{found:?}");
}

#[test]
fn origins() {
    let text = "[[smtp.trusted]]\nnetworks = [\"192.0.2.0/24\"]\nauthserv_id = \"mx.acme.example\"\n[[smtp.trusted]]\nnetworks = [\"198.51.100.1\"]\nsubmission_only = true\n";
    let smtp = read(text, Vec::new()).unwrap().smtp;
    for (peer, origin, id) in [
        ("192.0.2.9", Origin::Relay, Some("mx.acme.example")),
        ("198.51.100.1", Origin::SubmissionRelay, None),
        ("127.0.0.1", Origin::Direct, None),
    ] {
        assert_eq!(smtp.origin(peer.parse().unwrap()), (origin, id));
    }
}

/// What would start, and then do nothing or fail.
#[test]
fn values_that_mean_nothing() {
    for (text, key) in [
        ("[smtp]\nlisten = []\n", "smtp.listen"),
        ("[smtp]\nlisten_tls = [\"127.0.0.1:465\"]\n", "smtp.listen_tls"),
        ("[smtp]\ntls = { certificate = \"/c\", key = \"/k\" }\nlisten = [\"[::]:465\"]\nlisten_tls = [\"[::]:465\"]\n", "smtp.listen_tls"),
        ("[smtp]\ntls = { certificate = \"/c\", key = \"/k\" }\nlisten_tls = [\"465\"]\n", "smtp.listen_tls[0]"),
        ("[smtp]\nlisten = [\"127.0.0.1:25\", \"127.0.0.1:25\"]\n", "smtp.listen"),
        ("[outgoing]\nhost = \" \"\n", "outgoing.host"),
        ("[outgoing]\nport = 0\n", "outgoing.port"),
        ("[smtp]\nmax_mails_per_hour = 0\n", "smtp.max_mails_per_hour"),
        ("[scan]\nwhen_down = \"hold\"\n", "scan.clamd"),
        ("[scan]\nclamd = \"clamd.ctl\"\n", "scan.clamd"),
        ("[held_unauthenticated]\nmax_age_days = 0\n", "held_unauthenticated.max_age_days"),
        ("[held_unauthenticated]\nmax_age_days = 9000000\n", "held_unauthenticated.max_age_days"),
    ] {
        let found = faults(text);
        assert!(found.len() == 1 && found[0].contains(key), "{text}: {found:?}");
    }
}

/// No number is so large that reckoning with it could overflow: the largest that a file can say is a fault of every key that is one.
#[test]
fn every_number_has_an_upper_bound() {
    let mut section = "";
    let mut seen = 0;
    for line in EXAMPLE.lines().map(|line| line.trim_start_matches("# ")) {
        if line.starts_with('[') && line != "[[smtp.trusted]]" {
            section = line;
        }
        // These need more than one key; their numbers have a table beside them.
        if matches!(section, "[[imap]]" | "[[maildir]]" | "[[canary]]") {
            continue;
        }
        let Some((key, _)) = line.split_once(" = ").filter(|(_, value)| value.chars().all(|c| c.is_ascii_digit())) else { continue };
        let needs = if section == "[scan]" { "clamd = \"tcp:127.0.0.1:3310\"\n" } else { "" };
        let section = if key == "min_free_bytes" { "" } else { section };
        let found = faults(&format!("{section}\n{needs}{key} = {}\n", i64::MAX));
        assert_eq!(found.len(), 1, "{section} {key}: {found:?}");
        seen += 1;
    }
    assert_eq!(seen, 28, "numbers in the example");
}

/// `/proc/sys` is hidden from the service by its unit.
#[test]
fn the_machine_has_a_name() {
    let name = smtp::machine_name().unwrap();
    assert_eq!(
        Some(name.as_str()),
        std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()).as_deref()
    );
    assert!(!include_str!("../config.rs").contains("/proc/"));
}

#[test]
fn a_file_that_is_not_there() {
    let Err(Faults(list)) = load(Path::new("/nowhere/rohrpost.toml")) else { panic!("it was read") };
    for part in ["/nowhere/rohrpost.toml", "--config", "ROHRPOST_CONFIG", "default-config"] {
        assert!(list[0].contains(part), "{part} in {list:?}");
    }
}

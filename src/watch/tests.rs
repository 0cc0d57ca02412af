use super::*;

fn now() -> Timestamp {
    // A Wednesday.
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn rules() -> Rules {
    Rules { counts: Counts::WorkingDays, failing: SignedDuration::from_mins(10), waits: SignedDuration::from_mins(30) }
}

fn snapshot(door: Door) -> Snapshot {
    let door = Door { name: "hr".into(), ..door };
    Snapshot { now: now(), zone: TimeZone::UTC, doors: vec![door], oldest_arrival: None, oldest_message: None, certificate: None }
}

/// `wrong`, `right`, or `-` where nothing is said; with the text.
fn word(snapshot: &Snapshot, kind: AlarmKind, about: &str) -> (&'static str, String) {
    let found = findings(snapshot, &rules());
    match found.iter().find(|finding| finding.kind == kind && finding.about == about).map(|finding| &finding.state) {
        None => ("-", String::new()),
        Some(State::Right) => ("right", String::new()),
        Some(State::Wrong(text)) => ("wrong", text.clone()),
    }
}

#[test]
fn a_door_that_fails() {
    let check = |state: &str, failing_for: Option<i64>, want: &str| {
        let door = Door { state: state.into(), failing_since: failing_for.map(ago), last_error: Some("no".into()), ..Door::default() };
        assert_eq!(word(&snapshot(door), AlarmKind::DoorFailing, "hr").0, want, "{state} {failing_for:?}");
    };
    check("failing", Some(10), "wrong");
    check("failing", Some(14_400), "wrong");
    // Not yet, and what was wrong stays wrong meanwhile.
    check("failing", Some(9), "-");
    check("failing", None, "-");
    // A new run, or none, knows nothing.
    for state in ["starting", "stopped", ""] {
        check(state, Some(600), "-");
        check(state, None, "-");
    }
    for state in ["listening", "working", "elsewhere"] {
        check(state, None, "right");
    }
}

#[test]
fn a_door_that_hangs() {
    let check = |state: &str, every: Option<i64>, spoke: Option<i64>, want: &str| {
        let speaks_every = every.map(SignedDuration::from_mins);
        let door = Door { state: state.into(), speaks_every, last_contact_at: spoke.map(ago), ..Door::default() };
        assert_eq!(word(&snapshot(door), AlarmKind::DoorFailing, "hr").0, want, "{state} {every:?} {spoke:?}");
    };
    check("listening", Some(1), Some(1), "right");
    check("listening", Some(1), Some(120), "right");
    check("working", Some(1), Some(121), "wrong");
    check("listening", Some(50), Some(150), "right");
    check("listening", Some(50), Some(151), "wrong");
    check("listening", None, Some(9_000), "right");
    check("listening", Some(1), None, "right");
    check("elsewhere", Some(1), Some(9_000), "right");
}

#[test]
fn a_door_that_is_silent() {
    let hours = |hours: i64| Some(ago(hours * 60));
    let check = |silence: Silence, last_mail_at: Option<Timestamp>, since: Option<Timestamp>, want: &str| {
        let door = Door { silence, last_mail_at, since, ..Door::default() };
        assert_eq!(word(&snapshot(door), AlarmKind::DoorSilent, "hr").0, want, "{silence:?} {last_mail_at:?} {since:?}");
    };
    let by_default = Silence::OnceItSpoke(72);
    check(Silence::Never, hours(9_000), hours(9_000), "right");
    check(by_default, hours(1), None, "right");
    // Wednesday noon: 72 hours ago was Sunday, and 120 hours ago Friday noon.
    check(by_default, hours(72), None, "right");
    check(by_default, hours(119), None, "right");
    check(by_default, hours(120), None, "wrong");
    check(by_default, hours(10 * 24), None, "wrong");
    // A door that nobody uses.
    check(by_default, None, hours(9_000), "right");
    check(Silence::FromTheStart(72), None, hours(9_000), "wrong");
    check(Silence::FromTheStart(72), None, None, "right");
    check(Silence::FromTheStart(72), hours(1), hours(9_000), "right");
    // A clock that went back.
    check(by_default, hours(-5), None, "right");
}

#[test]
fn a_mail_to_ourselves_that_is_lost() {
    let check = |sent: &[(i64, Option<i64>, Option<&str>)], want: &str, part: &str| {
        let sent = sent.iter().map(|(at, arrived, error)| Canary {
            sent_at: ago(*at),
            arrived_at: arrived.map(ago),
            error: error.map(str::to_owned),
        });
        let canaries = Some(Canaries { lost_after: SignedDuration::from_mins(10), sent: sent.collect() });
        let (state, text) = word(&snapshot(Door { canaries, ..Door::default() }), AlarmKind::CanaryLost, "hr");
        assert!(state == want && text.contains(part), "{state} {text}");
    };
    check(&[], "-", "");
    check(&[(5, None, None)], "-", "");
    check(&[(1, Some(0), None)], "right", "");
    check(&[(10, None, None)], "wrong", "1 mail to ourselves");
    check(&[(10, None, Some("the relay is away"))], "wrong", "the relay is away");
    check(&[(1, None, None), (16, None, None), (31, None, None), (46, Some(45), None)], "wrong", "2 mails");
    // The newest that came says that the way is open again; one that is lost behind it says that it is not.
    check(&[(1, None, None), (16, Some(15), None), (31, None, None)], "right", "");
    check(&[(16, None, None), (31, Some(30), None)], "wrong", "");
    // Late is not lost once it is there.
    check(&[(40, Some(1), None)], "right", "");
    // One that came twice, or a copied one, changes nothing for those behind it.
    check(&[(20, None, None), (40, Some(1), None)], "wrong", "");
    let without = word(&snapshot(Door::default()), AlarmKind::CanaryLost, "hr").0;
    assert_eq!(without, "right");
}

#[test]
fn mail_that_waits() {
    let check = |oldest: Option<i64>, want: &str, part: &str| {
        let arrival = Snapshot { oldest_arrival: oldest.map(ago), ..snapshot(Door::default()) };
        let message = Snapshot { oldest_message: oldest.map(ago), ..snapshot(Door::default()) };
        for (snapshot, about, other) in [(arrival, INTAKE, OUTBOX), (message, OUTBOX, INTAKE)] {
            let (state, text) = word(&snapshot, AlarmKind::MailWaits, about);
            assert!(state == want && text.contains(part), "{about} {oldest:?}: {state} {text}");
            assert_eq!(word(&snapshot, AlarmKind::MailWaits, other).0, "right");
        }
    };
    check(None, "right", "");
    check(Some(29), "right", "");
    check(Some(30), "wrong", "30 minutes");
    check(Some(119), "wrong", "119 minutes");
    check(Some(300), "wrong", "5 hours");
    check(Some(14_400), "wrong", "10 days");
}

#[test]
fn what_the_configuration_no_longer_has() {
    let here = snapshot(Door::default());
    assert!(!is_gone(AlarmKind::DoorFailing, "hr", &here) && is_gone(AlarmKind::DoorFailing, "old", &here));
    assert!(!is_gone(AlarmKind::MailWaits, INTAKE, &here) && !is_gone(AlarmKind::SignInLost, "relay", &here));
}

/// Files that cannot be used, and an end that comes nearer; without TLS there is nothing to say.
#[test]
fn certificates() {
    let check = |certificate: Option<Certificate>, want: Option<&str>| {
        let mut snapshot = snapshot(Door::default());
        snapshot.certificate = certificate;
        let found = findings(&snapshot, &rules()).into_iter().find(|one| one.kind == AlarmKind::Certificate);
        match (found.map(|one| one.state), want) {
            (None, None) => (),
            (Some(State::Right), Some("")) => (),
            (Some(State::Wrong(text)), Some(want)) => assert!(!want.is_empty() && text.contains(want), "{text}"),
            (found, want) => panic!("{found:?} {want:?}"),
        }
    };
    let ends = |hours: i64| Some(Certificate { fault: None, ends: Some(now() + SignedDuration::from_hours(hours)) });
    check(None, None);
    check(Some(Certificate::default()), Some(""));
    check(ends(24 * 8), Some(""));
    check(ends(24 * 5), Some("ends in 5 days"));
    check(ends(0), Some("has expired"));
    check(ends(-9), Some("has expired"));
    check(Some(Certificate { fault: Some("no PEM".into()), ends: None }), Some("cannot be used: no PEM"));
}

//! What administrators are told once a day, by the real service and its relay.

use crate::harness::*;

const ANNA: &str = r#"{"tenant": {"id": "acme", "digest_at": "00:00"},
    "users": [{"email": "anna@acme.example", "name": "Anna Adler", "role": "administrator", "locale": "de"}]}"#;

fn digests(acme: &Installation) -> Vec<String> {
    let all = acme.catcher.as_ref().unwrap().caught();
    all.iter().map(|caught| text_of(&caught.data)).filter(|text| text.contains("Wartende Nachrichten")).collect()
}

/// Told once, whatever ends the service; marked as automatic, in the reader's language.
#[test]
fn administrators_are_told_once_a_day() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "9999 WG: kanarie-betreff", ..Forward::default() }.mail());
    acme.ended(&id);
    acme.all_sent();
    daemon.stop();
    assert!(digests(&acme).is_empty(), "nobody is an administrator");
    acme.import(ANNA);
    let printed = acme.succeeds(&["dead-letter", "digest", "--tenant", "acme"]);
    assert!(printed.starts_with("administrators: 1; digest_at is 00:00\n") && printed.contains("Kennziffer gibt es nicht"), "{printed}");
    let daemon = acme.serve();
    eventually("a digest", || (!digests(&acme).is_empty()).then_some(()));
    acme.all_sent();
    daemon.kill();
    // The database remembers the day. The next look of the new run comes before its door opens for long; another mail proves it alive.
    let daemon = acme.serve();
    let other = daemon.delivers(&Forward { subject: "9998 WG: x", ..Forward::default() }.mail());
    acme.ended(&other);
    acme.all_sent();
    assert_eq!(acme.count("outbound_message where purpose = 'digest'"), 1);
    let caught = digests(&acme);
    assert_eq!(caught.len(), 1);
    let text = &caught[0];
    for part in ["To: anna@acme.example", "Auto-Submitted: auto-generated", &id, "Von: petra@acme.example"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Reply-To:"), "{text}");
    daemon.stop();
    acme.is_sound();
}

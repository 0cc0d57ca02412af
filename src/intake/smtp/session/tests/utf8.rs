//! Addresses that are not ASCII.

use super::*;

/// RFC 6531 §3.4 and §3.5: with the parameter they are taken as they are; without it they are none.
#[tokio::test]
async fn addresses_that_are_not_ascii() {
    let mut remote = session(Setup::default()).await;
    let to = "RCPT TO:<Bewerbungen+4711@MÜLLER.example>";
    remote
        .talks(&[
            ("EHLO client.example", "250-*"),
            ("MAIL FROM:<jürgen@müller.example>", "553 5.6.7 *"),
            ("MAIL FROM:<a@b.example>", "250 2.1.0 *"),
            (to, "553 5.6.7 *"),
            ("RCPT TO:<import@acme.example>", "250 2.1.5 *"),
            ("RSET", "250 *"),
            // The parameter is of this mail, not of the next.
            ("MAIL FROM:<> SMTPUTF8", "250 2.1.0 *"),
            ("RSET", "250 *"),
            ("MAIL FROM:<>", "250 2.1.0 *"),
            (to, "553 5.6.7 *"),
            ("RSET", "250 *"),
            ("MAIL FROM:<jürgen@müller.example> SMTPUTF8 SMTPUTF8=1", "555 5.5.4 *"),
            ("MAIL FROM:<jürgen@müller.example> BODY=8BITMIME SMTPUTF8", "250 2.1.0 *"),
            ("RCPT TO:<nobody@müller.example>", "550 5.1.1 *"),
            (to, "250 2.1.5 *"),
            ("DATA", "354 *"),
            ("From: jürgen@müller.example\r\nSubject: Grüße\r\n\r\nx\r\n.", "250 2.0.0 kept as *"),
        ])
        .await;
    let kept = remote.kept.lock().unwrap();
    assert_eq!(kept[0].envelope.from.as_deref(), Some("jürgen@müller.example"));
    assert_eq!(kept[0].envelope.to, ["Bewerbungen+4711@MÜLLER.example"]);
    assert_eq!(
        (kept[0].envelope.mailbox.as_str(), &kept[0].facts.from),
        ("bewerbungen@müller.example", &vec!["jürgen@müller.example".into()])
    );
}

/// What is no UTF-8 would be kept as another address; controls beyond ASCII are controls.
#[tokio::test]
async fn bytes_that_are_no_address() {
    let mut remote = session(Setup::default()).await;
    remote.talks(&[("EHLO client.example", "250-*")]).await;
    for bad in [&b"MAIL FROM:<j\xfcrgen@b.example> SMTPUTF8\r\n"[..], "MAIL FROM:<a\u{85}b@b.example> SMTPUTF8\r\n".as_bytes()] {
        remote.sends(bad).await.hears("553 5.1.7 *").await;
    }
    remote.talks(&[("MAIL FROM:<> SMTPUTF8", "250 *")]).await;
    remote.sends(b"RCPT TO:<bewerbungen@m\xfcller.example>\r\n").await.hears("553 5.1.3 *").await;
}

//! The other dialect: RFC 2033.

use super::*;

fn lmtp() -> Setup {
    Setup { dialect: Dialect::Lmtp, ..Setup::default() }
}

/// RFC 2033 §4.1, §4.3 and §5: its greeting, what is offered, and nothing of SMTP's that must not be there.
#[tokio::test]
async fn what_is_spoken() {
    let mut remote = session(Setup { change: |smtp| smtp.limits.errors = 100, ..lmtp() }).await;
    remote
        .talks(&[
            ("EHLO client.example", "500 5.5.1 *"),
            ("HELO client.example", "500 5.5.1 *"),
            ("MAIL FROM:<>", "503 5.5.1 say LHLO first"),
            (
                "LHLO client.example",
                "250-mx.acme.example|250-PIPELINING|250-SIZE 200000|250-8BITMIME|250-ENHANCEDSTATUSCODES|250-SMTPUTF8|250 HELP",
            ),
            ("AUTH PLAIN AGEAYg==", "502 5.5.1 *"),
            ("AUTH LOGIN", "502 5.5.1 *"),
            ("AUTH CRAM-MD5", "502 5.5.1 *"),
            ("STARTTLS", "502 5.5.1 *"),
            ("MAIL FROM:<a@b.example> SIZE=200001", "552 5.3.4 *"),
            ("MAIL FROM:<a@b.example> BODY=8BITMIME SIZE=100", "250 2.1.0 *"),
            ("DATA", "503 5.5.1 *"),
            ("RCPT TO:<nobody@acme.example>", "550 5.1.1 *"),
            ("DATA", "503 5.5.1 *"),
            ("RSET", "250 2.0.0 *"),
            ("LHLO again.example", "250-*"),
            ("VRFY petra", "252 2.5.0 *"),
            ("NOOP", "250 2.0.0 *"),
            ("BDAT 10 LAST", "502 5.5.1 *"),
        ])
        .await
        .is_closed()
        .await;
    // A login is nobody's there, even if the stream is TLS.
    let mut over_tls = session(Setup { tls: true, ..lmtp() }).await;
    over_tls.says("LHLO c").await;
    assert!(!over_tls.reply().await.contains("AUTH"));
}

/// RFC 2033 §4.2: one answer for each recipient that was accepted, in order; for the same one twice, two.
#[tokio::test]
async fn an_answer_for_each_recipient() {
    for (answer, reply) in [(Answer::Keep, "250 2.0.0 kept as *"), (Answer::Refuse, "550 5.7.1 *"), (Answer::NotNow, "451 4.3.0 *")] {
        let mut remote = session(Setup { answer, ..lmtp() }).await;
        remote
            .talks(&[
                ("LHLO client.example", "250-*"),
                ("MAIL FROM:<p@acme.example>", "250 2.1.0 *"),
                ("RCPT TO:<import@acme.example>", "250 2.1.5 *"),
                ("RCPT TO:<nobody@acme.example>", "550 5.1.1 *"),
                ("RCPT TO:<import@beta.example>", "452 4.5.3 *"),
                ("RCPT TO:<bewerbung@acme.example>", "250 2.1.5 *"),
                ("RCPT TO:<import@acme.example>", "250 2.1.5 *"),
                ("DATA", "354 *"),
            ])
            .await;
        remote.sends(b"Subject: x\r\n\r\nx\r\n.\r\nNOOP\r\n").await;
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(remote.reply().await);
        }
        heard.iter().for_each(|one| Remote::check(one, reply));
        // One arrival, one id.
        assert!(heard.iter().all(|one| *one == heard[0]), "{heard:?}");
        remote.hears("250 2.0.0 ok").await;
        let kept = remote.kept.lock().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].envelope.to, ["import@acme.example", "bewerbung@acme.example", "import@acme.example"]);
    }
}

/// What the door knows: a mail host that is believed, without an address; its loops are nobody's whom we may refuse.
#[tokio::test]
async fn the_facts() {
    let mut remote = session(lmtp()).await;
    remote
        .talks(&[
            ("LHLO mx.acme.example", "250-*"),
            ("MAIL FROM:<>", "250 *"),
            ("RCPT TO:<import@acme.example>", "250 *"),
            ("DATA", "354 *"),
        ])
        .await;
    let head = "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\r\nFrom: p@acme.example\r\n\r\n.\r\n";
    remote.sends(head.as_bytes()).await.hears("250 2.0.0 kept as *").await;
    let kept = remote.kept.lock().unwrap();
    let facts = &kept[0].facts;
    assert_eq!(kept[0].door, crate::model::arrival::Door::Lmtp);
    assert_eq!((facts.peer, facts.origin, facts.tls), (None, Origin::Relay, false));
    assert_eq!(facts.dmarc_passed_for(), Some("acme.example"));
}

/// As in SMTP: only CRLF . CRLF ends a mail, whatever stands before it.
#[tokio::test]
async fn nothing_is_smuggled_in() {
    for hidden in [&b"\n.\n"[..], b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\x00.\r\n", b"\r\n.\r\r\n"] {
        let mut remote = session(lmtp()).await;
        remote
            .talks(&[("LHLO c", "250-*"), ("MAIL FROM:<>", "250 *"), ("RCPT TO:<import@acme.example>", "250 *"), ("DATA", "354 *")])
            .await;
        let data = [b"a", hidden, b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<import@acme.example>\r\nDATA\r\n\r\nb\r\n.\r\n"].concat();
        remote.sends(&data).await.hears("250 *").await;
        remote.says("NOOP").await.hears("250 2.0.0 ok").await;
        assert_eq!(remote.kept().len(), 1, "{hidden:?}");
    }
}

/// RFC 2920: everything in one packet; the answers of one mail do not run into those of the next.
#[tokio::test]
async fn pipelining() {
    let mut remote = session(lmtp()).await;
    let one = "MAIL FROM:<a@b.example>\r\nRCPT TO:<import@acme.example>\r\nRCPT TO:<bewerbung@acme.example>\r\nDATA\r\n";
    remote.sends(format!("LHLO c\r\n{one}").as_bytes()).await;
    for reply in ["250-*", "250 2.1.0 *", "250 2.1.5 *", "250 2.1.5 *", "354 *"] {
        remote.hears(reply).await;
    }
    remote.sends(format!("one\r\n.\r\n{one}").as_bytes()).await;
    for reply in ["250 2.0.0 kept as *", "250 2.0.0 kept as *", "250 2.1.0 *", "250 2.1.5 *", "250 2.1.5 *", "354 *"] {
        remote.hears(reply).await;
    }
    remote.sends(b"two\r\n.\r\nQUIT\r\n").await;
    remote.hears("250 2.0.0 kept as *").await.hears("250 2.0.0 kept as *").await.hears("221 *").await;
    assert_eq!(remote.kept(), [b"one\r\n".to_vec(), b"two\r\n".to_vec()]);
}

/// Too big is true for every recipient; a peer that never ends is cut off; silence and a stop are what they are in SMTP.
#[tokio::test]
async fn limits() {
    let mut remote = session(lmtp()).await;
    let line = [vec![b'x'; 998], b"\r\n".to_vec()].concat();
    let begin = [
        ("MAIL FROM:<>", "250 *"),
        ("RCPT TO:<import@acme.example>", "250 *"),
        ("RCPT TO:<bewerbung@acme.example>", "250 *"),
        ("DATA", "354 *"),
    ];
    remote.talks(&[("LHLO c", "250-*")]).await.talks(&begin).await;
    remote.sends(&line.repeat(201)).await.sends(b".\r\n").await.hears("552 5.3.4 *").await.hears("552 5.3.4 *").await;
    remote.talks(&begin).await;
    for _ in 0..2_000 {
        remote.sends(&line).await;
    }
    remote.hears("552 5.3.4 *").await.is_closed().await;
    let mut idle = session(lmtp()).await;
    idle.stop.cancel();
    idle.hears("421 4.3.2 *").await.is_closed().await;
}

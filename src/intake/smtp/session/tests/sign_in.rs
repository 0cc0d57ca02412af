//! Signing in, by either mechanism.

use super::*;
use base64::Engine;

/// RFC 4954: over TLS alone; G10: then other tenants' addresses do not exist.
#[tokio::test]
async fn signing_in() {
    let mut remote = session(Setup { tls: true, ..Setup::default() }).await;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let right = encode("\0petra@acme.example\0geheim");
    remote
        .talks(&[
            ("AUTH PLAIN AGEAYg==", "503 5.5.1 *"),
            ("EHLO client.example", "250-*"),
            ("AUTH CRAM-MD5", "504 5.5.4 *"),
            (&format!("AUTH PLAIN {}", encode("\0petra@acme.example\0falsch")), "535 5.7.8 *"),
            (&format!("AUTH PLAIN {}", encode("max@acme.example\0petra@acme.example\0geheim")), "501 5.5.2 *"),
            ("AUTH PLAIN", "334*"),
            ("*", "501 5.5.2 *"),
            ("AUTH PLAIN", "334*"),
            (&right, "235 2.7.0 *"),
            (&format!("AUTH PLAIN {right}"), "503 5.5.1 *"),
            ("MAIL FROM:<petra@acme.example>", "250 *"),
            ("RCPT TO:<import@beta.example>", "550 5.1.1 *"),
            ("RCPT TO:<import@acme.example>", "250 *"),
            ("DATA", "354 *"),
            ("Subject: x\r\n\r\n.", "250 2.0.0 *"),
        ])
        .await;
    let kept = remote.kept.lock().unwrap();
    assert!(kept[0].facts.tls && kept[0].facts.login.as_ref().is_some_and(|login| login.tenant.as_str() == "acme"));
}

#[tokio::test]
async fn guessing_passwords_ends_the_session() {
    let mut remote = session(Setup { tls: true, ..Setup::default() }).await;
    remote.talks(&[("EHLO c", "250-*")]).await;
    for reply in ["535 5.7.8 *", "535 5.7.8 *", "535 5.7.8 *", "535 5.7.8 *", "421 4.7.0 *"] {
        remote.says("AUTH PLAIN AHBldHJhQGFjbWUuZXhhbXBsZQBmYWxzY2g=").await.hears(reply).await;
    }
    remote.is_closed().await;
}

/// RFC 4954 §4: the name may come with the command; `*` calls it off at either question.
#[tokio::test]
async fn signing_in_by_two_questions() {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let (name, right, wrong) = (encode("petra@acme.example"), encode("geheim"), encode("falsch"));
    let (asks_name, asks_password) = ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6");
    let mut remote = session(Setup { tls: true, ..Setup::default() }).await;
    remote
        .talks(&[
            ("EHLO client.example", "250-*"),
            ("AUTH LOGIN", asks_name),
            ("*", "501 5.5.2 *"),
            ("AUTH LOGIN", asks_name),
            (&name, asks_password),
            ("*", "501 5.5.2 *"),
            ("AUTH LOGIN", asks_name),
            ("", "501 5.5.2 *"),
            (&format!("AUTH LOGIN {name}"), asks_password),
            ("no base64", "501 5.5.2 *"),
            ("AUTH LOGIN =", "501 5.5.2 *"),
            (&format!("auth login {name}"), asks_password),
            (&wrong, "535 5.7.8 *"),
            (&format!("AUTH LOGIN {name}"), asks_password),
            (&right, "235 2.7.0 *"),
            ("AUTH LOGIN", "503 5.5.1 *"),
            ("MAIL FROM:<petra@acme.example>", "250 *"),
            ("RCPT TO:<import@beta.example>", "550 5.1.1 *"),
        ])
        .await;
    let mut plain = session(Setup::default()).await;
    plain.talks(&[("EHLO client.example", "250-*"), ("AUTH LOGIN", "538 5.7.11 *"), (&name, "500 5.5.1 *")]).await;
}

/// Every word of a login that is guessed weighs the same by either way.
#[tokio::test]
async fn guessing_by_two_questions_ends_the_session() {
    let mut remote = session(Setup { tls: true, ..Setup::default() }).await;
    remote.talks(&[("EHLO c", "250-*")]).await;
    for reply in ["535 5.7.8 *", "535 5.7.8 *", "535 5.7.8 *", "535 5.7.8 *", "421 4.7.0 *"] {
        remote.talks(&[("AUTH LOGIN cGV0cmFAYWNtZS5leGFtcGxl", "334 *"), ("ZmFsc2No", reply)]).await;
    }
    remote.is_closed().await;
}

/// A client that says the same wrong password by the next mechanism has guessed once; another password is another guess.
#[tokio::test]
async fn one_guess_by_two_mechanisms() {
    let change = |smtp: &mut config::Smtp| smtp.limits.brakes.failed_logins_per_hour = std::num::NonZeroU32::MIN;
    let mut remote = session(Setup { tls: true, change, ..Setup::default() }).await;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    remote
        .talks(&[
            ("EHLO c", "250-*"),
            (&format!("AUTH PLAIN {}", encode("\0petra@acme.example\0falsch")), "535 5.7.8 *"),
            (&format!("AUTH LOGIN {}", encode("petra@acme.example")), "334 *"),
            (&encode("falsch"), "535 5.7.8 *"),
            (&format!("AUTH PLAIN {}", encode("\0petra@acme.example\0geheim")), "454 4.7.0 *"),
        ])
        .await;
}

//! What can go wrong with a mailbox, and how long to keep away then. No text here holds an address or a piece of a mail.

use crate::model::stop::NoRoom;
use std::time::Duration;

/// Why a session with a mailbox ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The connection broke, or the server is silent.
    #[error("{0}")]
    Lost(String),
    /// Bytes came that are no IMAP.
    #[error("the server's answer cannot be read")]
    Unreadable,
    /// The server announced a literal, or sent a line, longer than it may be.
    #[error("the server announced {0} bytes at once")]
    TooLong(u64),
    /// NO, BAD or BYE, with the server's words.
    #[error("the server says {0}: {1}")]
    Said(&'static str, String),
    /// Login or token are not good.
    #[error("the server does not let us in: {0}")]
    NotLetIn(String),
    /// Configuration, database, disk.
    #[error("{0:#}")]
    Ours(anyhow::Error),
    /// The import address is nobody's.
    #[error("no tenant has the import address of this mailbox; `rohrpost import` gives it one")]
    NoTenant,
    /// Somebody else has the mailbox now.
    #[error("another instance empties this mailbox")]
    InOtherHands,
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::Ours(error)
    }
}

impl From<NoRoom> for Trouble {
    fn from(error: NoRoom) -> Trouble {
        Trouble::Ours(error.into())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Trouble {
        Trouble::Lost(format!("the connection is lost: {}", error.kind()))
    }
}

/// The longest time between two tries that is our own idea.
const LONGEST: Duration = Duration::from_secs(300);
/// A server may ask for more, but nobody waits for days.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// How long to wait before the next try: what the server asks for, or one second, then twice as long each time; ten seconds
/// at first where it does not let us in, so that no account is locked. `chance` between 0 and 1 spreads many doors.
pub fn wait(trouble: &Trouble, failures: u32, chance: f64) -> Duration {
    if let Trouble::Said(_, text) | Trouble::NotLetIn(text) | Trouble::Lost(text) = trouble
        && let Some(asked) = suggested(text)
    {
        return asked.min(LONGEST_ASKED);
    }
    let first = if matches!(trouble, Trouble::NotLetIn(_)) { 10.0 } else { 1.0 };
    let doubled = first * 2f64.powi(failures.saturating_sub(1).min(20) as i32);
    let seconds = doubled.min(LONGEST.as_secs_f64());
    Duration::from_secs_f64(seconds * (0.75 + chance.clamp(0.0, 1.0) / 4.0))
}

/// Whether there is a reason to try again as soon as somebody has signed in anew.
pub fn may_a_login_mend(trouble: &Trouble) -> bool {
    match trouble {
        // Nobody's sign-in changes who has the address, or the mailbox.
        Trouble::NoTenant | Trouble::InOtherHands => false,
        // A server that asks for time gets it.
        Trouble::Said(_, text) | Trouble::NotLetIn(text) | Trouble::Lost(text) => !passes_by_itself(text),
        Trouble::Unreadable | Trouble::TooLong(_) | Trouble::Ours(_) => true,
    }
}

/// RFC 5530 §3, or a server that asks for time: then a login was refused for another reason than what it brought.
pub fn passes_by_itself(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    suggested(text).is_some() || ["[unavailable]", "[inuse]", "[limit]", "[serverbug]", "throttled"].iter().any(|code| lower.contains(code))
}

/// Exchange says `Suggested Backoff Time: 299910 milliseconds`.
fn suggested(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let (_, behind) = lower.split_once("suggested backoff time:")?;
    let behind = behind.trim_start();
    let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    let number = behind[..digits].parse::<u64>().ok()?;
    match behind[digits..].trim_start() {
        unit if unit.starts_with("ms") || unit.starts_with("millisecond") => Some(Duration::from_millis(number)),
        unit if unit.starts_with('s') => Some(Duration::from_secs(number)),
        _ => None,
    }
}

/// A server's words as they may stand in a log: printable, short, and without anything that could be an address.
pub fn clean(text: &str) -> String {
    crate::model::legible::without_addresses(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_ask_for_time() {
        let check = |text: &str, want: Option<u64>| assert_eq!(suggested(text).map(|time| time.as_millis() as u64), want, "{text}");
        check("Request is throttled. Suggested Backoff Time: 299910 milliseconds", Some(299_910));
        check("[THROTTLED] suggested backoff time: 1500 milliseconds.", Some(1_500));
        check("Suggested Backoff Time: 7 seconds", Some(7_000));
        check("Suggested Backoff Time: soon", None);
        check("Suggested Backoff Time: 99999999999999999999999 milliseconds", None);
        check("authenticated but not connected", None);
    }

    #[test]
    fn what_passes_by_itself() {
        for text in ["[UNAVAILABLE] Temporary authentication failure", "Request is throttled", "x Suggested Backoff Time: 9 seconds"] {
            assert!(passes_by_itself(text), "{text}");
        }
        for text in ["[AUTHENTICATIONFAILED] Authentication failed.", "AUTHENTICATE failed.", "[EXPIRED] x"] {
            assert!(!passes_by_itself(text), "{text}");
        }
    }

    #[test]
    fn how_long_to_wait() {
        let check = |trouble: Trouble, failures: u32, chance: f64, want: u64| {
            assert_eq!(wait(&trouble, failures, chance).as_millis() as u64, want, "{trouble} {failures}");
        };
        let lost = || Trouble::Lost("x".into());
        check(lost(), 1, 1.0, 1_000);
        check(lost(), 1, 0.0, 750);
        check(lost(), 4, 1.0, 8_000);
        check(lost(), 4_000, 1.0, 300_000);
        check(Trouble::NotLetIn("x".into()), 1, 1.0, 10_000);
        check(Trouble::NotLetIn("x".into()), 9, 1.0, 300_000);
        check(Trouble::Said("NO", "Suggested Backoff Time: 1234 milliseconds".into()), 9, 0.0, 1_234);
        check(Trouble::Said("BYE", "Suggested Backoff Time: 99999999 seconds".into()), 1, 0.0, 3_600_000);
    }

    #[test]
    fn words_without_addresses() {
        assert_eq!(clean("user <petra@acme.example>\r\n not  known\u{1b}[0m"), "user … not known[0m");
        assert_eq!(clean(&"x".repeat(5_000)).len(), 200);
    }
}

//! Replies. The one place where an outcome becomes a code.

use crate::model::id::ArrivalId;
use crate::model::stop::{DnsTrouble, NoRoom, Refusal, Stop, TooMuchHeld};
use std::borrow::Cow;
use std::fmt;

/// One reply. The class of the enhanced code is the first digit of the code: they cannot contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// Subject and detail of RFC 3463; none where RFC 2034 §4 allows none (greeting, EHLO, 3yz).
    enhanced: Option<(u8, u8)>,
    lines: Vec<Cow<'static, str>>,
    /// The session ends after it.
    closes: bool,
}

impl Reply {
    pub fn new(code: u16, enhanced: (u8, u8), text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, enhanced: Some(enhanced), lines: vec![text.into()], closes: false }
    }

    pub fn plain(code: u16, lines: Vec<Cow<'static, str>>) -> Reply {
        Reply { code, enhanced: None, lines, closes: false }
    }

    /// The same reply, and then the end.
    pub fn and_close(mut self) -> Reply {
        self.closes = true;
        self
    }

    pub fn closes(&self) -> bool {
        self.closes
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    pub fn is_error(&self) -> bool {
        self.code >= 400
    }
}

/// RFC 5321 §4.2.1: all lines but the last have a hyphen behind the code.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            write!(f, "{}{separator}", self.code)?;
            if let Some((subject, detail)) = self.enhanced {
                write!(f, "{}.{subject}.{detail} ", self.code / 100)?;
            }
            write!(f, "{line}\r\n")?;
        }
        Ok(())
    }
}

/// The answer to the last dot. A refusal names the id that the mail would have had: so does the log, and no other trace of it is left.
pub fn to_outcome(id: ArrivalId, outcome: Result<ArrivalId, Stop>) -> Reply {
    match outcome {
        Ok(id) => Reply::new(250, (0, 0), format!("kept as {id}")),
        Err(Stop::Refused(refusal)) => to_refusal(id, refusal),
        Err(Stop::NotNow(error)) if is_full(&error) => Reply::new(452, (3, 1), "no room at the moment; try again later"),
        // RFC 3463 §3.5: X.4.3 is for a directory that does not answer.
        Err(Stop::NotNow(error)) if error.is::<DnsTrouble>() => {
            Reply::new(451, (4, 3), "the sender cannot be checked at the moment; try again later")
        }
        Err(Stop::NotNow(error)) if error.is::<TooMuchHeld>() => Reply::new(452, (2, 2), TooMuchHeld.to_string()),
        Err(Stop::NotNow(_)) => Reply::new(451, (3, 0), "not possible at the moment; try again later"),
    }
}

fn to_refusal(id: ArrivalId, refusal: Refusal) -> Reply {
    let (code, enhanced) = match refusal {
        Refusal::NotAuthenticated | Refusal::NotAUser => (550, (7, 1)),
        Refusal::Loop => (554, (4, 6)),
    };
    Reply::new(code, enhanced, format!("{refusal} ({id})"))
}

/// Whether the disk is the reason. RFC 5321 §4.2.3: 452 is for insufficient storage.
fn is_full(error: &anyhow::Error) -> bool {
    let storage_full = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
    };
    error.is::<NoRoom>() || error.chain().any(storage_full)
}

pub fn too_big(most: u64) -> Reply {
    Reply::new(552, (3, 4), format!("a mail may have {most} bytes here, and this one has more"))
}

pub fn stopping() -> Reply {
    Reply::new(421, (3, 2), "the service is stopping; try again later").and_close()
}

pub fn timed_out() -> Reply {
    Reply::new(421, (4, 2), "nothing heard for too long").and_close()
}

pub fn line_too_long() -> Reply {
    Reply::new(500, (5, 6), "line too long").and_close()
}

pub fn too_many_connections() -> Reply {
    Reply::new(421, (7, 0), "too many connections; try again later").and_close()
}

/// Nobody here takes this peer's mail.
pub fn not_for_you() -> Reply {
    Reply::new(421, (7, 0), "this address may not bring mail here").and_close()
}

/// An address, or its network, connects too often.
pub fn too_often() -> Reply {
    Reply::new(421, (7, 0), "too many connections within a minute; try again later").and_close()
}

pub fn too_many_mails() -> Reply {
    Reply::new(450, (7, 1), "too many mails within an hour; try again later")
}

/// Said before the password is looked at.
pub fn too_many_failed_logins() -> Reply {
    Reply::new(454, (7, 0), "too many failed logins; try again later")
}

pub fn too_many_errors() -> Reply {
    Reply::new(421, (7, 0), "too many errors").and_close()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_as_they_are_sent() {
        assert_eq!(Reply::new(550, (1, 1), "no").to_string(), "550 5.1.1 no\r\n");
        assert_eq!(Reply::new(451, (3, 0), "no").to_string(), "451 4.3.0 no\r\n");
        assert_eq!(Reply::plain(250, vec!["a".into(), "b".into()]).to_string(), "250-a\r\n250 b\r\n");
    }

    #[test]
    fn full_disks_are_452() {
        let code = |error: anyhow::Error| to_outcome(ArrivalId::generate(), Err(Stop::NotNow(error))).code();
        assert_eq!(code(NoRoom.into()), 452);
        assert_eq!(code(anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::StorageFull)).context("blob")), 452);
        assert_eq!(code(anyhow::anyhow!("database is locked")), 451);
        let trouble = to_outcome(ArrivalId::generate(), Err(Stop::not_now(DnsTrouble))).to_string();
        assert!(trouble.starts_with("451 4.4.3 "), "{trouble}");
    }

    #[test]
    fn a_refusal_can_be_found_in_the_log() {
        let id = ArrivalId::generate();
        let refused = |refusal| to_outcome(id, Err(Stop::Refused(refusal))).to_string();
        for (refusal, code) in [(Refusal::NotAuthenticated, "550 5.7.1 "), (Refusal::NotAUser, "550 5.7.1 "), (Refusal::Loop, "554 5.4.6 ")]
        {
            let reply = refused(refusal);
            assert!(reply.starts_with(code) && reply.ends_with(&format!(" ({id})\r\n")), "{reply}");
        }
    }

    #[test]
    fn what_else_is_ours() {
        let reply = |error: anyhow::Error| to_outcome(ArrivalId::generate(), Err(Stop::NotNow(error))).to_string();
        assert!(reply(crate::model::stop::ScannerDown.into()).starts_with("451 4.3.0 "));
        assert_eq!(reply(TooMuchHeld.into()), "452 4.2.2 too much unauthenticated mail waits\r\n");
    }
}

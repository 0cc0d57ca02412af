//! The two kinds of failure at a door: theirs and ours. One place per door makes the answer.

/// Why a mail was not taken.
#[derive(Debug)]
pub enum Stop {
    /// The sender's fault: permanent, the text is shown.
    Refused(Refusal),
    /// Our fault: temporary, the text goes to the log alone.
    NotNow(anyhow::Error),
}

/// What a peer did that no retry will mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody vouches for the sender, and the peer is the sender's own server, which will tell him.
    #[error("the sender is not authenticated here: sign in with AUTH, or send through your organisation's mail server")]
    NotAuthenticated,
    /// The sender is proved, and nobody who may send here.
    #[error("this address is not known here as a user: send from the address that you are registered with")]
    NotAUser,
    /// RFC 5321 §6.3: more than fifty Received fields.
    #[error("this mail has passed too many servers; it seems to run in a loop")]
    Loop,
}

/// Less space is free than must stay free.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too little free space")]
pub struct NoRoom;

/// Nobody vouches for the sender as yet, because the DNS did not answer what was asked of it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the sender could not be checked: the DNS did not answer")]
pub struct DnsTrouble;
/// The virus scanner does not answer, and without it no mail is taken.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the virus scanner does not answer")]
pub struct ScannerDown;

/// As much mail that nobody vouches for waits as may wait.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too much unauthenticated mail waits")]
pub struct TooMuchHeld;

impl Stop {
    pub fn not_now(error: impl Into<anyhow::Error>) -> Stop {
        Stop::NotNow(error.into())
    }
}

/// Every error of ours that may pass by itself: a locked database, a full disk, a store that is away.
impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Stop {
        Stop::NotNow(error)
    }
}

//! An answer to a receipt: what it says, what the receipt offered, and what is done about it.

use super::id::ArrivalId;
use super::verdict::HoldReason;

/// What the first new line of a mail says, if it is read as an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Nothing but digits, and two at most: one of the suggestions, counted from 1.
    pub choice: Option<usize>,
    /// A number of the tenant's pattern at its beginning.
    pub number: Option<String>,
}

/// A receipt that is answered, and the held mail behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub token: String,
    /// To whom it was sent.
    pub recipient: String,
    pub subject: String,
    /// Numbers that it offered, in its order.
    pub offers: Vec<String>,
    /// It said already that an answer led nowhere.
    pub again: bool,
    /// It has been answered, and the answer repaired something.
    pub used: bool,
    pub arrival: ArrivalId,
    /// Why the mail is held; none if it no longer is, or was discarded.
    pub held: Option<HoldReason>,
}

/// What is done about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The held mail goes through again, with this number.
    Repair(Repair),
    /// Nothing, and its sender is told.
    Useless(Useless),
    /// Nothing, and nobody is told.
    Nothing,
}

/// A held mail's number, chosen by its forwarder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub arrival: ArrivalId,
    /// The receipt's: it repairs once.
    pub token: String,
    pub reference: String,
    /// The forwarder's address, for the record.
    pub by: String,
}

/// Why an answer changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Useless {
    NotUnderstood,
    /// The receipt offered fewer.
    NoSuchChoice,
    /// Nothing can be filed under the number that it says.
    Number(HoldReason),
    /// The receipt has been answered before.
    AlreadyAnswered,
    NoLongerHeld,
}

impl Useless {
    /// For the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Useless::NotUnderstood => "not_understood",
            Useless::NoSuchChoice => "no_such_choice",
            Useless::Number(reason) => reason.as_str(),
            Useless::AlreadyAnswered => "already_answered",
            Useless::NoLongerHeld => "no_longer_held",
        }
    }

    /// Whether a better answer can still repair the mail.
    pub fn can_be_mended(self) -> bool {
        matches!(self, Useless::NotUnderstood | Useless::NoSuchChoice | Useless::Number(_))
    }
}

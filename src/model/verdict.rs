//! Where a mail belongs, and why: the questions that placing asks the store, what the store answers, and the decision.

use super::id::EntryId;
use super::message::Automatic;
use super::organisation::Application;
use super::user::User;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What placing must know. Bounded: a mail can ask for some hundred numbers and addresses at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The typed number, or the one that somebody chose.
    pub number: Option<String>,
    /// The application of the reply token that the mail came with, by its id.
    pub application: Option<String>,
    /// Senders inside, in comparison form.
    pub addresses: Vec<String>,
    /// What their names are looked up by (`name::keys`).
    pub names: Vec<String>,
    /// G3.
    pub dedupe_key: String,
    /// The key under which a mail was filed before blanks stopped counting.
    pub older_key: String,
    pub message_id: Option<String>,
    /// Small images that it has.
    pub images: Vec<ImageKey>,
}

/// An image and who sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageKey {
    /// SHA-256 over tenant and address, lower-case hex.
    pub writer: String,
    /// Of the image, lower-case hex.
    pub sha256: String,
}

/// How often a writer sent an image with mails that were filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenTimes {
    pub mails: u64,
    /// How often the application was another one than that of the mail before; the first counts.
    pub applications: u64,
}

pub type SeenImages = HashMap<ImageKey, SeenTimes>;

/// What the store knows.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub by_number: Option<Application>,
    pub by_token: Option<Application>,
    /// Candidates who have each of the addresses, by id.
    pub owners: HashMap<String, Vec<String>>,
    /// Which of the addresses are users of this tenant.
    pub users: HashSet<String>,
    /// The entry that was filed under this dedupe key.
    pub filed_before: Option<EntryId>,
    /// Whether another mail was filed under the same Message-ID.
    pub same_message_id: bool,
    /// Which of the images their writers have sent before.
    pub images: SeenImages,
}

/// Applications that a held mail may belong to.
#[derive(Clone, Debug, Default)]
pub struct Nearby {
    /// Of candidates who have one of the addresses.
    pub by_address: Vec<Application>,
    /// Of candidates who have one of the names.
    pub by_name: Vec<Application>,
    /// With a number one slip away.
    pub by_number: Vec<Application>,
    /// Whose reply address the mail came to.
    pub by_token: Option<Application>,
}

/// Who chose the application of a held mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// He has looked at everything: his word is enough.
    ByOperator,
    /// In answer to a receipt. A second word for his own number, but none against the people inside.
    ByForwarder,
}

/// The decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    File(Box<Placement>),
    Hold(HoldReason),
    Duplicate(EntryId),
    Ignore(IgnoreReason),
}

/// Where it is filed.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    pub application: Application,
    pub flags: Vec<Flag>,
}

/// What readers of the entry should know beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The application, or its job, is closed (S1.E5).
    Closed,
    /// The sender inside is not known of this candidate; the check digit vouched for the number, or the tenant only wants to be warned.
    SenderUnknown,
    /// The sender inside is another candidate; the tenant only wants to be warned.
    SomebodyElse,
    /// The candidate wrote to us himself, in answer to a mail with a reply token.
    Direct,
    /// Another mail with the same Message-ID was filed before; both are kept (G3).
    SameMessageId,
    /// An operator chose the application, or the forwarder in answer to a receipt.
    Assigned,
    /// The mail, or one inside it, says one thing in its plain text and another in its HTML; both are kept, the text is shown.
    RenderingsDiffer,
}

/// Why a mail waits in the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    NoNumber,
    /// There is a number, but not where the strict grammar wants it.
    NumberNotStrict,
    UnknownNumber,
    BadCheckDigit,
    ApplicationErased,
    SenderNotAuthenticated,
    /// No one sender is named, by the mail or by one inside it.
    SenderUnclear,
    SenderUnknown,
    SenderMayNotImport,
    /// The sender inside is another candidate.
    NumberAndSenderDisagree,
    /// Nothing confirms a number that has no check digit.
    NumberUnconfirmed,
    /// A signature alone vouches for the sender, and it does not cover that the mail was meant for us: it may be replayed.
    AddressedElsewhere,
    /// A field that may stand once stands there twice.
    HeaderDoubled,
    /// The number names an application that the forwarder may not see.
    ForwarderMayNotSee,
    /// A reply token was used by somebody else than its candidate.
    NotTheCandidate,
    /// The number names another application than the reply token.
    TokenAndNumberDisagree,
    /// The virus scanner could not be asked, or could not look into a file.
    NotScanned,
    /// Nothing in it can be read (S1.E14).
    Encrypted,
    /// An automatic answer of a known user.
    Automatic,
    /// Understanding it failed; the raw bytes are intact.
    Unreadable,
    /// The stored bytes are not those that were accepted.
    Damaged,
    /// It was in hand, alone, when the program ended twice without a clean stop.
    CrashedTwice,
}

impl HoldReason {
    pub const ALL: [HoldReason; 22] = [
        HoldReason::NoNumber,
        HoldReason::NumberNotStrict,
        HoldReason::UnknownNumber,
        HoldReason::BadCheckDigit,
        HoldReason::ApplicationErased,
        HoldReason::SenderNotAuthenticated,
        HoldReason::SenderUnclear,
        HoldReason::SenderUnknown,
        HoldReason::SenderMayNotImport,
        HoldReason::NumberAndSenderDisagree,
        HoldReason::NumberUnconfirmed,
        HoldReason::AddressedElsewhere,
        HoldReason::HeaderDoubled,
        HoldReason::ForwarderMayNotSee,
        HoldReason::NotTheCandidate,
        HoldReason::TokenAndNumberDisagree,
        HoldReason::NotScanned,
        HoldReason::Encrypted,
        HoldReason::Automatic,
        HoldReason::Unreadable,
        HoldReason::Damaged,
        HoldReason::CrashedTwice,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            HoldReason::NoNumber => "no_number",
            HoldReason::NumberNotStrict => "number_not_strict",
            HoldReason::UnknownNumber => "unknown_number",
            HoldReason::BadCheckDigit => "bad_check_digit",
            HoldReason::ApplicationErased => "application_erased",
            HoldReason::SenderNotAuthenticated => "sender_not_authenticated",
            HoldReason::SenderUnclear => "sender_unclear",
            HoldReason::SenderUnknown => "sender_unknown",
            HoldReason::SenderMayNotImport => "sender_may_not_import",
            HoldReason::NumberAndSenderDisagree => "number_and_sender_disagree",
            HoldReason::NumberUnconfirmed => "number_unconfirmed",
            HoldReason::AddressedElsewhere => "addressed_elsewhere",
            HoldReason::HeaderDoubled => "header_doubled",
            HoldReason::ForwarderMayNotSee => "forwarder_may_not_see",
            HoldReason::NotTheCandidate => "not_the_candidate",
            HoldReason::TokenAndNumberDisagree => "token_and_number_disagree",
            HoldReason::NotScanned => "not_scanned",
            HoldReason::Encrypted => "encrypted",
            HoldReason::Automatic => "automatic",
            HoldReason::Unreadable => "unreadable",
            HoldReason::Damaged => "damaged",
            HoldReason::CrashedTwice => "crashed_twice",
        }
    }

    /// Whether the forwarder can mend it by saying the right number: his receipt asks him for it.
    pub fn is_mended_by_a_number(self) -> bool {
        matches!(
            self,
            HoldReason::NoNumber
                | HoldReason::NumberNotStrict
                | HoldReason::UnknownNumber
                | HoldReason::BadCheckDigit
                | HoldReason::ApplicationErased
                | HoldReason::NumberAndSenderDisagree
                | HoldReason::NumberUnconfirmed
                | HoldReason::ForwarderMayNotSee
                | HoldReason::TokenAndNumberDisagree
        )
    }

    pub fn parse(text: &str) -> Option<HoldReason> {
        HoldReason::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// What happened and what an operator can do, in one or two sentences of plain words.
    pub fn explanation(self) -> &'static str {
        match self {
            HoldReason::NoNumber => {
                "The subject does not begin with a reference number. Assign the mail to an application, or ask the forwarder to send it again with the number first."
            }
            HoldReason::NumberNotStrict => {
                "The subject has a number, but not as this tenant wants it: first, and followed by exactly one space. Assign the mail, or relax the grammar and retry."
            }
            HoldReason::UnknownNumber => {
                "No application has this reference number. It may be mistyped, or the application is not imported yet. Assign the mail, or import the application: if the person who wrote the forwarded mail is its candidate by address, the mail is filed by itself then."
            }
            HoldReason::BadCheckDigit => {
                "The check digit of the number is wrong, so at least one digit is mistyped. Assign the mail to the right application."
            }
            HoldReason::ApplicationErased => {
                "The application with this number has been erased. Discard the mail, or assign it to another application."
            }
            HoldReason::SenderNotAuthenticated => {
                "Nothing proves who sent this mail: no login, no DMARC pass, no signature of its domain. Ask the forwarder before you assign it; the From address can be forged."
            }
            HoldReason::SenderUnclear => {
                "The mail, or one inside it, names no one sender: no From address, several, or a display name that is another address. Such mail is often forged. Find out who wrote it before you assign it."
            }
            HoldReason::SenderUnknown => {
                "The sender is genuine, but no active user of this tenant has this address. It may be a candidate who answers to an address whose time is over: read the mail, and assign it. Add the address to a user only if it is that user's own; the mail is looked at again by itself then."
            }
            HoldReason::SenderMayNotImport => {
                "The sender is a known user, but his role may not import replies. Let an HR manager forward the mail, give him another role, upon which the mail is looked at again by itself, or allow the role and retry."
            }
            HoldReason::NumberAndSenderDisagree => {
                "The number belongs to one candidate, and the forwarded mail was written by another. Assign it to the application of the person who wrote it."
            }
            HoldReason::NumberUnconfirmed => {
                "The number has no check digit, and the person who wrote the forwarded mail is not known of that candidate; a mistyped number would put it into a stranger's file. Compare the two, then assign it."
            }
            HoldReason::AddressedElsewhere => {
                "A signature alone proves who wrote this mail, and it does not cover that the mail was meant for us: To and Cc name no import address, or the signature leaves out To, the subject or how the content is to be read. Somebody else may have sent it on, or changed what it shows. Ask the forwarder. If he writes to an address that leads here, add it to the tenant's import addresses and retry."
            }
            HoldReason::HeaderDoubled => {
                "From, Subject or another field that may stand once stands there twice: mail programs show one of them, and signatures cover the other. Such mail is often forged. Ask the forwarder before you assign it."
            }
            HoldReason::ForwarderMayNotSee => {
                "The forwarder is a department's user, and the number names an application that is not his department's. The number is probably mistyped; assign the mail to the right application."
            }
            HoldReason::NotTheCandidate => {
                "The mail came to the reply address that one candidate was given, from an address that is not known of that candidate. Compare the sender with that candidate, whom `mail show` names; add the address to the candidate and retry, or assign the mail."
            }
            HoldReason::TokenAndNumberDisagree => {
                "The mail came to the reply address of one application, and its subject begins with the number of another. Assign it to the right one."
            }
            HoldReason::NotScanned => {
                "The virus scanner could not be asked, or does not look into a file: most often it is too large. Where it could not be asked, the mail goes through again by itself once it answers. Assigning it files the text; a file that the scanner does not look into stays out, and is named."
            }
            HoldReason::Encrypted => {
                "The mail, or one inside it, is encrypted (S/MIME or PGP), so nothing in it can be read or filed. Let the recipient decrypt it and forward it again, or assign it as it is."
            }
            HoldReason::Automatic => {
                "An automatic answer (out of office, or the like) of one of your users, without a reference number. Usually it can be discarded."
            }
            HoldReason::Unreadable => {
                "The program failed while it read this mail; the raw mail is intact. After an update it is tried again by itself; or read it by hand and assign it."
            }
            HoldReason::Damaged => {
                "The stored bytes are not those that were accepted: the disk or somebody has changed them. Restore this mail from a backup and retry it, or ask its sender for it once more."
            }
            HoldReason::CrashedTwice => {
                "The program ended twice while it worked on this mail alone; the raw mail is intact. After an update it is tried once more by itself; or read it by hand and assign it."
            }
        }
    }
}

/// Why a mail needs nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoreReason {
    Automatic(Automatic),
    /// A bounce of a message of ours: its delivery state says the rest.
    OwnBounce,
    /// Handed to the operator.
    Postmaster,
    /// An answer to a receipt: the audit log says what it repaired.
    ReceiptAnswer,
    /// A mail of ours to ourselves that came through.
    Canary,
}

impl IgnoreReason {
    pub fn as_str(self) -> &'static str {
        match self {
            IgnoreReason::Automatic(automatic) => automatic.as_str(),
            IgnoreReason::OwnBounce => "own_bounce",
            IgnoreReason::Postmaster => "postmaster",
            IgnoreReason::ReceiptAnswer => "answer_to_receipt",
            IgnoreReason::Canary => "canary",
        }
    }
}

/// How every arrival ends (DESIGN §1). There is no fifth end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    Filed,
    Held,
    Duplicate,
    Ignored,
}

impl Disposition {
    pub const ALL: [Disposition; 4] = [Disposition::Filed, Disposition::Held, Disposition::Duplicate, Disposition::Ignored];

    pub fn as_str(self) -> &'static str {
        match self {
            Disposition::Filed => "filed",
            Disposition::Held => "held",
            Disposition::Duplicate => "duplicate",
            Disposition::Ignored => "ignored",
        }
    }

    pub fn parse(text: &str) -> Option<Disposition> {
        Disposition::ALL.into_iter().find(|d| d.as_str() == text)
    }
}

impl Verdict {
    pub fn disposition(&self) -> Disposition {
        match self {
            Verdict::File(_) => Disposition::Filed,
            Verdict::Hold(_) => Disposition::Held,
            Verdict::Duplicate(_) => Disposition::Duplicate,
            Verdict::Ignore(_) => Disposition::Ignored,
        }
    }

    /// The machine's word for why, where there is one.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Verdict::File(_) | Verdict::Duplicate(_) => None,
            Verdict::Hold(reason) => Some(reason.as_str()),
            Verdict::Ignore(reason) => Some(reason.as_str()),
        }
    }
}

/// An application that a held mail may belong to, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    pub reference: String,
    pub candidate: String,
    pub job: String,
    pub why: Why,
}

/// Why an application is suggested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the number that was typed; only a confirmation is missing.
    Typed,
    /// The mail came to its reply address.
    Token,
    AddressAndNumber,
    Address,
    Name,
    DigitsSwapped,
    DigitOff,
    DigitMissing,
}

impl Why {
    pub const ALL: [Why; 8] =
        [Why::Typed, Why::Token, Why::AddressAndNumber, Why::Address, Why::Name, Why::DigitsSwapped, Why::DigitOff, Why::DigitMissing];

    /// In the commands' words.
    pub fn words(self) -> &'static str {
        match self {
            Why::Typed => "the number that was typed",
            Why::Token => "its reply address",
            Why::AddressAndNumber => "same candidate address, and the number is one slip away",
            Why::Address => "same candidate address",
            Why::Name => "same candidate name",
            Why::DigitsSwapped => "two digits swapped",
            Why::DigitOff => "one digit off",
            Why::DigitMissing => "one digit missing or too many",
        }
    }

    /// The key of the users' words.
    pub fn key(self) -> &'static str {
        match self {
            Why::Typed => "why-typed",
            Why::Token => "why-token",
            Why::AddressAndNumber => "why-address-and-number",
            Why::Address => "why-address",
            Why::Name => "why-name",
            Why::DigitsSwapped => "why-digits-swapped",
            Why::DigitOff => "why-digit-off",
            Why::DigitMissing => "why-digit-missing",
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words())
    }
}

impl Serialize for Why {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.words())
    }
}

/// Who must hear of a mail, as the store knows them.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    /// Active users responsible for the application or its job, each once.
    pub responsible: Vec<User>,
    /// Messages within the last hour of the kind that this mail would cause: receipts to the forwarder, or mail to postmaster.
    pub sent_last_hour: u32,
    /// Messages within the last hour that said that mail is held.
    pub held_told_last_hour: u32,
    /// The same mail waits already, and its forwarder knows: whoever sends it again and again uses up nobody's receipts.
    pub is_held_already: bool,
    /// Its forwarder, and the fallback address, heard of this mail before it went through again by itself (G7).
    pub has_receipt: bool,
    /// Applications that a held mail may belong to, and that its forwarder may see: the likeliest first.
    pub suggestions: Vec<Suggestion>,
    /// The number of the application whose reply address the mail came to.
    pub answers: Option<String>,
}

impl Audience {
    /// Those responsible whose role is told of imported replies (S1.24, S1.25).
    pub fn told(&self) -> impl Iterator<Item = &User> {
        self.responsible.iter().filter(|user| user.role.is_told())
    }

    /// S1.E17: then the fallback address is told, if there is one.
    pub fn is_nobody(&self) -> bool {
        self.told().next().is_none()
    }
}

//! What a mail says, once it is understood.

use super::address::Mailbox;
use super::answer::Line;
use super::part::{Details, PartReason, UnshownText};
use super::reference::Reference;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The whole of an understood mail. Every field is as good as the bytes allowed; what went wrong is in the defects beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The number typed at the start of the subject.
    pub reference: Option<Reference>,
    /// A number that only the tolerant grammar would have taken, where the tenant is strict.
    pub near_reference: Option<Reference>,
    /// Decoded, without the number.
    pub subject: String,
    /// The subject's first prefix.
    pub prefix: Option<Prefix>,
    pub from: Option<Mailbox>,
    /// ISO 8601, with an offset where the mail gives one.
    pub date: Option<String>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// What the forwarder wrote above the forward.
    pub note: String,
    pub original: Option<Original>,
    pub enclosed: Vec<Original>,
    /// The whole readable text.
    pub text: String,
    /// Of the text, where no mail is inside.
    pub folds: Folds,
    /// What the first line says that is new.
    pub first_line: Line,
    /// Its plain text, or that of a mail inside, says something else than its HTML; the plain text is the one that was read.
    pub renderings_differ: bool,
    /// Its content, or that of a mail inside, is encrypted: what could be read is not what was written.
    pub encrypted: bool,
    pub automatic: Option<Automatic>,
    /// What a delivery report says, if this is one.
    pub report: Option<DeliveryReport>,
    pub attachments: Vec<Attachment>,
    /// Texts that are not shown, or not to their end.
    pub unshown: Vec<UnshownText>,
    /// SHA-256 over From, Subject, Date and body without trace headers, lower-case hex (G3). Blanks count as RFC 6376 §3.4.4 has it:
    /// whoever sends a mail again may change them without breaking its signature.
    pub content_sha256: String,
    /// The same over the bytes as they are.
    pub exact_sha256: String,
}

impl Message {
    /// The subject calls it a forward or a reply, and no mail was found inside: whose number it is, nobody inside can confirm. Whoever
    /// gets a user to answer him chooses the subject of the answer, and perhaps where it goes.
    pub fn lacks_original(&self) -> bool {
        self.prefix.is_some() && self.original.is_none()
    }

    /// The originals in order: the first one and what else is enclosed.
    pub fn originals(&self) -> impl Iterator<Item = &Original> {
        self.original.iter().chain(&self.enclosed)
    }
}

/// What the mail programs put before a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    Forward,
    Reply,
}

/// A mail inside the mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    pub from: Mailbox,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    pub subject: String,
    /// ISO 8601, with an offset where the mail gives one.
    pub date: Option<String>,
    /// The date as it stands there.
    pub date_text: Option<String>,
    pub body: String,
    /// Of the body.
    #[serde(default)]
    pub folds: Folds,
    pub how: How,
    /// Nobody can say who wrote it: several addresses, or a display name that is another address than the sender's.
    #[serde(skip)]
    pub sender_is_unclear: bool,
    /// 0 for a mail directly inside the forward, 1 for one inside that, and so on: a chain runs until the next 0.
    #[serde(skip)]
    pub level: u32,
}

/// What of a text is not new: nothing is cut from the record, but readers see the new words first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folds {
    /// Lines that repeat an earlier mail: first line and the one behind the last, counted from 0, in order.
    pub quoted: Vec<(usize, usize)>,
    /// The signature, likewise.
    pub signature: Option<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    #[default]
    Inline,
    Attached,
}

/// Mail that a program sent by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    AutoReply,
    Bounce,
    /// A disposition notification. RFC 8098.
    Receipt,
    List,
    /// A notice of ours that came back, or too many hops.
    Loop,
}

impl Automatic {
    pub fn as_str(self) -> &'static str {
        match self {
            Automatic::AutoReply => "auto_reply",
            Automatic::Bounce => "bounce",
            Automatic::Receipt => "receipt",
            Automatic::List => "list",
            Automatic::Loop => "loop",
        }
    }
}

/// What a delivery status notification says of one message of ours. RFC 3464 §2.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    /// `failed`, `delayed`, `delivered`, `relayed` or `expanded`, in lower case; empty if the report does not say.
    pub action: String,
    /// RFC 3463 code.
    pub status: Option<String>,
}

/// A leaf part that is not shown as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// 0 = this mail itself, 1 = the original, 2… = enclosed.
    pub of: usize,
    /// Decoded and made harmless; none if the mail gives none.
    pub name: Option<String>,
    /// Decoded as it was sent, if that differs.
    pub name_as_sent: Option<String>,
    /// Read from the content.
    pub media_type: String,
    /// What the mail says it is.
    pub declared_type: String,
    /// Of the decoded bytes.
    pub size: u64,
    /// Of the decoded bytes, lower-case hex.
    pub sha256: String,
    pub kind: Kind,
    pub role: PartRole,
    /// None for a plain file.
    pub reason: Option<PartReason>,
    pub details: Details,
    /// What the virus scanner found in it.
    pub found: Option<String>,
    pub source: Source,
}

/// Why a file that a mail has is not filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The tenant does not take files of its type.
    TypeRefused,
    /// Its content is a program, which the tenant does not take, and its name says something else.
    Disguised,
    /// The virus scanner found something in it.
    Infected,
    /// The virus scanner does not look into it.
    NotScanned,
}

impl SkipReason {
    pub const ALL: [SkipReason; 4] = [SkipReason::TypeRefused, SkipReason::Disguised, SkipReason::Infected, SkipReason::NotScanned];

    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::TypeRefused => "type_refused",
            SkipReason::Disguised => "disguised",
            SkipReason::Infected => "infected",
            SkipReason::NotScanned => "not_scanned",
        }
    }
}

impl From<SkipReason> for PartReason {
    fn from(why: SkipReason) -> PartReason {
        match why {
            SkipReason::TypeRefused => PartReason::TypeRefused,
            SkipReason::Disguised => PartReason::Disguised,
            SkipReason::Infected => PartReason::Infected,
            SkipReason::NotScanned => PartReason::NotScanned,
        }
    }
}

impl Attachment {
    /// It is not filed; its bytes stay in the raw mail alone.
    pub fn skip(&mut self, why: SkipReason) {
        self.role = PartRole::Skipped;
        self.reason = Some(why.into());
    }

    /// Why this file is kept out, if it is: readers are told its name.
    pub fn kept_out(&self) -> Option<SkipReason> {
        SkipReason::ALL.into_iter().find(|why| self.role == PartRole::Skipped && self.reason == Some((*why).into()))
    }

    /// A mail that was opened: its own files are attachments, and its bytes stay in the raw mail alone.
    pub fn unpacked(&mut self) {
        self.role = PartRole::Skipped;
        self.reason = Some(PartReason::Unpacked);
        self.source = Source::Decoded(Vec::new());
    }
}

/// Where the decoded bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A range of the raw mail and the encoding it stands in.
    Range { range: Range<usize>, encoding: Encoding },
    /// Out of a container that had to be decoded first: the bytes themselves.
    Decoded(Vec<u8>),
}

/// Content-Transfer-Encoding. RFC 2045 §6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    #[default]
    Identity,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Base64 => "base64",
            Encoding::QuotedPrintable => "quoted_printable",
        }
    }

    pub fn parse(text: &str) -> Option<Encoding> {
        [Encoding::Identity, Encoding::Base64, Encoding::QuotedPrintable].into_iter().find(|e| e.as_str() == text)
    }
}

/// What becomes of a part (G8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartRole {
    /// Filed as a document.
    File,
    /// Shown with the text.
    Inline,
    /// A logo of somebody's signature.
    Signature,
    /// Left where it is, with the reason.
    Skipped,
}

impl PartRole {
    pub fn as_str(self) -> &'static str {
        match self {
            PartRole::File => "file",
            PartRole::Inline => "inline",
            PartRole::Signature => "signature",
            PartRole::Skipped => "skipped",
        }
    }
}

/// Document kinds (MODEL §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Cv,
    CoverLetter,
    Certificate,
    EmploymentReference,
    Photo,
    WorkSample,
    ReferenceReport,
    Dossier,
    #[default]
    Other,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Cv,
        Kind::CoverLetter,
        Kind::Certificate,
        Kind::EmploymentReference,
        Kind::Photo,
        Kind::WorkSample,
        Kind::ReferenceReport,
        Kind::Dossier,
        Kind::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Cv => "cv",
            Kind::CoverLetter => "cover_letter",
            Kind::Certificate => "certificate",
            Kind::EmploymentReference => "employment_reference",
            Kind::Photo => "photo",
            Kind::WorkSample => "work_sample",
            Kind::ReferenceReport => "reference_report",
            Kind::Dossier => "dossier",
            Kind::Other => "other",
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Something that a mail got wrong, and what was done about it. Goes into the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("the header section ends without an empty line")]
    UnfinishedHeader,
    #[error("more header fields than anybody writes; the rest was passed over")]
    TooManyFields,
    #[error("From has no address; Reply-To is shown instead")]
    FromFromReplyTo,
    #[error("the sender of a mail inside is unclear: several addresses, or a name that is another address")]
    UnclearSender,
    #[error("part {0}: base64 is damaged; what could be decoded is kept")]
    BadBase64(usize),
    #[error("a line in a header section is no field; it was passed over")]
    LineInHeader,
    #[error("part {0} says base64 and is none; read as it stands")]
    NotBase64(usize),
    #[error("part {part} says {charset} and is evidently {read_as}")]
    WrongCharset { part: usize, charset: String, read_as: &'static str },
    #[error("part {0}: UTF-8 had been read as windows-1252 and encoded again; undone")]
    WrongReading(usize),
    #[error("a header field: UTF-8 had been read as windows-1252 and encoded again; undone")]
    WrongReadingOfField,
    #[error("part {part}: the charset \"{charset}\" is unknown; read as {read_as}")]
    UnknownCharset { part: usize, charset: String, read_as: &'static str },
    #[error("part {part}: some bytes are not {charset}; they are shown as replacement characters")]
    BadCharacters { part: usize, charset: String },
    #[error("part {0}: multipart without its boundary; read as text")]
    NoBoundary(usize),
    #[error("part {0}: the closing boundary is missing")]
    Unclosed(usize),
    #[error("parts nested deeper than {0} are kept unopened")]
    NestedTooDeep(usize),
    #[error("more than {0} parts; the rest is kept as one")]
    TooManyParts(usize),
    #[error("the HTML text is longer than {0} bytes; the rest is not shown")]
    HtmlCut(usize),
    #[error("the text is longer than {0} bytes; the rest is not shown")]
    TextCut(usize),
    #[error("part {0} is kept unopened: it is nested too deep, or holds too much")]
    KeptUnopened(usize),
    #[error("part {0}: its content was taken out of a signature that nobody has verified")]
    SignatureNotVerified(usize),
    #[error("part {0}: text before its first or behind its last part belongs to none and is not shown")]
    TextBetween(usize),
    #[error("part {part}, \"{name}\": its name says it is {named}, its content {found}")]
    NameAndContent { part: usize, name: String, named: String, found: String },
    #[error("part {0}: the plain text and the HTML say different things; the plain text is shown")]
    RenderingsDiffer(usize),
    #[error("part {0}: it is damaged; what could be read of its content is kept")]
    ContainerDamaged(usize),
    #[error("part {0}: it names a file that it does not hold")]
    ContentElsewhere(usize),
    #[error("the date could not be read")]
    BadDate,
}

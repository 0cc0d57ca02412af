//! A mail's place in an IMAP mailbox or a Maildir, and how far a mailbox has been read.

use std::collections::HashMap;

/// Where a mail lies. RFC 3501 §2.3.1.1: UIDVALIDITY and UID together name it for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The mailbox's name in the configuration.
    pub mailbox: String,
    pub uid_validity: u32,
    pub uid: u32,
    /// Who holds the mailbox; what he writes counts only while he does.
    pub holder: String,
}

/// A mail's file in a Maildir that is emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaildirFile {
    /// The Maildir's name in the configuration.
    pub maildir: String,
    /// Hash of the file's unique name, without place and flags.
    pub file: String,
}

/// Where a mail lies that was not brought but fetched: that it was accepted is noted with its acceptance, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lies {
    InMailbox(Position),
    InMaildir(MaildirFile),
}

impl Lies {
    /// The name of the mailbox or Maildir in the configuration.
    pub fn door(&self) -> &str {
        match self {
            Lies::InMailbox(position) => &position.mailbox,
            Lies::InMaildir(file) => &file.maildir,
        }
    }
}

/// What was noted of a file of a Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Accepted with these bytes.
    Accepted {
        sha256: String,
    },
    Refused,
    /// It was there before the first contact, and is not ours.
    Passed,
}

/// What was noted of a Maildir's files, by the hash of their names.
pub type Notes = HashMap<String, Note>;

/// How far a mailbox has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub uid_validity: u32,
    /// Mails up to this UID are done with, or among those that still have to leave the folder or were put off.
    pub last_uid: u32,
    /// Mails from before this moment are not ours; none: everything is.
    pub since: Option<jiff::Timestamp>,
    /// Mails up to this UID may have been accepted before, under another UIDVALIDITY.
    pub again_until: u32,
}

/// A mail that is done with and still lies in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    pub uid: u32,
    pub fate: Fate,
    /// It was copied where it belongs; the original is still there.
    pub copied: bool,
    /// How often the server would not let it go.
    pub attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Accepted,
    Refused,
    /// Its sender could not be checked: it stays, and is looked at again.
    PutOff,
}

impl Fate {
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Refused => "refused",
            Fate::PutOff => "put_off",
        }
    }
}

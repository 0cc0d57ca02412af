//! What is said of a part of a mail beside its role: why it has that role (G8), and what was seen in it.

use serde::{Deserialize, Serialize, Serializer};

/// Why a part has its role. Plain files have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartReason {
    /// A container that was opened: what was in it is listed by itself.
    Unpacked,
    DigitalSignature,
    /// A container nested too deep, or among too many parts.
    KeptUnopened,
    /// A mail, or its header, that a delivery report returns.
    PartOfReport,
    /// The tenant does not take files of its type.
    TypeRefused,
    /// Its content is a program, which the tenant does not take, and its name says something else.
    Disguised,
    /// The virus scanner found something in it.
    Infected,
    /// The virus scanner does not look into it.
    NotScanned,
    /// An image of the HTML text.
    ShownInText,
    /// An image beside the HTML text that shows it nowhere.
    BelongsToText,
    /// A form of the text; another one is shown.
    OtherForm,
    /// A text of which the end, or all, is not shown.
    CutOff,
    /// A calendar object that is a form of the text.
    Calendar,
    SignatureLogo,
    SocialIcon,
    /// An image that nobody can see.
    Tracker,
    /// A small image that its writer sent with several mails before.
    Repeated,
}

impl PartReason {
    pub const ALL: [PartReason; 17] = [
        PartReason::Unpacked,
        PartReason::DigitalSignature,
        PartReason::KeptUnopened,
        PartReason::PartOfReport,
        PartReason::TypeRefused,
        PartReason::Disguised,
        PartReason::Infected,
        PartReason::NotScanned,
        PartReason::ShownInText,
        PartReason::BelongsToText,
        PartReason::OtherForm,
        PartReason::CutOff,
        PartReason::Calendar,
        PartReason::SignatureLogo,
        PartReason::SocialIcon,
        PartReason::Tracker,
        PartReason::Repeated,
    ];

    /// As it stands in entries and in what `explain` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            PartReason::Unpacked => "unpacked",
            PartReason::DigitalSignature => "digital signature",
            PartReason::KeptUnopened => "kept unopened",
            PartReason::PartOfReport => "part of a report",
            PartReason::TypeRefused => "type_refused",
            PartReason::Disguised => "disguised",
            PartReason::Infected => "infected",
            PartReason::NotScanned => "not_scanned",
            PartReason::ShownInText => "shown in the text",
            PartReason::BelongsToText => "belongs to the text",
            PartReason::OtherForm => "other form of the text",
            PartReason::CutOff => "text cut off",
            PartReason::Calendar => "calendar",
            PartReason::SignatureLogo => "logo",
            PartReason::SocialIcon => "social icon",
            PartReason::Tracker => "tracking pixel",
            PartReason::Repeated => "sent before",
        }
    }

    pub fn parse(text: &str) -> Option<PartReason> {
        PartReason::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl Serialize for PartReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What was seen in a part. Nothing of it decides whether the part is filed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub calendar: Option<Calendar>,
    pub archive: Option<Archive>,
    /// Its content is encrypted: a reader may need a password.
    pub locked: bool,
    /// A small image that may turn out to be a logo by being sent again and again; whose it is.
    pub small_image: Option<Whose>,
}

impl Details {
    /// Adds what there is to say to the part's row.
    pub fn add_to(&self, row: &mut serde_json::Value) {
        if let Some(calendar) = &self.calendar {
            row["calendar"] = serde_json::json!(calendar);
        }
        if let Some(archive) = &self.archive {
            row["inside"] = serde_json::json!(archive.files);
            if archive.left_out > 0 {
                row["inside_left_out"] = serde_json::json!(archive.left_out);
            }
        }
        if self.locked {
            row["locked"] = serde_json::json!(true);
        }
    }
}

/// An iCalendar object. RFC 5545 §3.6, §3.7.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// REQUEST, REPLY, CANCEL…, in upper case; none for an object that is only published.
    pub method: Option<String>,
    /// VEVENT, VTODO…, the first one but for time zones.
    pub component: Option<String>,
}

/// What a ZIP lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    pub files: Vec<ArchivedFile>,
    /// Further ones that are not listed.
    pub left_out: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedFile {
    /// Made harmless, without its folder.
    pub name: String,
    /// Unpacked, in bytes, as the archive says.
    pub size: u64,
}

/// Whose image it is, as far as the place tells where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The sender's of the mail whose part it is.
    Senders,
    /// The writer's of the mail that is forwarded in its text.
    Originals,
    Unknown,
}

/// A text that a mail has and that is not shown, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnshownText {
    /// As an attachment's.
    pub of: usize,
    pub declared_type: String,
    /// Of the decoded bytes.
    pub size: u64,
    /// Of the decoded bytes, lower-case hex.
    pub sha256: String,
    pub reason: PartReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_a_name_each() {
        for reason in PartReason::ALL {
            assert_eq!(PartReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(PartReason::parse("file"), None);
    }
}

//! Identifiers: 128 bits, ordered by the time they were made, 26 characters when written (ULID, Crockford base32).

use std::fmt;
use std::str::FromStr;
use ulid::Ulid;

/// The text was no identifier of 26 base32 characters. Says where such ids are to be found.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an id has 26 letters and digits, as {0}")]
pub struct NoId(&'static str);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $where:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// A new identifier from the clock and 80 random bits. Not for the pure steps: they are handed one.
            pub fn generate() -> Self {
                $name(Ulid::new())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl FromStr for $name {
            type Err = NoId;
            /// Letters of either case: local parts of addresses lose theirs on the way.
            fn from_str(text: &str) -> Result<Self, NoId> {
                Ulid::from_string(&text.to_ascii_uppercase()).map($name).map_err(|_| NoId($where))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One accepted mail.
    ArrivalId, "`mail list` prints them for mails";
    /// One entry of an application's history.
    EntryId, "`history NUMBER` prints them for entries";
    /// One filed document.
    DocumentId, "`history NUMBER` prints them for files";
    /// One message that we send.
    OutboundId, "`outbox list` prints them for messages";
    /// One user account.
    UserId, "users have them";
}

/// The tenant's short name, as `import` gives it: the first part of every key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TenantId(String);

impl TenantId {
    /// The tenant of the machine itself: mail to postmaster belongs to nobody else. `import` cannot give this name.
    pub const MACHINE: &str = "-";

    pub fn new(id: impl Into<String>) -> Self {
        TenantId(id.into())
    }
    pub fn machine() -> Self {
        TenantId(Self::MACHINE.into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

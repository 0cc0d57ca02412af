//! What can go wrong with a Maildir as a whole. No text here holds a path, an address or a file's name.

use crate::model::stop::NoRoom;
use rustix::io::Errno;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A folder is missing, is none, or may not be read or written.
    #[error("{0}: {1}")]
    Folder(String, std::io::Error),
    #[error("{0} lies on another file system: mails cannot be moved there at one stroke")]
    OtherFileSystem(String),
    /// Database, disk, scanner.
    #[error("{0:#}")]
    Ours(anyhow::Error),
    /// The import address is nobody's.
    #[error("no tenant has the import address of this Maildir; `rohrpost import` gives it one")]
    NoTenant,
}

impl Trouble {
    pub fn folder(name: &str, error: Errno) -> Trouble {
        Trouble::Folder(name.to_owned(), error.into())
    }
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

/// How long to leave a Maildir alone, or one of its files: one second, then twice as long each time, five minutes at most.
pub fn wait(failures: u32) -> Duration {
    const LONGEST: u64 = 300;
    Duration::from_secs((1u64 << failures.saturating_sub(1).min(20)).min(LONGEST))
}

/// Whether a file whose sender cannot be checked is left alone once more, after so many tries: for about four hours.
pub fn goes_on(tries: u32) -> bool {
    const MOST: u32 = 55;
    tries <= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_sender_may_be_unknown() {
        let waited: u64 = (1..).take_while(|tries| goes_on(*tries)).map(|tries| wait(tries).as_secs()).sum();
        assert!((14_000..14_800).contains(&waited), "{waited}");
        assert!(goes_on(0) && !goes_on(u32::MAX));
    }

    #[test]
    fn how_long_to_wait() {
        let seconds: Vec<u64> = [0, 1, 2, 4, 9, 10, 4_000_000_000].into_iter().map(|failures| wait(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 8, 256, 300, 300]);
    }
}

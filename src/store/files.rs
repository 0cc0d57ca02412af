//! Whether the database's files are still those that were opened. SQLite writes on into a file that somebody has removed, and
//! everything committed since is gone with the process.

use anyhow::{Context, bail};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode.
type Identity = (u64, u64);

/// The database file and its write-ahead log, as they were first seen.
#[derive(Debug)]
pub(super) struct Files {
    database: (PathBuf, Option<Identity>),
    log: (PathBuf, Option<Identity>),
}

impl Files {
    pub fn new(database: &Path) -> Files {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Files { database: (database.to_owned(), None), log: (log.into(), None) }
    }

    /// The connection is a new one: the log may have been ended and begun anew between the two.
    pub fn reopened(&mut self) {
        self.log.1 = None;
    }

    /// Fails if one of them is gone or another one; what is put back is good again. Two calls of `stat`.
    pub fn unmoved(&mut self) -> anyhow::Result<()> {
        for (path, seen) in [&mut self.database, &mut self.log] {
            let now = match fs::metadata(&*path) {
                Ok(metadata) => Some((metadata.dev(), metadata.ino())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            };
            match *seen {
                None => *seen = now,
                Some(_) if now == *seen => (),
                Some(_) => bail!(
                    "{}: this file was removed or replaced while it is in use, so nothing is written any more; \
                     put it back, or stop the service and restore a backup",
                    path.display()
                ),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (database, log, aside) = (folder.path().join("a.db"), folder.path().join("a.db-wal"), folder.path().join("aside"));
        fs::write(&database, "1").unwrap();
        let mut files = Files::new(&database);
        assert!(files.unmoved().is_ok());
        // The log comes with the first transaction.
        fs::write(&log, "1").unwrap();
        assert!(files.unmoved().is_ok());
        for path in [&database, &log] {
            fs::rename(path, &aside).unwrap();
            assert!(files.unmoved().is_err());
            fs::write(path, "2").unwrap();
            let error = files.unmoved().unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
            fs::rename(&aside, path).unwrap();
            assert!(files.unmoved().is_ok());
        }
    }
}

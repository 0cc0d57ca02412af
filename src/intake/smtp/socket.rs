//! A socket of this machine: a file with permissions. It replaces what a dead run left, and nothing else.

use anyhow::{Context, bail, ensure};
use rustix::fs::{Gid, Mode, chmod, chown};
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// A socket's file; it goes when this does, unless another one has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// What lies where a socket is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// Nobody listens on it any more.
    Stale,
    /// Somebody listens, or it cannot be told.
    Alive,
    /// It is not ours to replace.
    NoSocket,
}

/// A process that listens answers at once; one whose queue is full is alive too.
const ANSWER: Duration = Duration::from_secs(5);

/// Looks at a place without changing it.
pub async fn look_at(path: &Path) -> std::io::Result<Found> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
        Ok(there) if !there.file_type().is_socket() => return Ok(Found::NoSocket),
        Ok(_) => (),
    }
    match tokio::time::timeout(ANSWER, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Ok(Found::Stale),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        _ => Ok(Found::Alive),
    }
}

impl SocketFile {
    /// Listens there. It is made under another name and takes its place when it has its permissions, so that nobody finds it
    /// without; a dead run's file is replaced in the same step.
    pub async fn bind(path: &Path, mode: u32, group: Option<&str>) -> anyhow::Result<(UnixListener, SocketFile)> {
        match look_at(path).await? {
            Found::Nothing | Found::Stale => (),
            Found::Alive => bail!("somebody listens there already"),
            Found::NoSocket => bail!("what lies there is no socket; it is left alone"),
        }
        let folder = path.parent().context("it has no folder")?;
        let made = folder.join(format!(".{}", std::process::id()));
        // A run that had our process id and died at this very step.
        if std::fs::symlink_metadata(&made).is_ok_and(|there| there.file_type().is_socket()) {
            std::fs::remove_file(&made)?;
        }
        let listener = UnixListener::bind(&made).with_context(|| format!("a socket in {}", folder.display()))?;
        let settled = settle(&made, mode, group).and_then(|there| {
            std::fs::rename(&made, path)?;
            Ok(there)
        });
        match settled {
            Ok(there) => Ok((listener, SocketFile { path: path.to_owned(), device: there.dev(), inode: there.ino() })),
            Err(error) => {
                let _ = std::fs::remove_file(&made);
                Err(error)
            }
        }
    }
}

/// Gives a socket its group and permissions.
fn settle(made: &Path, mode: u32, group: Option<&str>) -> anyhow::Result<Metadata> {
    let there = std::fs::symlink_metadata(made)?;
    if let Some(name) = group {
        let group = group_id(name)?;
        // A folder with the setgid bit has given it already; then no right to give files away is needed.
        if there.gid() != group {
            chown(made, None, Some(Gid::from_raw(group)))
                .with_context(|| format!("group {name} (the service must be in it, and its unit must allow @chown)"))?;
        }
    }
    chmod(made, Mode::from_raw_mode(mode))?;
    Ok(there)
}

/// The number of a group: given as such, or by its name in /etc/group.
pub fn group_id(group: &str) -> anyhow::Result<u32> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group").context("/etc/group")?;
    let number = number_of(&groups, group);
    ensure!(number.is_some(), "there is no group {group} in /etc/group");
    Ok(number.unwrap_or_default())
}

/// From lines of `name:password:number:members`.
fn number_of(groups: &str, name: &str) -> Option<u32> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let line = groups.lines().map(fields).find(|fields| fields.first().is_some_and(|first| first == name))?;
    line.get(2)?.parse().ok()
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = std::fs::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == (self.device, self.inode));
        if is_ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_replaced_and_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lmtp.sock");
        let bind = async || SocketFile::bind(&path, 0o660, None).await;
        let mode = || std::fs::metadata(&path).unwrap().mode() & 0o7777;
        let (listener, file) = bind().await.unwrap();
        assert_eq!((look_at(&path).await.unwrap(), mode()), (Found::Alive, 0o660));
        assert!(bind().await.unwrap_err().to_string().contains("somebody listens"));
        // A run that was killed leaves its file.
        drop(listener);
        std::mem::forget(file);
        assert_eq!(look_at(&path).await.unwrap(), Found::Stale);
        let (listener, file) = bind().await.unwrap();
        assert!(UnixStream::connect(&path).await.is_ok());
        drop((listener, file));
        assert_eq!(look_at(&path).await.unwrap(), Found::Nothing);
        // Whoever made something else there meant it.
        std::fs::write(&path, "precious").unwrap();
        assert!(bind().await.unwrap_err().to_string().contains("no socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(bind().await.unwrap_err().to_string().contains("no socket"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    /// A file that another run put into the place of ours is not taken away.
    #[tokio::test]
    async fn the_file_of_somebody_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lmtp.sock");
        let (_listener, file) = SocketFile::bind(&path, 0o660, None).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_group_that_nobody_knows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lmtp.sock");
        let error = SocketFile::bind(&path, 0o660, Some("nobody-has-this")).await.unwrap_err();
        assert!(error.to_string().contains("nobody-has-this"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let groups = "root:x:0:\npostfix:x:105:rohrpost\npost:x:7:\nbroken\n";
        for (name, number) in [("postfix", Some(105)), ("post", Some(7)), ("broken", None), ("nobody", None)] {
            assert_eq!(number_of(groups, name), number, "{name}");
        }
        assert_eq!(group_id("4711").unwrap(), 4711);
    }
}

//! A Maildir as open folders: whatever its paths lead to later, files are opened, moved and removed in these. All calls block.

use super::names;
use super::trouble::Trouble;
use crate::config::maildir::{After, Maildir};
use crate::model::digest;
use rustix::fs::{self, Access, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::collections::BinaryHeap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Mails of one look, at most: the oldest. What is behind them is seen by the next one.
const MOST: usize = 2_000;
/// Names that are tried where a file is to be put.
const MOST_NAMES: u32 = 1_000;

/// Where in a Maildir a file lies. Mail is delivered to `new`; a mail program that opens the folder moves it to `cur`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    New,
    Cur,
}

impl Place {
    pub const ALL: [Place; 2] = [Place::New, Place::Cur];

    pub fn as_str(self) -> &'static str {
        match self {
            Place::New => "new",
            Place::Cur => "cur",
        }
    }
}

/// A file that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// When it was delivered: seconds and microseconds.
    at: (u64, u64),
    pub name: Vec<u8>,
    pub place: Place,
}

impl Waiting {
    /// What it is noted by.
    pub fn key(&self) -> String {
        key(&self.name)
    }
}

fn key(name: &[u8]) -> String {
    digest::sha256(names::unique(name))
}

/// The oldest files of a folder, and how many there are.
#[derive(Debug, Default)]
pub struct Look {
    pub oldest: Vec<Waiting>,
    pub count: usize,
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum Opened {
    Mail(File, Seen),
    Gone,
    /// It will never be a mail; with the reason.
    NoMail(&'static str),
    /// It cannot be read at the moment: permission, or a disk that does not answer.
    NotNow(std::io::Error),
}

/// A file's size in bytes, and its last change in seconds and nanoseconds: whether somebody writes at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub size: u64,
    pub changed: (i64, i64),
}

/// `new` and `cur`, or the two of them in another folder.
struct Pair {
    new: OwnedFd,
    cur: OwnedFd,
}

impl Pair {
    fn at(&self, place: Place) -> &OwnedFd {
        match place {
            Place::New => &self.new,
            Place::Cur => &self.cur,
        }
    }
}

/// A Maildir that is open.
pub struct Folder {
    own: Pair,
    /// None: what was accepted is removed.
    accepted: Option<Pair>,
    refused: Pair,
}

/// How a file came to be no longer where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    ByUs,
    /// Somebody else had removed it, or moved it: it may lie in the other of the two folders.
    Before,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Accepted,
    Refused,
}

impl Folder {
    /// Opens it, and makes the folders for what has left. Fails if a file could not leave afterwards.
    pub fn open(config: &Maildir) -> Result<Folder, Trouble> {
        // The path itself may be a link: it is the operator's word. What lies in it is the deliverer's.
        let root = fs::openat(CWD, &config.path, FOLDER, Mode::empty()).map_err(|error| Trouble::folder("the Maildir", error))?;
        let open = |name: &str| folder_at(&root, name);
        let own = Pair { new: open("new")?, cur: open("cur")? };
        for place in Place::ALL {
            let access = fs::accessat(own.at(place), ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty());
            access.map_err(|error| Trouble::folder(place.as_str(), error))?;
        }
        let accepted = match &config.after {
            After::Move(to) => Some(beside(&root, to, &own)?),
            After::Delete => None,
        };
        Ok(Folder { refused: beside(&root, &config.refused_to, &own)?, own, accepted })
    }

    /// The oldest files that are not to be passed over, by key.
    pub fn look(&self, pass: impl Fn(&str) -> bool) -> Result<Look, Trouble> {
        let mut heap: BinaryHeap<Waiting> = BinaryHeap::new();
        let mut count = 0;
        for place in Place::ALL {
            self.each(place, |name| {
                if (place == Place::Cur && names::is_trashed(name)) || pass(&key(name)) {
                    return;
                }
                count += 1;
                let at = names::delivered_at(name).unwrap_or_else(|| self.changed_at(place, name));
                heap.push(Waiting { at, name: name.to_vec(), place });
                if heap.len() > MOST {
                    heap.pop();
                }
            })?;
        }
        Ok(Look { oldest: heap.into_sorted_vec(), count })
    }

    /// The keys of everything that is there.
    pub fn keys(&self) -> Result<Vec<String>, Trouble> {
        let mut keys = Vec::new();
        for place in Place::ALL {
            self.each(place, |name| keys.push(key(name)))?;
        }
        Ok(keys)
    }

    fn each(&self, place: Place, mut found: impl FnMut(&[u8])) -> Result<(), Trouble> {
        let trouble = |error| Trouble::folder(place.as_str(), error);
        for entry in Dir::read_from(self.own.at(place)).map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            let name = entry.file_name().to_bytes();
            // Names with a dot in front are no mail: so the custom has it.
            if !name.starts_with(b".") {
                found(name);
            }
        }
        Ok(())
    }

    fn changed_at(&self, place: Place, name: &[u8]) -> (u64, u64) {
        let stat = fs::statat(self.own.at(place), name, AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or((0, 0), |stat| (u64::try_from(stat.st_mtime).unwrap_or(0), stat.st_mtime_nsec / 1_000))
    }

    /// Opens a file without following links or waiting for anybody, and looks what it is.
    pub fn mail(&self, waiting: &Waiting) -> Opened {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match fs::openat(self.own.at(waiting.place), &waiting.name[..], flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Opened::Gone,
            Err(Errno::LOOP) => return Opened::NoMail("a link is no mail"),
            Err(Errno::NXIO | Errno::NODEV) => return Opened::NoMail("a socket or device is no mail"),
            Err(error) => return Opened::NotNow(error.into()),
        };
        match (fs::fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)), seen(&file)) {
            (Ok(FileType::RegularFile), Ok(seen)) => Opened::Mail(file, seen),
            (Ok(FileType::Directory), _) => Opened::NoMail("a folder is no mail"),
            (Ok(FileType::Fifo), _) => Opened::NoMail("a pipe is no mail"),
            (Ok(_), Ok(_)) => Opened::NoMail("a device is no mail"),
            (Err(error), _) => Opened::NotNow(error.into()),
            (_, Err(error)) => Opened::NotNow(error),
        }
    }

    /// Puts a file where it belongs now, or removes it. Durable only after `sync`.
    pub fn leave(&self, waiting: &Waiting, fate: Fate) -> std::io::Result<Left> {
        let from = self.own.at(waiting.place);
        let to = match fate {
            Fate::Accepted => self.accepted.as_ref(),
            Fate::Refused => Some(&self.refused),
        };
        let left = match to {
            None => fs::unlinkat(from, &waiting.name[..], AtFlags::empty()),
            Some(to) => moved(from, &waiting.name, to.at(waiting.place)),
        };
        match left {
            Ok(()) => Ok(Left::ByUs),
            Err(Errno::NOENT) => Ok(Left::Before),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes durable what has left: where it went first.
    pub fn sync(&self) -> std::io::Result<()> {
        let pairs = [self.accepted.as_ref(), Some(&self.refused), Some(&self.own)];
        for folder in pairs.into_iter().flatten().flat_map(|pair| [&pair.new, &pair.cur]) {
            fs::fsync(folder)?;
        }
        Ok(())
    }
}

/// What can be seen of an open file.
pub fn seen(file: &File) -> std::io::Result<Seen> {
    let stat = fs::fstat(file)?;
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Ok(Seen { size: u64::try_from(stat.st_size).unwrap_or(0), changed: (stat.st_mtime, nanos) })
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn folder_at(root: &OwnedFd, name: &str) -> Result<OwnedFd, Trouble> {
    fs::openat(root, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| Trouble::folder(name, error))
}

/// Another folder of this Maildir, made if it is missing. Maildir++: a name with a dot in front, its levels parted by dots.
fn beside(root: &OwnedFd, folder: &str, own: &Pair) -> Result<Pair, Trouble> {
    let name = on_disk(folder);
    let make = |at: &OwnedFd, name: &str| match fs::mkdirat(at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(Trouble::folder(name, error)),
    };
    make(root, &name)?;
    // Opened without following a link: what is made is made in there, and nowhere else.
    let inside = folder_at(root, &name)?;
    for part in ["tmp", "new", "cur"] {
        make(&inside, part)?;
    }
    let pair = Pair { new: folder_at(&inside, "new")?, cur: folder_at(&inside, "cur")? };
    for place in Place::ALL {
        let device = |fd: &OwnedFd| fs::fstat(fd).map(|stat| stat.st_dev).map_err(|error| Trouble::folder(&name, error));
        if device(pair.at(place))? != device(own.at(place))? {
            return Err(Trouble::OtherFileSystem(name));
        }
    }
    Ok(pair)
}

fn on_disk(folder: &str) -> String {
    format!(".{}", folder.replace('/', "."))
}

/// Moves a file without replacing another.
fn moved(from: &OwnedFd, name: &[u8], to: &OwnedFd) -> Result<(), Errno> {
    for number in 0..MOST_NAMES {
        let new = if number == 0 { name.to_vec() } else { names::numbered(name, number) };
        match moved_to(from, name, to, &new) {
            Err(Errno::EXIST) => (),
            other => return other,
        }
    }
    Err(Errno::EXIST)
}

fn moved_to(from: &OwnedFd, name: &[u8], to: &OwnedFd, new: &[u8]) -> Result<(), Errno> {
    match fs::renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // NFS and old file systems know no such flag; nobody else writes into these folders but mail programs.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match fs::statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => fs::renameat(from, name, to, new),
        },
        other => other,
    }
}

/// What `check` says of a Maildir: nothing is made, nothing is moved.
pub fn check(config: &Maildir) -> Result<(), String> {
    let exists = |path: &Path| std::fs::metadata(path).map_err(|error| error.to_string());
    if !exists(&config.path)?.is_dir() {
        return Err("this is no folder".into());
    }
    for place in Place::ALL {
        let folder = config.path.join(place.as_str());
        let is_folder = std::fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir());
        if !is_folder {
            return Err(format!("this is no Maildir: it has no folder {}", place.as_str()));
        }
        let access = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        fs::access(&folder, access).map_err(|error| format!("{}: {error}: mails could not leave it", place.as_str()))?;
    }
    let moved_to = match &config.after {
        After::Move(to) => Some(to),
        After::Delete => None,
    };
    for name in moved_to.into_iter().chain([&config.refused_to]).map(|folder| on_disk(folder)) {
        if !config.path.join(&name).exists() {
            let makes = fs::access(&config.path, Access::WRITE_OK | Access::EXEC_OK);
            makes.map_err(|error| format!("{name} is missing and cannot be made: {error}"))?;
            continue;
        }
        use std::os::unix::fs::MetadataExt;
        for place in Place::ALL {
            let to = config.path.join(&name).join(place.as_str());
            let Ok(metadata) = exists(&to) else { continue };
            if metadata.dev() != exists(&config.path.join(place.as_str()))?.dev() {
                return Err(Trouble::OtherFileSystem(name).to_string());
            }
            fs::access(&to, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| format!("{name}/{}: {error}", place.as_str()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

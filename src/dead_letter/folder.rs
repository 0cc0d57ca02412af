//! The Maildir itself: names, headers in front of the untouched mail, and telling our files from others.

use crate::model::digest;
use crate::model::header;
use crate::model::id::{ArrivalId, TenantId};
use crate::store::Store;
use crate::store::listing::Listed;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Our header fields begin so; the raw mail begins behind the last of them.
const OURS: &str = "X-Rohrpost-";
const TENANT: &str = "X-Rohrpost-Tenant";
/// The last field: behind its line stands the raw mail, byte for byte.
const LAST: &str = "X-Rohrpost-Arrival";
/// What our files are called: `ID.rohrpost`, and perhaps Maildir flags behind it.
const SUFFIX: &str = ".rohrpost";
/// Folders and files belong to the group as well: operators are its members.
const FOLDER_MODE: u32 = 0o770;
const FILE_MODE: u32 = 0o640;

/// The dead-letter folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What was read of each file, as long as it stays the same.
    known: HashMap<PathBuf, (Stamp, Identity)>,
}

/// By what a file is seen to have changed.
type Stamp = (u64, SystemTime, u64);

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    /// What our header says.
    id: Option<ArrivalId>,
    tenant: Option<TenantId>,
    /// Of the bytes behind our header.
    sha256: String,
}

/// A file in `.Retry`.
#[derive(Debug)]
pub struct Dropped {
    path: PathBuf,
    pub id: Option<ArrivalId>,
    pub sha256: String,
}

impl Dropped {
    pub fn remove(&self) -> anyhow::Result<()> {
        fs::remove_file(&self.path).with_context(|| self.path.display().to_string())
    }
}

impl Folder {
    pub fn new(path: PathBuf) -> Folder {
        Folder { path, known: HashMap::new() }
    }

    /// Makes what is missing of the folders.
    pub fn prepare(&self) -> anyhow::Result<()> {
        for part in ["cur", "new", "tmp", ".Retry/cur", ".Retry/new", ".Retry/tmp"] {
            let path = self.path.join(part);
            if path.is_dir() {
                continue;
            }
            DirBuilder::new().recursive(true).mode(0o770).create(&path).with_context(|| path.display().to_string())?;
            // The mask of the process must not decide who may repair.
            for folder in [Some(path.as_path()), path.parent()].into_iter().flatten().filter(|folder| folder.starts_with(&self.path)) {
                fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)).with_context(|| folder.display().to_string())?;
            }
        }
        Ok(())
    }

    /// Files that an operator moved to `.Retry`, under whatever name.
    pub fn to_retry(&mut self) -> anyhow::Result<Vec<Dropped>> {
        let mut dropped = Vec::new();
        for path in files_in(&self.path, &[".Retry/cur", ".Retry/new", ".Retry"])? {
            if let Some(Identity { id, sha256, .. }) = self.identity(&path) {
                dropped.push(Dropped { path, id, sha256 });
            }
        }
        Ok(dropped)
    }

    /// Writes what is held and not there, takes away what is there and not held. Other files are left alone.
    pub async fn show(&mut self, held: Vec<Listed>, store: &Store) -> anyhow::Result<()> {
        let wanted: HashMap<ArrivalId, &Listed> = held.iter().map(|listed| (listed.id, listed)).collect();
        let mut shown = HashSet::new();
        for path in files_in(&self.path, &["cur", "new"])? {
            let Some(identity) = self.identity(&path) else { continue };
            let Some(id) = identity.id else { continue };
            match wanted.get(&id) {
                Some(listed) if listed.sha256 == identity.sha256 => drop(shown.insert(id)),
                // Changed by somebody: theirs now.
                Some(_) => (),
                None if is_ours(&path) && self.was_written_by_us(&path, &identity, store).await? => {
                    fs::remove_file(&path).with_context(|| path.display().to_string())?;
                }
                None => (),
            }
        }
        for listed in held.iter().filter(|listed| !shown.contains(&listed.id)) {
            self.write(listed, store).await?;
        }
        self.known.retain(|path, _| path.exists());
        Ok(())
    }

    /// Files that are no projection of anything held.
    pub fn foreign(&mut self, held: &[Listed]) -> anyhow::Result<Vec<PathBuf>> {
        let mut foreign = Vec::new();
        for path in files_in(&self.path, &["cur", "new", ".Retry/cur", ".Retry/new", ".Retry"])? {
            let identity = self.identity(&path);
            let fits = |listed: &Listed| identity.as_ref().is_some_and(|found| found.sha256 == listed.sha256);
            if !held.iter().any(fits) {
                foreign.push(path);
            }
        }
        Ok(foreign)
    }

    /// Where a held mail is shown, if it is.
    pub fn file_of(&mut self, listed: &Listed) -> anyhow::Result<Option<PathBuf>> {
        for path in files_in(&self.path, &["cur", "new"])? {
            if self.identity(&path).is_some_and(|found| found.id == Some(listed.id) && found.sha256 == listed.sha256) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// A file goes only if it still is what we wrote of an arrival that we know.
    async fn was_written_by_us(&self, path: &Path, identity: &Identity, store: &Store) -> anyhow::Result<bool> {
        let (Some(id), Some(tenant)) = (identity.id, &identity.tenant) else { return Ok(false) };
        let known = store.arrival(tenant, id).await?;
        Ok(name_of(id) == base_name(path) && known.is_some_and(|listed| listed.sha256 == identity.sha256))
    }

    async fn write(&self, listed: &Listed, store: &Store) -> anyhow::Result<()> {
        let raw = store.raw_mail(&listed.tenant, listed.id).await?;
        let name = name_of(listed.id);
        let tmp = self.path.join("tmp").join(&name);
        let _ = fs::remove_file(&tmp);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&tmp).with_context(|| tmp.display().to_string())?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        file.write_all(own_lines(listed).as_bytes())?;
        file.write_all(&raw)?;
        file.sync_all()?;
        let target = self.free_name(&name);
        fs::rename(&tmp, &target).with_context(|| target.display().to_string())
    }

    /// The plain name, or the next one if somebody's changed file sits there.
    fn free_name(&self, name: &str) -> PathBuf {
        let new = self.path.join("new");
        let numbered = (2..).map(|number| new.join(format!("{name}.{number}")));
        std::iter::once(new.join(name)).chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| new.join(name))
    }

    /// What a file holds; none if it cannot be read.
    fn identity(&mut self, path: &Path) -> Option<Identity> {
        let metadata = fs::metadata(path).ok()?;
        let stamp = (metadata.len(), metadata.modified().ok()?, metadata.ino());
        if let Some((known, identity)) = self.known.get(path)
            && *known == stamp
        {
            return Some(identity.clone());
        }
        let identity = identify(path).ok()?;
        self.known.insert(path.to_owned(), (stamp, identity.clone()));
        Some(identity)
    }
}

fn name_of(id: ArrivalId) -> String {
    format!("{id}{SUFFIX}")
}

/// The name without Maildir flags.
fn base_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split(":2,").next().unwrap_or_default().to_owned()
}

fn is_ours(path: &Path) -> bool {
    base_name(path).ends_with(SUFFIX)
}

/// Plain files of these folders, in a stable order.
fn files_in(root: &Path, parts: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for part in parts {
        let folder = root.join(part);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| folder.display().to_string()),
        };
        for entry in entries {
            let entry = entry.with_context(|| folder.display().to_string())?;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// What stands in front of the raw mail: why it is held, and what can be done. The last line names the arrival.
fn own_lines(listed: &Listed) -> String {
    let reason = listed.reason.as_deref().unwrap_or("-");
    let explanation = listed.hold_reason().map_or("", |reason| reason.explanation());
    let envelope = |key: &str| match &listed.envelope[key] {
        serde_json::Value::String(text) => one_line(text),
        serde_json::Value::Array(list) => list.iter().filter_map(|one| one.as_str()).map(one_line).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    let received =
        format!("from {} by rohrpost via {} at {}", one_line(listed.facts["peer"].as_str().unwrap_or("unknown")), listed.door, listed.at);
    [
        format!("{OURS}Reason: {reason}"),
        format!("{OURS}Explanation: {explanation}"),
        format!("{OURS}Repair: rohrpost dead-letter show {}", listed.id),
        format!("{OURS}Envelope-From: <{}>", envelope("from")),
        format!("{OURS}Envelope-To: {}", envelope("to")),
        format!("{OURS}Received: {received}"),
        format!("{TENANT}: {}", listed.tenant),
        format!("{LAST}: {}", listed.id),
        String::new(),
    ]
    .join("\r\n")
}

/// Nothing from a mail may add header lines to ours.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// Longest header of ours, in bytes.
const LONGEST_HEADER: usize = 16 * 1024;

/// Reads a file in pieces: our header, and the hash of what stands behind it.
fn identify(path: &Path) -> anyhow::Result<Identity> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(LONGEST_HEADER as u64).read_to_end(&mut head)?;
    let own = OwnHeader::read(&head);
    let mut hash = Sha256::new_with_prefix(&head[own.length..]);
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    Ok(Identity { id: own.id, tenant: own.tenant, sha256: digest::finished(hash) })
}

/// What our header names, and how long it is; nothing if the file does not begin with one.
#[derive(Default)]
struct OwnHeader {
    id: Option<ArrivalId>,
    tenant: Option<TenantId>,
    length: usize,
}

impl OwnHeader {
    fn read(head: &[u8]) -> OwnHeader {
        let (mut at, mut tenant) = (0, None);
        while head[at..].starts_with(OURS.as_bytes()) {
            let end = header::line_end(head, at);
            let line = String::from_utf8_lossy(header::trim_line_end(&head[at..end])).into_owned();
            match line.split_once(": ") {
                Some((LAST, id)) => return OwnHeader { id: id.trim().parse().ok(), tenant, length: end },
                Some((TENANT, name)) => tenant = Some(TenantId::new(name.trim())),
                _ => (),
            }
            at = end;
        }
        OwnHeader::default()
    }
}

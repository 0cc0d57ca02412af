//! The Maildir itself: names, headers in front of the untouched mail, and telling our files from others.

use crate::model::id::{ArrivalId, TenantId};
use crate::model::{digest, header};
use crate::store::Store;
use crate::store::listing::Listed;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tracing::warn;

/// Our header fields begin so; the raw mail begins behind the last of them.
const OURS: &str = "X-Rohrpost-";
const TENANT: &str = "X-Rohrpost-Tenant";
/// The last field: behind its line stands the raw mail, byte for byte.
const LAST: &str = "X-Rohrpost-Arrival";
/// What our files are called: `ID.rohrpost`, and perhaps Maildir flags behind it.
const SUFFIX: &str = ".rohrpost";
/// Folders and files belong to the group as well: operators are its members. In those that hold folders only their owners may
/// rename or remove (the sticky bit): nobody can put a link in the place of one of ours.
const PARENT_MODE: u32 = 0o1770;
const LEAF_MODE: u32 = 0o770;
const FILE_MODE: u32 = 0o640;
/// The largest mail that a configuration allows, and room for our header: a larger file is none of ours and is not read.
const LARGEST_FILE: u64 = (1 << 30) + (1 << 20);

/// The dead-letter folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What was read of each file, as long as it stays the same.
    known: HashMap<PathBuf, (Stamp, Option<Identity>)>,
    /// Held mails whose stored bytes are not those that were accepted: they have no file, since none would be recognised.
    damaged: HashSet<ArrivalId>,
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
        Folder { path, known: HashMap::new(), damaged: HashSet::new() }
    }

    /// Makes what is missing of the folders. Fails where a link or somebody else's folder stands in the place of one of ours.
    pub fn prepare(&self) -> anyhow::Result<()> {
        if let Some(parent) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o750).create(parent).with_context(|| parent.display().to_string())?;
        }
        own_folder(&self.path, PARENT_MODE)?;
        own_folder(&self.path.join(".Retry"), PARENT_MODE)?;
        for part in ["cur", "new", "tmp", ".Retry/cur", ".Retry/new", ".Retry/tmp"] {
            own_folder(&self.path.join(part), LEAF_MODE)?;
        }
        Ok(())
    }

    /// Files that an operator moved to `.Retry`, under whatever name.
    pub async fn to_retry(&mut self) -> anyhow::Result<Vec<Dropped>> {
        let mut dropped = Vec::new();
        for path in files_in(&self.path, &[".Retry/cur", ".Retry/new", ".Retry"])? {
            if let Some(Identity { id, sha256, .. }) = self.identity(&path).await {
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
            let Some(identity) = self.identity(&path).await else { continue };
            let Some(id) = identity.id else { continue };
            match wanted.get(&id) {
                Some(listed) if listed.sha256 == identity.sha256 => drop(shown.insert(id)),
                // Changed by somebody: theirs now.
                Some(_) => (),
                None if is_name_of(id, &path) && self.was_written_by_us(&identity, store).await? => {
                    fs::remove_file(&path).with_context(|| path.display().to_string())?;
                }
                None => (),
            }
        }
        for listed in held.iter().filter(|listed| !shown.contains(&listed.id)) {
            if !self.damaged.contains(&listed.id) && !self.write(listed, store).await? {
                warn!(arrival.id = %listed.id, "the bytes of held arrival {} are not those that were accepted; it is shown by `dead-letter list` alone", listed.id);
                self.damaged.insert(listed.id);
            }
        }
        self.known.retain(|path, _| path.exists());
        Ok(())
    }

    /// Files that are no projection of anything held.
    pub async fn foreign(&mut self, held: &[Listed]) -> anyhow::Result<Vec<PathBuf>> {
        let mut foreign = Vec::new();
        for path in files_in(&self.path, &["cur", "new", ".Retry/cur", ".Retry/new", ".Retry"])? {
            let identity = self.identity(&path).await;
            let fits = |listed: &Listed| identity.as_ref().is_some_and(|found| found.sha256 == listed.sha256);
            if !held.iter().any(fits) {
                foreign.push(path);
            }
        }
        Ok(foreign)
    }

    /// Where a held mail is shown, if it is.
    pub async fn file_of(&mut self, listed: &Listed) -> anyhow::Result<Option<PathBuf>> {
        for path in files_in(&self.path, &["cur", "new"])? {
            if self.identity(&path).await.is_some_and(|found| found.id == Some(listed.id) && found.sha256 == listed.sha256) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// A file goes only if it still is what we wrote of an arrival that we know.
    async fn was_written_by_us(&self, identity: &Identity, store: &Store) -> anyhow::Result<bool> {
        let (Some(id), Some(tenant)) = (identity.id, &identity.tenant) else { return Ok(false) };
        let known = store.arrival(tenant, id).await?;
        Ok(known.is_some_and(|listed| listed.sha256 == identity.sha256))
    }

    /// False if the mail's bytes are not those that were accepted.
    async fn write(&self, listed: &Listed, store: &Store) -> anyhow::Result<bool> {
        let raw = store.raw_mail(&listed.tenant, listed.id).await?;
        if digest::sha256(&raw) != listed.sha256 {
            return Ok(false);
        }
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
        fs::rename(&tmp, &target).with_context(|| target.display().to_string())?;
        Ok(true)
    }

    /// The plain name, or the next one if somebody's changed file sits there.
    fn free_name(&self, name: &str) -> PathBuf {
        let new = self.path.join("new");
        let numbered = (2..).map(|number| new.join(format!("{name}.{number}")));
        std::iter::once(new.join(name)).chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| new.join(name))
    }

    /// What a file holds; none if it cannot be read or is too large to be ours. Read on a blocking thread.
    async fn identity(&mut self, path: &Path) -> Option<Identity> {
        let metadata = fs::symlink_metadata(path).ok()?;
        let stamp = (metadata.len(), metadata.modified().ok()?, metadata.ino());
        if let Some((known, identity)) = self.known.get(path)
            && *known == stamp
        {
            return identity.clone();
        }
        let file = path.to_owned();
        let identity = tokio::task::spawn_blocking(move || identify(&file).ok()).await.ok()?;
        self.known.insert(path.to_owned(), (stamp, identity.clone()));
        identity
    }
}

/// Makes a folder, or makes sure that it is one of ours: a folder, not a link to one, and of the service's user. The mask of the
/// process must not decide who may repair, so the mode is set; on the open folder, whatever its name means by then.
fn own_folder(path: &Path, mode: u32) -> anyhow::Result<()> {
    let context = || path.display().to_string();
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error).with_context(context),
        _ => (),
    }
    let flags = (rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW).bits();
    let folder = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path);
    let folder = folder.with_context(|| format!("{}: a folder is needed here, not a file or a link; remove it", path.display()))?;
    let metadata = folder.metadata().with_context(context)?;
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        bail!(
            "{}: this folder belongs to user {}, and the service is user {me}; remove it or give it to the service",
            path.display(),
            metadata.uid()
        );
    }
    if metadata.permissions().mode() & 0o7777 != mode {
        folder.set_permissions(Permissions::from_mode(mode)).with_context(context)?;
    }
    Ok(())
}

fn name_of(id: ArrivalId) -> String {
    format!("{id}{SUFFIX}")
}

/// The name without Maildir flags.
fn base_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split(":2,").next().unwrap_or_default().to_owned()
}

/// Whether we may have given a file this name: the plain one, or with a number behind it.
fn is_name_of(id: ArrivalId, path: &Path) -> bool {
    let base = base_name(path);
    let behind = base.strip_prefix(&name_of(id));
    behind.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.').is_some_and(|number| number.parse::<u32>().is_ok()))
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
    let results = listed.facts["checked"]["results"].as_str().unwrap_or_default();
    let results: String = results.chars().filter(|c| matches!(c, ' '..='~')).take(LONGEST_RESULTS).collect();
    [
        format!("{OURS}Reason: {reason}"),
        format!("{OURS}Explanation: {explanation}"),
        format!("{OURS}Repair: rohrpost --tenant {} dead-letter show {}", listed.tenant, listed.id),
        format!("{OURS}Envelope-From: <{}>", envelope("from")),
        format!("{OURS}Envelope-To: {}", envelope("to")),
        format!("{OURS}Received: {received}"),
        format!("{OURS}Authentication-Results: {results}"),
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

/// Longest Authentication-Results of ours that are shown, in bytes; they are ASCII.
const LONGEST_RESULTS: usize = 4 * 1024;

/// Longest header of ours, in bytes.
const LONGEST_HEADER: usize = 16 * 1024;

/// Reads a file in pieces: our header, and the hash of what stands behind it.
fn identify(path: &Path) -> anyhow::Result<Identity> {
    // Neither a link nor a pipe that somebody has put there since it was listed may lead or hold us elsewhere.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let mut file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    anyhow::ensure!(metadata.is_file() && metadata.len() <= LARGEST_FILE, "no mail of ours");
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

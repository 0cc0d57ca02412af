//! The Maildir itself: names, headers in front of the untouched mail, and telling our files from others.

use super::identity::{self, Identity, LAST, OURS, TENANT};
use super::own;
use crate::model::digest;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::Disposition;
use crate::store::Store;
use crate::store::listing::Listed;
use anyhow::Context;
use std::collections::{HashMap, HashSet};
use std::fs::{self, FileType, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tracing::warn;

/// What our files are called: `ID.rohrpost`, and perhaps Maildir flags behind it.
const SUFFIX: &str = ".rohrpost";
const FILE_MODE: u32 = 0o640;
/// Where mails are shown.
const SHOWN: [&str; 2] = ["cur", "new"];
/// Where operators put mails that are to go through again. Some put them into the folder itself.
const RETRY: [&str; 3] = [".Retry/cur", ".Retry/new", ".Retry"];

/// The dead-letter folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What was read of each file, as long as it stays the same.
    known: HashMap<PathBuf, (Stamp, Option<Identity>)>,
    /// Essences of held mails, of those that were compared.
    essences: HashMap<ArrivalId, Option<String>>,
    /// Held mails whose stored bytes are not those that were accepted: they have no file, since none would be recognised.
    damaged: HashSet<ArrivalId>,
}

/// By what a file is seen to have changed: its size, and the time that nobody sets by hand, in seconds and nanoseconds; and which it is.
type Stamp = (u64, i64, i64, u64);

/// A file in `.Retry`.
#[derive(Debug)]
pub struct Dropped {
    path: PathBuf,
    identity: Identity,
}

impl Dropped {
    pub fn remove(&self) -> anyhow::Result<()> {
        fs::remove_file(&self.path).with_context(|| self.path.display().to_string())
    }
}

/// What a file in `.Retry` says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// These are to go through again: one, or all held mails of these bytes where the file does not say which.
    Retry(Vec<(TenantId, ArrivalId)>),
    /// Its mail is filed: the file is done with.
    Done(ArrivalId),
    /// Changed or unknown.
    Nothing,
}

/// Something in the folder that shows no held mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    pub path: PathBuf,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has lines of ours, but is not what we wrote, or its mail is not held any more.
    Changed,
    NotHeld,
    Unknown,
    Unreadable,
    /// A folder, of another mail program perhaps.
    Folder,
}

impl Why {
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Changed => "changed",
            Why::NotHeld => "not_held",
            Why::Unknown => "unknown",
            Why::Unreadable => "unreadable",
            Why::Folder => "folder",
        }
    }

    /// For operators.
    pub fn words(self) -> &'static str {
        match self {
            Why::Changed => "it was changed; to correct a number use `dead-letter assign`",
            Why::NotHeld => "its mail is not held any more; remove it",
            Why::Unknown => "no mail of Rohrpost's",
            Why::Unreadable => "the service may not read it",
            Why::Folder => "a folder that is none of Rohrpost's; it is not looked into",
        }
    }
}

impl Folder {
    pub fn new(path: PathBuf) -> Folder {
        Folder { path, known: HashMap::new(), essences: HashMap::new(), damaged: HashSet::new() }
    }

    /// Makes what is missing of the folders. Fails where a link or somebody else's folder stands in the place of one of ours.
    pub fn prepare(&self) -> anyhow::Result<()> {
        own::folders(&self.path)
    }

    /// Files that an operator moved to `.Retry`, under whatever name.
    pub async fn to_retry(&mut self) -> anyhow::Result<Vec<Dropped>> {
        let mut dropped = Vec::new();
        for path in files_in(&self.path, &RETRY)? {
            if let Some(identity) = self.identity(&path).await {
                dropped.push(Dropped { path, identity });
            }
        }
        Ok(dropped)
    }

    /// What a file in `.Retry` says. A file without lines of ours is known by its bytes alone, if it has any.
    pub async fn said(&mut self, dropped: &Dropped, store: &Store) -> anyhow::Result<Said> {
        let found = &dropped.identity;
        let Some((tenant, id)) = &found.named else {
            if found.bears_our_lines || found.sha256 == digest::sha256(b"") {
                return Ok(Said::Nothing);
            }
            let held = store.held_with_hash(&found.sha256).await?;
            let all: Vec<_> = held.into_iter().map(|listed| (listed.tenant, listed.id)).collect();
            return Ok(if all.is_empty() { Said::Nothing } else { Said::Retry(all) });
        };
        let Some(listed) = store.arrival(tenant, *id).await? else { return Ok(Said::Nothing) };
        let is_over = matches!(listed.disposition, Some(Disposition::Filed | Disposition::Duplicate));
        if !(is_over || listed.is_held()) || !self.is_of(found, &listed, store).await? {
            return Ok(Said::Nothing);
        }
        Ok(if is_over { Said::Done(*id) } else { Said::Retry(vec![(listed.tenant, listed.id)]) })
    }

    /// Writes what is held and not there, takes away what is there and not held. Other files are left alone. A mail that cannot be
    /// shown stops none of the others; its error is returned when they are.
    pub async fn show(&mut self, held: Vec<Listed>, store: &Store) -> anyhow::Result<()> {
        self.clear_leftovers()?;
        let wanted: HashMap<ArrivalId, &Listed> = held.iter().map(|listed| (listed.id, listed)).collect();
        self.essences.retain(|id, _| wanted.contains_key(id));
        let mut shown = HashSet::new();
        for path in files_in(&self.path, &SHOWN)? {
            let Some(identity) = self.identity(&path).await else { continue };
            let Some((_, id)) = &identity.named else { continue };
            match wanted.get(id) {
                Some(listed) if self.is_of(&identity, listed, store).await? => drop(shown.insert(*id)),
                // Changed by somebody: theirs now.
                Some(_) => (),
                None if is_name_of(*id, &path) && was_written_by_us(&identity, store).await? => {
                    fs::remove_file(&path).with_context(|| path.display().to_string())?;
                }
                None => (),
            }
        }
        let mut failed = None;
        for listed in held.iter().filter(|listed| !shown.contains(&listed.id)) {
            if self.damaged.contains(&listed.id) {
                continue;
            }
            match self.write(listed, store).await {
                Ok(true) => (),
                Ok(false) => {
                    warn!(arrival.id = %listed.id, "the bytes of held arrival {} are not those that were accepted; it is shown by `dead-letter list` alone", listed.id);
                    self.damaged.insert(listed.id);
                }
                Err(error) => drop(failed.get_or_insert(error.context(listed.id.to_string()))),
            }
        }
        self.known.retain(|path, _| path.exists());
        failed.map_or(Ok(()), Err)
    }

    /// What is there and shows nothing that is held, in a stable order.
    pub async fn foreign(&mut self, held: &[Listed], store: &Store) -> anyhow::Result<Vec<Foreign>> {
        let wanted: HashMap<ArrivalId, &Listed> = held.iter().map(|listed| (listed.id, listed)).collect();
        let mut foreign = self.beside()?;
        for (path, kind) in entries_in(&self.path, &[&SHOWN[..], &RETRY[..]].concat())? {
            if kind.is_dir() {
                let is_ours = path.parent().is_some_and(|parent| parent.ends_with(".Retry")) && is_part(&path);
                if !is_ours {
                    foreign.push(Foreign { path, why: Why::Folder });
                }
                continue;
            }
            let why = if kind.is_file() { self.why(&path, &wanted, store).await? } else { Some(Why::Unknown) };
            foreign.extend(why.map(|why| Foreign { path, why }));
        }
        Ok(foreign)
    }

    /// Why this file shows nothing that is held; none if it does.
    async fn why(&mut self, path: &Path, wanted: &HashMap<ArrivalId, &Listed>, store: &Store) -> anyhow::Result<Option<Why>> {
        let Some(found) = self.identity(path).await else { return Ok(Some(Why::Unreadable)) };
        let Some((_, id)) = &found.named else {
            let is_copy = !found.bears_our_lines && wanted.values().any(|listed| listed.sha256 == found.sha256);
            let why = if found.bears_our_lines { Why::Changed } else { Why::Unknown };
            return Ok((!is_copy).then_some(why));
        };
        match wanted.get(id) {
            Some(listed) if self.is_of(&found, listed, store).await? => Ok(None),
            Some(_) => Ok(Some(Why::Changed)),
            None if was_written_by_us(&found, store).await? => Ok(Some(Why::NotHeld)),
            None => Ok(Some(Why::Changed)),
        }
    }

    /// What lies in the folder itself, where nothing but our folders belongs.
    fn beside(&self) -> anyhow::Result<Vec<Foreign>> {
        let all = entries_in(&self.path, &[""])?.into_iter();
        let others = all.filter(|(path, kind)| !(kind.is_dir() && (is_part(path) || path.ends_with(".Retry"))));
        Ok(others.map(|(path, kind)| Foreign { path, why: if kind.is_dir() { Why::Folder } else { Why::Unknown } }).collect())
    }

    /// Where a held mail is shown, if it is.
    pub async fn file_of(&mut self, listed: &Listed, store: &Store) -> anyhow::Result<Option<PathBuf>> {
        for path in files_in(&self.path, &SHOWN)? {
            if let Some(found) = self.identity(&path).await
                && self.is_of(&found, listed, store).await?
            {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Whether a file is this mail: it names it, and its bytes are the mail's, but for what a mail program changes when it saves one.
    async fn is_of(&mut self, found: &Identity, listed: &Listed, store: &Store) -> anyhow::Result<bool> {
        if found.named.as_ref() != Some(&(listed.tenant.clone(), listed.id)) {
            return Ok(false);
        }
        if found.sha256 == listed.sha256 || found.essence.is_none() {
            return Ok(found.sha256 == listed.sha256);
        }
        if let Some(known) = self.essences.get(&listed.id) {
            return Ok(*known == found.essence);
        }
        let raw = store.raw_mail(&listed.tenant, listed.id).await?;
        let whole = listed.sha256.clone();
        // Of damaged bytes nothing is recognised.
        let essence = move || (digest::sha256(&raw) == whole).then(|| identity::essence(&raw)).flatten();
        let essence = tokio::task::spawn_blocking(essence).await?;
        let is_same = essence == found.essence;
        self.essences.insert(listed.id, essence);
        Ok(is_same)
    }

    /// What an interrupted run was writing. Others' files in `tmp` are their programs' own.
    fn clear_leftovers(&self) -> anyhow::Result<()> {
        for path in files_in(&self.path, &["tmp"])? {
            let base = base_name(&path);
            if base.strip_suffix(SUFFIX).is_some_and(|id| id.parse::<ArrivalId>().is_ok()) {
                fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
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
        let stamp = (metadata.len(), metadata.ctime(), metadata.ctime_nsec(), metadata.ino());
        if let Some((known, identity)) = self.known.get(path)
            && *known == stamp
        {
            return identity.clone();
        }
        let file = path.to_owned();
        let identity = tokio::task::spawn_blocking(move || Identity::read(&file).ok()).await.ok()?;
        self.known.insert(path.to_owned(), (stamp, identity.clone()));
        identity
    }
}

/// A file goes only if it still is what we wrote of an arrival that we know.
async fn was_written_by_us(identity: &Identity, store: &Store) -> anyhow::Result<bool> {
    let Some((tenant, id)) = &identity.named else { return Ok(false) };
    let known = store.arrival(tenant, *id).await?;
    Ok(known.is_some_and(|listed| listed.sha256 == identity.sha256))
}

/// A part of a Maildir.
fn is_part(path: &Path) -> bool {
    ["cur", "new", "tmp"].iter().any(|part| path.ends_with(part))
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
    Ok(entries_in(root, parts)?.into_iter().filter(|(_, kind)| kind.is_file()).map(|(path, _)| path).collect())
}

/// Everything in these folders, in a stable order.
fn entries_in(root: &Path, parts: &[&str]) -> anyhow::Result<Vec<(PathBuf, FileType)>> {
    let mut found = Vec::new();
    for part in parts {
        let folder = root.join(part);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| folder.display().to_string()),
        };
        for entry in entries {
            let entry = entry.with_context(|| folder.display().to_string())?;
            // What is gone by now is nothing.
            if let Ok(kind) = entry.file_type() {
                found.push((entry.path(), kind));
            }
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
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

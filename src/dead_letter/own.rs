//! The folders themselves: whose they are, who may do what in them, and who may read what is put there.

use anyhow::{Context, bail};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Folders and files belong to the group as well: operators are its members. In those that hold folders only their owners may
/// rename or remove (the sticky bit): nobody can put a link in the place of one of ours.
const PARENT_MODE: u32 = 0o1770;
const LEAF_MODE: u32 = 0o770;

/// Makes what is missing. Fails where a link or somebody else's folder stands in the place of one of ours.
pub fn folders(root: &Path) -> anyhow::Result<()> {
    if let Some(parent) = root.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(parent).with_context(|| parent.display().to_string())?;
    }
    own_folder(root, PARENT_MODE)?;
    for part in ["cur", "new", "tmp"] {
        own_folder(&root.join(part), LEAF_MODE)?;
    }
    let retry = root.join(".Retry");
    readable_to_us(&own_folder(&retry, PARENT_MODE)?);
    for part in ["cur", "new", "tmp"] {
        readable_to_us(&own_folder(&retry.join(part), LEAF_MODE)?);
    }
    Ok(())
}

/// Makes a folder, or makes sure that it is one of ours: a folder, not a link to one, and of the service's user. The mask of the
/// process must not decide who may repair, so the mode is set; on the open folder, whatever its name means by then.
fn own_folder(path: &Path, mode: u32) -> anyhow::Result<File> {
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
    Ok(folder)
}

/// A mail program that saves a mail makes a file of its user's, with his own group: the service could not read it. So whatever is made
/// here lets the service's user read it, by the folder's default access list; the setgid bit would do, but systemd forbids it.
/// Where the file system has no such lists, operators start their program with the group `rohrpost` (`sg`).
fn readable_to_us(folder: &File) {
    const NAME: &str = "system.posix_acl_default";
    let list = default_list(rustix::process::geteuid().as_raw());
    let mut old = [0; 64];
    if matches!(rustix::fs::fgetxattr(folder, NAME, &mut old), Ok(length) if old[..length] == list[..]) {
        return;
    }
    // What cannot be read is listed as foreign, with the reason: an operator finds it.
    let _ = rustix::fs::fsetxattr(folder, NAME, &list, rustix::fs::XattrFlags::empty());
}

/// An access list as the kernel takes it (linux/posix_acl_xattr.h): a version, then entries of tag, permissions and id, little-endian.
fn default_list(user: u32) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let (owner, one, group, mask, other) = (0x01_u16, 0x02_u16, 0x04_u16, 0x10_u16, 0x20_u16);
    let entries = [(owner, 7_u16, NOBODY), (one, 6, user), (group, 7, NOBODY), (mask, 7, NOBODY), (other, 0, NOBODY)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, may, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(may.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

//! What a ZIP lists, and whether a file is encrypted, by its structure alone: nothing is unpacked, and no more is read than the list.
//! APPNOTE.TXT 6.3 (ZIP), ISO 32000-1 §7.6 (PDF), MS-OFFCRYPTO §2.3 (Office), RAR 4 and 5, 7z.

use super::names;
use crate::model::part::{Archive, ArchivedFile};
use memchr::memmem;

/// Files that are listed.
const MOST_FILES: usize = 100;
/// Entries of a list that are looked at, whatever it says it has.
const MOST_ENTRIES: usize = 10_000;
/// The end record is looked for in so many bytes: its own 22 and the longest comment.
const END_IN: usize = 22 + 65_535;
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const FILE: &[u8] = b"PK\x03\x04";
/// Bytes of an entry in front of its name.
const ENTRY_HEAD: usize = 46;
/// General purpose bits: encrypted, name in UTF-8, list encrypted.
const ENCRYPTED: u16 = 1;
const IS_UTF_8: u16 = 1 << 11;
/// A size that stands in the extra field instead (ZIP64).
const ELSEWHERE: u32 = u32::MAX;

/// What a file of this type has inside, and whether it is encrypted.
pub fn look(media_type: &str, bytes: &[u8]) -> (Option<Archive>, bool) {
    match media_type {
        "application/zip" => match list(bytes) {
            Some((archive, is_locked)) => (Some(archive), is_locked),
            // The list is damaged or encrypted; the first file's own head still says whether it is.
            None => (None, bytes.starts_with(FILE) && number16(bytes, 6).is_some_and(|flags| flags & ENCRYPTED != 0)),
        },
        "application/pdf" => (None, is_encrypted_pdf(bytes)),
        "application/x-cfb" | "application/msword" | "application/vnd.ms-excel" | "application/vnd.ms-powerpoint" => {
            (None, is_encrypted_office(bytes))
        }
        "application/vnd.rar" | "application/x-rar-compressed" => (None, is_encrypted_rar(bytes)),
        "application/x-7z-compressed" => (None, is_encrypted_7z(bytes)),
        _ => (None, false),
    }
}

/// The central directory. APPNOTE §4.3.12, §4.3.16.
fn list(bytes: &[u8]) -> Option<(Archive, bool)> {
    let tail = bytes.len().saturating_sub(END_IN);
    let end = tail + memmem::rfind(&bytes[tail..], END)?;
    let size = usize::try_from(number32(bytes, end + 12)?).ok()?;
    // The offset counts from the archive's beginning, before which other bytes may stand; the list ends where the end record begins.
    // A ZIP64 has two records between them, and its list is found by the offset.
    let offset = usize::try_from(number32(bytes, end + 16)?).ok()?;
    let begins = |at: &usize| bytes.get(*at..).is_some_and(|rest| rest.starts_with(ENTRY));
    let at = end.checked_sub(size).filter(begins).or(Some(offset).filter(begins));
    let Some(mut at) = at else { return (size == 0).then(Default::default) };
    let (mut archive, mut is_locked) = (Archive::default(), false);
    for _ in 0..MOST_ENTRIES {
        let Some((flags, file, next)) = entry(bytes, at) else { break };
        is_locked |= flags & ENCRYPTED != 0;
        match file {
            Some(file) if archive.files.len() < MOST_FILES => archive.files.push(file),
            Some(_) => archive.left_out += 1,
            None => (),
        }
        at = next;
    }
    Some((archive, is_locked))
}

/// One entry: its flags, the file if it is none of a folder, and where the next one begins.
fn entry(bytes: &[u8], at: usize) -> Option<(u16, Option<ArchivedFile>, usize)> {
    let head = bytes.get(at..at + ENTRY_HEAD)?;
    if !head.starts_with(ENTRY) {
        return None;
    }
    let flags = number16(head, 8)?;
    let length = |at| number16(head, at).map(usize::from);
    let (name_length, extra_length, comment_length) = (length(28)?, length(30)?, length(32)?);
    let name = bytes.get(at + ENTRY_HEAD..at + ENTRY_HEAD + name_length)?;
    let extra = bytes.get(at + ENTRY_HEAD + name_length..at + ENTRY_HEAD + name_length + extra_length)?;
    let size = match number32(head, 24)? {
        ELSEWHERE => size_elsewhere(extra).unwrap_or(u64::from(ELSEWHERE)),
        size => u64::from(size),
    };
    let is_folder = name.ends_with(b"/") || name.ends_with(b"\\");
    // Programs of macOS put their own notes beside each file.
    let is_note = name.starts_with(b"__MACOSX/");
    let file = (!is_folder && !is_note).then(|| ArchivedFile { name: file_name(name, flags), size });
    Some((flags, file, at + ENTRY_HEAD + name_length + extra_length + comment_length))
}

fn file_name(name: &[u8], flags: u16) -> String {
    let text = match std::str::from_utf8(name) {
        Ok(text) => text.to_owned(),
        Err(_) if flags & IS_UTF_8 != 0 => String::from_utf8_lossy(name).into_owned(),
        Err(_) => name.iter().copied().map(dos_letter).collect(),
    };
    names::harmless(&text).unwrap_or_else(|| "?".to_owned())
}

/// Code page 437, which names are in where nothing else is said (APPNOTE appendix D): its letters, and `_` for its lines and boxes.
fn dos_letter(byte: u8) -> char {
    const LETTERS: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº";
    match byte {
        0..0x80 => char::from(byte),
        0xe1 => 'ß',
        _ => LETTERS.chars().nth(usize::from(byte - 0x80)).unwrap_or('_'),
    }
}

/// The ZIP64 extra field begins with the size. APPNOTE §4.5.3.
fn size_elsewhere(mut extra: &[u8]) -> Option<u64> {
    while let (Some(id), Some(length)) = (number16(extra, 0), number16(extra, 2)) {
        let data = extra.get(4..4 + usize::from(length))?;
        if id == 1 {
            return data.get(..8)?.try_into().ok().map(u64::from_le_bytes);
        }
        extra = &extra[4 + usize::from(length)..];
    }
    None
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// The trailer, or the stream in its place, names a dictionary: `/Encrypt 12 0 R` or `/Encrypt<<`. Whether its password is empty, as where
/// only printing is forbidden, is not tried.
fn is_encrypted_pdf(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"/Encrypt").take(100).any(|at| {
        let rest = &bytes[at + 8..bytes.len().min(at + 40)];
        let value = rest.trim_ascii_start();
        let is_word_end = value.len() < rest.len() || value.starts_with(b"<<");
        is_word_end && (value.starts_with(b"<<") || is_object_reference(value))
    })
}

/// `12 0 R`.
fn is_object_reference(value: &[u8]) -> bool {
    let mut words = value.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut is_number = || words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit));
    is_number() && is_number() && words.next().is_some_and(|word| word.starts_with(b"R"))
}

/// A stream of that name in a compound file; names stand there in UTF-16.
fn is_encrypted_office(bytes: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    memmem::find(bytes, &name).is_some()
}

/// RAR 4: the archive's head says that all heads are encrypted, or the first file's that the file is. RAR 5: the first block is an
/// encryption head (type 4); files that are encrypted behind readable heads are not recognised.
fn is_encrypted_rar(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"Rar!\x1a\x07\x01\x00") {
        // CRC of four bytes, size as a short number, type.
        return bytes.get(12).is_some_and(|size| size & 0x80 == 0) && bytes.get(13) == Some(&4);
    }
    let heads = number16(bytes, 10).is_some_and(|flags| flags & 0x80 != 0);
    let first = 7 + number16(bytes, 12).map_or(0, usize::from);
    let is_file = bytes.get(first + 2) == Some(&0x74);
    heads || is_file && number16(bytes, first + 3).is_some_and(|flags| flags & 4 != 0)
}

/// The list at the end names the coder AES. Behind a packed list it is not seen.
fn is_encrypted_7z(bytes: &[u8]) -> bool {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let place = || Some((usize::try_from(number(12)?).ok()?.checked_add(32)?, usize::try_from(number(20)?).ok()?));
    let Some((at, size)) = place() else { return false };
    let Some(end) = at.checked_add(size) else { return false };
    bytes.get(at..end).is_some_and(|list| memmem::find(list, &[0x06, 0xf1, 0x07, 0x01]).is_some())
}

#[cfg(test)]
mod tests;

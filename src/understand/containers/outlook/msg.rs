//! A saved .msg file: MS-OXMSG. A compound file whose folders are the mail, its recipients, its attachments and mails within.

use super::compound::{Compound, ROOT};
use super::object::{DEEPEST, MOST_CHILDREN, Object, Value, kind, tag};
use super::writer;
use std::borrow::Cow;

const PROPERTIES: &str = "__properties_version1.0";
const STREAM: &str = "__substg1.0_";
const RECIPIENT: &str = "__recip_version1.0_";
const ATTACHMENT: &str = "__attach_version1.0_";
const NAMES: &str = "__nameid_version1.0";
/// Kind 0, and the entries' stream: MS-OXMSG §2.2.3.1.2.
const NAME_ENTRIES: &str = "__substg1.0_00030102";

/// Reads a file; none if it is none, though it may be another compound file.
pub fn read(bytes: &[u8]) -> Option<Object<'_>> {
    let compound = Compound::open(bytes)?;
    compound.child(ROOT, PROPERTIES)?;
    let reader = Reader { names: names(&compound), compound: &compound };
    let mut whole = reader.message(ROOT, DEEPEST);
    whole.is_damaged |= compound.is_damaged();
    Some(whole)
}

struct Reader<'c, 'a> {
    compound: &'c Compound<'a>,
    /// The long identifiers of named properties, in the order of their short ones.
    names: Vec<Option<u32>>,
}

/// MS-OXMSG §2.2.3.1.2: eight bytes each: the long identifier, and whether it is a number at all.
fn names(compound: &Compound<'_>) -> Vec<Option<u32>> {
    let entries = compound.child(ROOT, NAMES).and_then(|folder| compound.child(folder, NAME_ENTRIES));
    let Some(entries) = entries else { return Vec::new() };
    let entries = compound.stream(entries);
    let entry = |entry: &[u8]| (entry[4] & 1 == 0).then(|| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]));
    entries.chunks_exact(8).map(entry).collect()
}

impl<'a> Reader<'_, 'a> {
    /// A mail: its own properties, and one level below them what it has.
    fn message(&self, folder: usize, deeper: usize) -> Object<'a> {
        let mut message = self.single(folder, deeper);
        for (index, entry) in self.compound.children(folder).filter(|(_, entry)| entry.is_folder) {
            let list = match entry.name.as_str() {
                name if name.starts_with(RECIPIENT) => &mut message.recipients,
                name if name.starts_with(ATTACHMENT) => &mut message.attachments,
                _ => continue,
            };
            if list.len() < MOST_CHILDREN {
                list.push(self.single(index, deeper));
            } else {
                message.is_damaged = true;
            }
        }
        message
    }

    /// The properties of a folder.
    fn single(&self, folder: usize, deeper: usize) -> Object<'a> {
        let mut object = Object::default();
        for (index, entry) in self.compound.children(folder) {
            if entry.name == PROPERTIES {
                self.fixed(&self.compound.stream(index), &mut object);
            } else if let Some(tag) = entry.name.strip_prefix(STREAM) {
                self.variable(index, tag, &mut object, deeper);
            }
        }
        object
    }

    /// MS-OXMSG §2.4: a header whose length hangs on what has it, then entries of sixteen bytes.
    fn fixed(&self, stream: &[u8], object: &mut Object<'a>) {
        // 32 bytes in the file's own, 24 in a mail within, 8 elsewhere: entries that are none for their kind are passed over.
        let header = if stream.len().is_multiple_of(16) { 0 } else { 8 };
        for entry in stream.get(header..).unwrap_or_default().chunks_exact(16) {
            let (kind, id) = (u16::from_le_bytes([entry[0], entry[1]]), u16::from_le_bytes([entry[2], entry[3]]));
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&entry[8..]);
            if let (Some(tag), Some(value)) = (self.tag(id), Value::fixed(kind, bytes)) {
                object.put(tag, value);
            }
        }
    }

    fn tag(&self, id: u16) -> Option<u32> {
        match id.checked_sub(0x8000) {
            None => Some(id.into()),
            Some(named) => self.names.get(usize::from(named)).copied().flatten().map(tag::named),
        }
    }

    /// A stream or folder that is named by its property: eight hexadecimal digits, and more for the values of a list.
    fn variable(&self, index: usize, name: &str, object: &mut Object<'a>, deeper: usize) {
        if name.len() != 8 {
            return;
        }
        let Ok(number) = u32::from_str_radix(name, 16) else { return };
        let (id, kind) = ((number >> 16) as u16, number as u16);
        let Some(tag) = self.tag(id).filter(|&tag| tag::is_wanted(tag)) else { return };
        if !self.compound.entry(index).is_folder {
            if let Some(value) = Value::variable(kind, self.compound.stream(index)) {
                object.put(tag, value);
            }
        } else if kind == kind::OBJECT && tag == tag::DATA {
            object.put(tag, self.embedded(index, deeper));
        }
    }

    /// A mail within; any other object becomes a compound file of its own, as Outlook saves it.
    fn embedded(&self, folder: usize, deeper: usize) -> Value<'a> {
        let properties = self.compound.child(folder, PROPERTIES);
        if let (Some(deeper), Some(_)) = (deeper.checked_sub(1), properties)
            && let Some(message) = Some(self.message(folder, deeper)).filter(Object::is_mail)
        {
            return Value::Message(Box::new(message));
        }
        let mut copy = self.copy(folder, DEEPEST);
        if properties.is_some() {
            self.complete(&mut copy);
        }
        Value::Binary(Cow::Owned(writer::written(&copy)))
    }

    /// An object of Outlook's lacks two things that one in a file of its own has: eight bytes in a header, and the names of properties.
    fn complete(&self, copy: &mut writer::Folder) {
        const HEADER_WITHIN: usize = 24;
        for (_, properties) in copy.streams.iter_mut().filter(|(name, _)| name == PROPERTIES) {
            let at = properties.len().min(HEADER_WITHIN);
            properties.splice(at..at, [0; 8]);
        }
        copy.folders.extend(self.compound.child(ROOT, NAMES).map(|names| self.copy(names, 0)));
    }

    fn copy(&self, folder: usize, deeper: usize) -> writer::Folder {
        let entry = self.compound.entry(folder);
        let mut copy = writer::Folder { name: entry.name.clone(), class: entry.class, ..writer::Folder::default() };
        for (index, entry) in self.compound.children(folder) {
            if !self.compound.may_copy() {
                break;
            }
            if !entry.is_folder {
                copy.streams.push((entry.name.clone(), self.compound.stream(index).into_owned()));
            } else if deeper > 0 {
                copy.folders.push(self.copy(index, deeper - 1));
            }
        }
        copy
    }
}

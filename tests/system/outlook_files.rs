//! Writes winmail.dat and .msg files with known content, as Outlook would. MS-OXTNEF, MS-OXMSG. The reader's own tests write with it, too.

// Each of its users needs another part of it.
#![allow(dead_code)]

use super::writer::{self, Folder};

/// A property's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    Long(i32),
    Bool(bool),
    Time(u64),
    Text8(Vec<u8>),
    Text16(String),
    Binary(Vec<u8>),
    Message(Box<Thing>),
}

/// A mail, a recipient or an attachment. Tags above 0xffff are named properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thing {
    pub properties: Vec<(u32, Val)>,
    pub recipients: Vec<Thing>,
    pub attachments: Vec<Thing>,
}

const CODE_PAGE: u32 = 0x3ffd;
const DATA: u32 = 0x3701;
/// The title of an attachment, which is no property.
pub const TITLE: u32 = 0xffff_0001;

impl Thing {
    pub fn with(mut self, tag: u32, value: Val) -> Thing {
        self.properties.push((tag, value));
        self
    }

    pub fn text(self, tag: u32, text: &str) -> Thing {
        self.with(tag, Val::Text16(text.to_owned()))
    }

    pub fn recipient(mut self, one: Thing) -> Thing {
        self.recipients.push(one);
        self
    }

    pub fn attach(mut self, one: Thing) -> Thing {
        self.attachments.push(one);
        self
    }

    fn get(&self, tag: u32) -> Option<&Val> {
        self.properties.iter().find(|(known, _)| *known == tag).map(|(_, value)| value)
    }
}

/// A file by value.
pub fn file(name: &str, bytes: &[u8]) -> Thing {
    Thing::default()
        .with(0x3705, Val::Long(1))
        .text(0x3707, name)
        .with(TITLE, Val::Text8(name.into()))
        .with(DATA, Val::Binary(bytes.to_vec()))
}

/// A mail within.
pub fn embedded(name: &str, message: Thing) -> Thing {
    Thing::default().with(0x3705, Val::Long(5)).text(0x3001, name).with(DATA, Val::Message(Box::new(message)))
}

/// The type of a value and its bytes, strings with their NUL.
fn encoded(value: &Val) -> (u16, Vec<u8>) {
    match value {
        Val::Long(number) => (0x0003, number.to_le_bytes().to_vec()),
        Val::Bool(is_so) => (0x000b, vec![u8::from(*is_so), 0]),
        Val::Time(time) => (0x0040, time.to_le_bytes().to_vec()),
        Val::Text8(bytes) => (0x001e, [bytes.as_slice(), &[0]].concat()),
        Val::Text16(text) => (0x001f, text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()),
        Val::Binary(bytes) => (0x0102, bytes.clone()),
        // IID_IMessage stands before what it is.
        Val::Message(inner) => {
            let id = [0x07, 3, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
            (0x000d, [&id, tnef(inner).as_slice()].concat())
        }
    }
}

/// A winmail.dat.
pub fn tnef(message: &Thing) -> Vec<u8> {
    let mut out = vec![0x78, 0x9f, 0x3e, 0x22, 1, 0];
    attribute(&mut out, 1, 0x0008_9006, &[0, 0, 1, 0]);
    let code_page = match message.get(CODE_PAGE) {
        Some(Val::Long(number)) => *number,
        _ => 1252,
    };
    attribute(&mut out, 1, 0x0006_9007, &[code_page.to_le_bytes(), [0; 4]].concat());
    attribute(&mut out, 1, 0x0007_8008, b"IPM.Microsoft Mail.Note\0");
    if !message.recipients.is_empty() {
        let rows = message.recipients.iter().flat_map(|one| properties(one, |_| true));
        let table = (message.recipients.len() as u32).to_le_bytes().into_iter().chain(rows).collect::<Vec<_>>();
        attribute(&mut out, 1, 0x0006_9004, &table);
    }
    attribute(&mut out, 1, 0x0006_9003, &properties(message, |_| true));
    for one in &message.attachments {
        attribute(&mut out, 2, 0x0006_9002, &[&[1, 0, 0xff, 0xff, 0xff, 0xff][..], &[0; 8]].concat());
        if let Some(Val::Binary(bytes)) = one.get(DATA) {
            attribute(&mut out, 2, 0x0006_800f, bytes);
        }
        if let Some(Val::Text8(title)) = one.get(TITLE) {
            attribute(&mut out, 2, 0x0001_8010, &[title.as_slice(), &[0]].concat());
        }
        let is_property = |tag| tag != TITLE && (tag != DATA || !matches!(one.get(DATA), Some(Val::Binary(_))));
        attribute(&mut out, 2, 0x0006_9005, &properties(one, is_property));
    }
    out
}

fn attribute(out: &mut Vec<u8>, level: u8, id: u32, data: &[u8]) {
    out.push(level);
    out.extend(id.to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    let sum = data.iter().fold(0u16, |sum, &byte| sum.wrapping_add(byte.into()));
    out.extend(sum.to_le_bytes());
}

fn properties(thing: &Thing, is_one: impl Fn(u32) -> bool) -> Vec<u8> {
    let chosen: Vec<_> = thing.properties.iter().filter(|(tag, _)| is_one(*tag)).collect();
    let mut out = (chosen.len() as u32).to_le_bytes().to_vec();
    for (tag, value) in chosen {
        let (kind, bytes) = encoded(value);
        out.extend(kind.to_le_bytes());
        match u16::try_from(*tag) {
            Ok(id) => out.extend(id.to_le_bytes()),
            Err(_) => {
                out.extend([0x02, 0x80]);
                out.extend(APPOINTMENT);
                out.extend([0; 4]);
                out.extend((tag & 0xffff).to_le_bytes());
            }
        }
        if matches!(value, Val::Text8(_) | Val::Text16(_) | Val::Binary(_) | Val::Message(_)) {
            out.extend(1u32.to_le_bytes());
            out.extend((bytes.len() as u32).to_le_bytes());
        }
        out.extend(&bytes);
        out.resize(out.len() + (4 - bytes.len() % 4) % 4, 0);
    }
    out
}

/// PSETID_Appointment.
const APPOINTMENT: [u8; 16] = [0x02, 0x20, 6, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

/// A .msg file.
pub fn msg(message: &Thing) -> Vec<u8> {
    writer::written(&msg_folder(message))
}

/// Its root folder, to be written otherwise.
pub fn msg_folder(message: &Thing) -> Folder {
    let mut names = Vec::new();
    let mut root = folder("", message, 32, &mut names);
    let entries = names.iter().enumerate().flat_map(|(at, tag)| [tag & 0xffff, 6 | (at as u32) << 16]).flat_map(u32::to_le_bytes);
    let streams = vec![
        ("__substg1.0_00020102".to_owned(), APPOINTMENT.to_vec()),
        ("__substg1.0_00030102".to_owned(), entries.collect()),
        ("__substg1.0_00040102".to_owned(), Vec::new()),
    ];
    root.folders.push(Folder { name: "__nameid_version1.0".to_owned(), streams, ..Folder::default() });
    root
}

fn folder(name: &str, thing: &Thing, header: usize, names: &mut Vec<u32>) -> Folder {
    let mut folder = Folder { name: name.to_owned(), ..Folder::default() };
    let mut table = vec![0; header];
    if header >= 24 {
        table[16..20].copy_from_slice(&(thing.recipients.len() as u32).to_le_bytes());
        table[20..24].copy_from_slice(&(thing.attachments.len() as u32).to_le_bytes());
    }
    for (tag, value) in thing.properties.iter().filter(|(tag, _)| *tag != TITLE) {
        let id = u16::try_from(*tag).unwrap_or_else(|_| {
            let at = names.iter().position(|name| name == tag).unwrap_or_else(|| {
                names.push(*tag);
                names.len() - 1
            });
            0x8000 + at as u16
        });
        let (kind, bytes) = match value {
            Val::Message(_) => (0x000d, Vec::new()),
            value => encoded(value),
        };
        table.extend(kind.to_le_bytes());
        table.extend(id.to_le_bytes());
        table.extend(6u32.to_le_bytes());
        let stream = format!("__substg1.0_{id:04X}{kind:04X}");
        let mut eight = (bytes.len() as u64).to_le_bytes();
        match value {
            Val::Message(inner) => folder.folders.push(self::folder(&stream, inner, 24, names)),
            Val::Long(_) | Val::Bool(_) | Val::Time(_) => {
                eight = [0; 8];
                eight[..bytes.len()].copy_from_slice(&bytes);
            }
            // Strings stand there without their NUL.
            Val::Text8(text) => folder.streams.push((stream, text.clone())),
            Val::Text16(_) => folder.streams.push((stream, bytes[..bytes.len() - 2].to_vec())),
            Val::Binary(bytes) => folder.streams.push((stream, bytes.clone())),
        }
        table.extend(eight);
    }
    folder.streams.push(("__properties_version1.0".to_owned(), table));
    for (at, one) in thing.recipients.iter().enumerate() {
        folder.folders.push(self::folder(&format!("__recip_version1.0_#{at:08X}"), one, 8, names));
    }
    for (at, one) in thing.attachments.iter().enumerate() {
        folder.folders.push(self::folder(&format!("__attach_version1.0_#{at:08X}"), one, 8, names));
    }
    folder
}

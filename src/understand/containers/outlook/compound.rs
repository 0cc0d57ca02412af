//! A compound file: a small file system in one file, as Outlook and old Word write it. MS-CFB. Whatever its tables say, each sector is
//! given out twice at most: chains end at the number of sectors there are, an entry stands in one folder only, and all streams that are
//! read are together no longer than the file, twice.

use super::writer::MAGIC;
use std::borrow::Cow;
use std::cell::Cell;

/// The folder that is the file itself.
pub const ROOT: usize = 0;

const ENTRY: usize = 128;
const MINI_SHIFT: usize = 6;
/// Streams below this size stand in the mini stream. MS-CFB §2.2.
const MINI_CUTOFF: u64 = 4096;
/// Sector numbers from here on are marks. MS-CFB §2.1.
const MARKS: u32 = 0xffff_fffa;
/// Sector numbers in the header; further ones stand in a chain of their own.
const TABLES_IN_HEADER: usize = 109;

/// A stream or a folder ("storage").
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub is_folder: bool,
    pub class: [u8; 16],
    start: u32,
    size: u64,
    children: Vec<usize>,
}

/// An opened compound file.
pub struct Compound<'a> {
    sectors: Sectors<'a>,
    mini: Cow<'a, [u8]>,
    mini_table: Vec<u32>,
    entries: Vec<Entry>,
    /// Bytes that streams may still have together.
    left: Cell<usize>,
    /// Entries that may still be copied: each costs, and an empty one gives nothing.
    copies: Cell<usize>,
    is_damaged: Cell<bool>,
}

/// The sectors and which follows which.
struct Sectors<'a> {
    bytes: &'a [u8],
    shift: usize,
    table: Vec<u32>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

impl<'a> Sectors<'a> {
    fn open(bytes: &'a [u8]) -> Option<Sectors<'a>> {
        let shift = usize::from(u16_at(bytes, 0x1e)?);
        if !bytes.starts_with(MAGIC) || !matches!(shift, 9 | 12) {
            return None;
        }
        let mut sectors = Sectors { bytes, shift, table: Vec::new() };
        let header = bytes.get(0x4c..0x4c + 4 * TABLES_IN_HEADER)?;
        let count = sectors.count();
        // The file can be no longer than its table says; nor can the table than the file needs.
        let most = count.div_ceil(1 << (shift - 2));
        let mut places: Vec<u32> = numbers(header).take_while(|&place| place < MARKS).collect();
        let mut next = u32_at(bytes, 0x44)?;
        // It may name itself as the next: no chain has more sectors than the file.
        for _ in 0..count {
            if places.len() >= most || next >= MARKS {
                break;
            }
            let Some((last, some)) =
                sectors.sector(next).and_then(|sector| sector.split_last_chunk::<4>().map(|(some, last)| (last, some)))
            else {
                break;
            };
            places.extend(numbers(some).take_while(|&place| place < MARKS));
            next = if some.is_empty() { MARKS } else { u32::from_le_bytes(*last) };
        }
        places.truncate(most);
        for place in places {
            let sector = sectors.sector(place).unwrap_or_default();
            let before = sectors.table.len();
            let table: Vec<u32> = numbers(sector).collect();
            sectors.table.extend(table);
            sectors.table.resize(before + (1 << (shift - 2)), MARKS);
        }
        Some(sectors)
    }

    fn count(&self) -> usize {
        self.bytes.len() >> self.shift
    }

    /// The last sector of a cut file is shorter.
    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize).checked_add(1)?.checked_mul(1 << self.shift)?;
        let end = self.bytes.len().min(start + (1 << self.shift));
        self.bytes.get(start..end).filter(|sector| !sector.is_empty())
    }

    /// The content of a chain, at most `most` bytes; borrowed where its sectors stand in a row.
    fn chain(&self, start: u32, most: usize) -> Cow<'a, [u8]> {
        let (mut next, mut steps, mut length) = (start, 0, 0);
        let mut runs: Vec<(usize, usize)> = Vec::new();
        while next < MARKS && length < most && steps <= self.count() {
            let Some(sector) = self.sector(next) else { break };
            let from = (next as usize + 1) << self.shift;
            let to = from + sector.len().min(most - length);
            length += to - from;
            match runs.last_mut() {
                Some((_, end)) if *end == from => *end = to,
                _ => runs.push((from, to)),
            }
            next = self.table.get(next as usize).copied().unwrap_or(MARKS);
            steps += 1;
        }
        match runs.as_slice() {
            [] => Cow::Borrowed(&[]),
            [(from, to)] => Cow::Borrowed(&self.bytes[*from..*to]),
            runs => Cow::Owned(runs.iter().flat_map(|(from, to)| &self.bytes[*from..*to]).copied().collect()),
        }
    }
}

impl<'a> Compound<'a> {
    /// None if it is no compound file, or has no folder that could be read.
    pub fn open(bytes: &'a [u8]) -> Option<Compound<'a>> {
        let sectors = Sectors::open(bytes)?;
        let directory = sectors.chain(u32_at(bytes, 0x30)?, bytes.len());
        let is_short = sectors.shift == 9;
        let entries: Vec<(Entry, [u32; 3])> = directory.chunks_exact(ENTRY).map(|entry| read_entry(entry, is_short)).collect();
        let root = &entries.first()?.0;
        let mini = sectors.chain(root.start, usize::try_from(root.size).unwrap_or(usize::MAX).min(bytes.len()));
        let mini_table = numbers(&sectors.chain(u32_at(bytes, 0x3c)?, bytes.len())).collect();
        let mut compound = Compound {
            sectors,
            mini,
            mini_table,
            entries: Vec::new(),
            // Once to look what it is, once more to take it out as a whole.
            left: Cell::new(2 * bytes.len()),
            copies: Cell::new(bytes.len() / ENTRY),
            is_damaged: Cell::new(false),
        };
        compound.entries = hung(entries);
        Some(compound)
    }

    pub fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// What stands in a folder.
    pub fn children(&self, folder: usize) -> impl Iterator<Item = (usize, &Entry)> + '_ {
        self.entries[folder].children.iter().map(|&child| (child, &self.entries[child]))
    }

    pub fn child(&self, folder: usize, name: &str) -> Option<usize> {
        self.children(folder).find(|(_, entry)| entry.name.eq_ignore_ascii_case(name)).map(|(index, _)| index)
    }

    /// The bytes of a stream, as far as they are there.
    pub fn stream(&self, index: usize) -> Cow<'a, [u8]> {
        let entry = &self.entries[index];
        if entry.is_folder || entry.size == 0 {
            return Cow::Borrowed(&[]);
        }
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let most = size.min(self.left.get());
        let content = if entry.size < MINI_CUTOFF { self.mini_chain(entry.start, most) } else { self.sectors.chain(entry.start, most) };
        self.left.set(self.left.get() - content.len());
        if content.len() < size {
            self.is_damaged.set(true);
        }
        content
    }

    /// Counts the copy of an entry; false if there are as many as fit a file of this length.
    pub fn may_copy(&self) -> bool {
        let left = self.copies.get();
        self.is_damaged.set(self.is_damaged.get() || left == 0);
        self.copies.set(left.saturating_sub(1));
        left > 0
    }

    /// Some stream was shorter than its folder says.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.get()
    }

    fn mini_chain(&self, start: u32, most: usize) -> Cow<'a, [u8]> {
        let mut out = Vec::with_capacity(most);
        let mut next = start;
        let mut steps = 0;
        while next < MARKS && out.len() < most && steps <= self.mini_table.len() {
            let from = (next as usize) << MINI_SHIFT;
            let Some(some) = self.mini.get(from..).filter(|some| !some.is_empty()) else { break };
            out.extend_from_slice(&some[..some.len().min(1 << MINI_SHIFT).min(most - out.len())]);
            next = self.mini_table.get(next as usize).copied().unwrap_or(MARKS);
            steps += 1;
        }
        Cow::Owned(out)
    }
}

/// MS-CFB §2.6.1. Beside the entry: its left and right neighbour, and its first child.
fn read_entry(bytes: &[u8], is_short: bool) -> (Entry, [u32; 3]) {
    let number = |at: usize| u32_at(bytes, at).unwrap_or(MARKS);
    let length = usize::from(u16_at(bytes, 64).unwrap_or_default()).clamp(2, 64) - 2;
    let units = bytes[..length].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let name = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).take_while(|&c| c != '\0').collect();
    // In files of version 3 the upper half of the size may be anything.
    let upper = if is_short { 0 } else { u64::from(number(124)) << 32 };
    let mut class = [0; 16];
    class.copy_from_slice(&bytes[80..96]);
    let entry = Entry {
        name,
        is_folder: matches!(bytes[66], 1 | 5),
        class,
        start: number(116),
        size: u64::from(number(120)) | upper,
        children: Vec::new(),
    };
    (entry, [number(68), number(72), number(76)])
}

/// Hangs every entry into the one folder that names it first.
fn hung(entries: Vec<(Entry, [u32; 3])>) -> Vec<Entry> {
    let (mut entries, links): (Vec<Entry>, Vec<[u32; 3]>) = entries.into_iter().unzip();
    let mut is_hung = vec![false; entries.len()];
    is_hung[ROOT] = true;
    let mut folders = vec![ROOT];
    while let Some(folder) = folders.pop() {
        let mut waiting = vec![links[folder][2]];
        let mut children = Vec::new();
        while let Some(next) = waiting.pop() {
            let next = next as usize;
            if is_hung.get(next) != Some(&false) {
                continue;
            }
            is_hung[next] = true;
            children.push(next);
            waiting.extend(&links[next][..2]);
            if entries[next].is_folder {
                folders.push(next);
            }
        }
        // In the order in which they were written: attachments are numbered so.
        children.sort_unstable();
        entries[folder].children = children;
    }
    entries
}

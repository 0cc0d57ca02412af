//! Writes a compound file: an object of another program that stood within a .msg becomes a file that this program opens. MS-CFB,
//! version 3.

/// How every compound file begins.
pub const MAGIC: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

const SECTOR: usize = 512;
const MINI_SECTOR: usize = 64;
const MINI_CUTOFF: usize = 4096;
const ENTRY: usize = 128;
const FREE: u32 = 0xffff_ffff;
const END: u32 = 0xffff_fffe;
const IS_TABLE: u32 = 0xffff_fffd;
const IS_TABLE_OF_TABLES: u32 = 0xffff_fffc;
const TABLES_IN_HEADER: usize = 109;
const NUMBERS: usize = SECTOR / 4;

/// A folder and what is in it; the outermost's name is never used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    pub name: String,
    pub class: [u8; 16],
    pub folders: Vec<Folder>,
    pub streams: Vec<(String, Vec<u8>)>,
}

/// The whole file.
pub fn written(root: &Folder) -> Vec<u8> {
    let mut file = File::default();
    file.entries.push(entry("Root Entry", 5, &root.class));
    let first = file.folder(root);
    set(&mut file.entries[0], 76, first);
    let mini = std::mem::take(&mut file.mini);
    let (mini_start, mini_size) = (file.chain(&mini), mini.len());
    set(&mut file.entries[0], 116, mini_start);
    set(&mut file.entries[0], 120, mini_size as u32);
    let mini_table = bytes_of(&file.mini_table);
    let mini_table_sectors = mini_table.len().div_ceil(SECTOR);
    let mini_table_start = file.chain(&mini_table);
    let directory = file.entries.concat();
    let directory_start = file.chain(&directory);
    file.finished(directory_start, mini_table_start, mini_table_sectors as u32)
}

#[derive(Default)]
struct File {
    sectors: Vec<u8>,
    table: Vec<u32>,
    mini: Vec<u8>,
    mini_table: Vec<u32>,
    entries: Vec<Vec<u8>>,
}

impl File {
    /// Writes what is in a folder; the root of its tree of entries.
    fn folder(&mut self, folder: &Folder) -> u32 {
        let mut children: Vec<(String, usize)> = Vec::new();
        for inner in &folder.folders {
            let index = self.entries.len();
            self.entries.push(entry(&inner.name, 1, &inner.class));
            let first = self.folder(inner);
            set(&mut self.entries[index], 76, first);
            set(&mut self.entries[index], 116, 0);
            children.push((inner.name.clone(), index));
        }
        for (name, content) in &folder.streams {
            let mut entry = entry(name, 2, &[0; 16]);
            let start = if content.len() < MINI_CUTOFF { self.mini_chain(content) } else { self.chain(content) };
            set(&mut entry, 116, start);
            set(&mut entry, 120, content.len() as u32);
            children.push((name.clone(), self.entries.len()));
            self.entries.push(entry);
        }
        // MS-CFB §2.6.4: by length, then in capitals.
        children.sort_by_key(|(name, _)| (name.encode_utf16().count(), name.to_uppercase()));
        let order: Vec<usize> = children.into_iter().map(|(_, index)| index).collect();
        self.hang(&order)
    }

    /// A balanced tree of siblings.
    fn hang(&mut self, order: &[usize]) -> u32 {
        let middle = order.len() / 2;
        let Some(&index) = order.get(middle) else { return FREE };
        let (left, right) = (self.hang(&order[..middle]), self.hang(&order[middle + 1..]));
        set(&mut self.entries[index], 68, left);
        set(&mut self.entries[index], 72, right);
        index as u32
    }

    fn chain(&mut self, content: &[u8]) -> u32 {
        self.sectors.extend_from_slice(content);
        self.sectors.resize(self.sectors.len().next_multiple_of(SECTOR), 0);
        linked(&mut self.table, content.len().div_ceil(SECTOR))
    }

    fn mini_chain(&mut self, content: &[u8]) -> u32 {
        self.mini.extend_from_slice(content);
        self.mini.resize(self.mini.len().next_multiple_of(MINI_SECTOR), 0);
        linked(&mut self.mini_table, content.len().div_ceil(MINI_SECTOR))
    }

    fn finished(mut self, directory: u32, mini_table: u32, mini_table_sectors: u32) -> Vec<u8> {
        let used = self.table.len();
        let (mut tables, mut more) = (0, 0);
        loop {
            let needed = (used + tables + more).div_ceil(NUMBERS);
            let needed_more = needed.saturating_sub(TABLES_IN_HEADER).div_ceil(NUMBERS - 1);
            if (needed, needed_more) == (tables, more) {
                break;
            }
            (tables, more) = (needed, needed_more);
        }
        self.table.extend(std::iter::repeat_n(IS_TABLE, tables));
        self.table.extend(std::iter::repeat_n(IS_TABLE_OF_TABLES, more));
        self.table.resize(tables * NUMBERS, FREE);
        let places: Vec<u32> = (used..used + tables).map(|place| place as u32).collect();
        let (in_header, beyond) = places.split_at(places.len().min(TABLES_IN_HEADER));
        let more_start = if more == 0 { END } else { (used + tables) as u32 };
        let mut out = Vec::with_capacity(SECTOR * (1 + used + tables + more));
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 16]);
        out.extend([0x3e_u16, 3, 0xfffe, 9, 6, 0, 0, 0].iter().flat_map(|number| number.to_le_bytes()));
        let numbers = [0, tables as u32, directory, 0, MINI_CUTOFF as u32, mini_table, mini_table_sectors, more_start, more as u32];
        out.extend(bytes_of(&numbers));
        out.extend(bytes_of(in_header));
        out.extend(bytes_of(&vec![FREE; TABLES_IN_HEADER - in_header.len()]));
        out.extend(self.sectors);
        out.extend(bytes_of(&self.table));
        for (at, some) in beyond.chunks(NUMBERS - 1).enumerate() {
            let mut sector = some.to_vec();
            sector.resize(NUMBERS - 1, FREE);
            sector.push(if at + 1 < more { (used + tables + at + 1) as u32 } else { END });
            out.extend(bytes_of(&sector));
        }
        out
    }
}

/// Adds a chain of so many sectors to a table; its first.
fn linked(table: &mut Vec<u32>, count: usize) -> u32 {
    if count == 0 {
        return END;
    }
    let start = table.len() as u32;
    table.extend(start + 1..start + count as u32);
    table.push(END);
    start
}

fn bytes_of(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// MS-CFB §2.6.1, all links free.
fn entry(name: &str, kind: u8, class: &[u8; 16]) -> Vec<u8> {
    let mut entry = vec![0; ENTRY];
    let units: Vec<u16> = name.encode_utf16().take(31).collect();
    for (at, unit) in units.iter().enumerate() {
        entry[2 * at..2 * at + 2].copy_from_slice(&unit.to_le_bytes());
    }
    entry[64] = (2 * units.len() + 2) as u8;
    // All are black: what reads the tree asks for no more.
    (entry[66], entry[67]) = (kind, 1);
    for link in [68, 72, 76] {
        set(&mut entry, link, FREE);
    }
    entry[80..96].copy_from_slice(class);
    entry
}

fn set(entry: &mut [u8], at: usize, number: u32) {
    entry[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

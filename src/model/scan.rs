//! What the virus scanner says.

/// What it says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    Clean,
    /// The name of what it found, as legible text.
    Infected(String),
    /// It does not look into this file: too large, or nothing that it reads.
    NotLooked,
}

/// What came of showing it the files of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// By their place among the attachments. Files that were not asked about are missing.
    pub files: Vec<(usize, Looked)>,
    /// It could not be asked about the rest.
    pub is_incomplete: bool,
}

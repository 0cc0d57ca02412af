//! Where an installation keeps what it must not lose.

use std::path::PathBuf;

/// Database and blobs.
#[derive(Clone, Debug)]
pub struct Place {
    pub database: PathBuf,
    /// Folder of the blob store.
    pub blobs: PathBuf,
}

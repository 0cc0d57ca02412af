//! Objects: raw mail over 64 KiB, and documents that came out of containers. Named by id, so that erasing one erases it.
//! Durable when written: files and their folders are synced.

use crate::model::id::{ArrivalId, DocumentId, TenantId};
use anyhow::Context;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

/// Raw mail up to this size lies in the database.
pub const LARGEST_IN_DATABASE: usize = 64 * 1024;
/// Bytes that an upload gathers before it writes them: what one session may hold in memory.
const PART: usize = 1 << 20;

#[derive(Clone, Debug)]
pub struct Blobs {
    objects: Arc<dyn ObjectStore>,
    /// Of local objects.
    folder: Option<Arc<std::path::Path>>,
}

/// An id's first five characters change every nine hours: folders stay small.
fn path(kind: &str, tenant: &TenantId, id: &str) -> Path {
    Path::from_iter([kind, tenant.as_str(), &id[..5.min(id.len())], id])
}

impl Blobs {
    pub fn local(folder: &std::path::Path) -> anyhow::Result<Blobs> {
        let context = || folder.display().to_string();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(context)?;
        let objects = LocalFileSystem::new_with_prefix(folder).with_context(context)?.with_fsync(true);
        Ok(Blobs { objects: Arc::new(objects), folder: Some(folder.into()) })
    }

    /// Keeps nothing: for tests of a session.
    pub fn in_memory() -> Blobs {
        Blobs { objects: Arc::new(object_store::memory::InMemory::new()), folder: None }
    }

    /// Takes away what uploads left that a crash cut off: nobody was told 250 for them. Only while nothing else writes.
    /// Looks into the newest folders alone, so that its cost does not grow with the data; returns how many there were.
    pub fn sweep(&self) -> anyhow::Result<usize> {
        let Some(folder) = &self.folder else { return Ok(0) };
        let mut swept = 0;
        for tenants in ["raw", "document"] {
            for tenant in entries(&folder.join(tenants))? {
                for newest in entries(&tenant)?.into_iter().rev().take(2) {
                    for file in entries(&newest)?.iter().filter(|file| file.to_string_lossy().contains('#')) {
                        std::fs::remove_file(file).with_context(|| file.display().to_string())?;
                        swept += 1;
                    }
                }
            }
        }
        Ok(swept)
    }

    /// Begins to write a raw mail of unknown size.
    pub async fn upload_raw(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<Upload> {
        let upload = self.objects.put_multipart(&path("raw", tenant, &arrival.to_string())).await?;
        Ok(Upload { upload, part: Vec::new() })
    }

    pub async fn raw(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<Bytes> {
        self.get(&path("raw", tenant, &arrival.to_string())).await
    }

    pub async fn raw_range(&self, tenant: &TenantId, arrival: ArrivalId, range: Range<u64>) -> anyhow::Result<Bytes> {
        let path = path("raw", tenant, &arrival.to_string());
        self.objects.get_range(&path, range).await.with_context(|| path.to_string())
    }

    /// The mail in pieces, so that reading it costs no memory.
    pub async fn raw_stream(
        &self,
        tenant: &TenantId,
        arrival: ArrivalId,
    ) -> anyhow::Result<impl futures_util::Stream<Item = anyhow::Result<Bytes>> + use<>> {
        let path = path("raw", tenant, &arrival.to_string());
        let found = self.objects.get(&path).await.with_context(|| path.to_string())?;
        Ok(found.into_stream().map(|piece| piece.map_err(anyhow::Error::from)))
    }

    pub async fn delete_raw(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<()> {
        Ok(self.objects.delete(&path("raw", tenant, &arrival.to_string())).await?)
    }

    /// Removes a raw mail that may be gone already.
    pub async fn remove_raw(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<()> {
        match self.objects.delete(&path("raw", tenant, &arrival.to_string())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a document; an id is never written twice with other bytes.
    pub async fn put_document(&self, tenant: &TenantId, document: DocumentId, bytes: Vec<u8>) -> anyhow::Result<()> {
        let path = path("document", tenant, &document.to_string());
        let options = PutOptions::from(PutMode::Create);
        self.objects.put_opts(&path, PutPayload::from(bytes), options).await.with_context(|| path.to_string())?;
        Ok(())
    }

    /// Takes an object away that no row names.
    pub async fn delete_document(&self, tenant: &TenantId, document: DocumentId) -> anyhow::Result<()> {
        Ok(self.objects.delete(&path("document", tenant, &document.to_string())).await?)
    }

    pub async fn document(&self, tenant: &TenantId, document: DocumentId) -> anyhow::Result<Bytes> {
        self.get(&path("document", tenant, &document.to_string())).await
    }

    async fn get(&self, path: &Path) -> anyhow::Result<Bytes> {
        let found = self.objects.get(path).await.with_context(|| path.to_string())?;
        Ok(found.bytes().await?)
    }
}

/// What lies in a folder, by name; nothing if there is none.
fn entries(folder: &std::path::Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let found = match std::fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let mut paths =
        found.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().with_context(|| folder.display().to_string())?;
    paths.sort();
    Ok(paths)
}

/// A raw mail on its way in. Dropped without `complete`, nothing stays.
#[derive(Debug)]
pub struct Upload {
    upload: Box<dyn MultipartUpload>,
    part: Vec<u8>,
}

impl Upload {
    pub async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART {
            self.flush().await?;
        }
        Ok(())
    }

    /// Durable when it returns.
    pub async fn complete(mut self) -> anyhow::Result<()> {
        if !self.part.is_empty() {
            self.flush().await?;
        }
        self.upload.complete().await?;
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let part = std::mem::take(&mut self.part);
        Ok(self.upload.put_part(PutPayload::from(part)).await?)
    }
}

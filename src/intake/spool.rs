//! Takes the bytes of one mail as they come: small ones stay in memory, larger ones go to the blob store while they are read.
//! Memory per mail is bounded, whatever its size.

use crate::model::arrival::Raw;
use crate::model::digest;
use crate::model::id::{ArrivalId, TenantId};
use crate::store::blobs::{Blobs, LARGEST_IN_DATABASE, Upload};
use sha2::{Digest, Sha256};

/// A mail on its way in.
pub struct Spool {
    blobs: Blobs,
    tenant: TenantId,
    id: ArrivalId,
    most: u64,
    /// The first bytes: enough for any header section, and the whole of a small mail.
    head: Vec<u8>,
    state: State,
    hash: Sha256,
    size: u64,
}

enum State {
    InMemory,
    Uploading(Upload),
    TooBig,
    Failed(anyhow::Error),
}

/// A whole mail.
#[derive(Debug)]
pub struct Spooled {
    pub id: ArrivalId,
    pub raw: Raw,
    /// Begins with the header section; cut at 64 KiB.
    pub head: Vec<u8>,
    /// Lower-case hex.
    pub sha256: String,
    pub size: u64,
}

/// Why there is no whole mail.
#[derive(Debug)]
pub enum NotSpooled {
    TooBig,
    NotNow(anyhow::Error),
}

impl Spool {
    pub fn new(blobs: Blobs, tenant: TenantId, id: ArrivalId, most: u64) -> Spool {
        Spool { blobs, tenant, id, most, head: Vec::new(), state: State::InMemory, hash: Sha256::new(), size: 0 }
    }

    /// Bytes taken so far, also those that were not kept.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes bytes. A failure is remembered and told at the end: the peer speaks on until it has said its last dot.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.size > self.most {
            self.state = State::TooBig;
        }
        if matches!(self.state, State::TooBig | State::Failed(_)) {
            return;
        }
        self.hash.update(bytes);
        if let Err(error) = self.keep(bytes).await {
            self.state = State::Failed(error);
        }
    }

    async fn keep(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if let State::Uploading(upload) = &mut self.state {
            return upload.write(bytes).await;
        }
        let room = LARGEST_IN_DATABASE - self.head.len();
        if bytes.len() <= room {
            self.head.extend_from_slice(bytes);
            return Ok(());
        }
        let mut upload = self.blobs.upload_raw(&self.tenant, self.id).await?;
        upload.write(&self.head).await?;
        upload.write(bytes).await?;
        self.head.extend_from_slice(&bytes[..room]);
        self.state = State::Uploading(upload);
        Ok(())
    }

    /// The whole mail. A large one is durable when this returns.
    pub async fn finish(self) -> Result<Spooled, NotSpooled> {
        let sha256 = digest::finished(self.hash);
        let raw = match self.state {
            State::TooBig => return Err(NotSpooled::TooBig),
            State::Failed(error) => return Err(NotSpooled::NotNow(error)),
            State::InMemory => Raw::Bytes(self.head.clone().into()),
            State::Uploading(upload) => {
                upload.complete().await.map_err(NotSpooled::NotNow)?;
                Raw::Object
            }
        };
        Ok(Spooled { id: self.id, raw, head: self.head, sha256, size: self.size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spool(size: usize, most: u64) -> (Result<Spooled, NotSpooled>, Blobs) {
        let blobs = Blobs::in_memory();
        let mut spool = Spool::new(blobs.clone(), TenantId::new("acme"), ArrivalId::generate(), most);
        let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        for chunk in bytes.chunks(10_000) {
            spool.write(chunk).await;
        }
        (spool.finish().await, blobs)
    }

    #[tokio::test]
    async fn small_and_large_mail() {
        let (small, _) = spool(LARGEST_IN_DATABASE, u64::MAX).await;
        assert!(matches!(small.unwrap().raw, Raw::Bytes(bytes) if bytes.len() == LARGEST_IN_DATABASE));
        let (large, blobs) = spool(3_000_000, u64::MAX).await;
        let large = large.unwrap();
        assert!(matches!(large.raw, Raw::Object));
        let stored = blobs.raw(&TenantId::new("acme"), large.id).await.unwrap();
        assert_eq!(stored.len(), 3_000_000);
        assert_eq!((large.sha256, large.size, large.head.len()), (digest::sha256(&stored), 3_000_000, LARGEST_IN_DATABASE));
        assert_eq!(large.head[..], stored[..LARGEST_IN_DATABASE]);
    }

    #[tokio::test]
    async fn too_big() {
        assert!(matches!(spool(1_001, 1_000).await.0, Err(NotSpooled::TooBig)));
        assert!(spool(1_000, 1_000).await.0.is_ok());
        let (big, _) = spool(3_000_000, 2_999_999).await;
        assert!(matches!(big, Err(NotSpooled::TooBig)));
    }
}

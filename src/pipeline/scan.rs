//! Shows the files of one mail to the virus scanner, as readers would get them: decoded.

use super::{Pipeline, Read};
use crate::model::id::ArrivalId;
use crate::model::message::{Attachment, PartRole, Source};
use crate::model::part::PartReason;
use crate::model::scan::{Looked, Scan};
use crate::scan::{Scanner, Trouble};
use crate::screen;
use crate::store::arrivals::Claimed;
use crate::understand;
use anyhow::{Context, anyhow};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// A file at which a scanner that can be reached failed so often is one that it does not look into: it may be made for that.
const TRIES: u32 = 5;
/// Mails whose failures are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// How often the scanner failed at a file of each mail. A restart forgets it: then it is tried so often again.
pub(super) type Failures = Arc<Mutex<HashMap<ArrivalId, u32>>>;

impl Pipeline {
    /// Asks about every file that would be seen. An error: put it back, the scanner may return.
    pub(super) async fn scan(&self, scanner: &Scanner, claimed: &Claimed, read: &mut Read, raw: &Bytes) -> anyhow::Result<()> {
        let mut scan = Scan::default();
        for index in screen::to_scan(&read.message) {
            let attachment = read.message.attachments.get(index).context("a file that is not there")?;
            let Some(looked) = self.look(scanner, claimed, attachment, raw).await? else {
                scan.is_incomplete = true;
                break;
            };
            if looked != Looked::Clean {
                warn!(arrival.id = %claimed.id, part = index, size_bytes = attachment.size, ?looked, "a file of arrival {} is kept out", claimed.id);
            }
            scan.files.push((index, looked));
        }
        screen::after_scan(&mut read.message, &scan, claimed.assigned.as_ref().map(|assigned| assigned.chosen));
        if !scan.is_incomplete {
            self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&claimed.id);
        }
        read.scan = Some(scan);
        Ok(())
    }

    /// None: the scanner could not be asked, and such mail is held.
    async fn look(&self, scanner: &Scanner, claimed: &Claimed, attachment: &Attachment, raw: &Bytes) -> anyhow::Result<Option<Looked>> {
        if is_closed(attachment) {
            return Ok(Some(Looked::NotLooked));
        }
        let bytes = content(attachment, raw).await?;
        let looked = match scanner.look(&bytes).await {
            Ok(Looked::Clean) if is_mail(attachment) => scanner.look(&[MAIL_BEGINS, &bytes].concat()).await,
            looked => looked,
        };
        match looked {
            Ok(looked) => Ok(Some(looked)),
            Err(Trouble::Failed(_)) if self.has_failed_too_often(claimed.id) => Ok(Some(Looked::NotLooked)),
            Err(trouble) if scanner.holds_when_down() => {
                warn!(arrival.id = %claimed.id, error = %trouble, "arrival {} is not scanned", claimed.id);
                Ok(None)
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Counts one more failure.
    fn has_failed_too_often(&self, id: ArrivalId) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_REMEMBERED && !failures.contains_key(&id) {
            failures.clear();
        }
        let failed = failures.entry(id).or_default();
        *failed += 1;
        *failed > TRIES
    }
}

/// A container that was too deep to be opened: what is encoded in it would be hidden from the scanner, and not from its reader.
fn is_closed(attachment: &Attachment) -> bool {
    attachment.role == PartRole::File && attachment.reason == Some(PartReason::KeptUnopened)
}

/// A line that makes a mail a mail to the scanner. Without it, one whose first field is `GIF89a: x` is an image to it, in which
/// nothing is encoded; a mail program opens it all the same.
const MAIL_BEGINS: &[u8] = b"Received: by rohrpost\r\n";

/// Endings of files that mail programs open as mail.
const MAIL_ENDINGS: [&str; 5] = [".eml", ".mht", ".mhtml", ".nws", ".mbox"];

fn is_mail(attachment: &Attachment) -> bool {
    let name = attachment.name.as_deref().unwrap_or_default().to_lowercase();
    let is_named_so = MAIL_ENDINGS.iter().any(|ending| name.ends_with(ending));
    is_named_so || attachment.media_type == "message/rfc822" || attachment.declared_type.starts_with("message/")
}

/// The decoded bytes.
async fn content(attachment: &Attachment, raw: &Bytes) -> anyhow::Result<Vec<u8>> {
    match &attachment.source {
        Source::Decoded(bytes) => Ok(bytes.clone()),
        Source::Range { range, encoding } => {
            if range.end > raw.len() || range.start > range.end {
                return Err(anyhow!("a file lies outside of its mail"));
            }
            let (stretch, encoding) = (raw.slice(range.clone()), *encoding);
            Ok(tokio::task::spawn_blocking(move || understand::decoded(&stretch, encoding)).await?)
        }
    }
}

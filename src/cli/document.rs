//! `document get`: the bytes of a filed document.

use super::{Done, Failure, On, actor, show};
use crate::model::digest;
use crate::model::id::{DocumentId, TenantId};
use crate::store::Store;
use crate::store::history::Document;
use crate::understand;
use anyhow::{Context, ensure};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write a document to a file, or to standard output
    Get {
        /// Its id, as `history` prints it
        id: DocumentId,
        /// Where to; must not exist yet
        #[arg(long, short)]
        output: Option<PathBuf>,
        /// Even if it was taken back: for operators who look into what happened
        #[arg(long)]
        withdrawn: bool,
    },
}

pub async fn run(on: &On, command: Command) -> Done {
    let Command::Get { id, output, withdrawn } = command;
    let (_, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    let found = store.document(&tenant.id, id).await?;
    let Some(document) = found else { return Err(Failure::Failed(anyhow::anyhow!("there is no document {id}"))) };
    if document.withdrawn && !withdrawn {
        let why = "it was taken back with its mail and is not this application's any more; operators open it with --withdrawn";
        return Err(Failure::Failed(anyhow::anyhow!("document {id}: {why}")));
    }
    let bytes = content(&store, &tenant.id, &document).await?;
    if output.is_none() && std::io::stdout().is_terminal() {
        let what = format!("{} bytes of {} are not for a terminal: --output FILE, or a pipe", bytes.len(), document.media_type);
        return Err(Failure::Usage(what));
    }
    store.opened(&tenant.id, id.to_string(), actor()).await?;
    match output {
        Some(path) => {
            let mut file = std::fs::File::create_new(&path).with_context(|| path.display().to_string())?;
            file.write_all(&bytes).with_context(|| path.display().to_string())?;
            Ok(())
        }
        None => show::out_bytes(&bytes),
    }
}

/// A document's decoded bytes, proved by their hash.
pub async fn content(store: &Store, tenant: &TenantId, document: &Document) -> anyhow::Result<Vec<u8>> {
    let source = store.document_source(tenant, document).await?;
    let bytes = match &document.range {
        Some((_, encoding)) => understand::decoded(&source, *encoding),
        None => source,
    };
    ensure!(digest::sha256(&bytes) == document.sha256, "document {}: its bytes do not have the hash that was filed", document.id);
    Ok(bytes)
}

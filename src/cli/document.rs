//! `document`: the bytes of a filed document, and its kind.

use super::{Done, Failure, On, actor, kind, show};
use crate::model::digest;
use crate::model::file_name::FilenameRule;
use crate::model::id::{DocumentId, TenantId};
use crate::model::message::Kind;
use crate::pipeline::correct_kind::{Learn, NotChanged};
use crate::pipeline::{Pipeline, Settings};
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
    /// Say what kind of document it is, where its name did not
    Kind {
        /// Its id, as `history` prints it
        id: DocumentId,
        /// cv, cover_letter, certificate, employment_reference, photo, work_sample, dossier or other
        #[arg(value_parser = kind::parse)]
        kind: Kind,
        /// Make a rule of it, so that the next file with such a name is of this kind
        #[arg(long)]
        learn: bool,
    },
}

pub async fn run(on: &On, command: Command) -> Done {
    match command {
        Command::Get { id, output, withdrawn } => get(on, id, output, withdrawn).await,
        Command::Kind { id, kind, learn } => change(on, id, kind, if learn { Learn::Now } else { Learn::Offer }).await,
    }
}

async fn change(on: &On, id: DocumentId, kind: Kind, learn: Learn) -> Done {
    let (config, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    let settings = Settings { portal_url: config.portal_url, postmaster: config.postmaster };
    let pipeline = Pipeline::new(store.clone(), settings, None);
    let done = pipeline.correct_kind(&tenant, id, kind, &actor(), learn).await.map_err(|error| match error {
        NotChanged::Failed(error) => Failure::Failed(error),
        other => Failure::Failed(other.into()),
    })?;
    store.close().await;
    show::out(format!("{id}: {}, and no more {}", kind.as_str(), show::clean(&done.before)))?;
    match (done.word, done.learnt) {
        (Some(words), Some(added)) => show::out(kind::said(added, &FilenameRule { words, kind })?),
        (Some(word), None) => {
            let word = show::clean(&word);
            show::out(format!("if {word:?} always tells this kind: rohrpost kind add --word {word:?} --kind {}", kind.as_str()))
        }
        (None, _) if learn == Learn::Now => show::out("nothing learnt: no word of its name tells this kind alone"),
        (None, _) => Ok(()),
    }
}

async fn get(on: &On, id: DocumentId, output: Option<PathBuf>, withdrawn: bool) -> Done {
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

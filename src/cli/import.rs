//! `import`: loads or updates an organisation. Everything is checked before anything is written.

use super::{Done, Failure, On, show};
use crate::model::import::ImportFile;
use crate::store::{Missing, Store};
use anyhow::Context;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The organisation (docs/configuration.md describes the format)
    file: PathBuf,
    /// Only look for faults
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(on: &On, args: Args) -> Done {
    let config = on.config()?;
    let file = read(&args.file)?;
    let store = Store::open(&config.place, Missing::Create).await?;
    let existing = store.existing(&file).await?;
    let faults = file.faults(&existing);
    if !faults.is_empty() {
        let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", args.file.display())).collect();
        return Err(Failure::Failed(anyhow::anyhow!("nothing was imported:\n{}", lines.join("\n"))));
    }
    if args.dry_run {
        return show::out("the file has no faults; nothing was written");
    }
    let tenant = file.tenant.id.clone();
    let done = store.import(file, &existing).await?;
    store.close().await;
    show::out(format!(
        "tenant {tenant}: {} departments, {} users, {} jobs, {} applications",
        done.departments, done.users, done.jobs, done.applications
    ))?;
    for (application, number) in done.issued {
        show::out(format!("application {application} got the number {number}"))?;
    }
    Ok(())
}

/// Reads the file; a fault says its place as a JSON path and as line and column.
pub fn read(path: &Path) -> anyhow::Result<ImportFile> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut json = serde_json::Deserializer::from_str(&text);
    let file = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| anyhow::anyhow!("{}: {}: {}", path.display(), error.path(), error.inner()))?;
    json.end().with_context(|| path.display().to_string())?;
    Ok(file)
}

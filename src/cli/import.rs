//! `import`: loads or updates an organisation. Everything is checked before anything is written.

use super::{Done, Failure, On, show};
use crate::model::import::{Fault, ImportFile};
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
        return Err(Failure::Failed(faulty(&args.file, &faults)));
    }
    if args.dry_run {
        return show::out("the file has no faults; nothing was written");
    }
    let tenant = file.tenant.id.clone();
    let done = store.import(file, &existing).await?;
    store.close().await;
    show::out(format!(
        "tenant {tenant}: {}, {}, {}, {}",
        show::counted(done.departments, "department"),
        show::counted(done.users, "user"),
        show::counted(done.jobs, "job"),
        show::counted(done.applications, "application"),
    ))?;
    for (application, number) in done.issued {
        show::out(format!("application {application} got the number {number}"))?;
    }
    Ok(())
}

/// Reads the file; a fault says its place as a JSON path, or as line and column where it is no JSON.
fn read(path: &Path) -> anyhow::Result<ImportFile> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    ImportFile::read(&text).map_err(|faults| faulty(path, &faults))
}

fn faulty(path: &Path, faults: &[Fault]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", path.display())).collect();
    anyhow::anyhow!("nothing was imported:\n{}", lines.join("\n"))
}

//! `import`: loads or updates an organisation. Everything is checked before anything is written.

use super::{Done, Failure, On, show};
use crate::model::file_name::{FilenameRule, MOST_RULES};
use crate::model::id::TenantId;
use crate::model::import::ImportFile;
use crate::store::filename_rules::{GivenRule, Replaced};
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
    let tenant = file.tenant.id.clone();
    let rules = match &file.tenant.filename_rules {
        Some(rules) => {
            Some(about_rules(&store.filename_rules(&TenantId::new(&tenant)).await?, rules).map_err(|why| faulty(&args.file, &[why]))?)
        }
        None => None,
    };
    if args.dry_run {
        rules.map_or(Ok(()), show::out)?;
        return show::out("the file has no faults; nothing was written");
    }
    let done = store.import(file, &existing).await?;
    store.close().await;
    show::out(format!(
        "tenant {tenant}: {}, {}, {}, {}",
        show::counted(done.departments, "department"),
        show::counted(done.users, "user"),
        show::counted(done.jobs, "job"),
        show::counted(done.applications, "application"),
    ))?;
    rules.map_or(Ok(()), show::out)?;
    for (application, number) in done.issued {
        show::out(format!("application {application} got the number {number}"))?;
    }
    Ok(())
}

/// What becomes of the rules for file names, in a line; the fault, if they were too many with those that somebody taught.
fn about_rules(old: &[GivenRule], new: &[FilenameRule]) -> Result<String, String> {
    let replaced = Replaced::of(old, new);
    if new.len() + replaced.kept > MOST_RULES {
        let kept = show::counted(replaced.kept, "rule");
        return Err(format!("tenant.filename_rules: {kept} of `kind add` and `--learn` stay beside these, {MOST_RULES} at most in all"));
    }
    let mut line = format!("{} for file names", show::counted(new.len(), "rule"));
    if replaced.kept > 0 {
        line += &format!("; {} of `kind add` and `--learn` kept", replaced.kept);
    }
    for (rules, what) in [(&replaced.gone, "of an earlier file taken away"), (&replaced.overruled, "taught otherwise before")] {
        let words: Vec<String> = rules.iter().map(|rule| format!("{} ({})", show::clean(&rule.words), rule.kind.as_str())).collect();
        if !words.is_empty() {
            line += &format!("; {} {what}: {}", words.len(), words.join(", "));
        }
    }
    Ok(line)
}

/// Reads the file; a fault says its place as a JSON path, or as line and column where it is no JSON.
fn read(path: &Path) -> anyhow::Result<ImportFile> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    ImportFile::read(&text).map_err(|faults| faulty(path, &faults))
}

fn faulty(path: &Path, faults: &[impl std::fmt::Display]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", path.display())).collect();
    anyhow::anyhow!("nothing was imported:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message::Kind;

    #[test]
    fn what_becomes_of_rules() {
        let rule = |words: &str| FilenameRule { words: words.into(), kind: Kind::Cv };
        let given = |words: &str, by: &str| GivenRule { rule: rule(words), at: jiff::Timestamp::now(), by: by.into() };
        let old = [given("Blatt", "import"), given("Kompass", "cli:anna"), given("Foto", "cli:anna")];
        let new = [FilenameRule { words: "Foto".into(), kind: Kind::Other }];
        assert_eq!(
            about_rules(&old, &new).unwrap(),
            "1 rule for file names; 1 of `kind add` and `--learn` kept; 1 of an earlier file taken away: Blatt (cv); \
             1 taught otherwise before: Foto (cv)"
        );
        assert_eq!(about_rules(&[], &[rule("a1"), rule("b1")]).unwrap(), "2 rules for file names");
        let many: Vec<FilenameRule> = (0..MOST_RULES).map(|at| rule(&"x".repeat(at + 2))).collect();
        assert!(about_rules(&old[..1], &many).is_ok());
        assert!(about_rules(&old, &many).unwrap_err().contains("2 rules of `kind add`"));
    }
}

//! `kind`: what the words of this tenant's file names tell, before what everybody says.

use super::{Done, Failure, On, actor, show};
use crate::model::file_name::{self, FilenameRule, MOST_RULES};
use crate::model::message::Kind;
use crate::store::filename_rules::{Added, GivenRule};
use serde_json::json;

#[derive(clap::Subcommand)]
pub enum Command {
    /// The tenant's own rules
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Files that come from now on, and whose names have this word or phrase, are of this kind
    Add {
        #[arg(long, value_name = "WORDS")]
        word: String,
        /// cv, cover_letter, certificate, employment_reference, photo, work_sample, dossier or other
        #[arg(long, value_parser = parse)]
        kind: Kind,
    },
    /// Forget a rule; files keep the kind that they have
    Remove {
        #[arg(long, value_name = "WORDS")]
        word: String,
    },
}

/// A kind by its name, also `cover-letter`.
pub fn parse(text: &str) -> Result<Kind, String> {
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::ReferenceReport);
    Kind::parse(&text.to_lowercase().replace('-', "_"))
        .filter(|kind| *kind != Kind::ReferenceReport)
        .ok_or_else(|| format!("there are {}", kinds.map(Kind::as_str).collect::<Vec<_>>().join(", ")))
}

pub async fn run(on: &On, command: Command) -> Done {
    let (_, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    match command {
        Command::List { json } => list(&store.filename_rules(&tenant.id).await?, json)?,
        Command::Add { word, kind } => {
            let rule = FilenameRule { words: word.trim().to_owned(), kind };
            if let Some(fault) = rule.fault() {
                return Err(Failure::Usage(format!("--word: {fault}")));
            }
            let added = store.add_filename_rule(&tenant.id, rule.clone(), actor()).await?;
            show::out(said(added, &rule)?)?;
        }
        Command::Remove { word } => {
            let key = file_name::key(&word);
            if !store.remove_filename_rule(&tenant.id, key, actor()).await? {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "there is no rule for {:?}; `rohrpost kind list` shows them",
                    show::clean(&word)
                )));
            }
            show::out(format!("removed the rule for {:?}; files keep their kinds", show::clean(&word)))?;
        }
    }
    store.close().await;
    Ok(())
}

/// What became of a rule, in a line.
pub fn said(added: Added, rule: &FilenameRule) -> Result<String, Failure> {
    let words = show::clean(&rule.words);
    let kind = rule.kind.as_str();
    match added {
        Added::New | Added::Changed if rule.kind == Kind::Other => {
            Ok(format!("{words:?} in names of files tells nothing from now on; the rest of a name decides"))
        }
        Added::New => Ok(format!("files with {words:?} in their names are {kind} from now on")),
        Added::Changed => Ok(format!("files with {words:?} in their names are {kind} from now on; a rule said otherwise before")),
        Added::Known => Ok(format!("files with {words:?} in their names are {kind} already")),
        Added::TooMany => Err(Failure::Failed(anyhow::anyhow!("there are {MOST_RULES} rules already; remove one first"))),
    }
}

fn list(rules: &[GivenRule], json: bool) -> Done {
    if json {
        let rows = rules
            .iter()
            .map(|given| json!({"words": given.rule.words, "kind": given.rule.kind, "at": given.at.to_string(), "by": given.by}));
        return show::out_json(&json!(rows.collect::<Vec<_>>()));
    }
    if rules.is_empty() {
        return show::out("no rules of this tenant's own; those for everybody are in docs/kinds.md");
    }
    for given in rules {
        let (words, by) = (show::clean(&given.rule.words), show::clean(&given.by));
        show::out(format!("{words}  {}  ({} by {by})", given.rule.kind.as_str(), show::utc(given.at)))?;
    }
    Ok(())
}

//! `dead-letter`: the held view of `mail`, and its repair.

use super::{Done, Failure, On, actor, mail, reason, show};
use crate::config::Config;
use crate::dead_letter::folder::Folder;
use crate::model::id::ArrivalId;
use crate::model::verdict::Disposition;
use crate::place::suggest;
use crate::store::Store;
use crate::store::listing::{Filter, Listed};
use serde_json::json;

#[derive(clap::Subcommand)]
pub enum Command {
    /// What is held, and why
    List {
        #[arg(long)]
        json: bool,
    },
    /// One held mail, in plain words, with suggestions
    Show {
        id: ArrivalId,
        #[arg(long)]
        json: bool,
    },
    /// Send it through again
    Retry { id: ArrivalId },
    /// File it to the application with this number
    Assign {
        id: ArrivalId,
        #[arg(long)]
        reference: String,
    },
    /// Close it without filing it
    Discard {
        id: ArrivalId,
        #[arg(long)]
        why: String,
    },
}

pub async fn run(on: &On, command: Command) -> Done {
    let (config, store) = on.store().await?;
    let tenant = on.tenant(&store).await?.id;
    match command {
        Command::List { json } => {
            let filter = Filter { disposition: Some(Disposition::Held), open_only: true, most: None };
            let held = store.arrivals(&tenant, filter).await?;
            list(&store, &config, &held, json).await
        }
        Command::Show { id, json } => {
            let found = mail::found(&store, &tenant, id).await?;
            mail::show_one(&store, &found, json).await
        }
        Command::Retry { id } => {
            held(&store, &tenant, id).await?;
            store.retry(&tenant, id, actor(), None).await?;
            mail::told(&store, &config.place, &tenant, id).await
        }
        Command::Assign { id, reference } => {
            held(&store, &tenant, id).await?;
            assignable(&store, &tenant, &reference).await?;
            store.retry(&tenant, id, actor(), Some(reference)).await?;
            mail::told(&store, &config.place, &tenant, id).await
        }
        Command::Discard { id, why } => {
            store.discard(&tenant, id, actor(), reason(&why)?).await?;
            store.close().await;
            show::out(format!("{id} discarded"))
        }
    }
}

async fn held(store: &Store, tenant: &crate::model::id::TenantId, id: ArrivalId) -> Done {
    let found = mail::found(store, tenant, id).await?;
    match found.is_held() {
        true => Ok(()),
        false => Err(Failure::Failed(anyhow::anyhow!("{id} is not held; see `rohrpost mail show {id}`"))),
    }
}

/// The number must be one that mail can be filed under; a slip of the fingers is answered with what is near.
async fn assignable(store: &Store, tenant: &crate::model::id::TenantId, reference: &str) -> Done {
    match store.application(tenant, reference).await? {
        Some(application) if !application.erased => Ok(()),
        Some(_) => Err(Failure::Failed(anyhow::anyhow!("the application {reference} has been erased"))),
        None => {
            let nearby = store.nearby(tenant, &[], &suggest::near_numbers(reference)).await?;
            let near: Vec<String> = suggest::suggestions(&nearby, Some(reference)).into_iter().map(|one| one.reference).collect();
            let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
            Err(Failure::Failed(anyhow::anyhow!("there is no application {reference}{hint}")))
        }
    }
}

pub async fn list(store: &Store, config: &Config, held: &[Listed], as_json: bool) -> Done {
    let mut folder = Folder::new(config.dead_letters.clone());
    if as_json {
        let mut list = Vec::new();
        for mail in held {
            list.push(json!({
                "id": mail.id, "at": mail.at.to_string(), "reason": mail.reason, "explanation": mail.hold_reason().map(|reason| reason.explanation()),
                "from": show::sender(mail.from_name.as_deref(), mail.from_address.as_deref()), "subject": mail.subject,
                "suggestions": mail::suggestions(store, mail).await?, "file": folder.file_of(mail).await?,
            }));
        }
        return show::out_json(&list.into());
    }
    if held.is_empty() {
        show::out("nothing is held")?;
    }
    for mail in held {
        let from = mail.from_name.as_deref().or(mail.from_address.as_deref()).unwrap_or("unknown");
        show::out(format!("{}  {}  {}", mail.id, show::at(mail.at), mail.reason.as_deref().unwrap_or_default()))?;
        show::out(format!("  from     {}", show::clean(from)))?;
        show::out(format!("  subject  {}", show::clean(mail.subject.as_deref().unwrap_or_default())))?;
        show::out(format!("  {}", mail.hold_reason().map_or("", |reason| reason.explanation())))?;
        for one in mail::suggestions(store, mail).await? {
            show::out(format!("  perhaps  {}  {}  ({})", one.reference, show::clean(&one.candidate), one.why))?;
        }
    }
    for file in folder.foreign(held).await? {
        show::out(format!("foreign file, left alone: {}", file.display()))?;
    }
    Ok(())
}

//! `dead-letter`: the held view of `mail`, and its repair.

use super::{Done, Failure, On, actor, mail, reason, show, target};
use crate::config::Config;
use crate::dead_letter::folder::Folder;
use crate::model::daily;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::Disposition;
use crate::notify::compose::digest::{MOST_NAMED, digest};
use crate::store::Store;
use crate::store::listing::{Filter, Listed};
use anyhow::Context;
use jiff::Timestamp;
use serde_json::json;

#[derive(clap::Subcommand)]
pub enum Command {
    /// What is held, and why
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One held mail, in plain words, with suggestions
    Show {
        /// The mail's id, as `dead-letter list` prints it
        id: ArrivalId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Send it through again, or all that is held; or say what would become of it
    Retry(mail::retry::Args),
    /// File it to the application with this number
    Assign {
        /// The mail's id, as `dead-letter list` prints it
        id: ArrivalId,
        /// The application's number
        #[arg(long, value_name = "NUMBER")]
        reference: String,
    },
    /// What administrators are told of it once a day; printed, not sent
    Digest,
    /// Close it without filing it
    Discard {
        /// The mail's id, as `dead-letter list` prints it
        id: ArrivalId,
        /// The reason, for those who ask later
        #[arg(long, value_name = "REASON")]
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
        Command::Retry(args) => {
            if let Some(id) = args.id {
                held(&store, &tenant, id).await?;
            }
            mail::retry::run(&store, config, &tenant, args).await
        }
        Command::Assign { id, reference } => {
            held(&store, &tenant, id).await?;
            let target = target::assignable(&store, &tenant, &reference).await?;
            store.retry(&tenant, id, actor(), Some(target.reference)).await?;
            mail::told(&store, &config.place, &tenant, id).await
        }
        Command::Digest => print_digest(&store, &tenant).await,
        Command::Discard { id, why } => {
            held(&store, &tenant, id).await?;
            store.discard(&tenant, id, actor(), reason(&why)?).await?;
            store.close().await;
            show::out(format!("{id} discarded"))
        }
    }
}

async fn print_digest(store: &Store, tenant: &TenantId) -> Done {
    let settings = store.tenant(tenant).await?.context("the tenant is gone")?;
    let waiting = store.waiting(tenant, MOST_NAMED).await?;
    let administrators = store.administrators(tenant).await?;
    show::out(format!("administrators: {}; digest_at is {}", administrators.len(), daily::written_at(settings.digest_at)))?;
    for user in &administrators {
        match digest(user, &settings, &waiting, Timestamp::now()) {
            Some(notice) => show::out(format!("\nTo: {}\nSubject: {}\n\n{}", notice.to, notice.subject, notice.text))?,
            None => show::out("nothing is held")?,
        }
    }
    Ok(())
}

async fn held(store: &Store, tenant: &TenantId, id: ArrivalId) -> Done {
    let found = mail::found(store, tenant, id).await?;
    if found.is_held() {
        return Ok(());
    }
    let why = match &found.closed {
        Some(_) if found.raw_gone => format!("{id} was discarded and its bytes were removed: it cannot be sent through again"),
        Some(_) => {
            let retry = mail::command(store, tenant, &format!("mail retry {id}")).await?;
            format!("{id} is not held any more: it was discarded; `{retry}` sends it through again")
        }
        None => format!("{id} is not held; see `{}`", mail::command(store, tenant, &format!("mail show {id}")).await?),
    };
    Err(Failure::Failed(anyhow::anyhow!(why)))
}

pub async fn list(store: &Store, config: &Config, held: &[Listed], as_json: bool) -> Done {
    let mut folder = Folder::new(config.dead_letters.clone());
    // The folder is everybody's: a file is foreign only if it is no tenant's held mail.
    let foreign = folder.foreign(&store.all_held().await?, store).await?;
    if as_json {
        let mut list = Vec::new();
        for mail in held {
            let addressed = mail::whose::addressed(store, mail).await?;
            let mut one = json!({
                "id": mail.id, "at": mail.at.to_string(), "reason": mail.reason, "explanation": mail::healing::explanation(store, mail).await?,
                "from": show::sender(mail.from_name.as_deref(), mail.from_address.as_deref()), "subject": mail.subject, "reference": mail.reference,
                "addressed": addressed.as_ref().map(mail::whose::Addressed::as_json),
                "suggestions": mail::suggestions(store, mail, addressed.as_ref()).await?, "file": folder.file_of(mail, store).await?,
            });
            mail::healing::as_json(mail, &mut one);
            list.push(one);
        }
        list.extend(foreign.iter().map(|file| json!({"foreign": true, "file": file.path, "why": file.why.as_str()})));
        return show::out_json(&list.into());
    }
    if held.is_empty() {
        show::out("nothing is held")?;
    }
    for mail in held {
        show::out(format!("{}  {}  {}", mail.id, show::utc(mail.at), mail.reason.as_deref().unwrap_or_default()))?;
        show::out(format!("  from     {}", show::person(mail.from_name.as_deref(), mail.from_address.as_deref())))?;
        show::out(format!("  subject  {}", show::clean(mail.subject.as_deref().unwrap_or_default())))?;
        show::out(format!("  number   {}", mail::whose::number(mail)))?;
        let addressed = mail::whose::addressed(store, mail).await?;
        if let Some(addressed) = &addressed {
            show::out(format!("  address  {}", addressed.words()))?;
        }
        show::out(format!("  {}", mail::healing::explanation(store, mail).await?.unwrap_or_default()))?;
        if let Some(words) = mail::healing::words(mail) {
            show::out(format!("  {words}"))?;
        }
        for one in mail::suggestions(store, mail, addressed.as_ref()).await? {
            show::out(format!("  perhaps  {}  {}  ({})", one.reference, show::clean(&one.candidate), one.why))?;
        }
    }
    for file in foreign {
        show::out(format!("foreign file, left alone: {} ({})", show::clean(&file.path.to_string_lossy()), file.why.words()))?;
    }
    Ok(())
}

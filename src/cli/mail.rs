//! `mail`: every mail that was accepted, whatever became of it.

use super::{Done, Failure, On, actor, show};
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::{Disposition, Suggestion};
use crate::place::suggest;
use crate::store::listing::{Filter, Listed};
use crate::store::{DaemonLock, Store};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Mails, oldest first
    List {
        /// filed, held, duplicate or ignored
        #[arg(long, value_parser = parse_disposition)]
        disposition: Option<Disposition>,
        /// Only the newest so many
        #[arg(long)]
        last: Option<u32>,
        #[arg(long)]
        json: bool,
    },
    /// Everything that is known of one mail
    Show {
        id: ArrivalId,
        /// The raw mail instead
        #[arg(long)]
        raw: bool,
        #[arg(long, conflicts_with = "raw")]
        json: bool,
    },
    /// Send a mail that was not filed through again
    Retry { id: ArrivalId },
}

fn parse_disposition(text: &str) -> Result<Disposition, String> {
    Disposition::parse(text).ok_or_else(|| "one of filed, held, duplicate, ignored".into())
}

pub async fn run(on: &On, command: Command) -> Done {
    let (config, store) = on.store().await?;
    let tenant = on.tenant(&store).await?.id;
    match command {
        Command::List { disposition, last, json } => {
            let mails = store.arrivals(&tenant, Filter { disposition, open_only: false, most: last }).await?;
            list(&mails, json)
        }
        Command::Show { id, raw: true, .. } => {
            let found = found(&store, &tenant, id).await?;
            store.opened(&tenant, id.to_string(), actor()).await?;
            show::out_bytes(&store.raw_mail(&found.tenant, id).await?)
        }
        Command::Show { id, json, .. } => {
            let found = found(&store, &tenant, id).await?;
            show_one(&store, &found, json).await
        }
        Command::Retry { id } => {
            store.retry(&tenant, id, actor(), None).await?;
            told(&store, &config.place, &tenant, id).await
        }
    }
}

pub async fn found(store: &Store, tenant: &TenantId, id: ArrivalId) -> Result<Listed, Failure> {
    let found = store.arrival(tenant, id).await?;
    found.ok_or_else(|| Failure::Failed(anyhow::anyhow!("there is no mail {id}")))
}

fn list(mails: &[Listed], as_json: bool) -> Done {
    if as_json {
        return show::out_json(&mails.iter().map(as_list_json).collect());
    }
    let row = |mail: &Listed| {
        vec![
            mail.id.to_string(),
            show::at(mail.at),
            state(mail),
            mail.reason.clone().unwrap_or_default(),
            mail.reference.clone().unwrap_or_default(),
            show::clean(mail.from_address.as_deref().unwrap_or_default()),
            show::clean(mail.subject.as_deref().unwrap_or_default()),
        ]
    };
    show::out(show::table(&["id", "at (UTC)", "state", "reason", "number", "from", "subject"], &mails.iter().map(row).collect::<Vec<_>>()))
}

fn state(mail: &Listed) -> String {
    match (mail.disposition, &mail.closed) {
        (None, _) => "received".into(),
        (Some(_), Some(_)) => "discarded".into(),
        (Some(disposition), None) => disposition.as_str().into(),
    }
}

fn as_list_json(mail: &Listed) -> Value {
    json!({
        "id": mail.id, "at": mail.at.to_string(), "door": mail.door, "disposition": mail.disposition, "reason": mail.reason,
        "from": show::sender(mail.from_name.as_deref(), mail.from_address.as_deref()), "subject": mail.subject, "reference": mail.reference,
        "closed": mail.closed.as_ref().map(|(at, by, why)| json!({"at": at.to_string(), "by": by, "why": why})),
    })
}

/// Applications that a held mail may belong to, as of now.
pub async fn suggestions(store: &Store, mail: &Listed) -> anyhow::Result<Vec<Suggestion>> {
    let numbers = mail.reference.as_deref().map(suggest::near_numbers).unwrap_or_default();
    let nearby = store.nearby(&mail.tenant, &mail.inner_addresses, &numbers).await?;
    Ok(suggest::suggestions(&nearby, mail.reference.as_deref()))
}

pub async fn show_one(store: &Store, mail: &Listed, as_json: bool) -> Done {
    let suggestions = if mail.is_held() { suggestions(store, mail).await? } else { Vec::new() };
    let audit = store.audit_of(&mail.tenant, &mail.id.to_string()).await?;
    let explanation = mail.hold_reason().map(|reason| reason.explanation());
    if as_json {
        let mut value = as_list_json(mail);
        value["explanation"] = json!(explanation);
        value["suggestions"] = json!(suggestions);
        value["envelope"] = mail.envelope.clone();
        value["facts"] = mail.facts.clone();
        value["size"] = json!(mail.size);
        value["sha256"] = json!(mail.sha256);
        value["attempts"] = json!(mail.attempts);
        value["entry"] = json!(mail.entry);
        value["audit"] = json!(audit);
        return show::out_json(&value);
    }
    let mut lines = vec![
        format!("mail      {}", mail.id),
        format!("received  {} UTC by {}, {} bytes", show::at(mail.at), mail.door, mail.size),
        format!(
            "from      {} {}",
            show::clean(mail.from_name.as_deref().unwrap_or_default()),
            show::clean(mail.from_address.as_deref().unwrap_or_default())
        ),
        format!("subject   {}", show::clean(mail.subject.as_deref().unwrap_or_default())),
        format!("number    {}", mail.reference.as_deref().unwrap_or("none")),
        format!("sender    {}", proof(&mail.facts)),
        format!("state     {}{}", state(mail), mail.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default()),
    ];
    lines.extend(explanation.map(|text| format!("\n{text}")));
    if let Some((at, by, why)) = &mail.closed {
        lines.push(format!("\ndiscarded {} by {by}: {}", show::at(*at), show::clean(why)));
    }
    if !suggestions.is_empty() {
        lines.push("\nIt may belong to:".into());
        for one in &suggestions {
            lines.push(format!("  {}  {}  ({})", one.reference, show::clean(&one.candidate), one.why));
            lines.push(format!("    rohrpost dead-letter assign {} --reference {}", mail.id, one.reference));
        }
    }
    if mail.is_held() {
        lines.push(format!("\nTo read it: rohrpost mail show {} --raw", mail.id));
    }
    lines.push(String::new());
    lines.extend(
        audit
            .iter()
            .map(|line| format!("{}  {}  {} {}", show::at(line.at), show::clean(&line.actor), line.what, show::clean(&line.detail))),
    );
    show::out(lines.join("\n"))
}

/// In one line: what the door knew of the sender.
fn proof(facts: &Value) -> String {
    let peer = facts["peer"].as_str().unwrap_or("unknown");
    let dmarc = &facts["pinned"]["dmarc"];
    match (facts["login"].is_object(), dmarc["result"].as_str()) {
        (true, _) => format!("signed in, from {peer}"),
        (false, Some(result)) => {
            format!("dmarc={result} for {}, says the mail host at {peer}", show::clean(dmarc["header_from"].as_str().unwrap_or("?")))
        }
        (false, None) => format!("nothing vouches for the sender; it came from {peer}"),
    }
}

/// Says what became of a mail that was sent through again.
pub async fn told(store: &Store, place: &crate::model::installation::Place, tenant: &TenantId, id: ArrivalId) -> Done {
    if !DaemonLock::is_taken(place) {
        store.close().await;
        return show::out(format!("{id} will be processed when `rohrpost serve` runs"));
    }
    for _ in 0..100 {
        let mail = found(store, tenant, id).await?;
        if mail.disposition.is_some() {
            store.close().await;
            return show::out(format!("{id} {}{}", state(&mail), mail.reason.map(|reason| format!(": {reason}")).unwrap_or_default()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    store.close().await;
    show::out(format!("{id} is being processed; `rohrpost mail show {id}` tells the end"))
}

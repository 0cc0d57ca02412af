//! `mail`: every mail that was accepted, whatever became of it.

mod foreseen;
pub mod healing;
mod page;
pub mod retry;
pub mod whose;

use super::{Done, Failure, On, actor, history, show};
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::{Disposition, HoldReason, Suggestion};
use crate::place::suggest;
use crate::store::audit::AuditLine;
use crate::store::history::Withdrawn;
use crate::store::listing::{Filter, Listed};
use crate::store::{DaemonLock, Store};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;
use whose::Addressed;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Mails, oldest first
    List {
        /// filed, held (with those discarded), duplicate, ignored; or discarded
        #[arg(long, value_parser = parse_ended, value_name = "END")]
        disposition: Option<Ended>,
        /// Only the newest so many
        #[arg(long, value_name = "NUMBER")]
        last: Option<u32>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Everything that is known of one mail
    Show {
        /// The mail's id, as the door answered it and `mail list` prints it
        id: ArrivalId,
        /// The raw mail instead; not to a terminal
        #[arg(long)]
        raw: bool,
        /// The mail as one page for a browser, which loads and runs nothing; not to a terminal
        #[arg(long, conflicts_with = "raw")]
        html: bool,
        /// As JSON
        #[arg(long, conflicts_with_all = ["raw", "html"])]
        json: bool,
    },
    /// Send a mail that was not filed through again, or all that is held; or say what would become of it
    Retry(retry::Args),
}

/// What a listing of mails may be narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    As(Disposition),
    /// Held, and closed by somebody.
    Discarded,
}

fn parse_ended(text: &str) -> Result<Ended, String> {
    match Disposition::parse(text) {
        Some(disposition) => Ok(Ended::As(disposition)),
        None if text == DISCARDED => Ok(Ended::Discarded),
        None => Err("one of filed, held, duplicate, ignored, discarded".into()),
    }
}

const DISCARDED: &str = "discarded";

pub async fn run(on: &On, command: Command) -> Done {
    let (config, store) = on.store().await?;
    let whole = on.tenant(&store).await?;
    let tenant = whole.id.clone();
    match command {
        Command::List { disposition, last, json } => list(&narrowed(&store, &tenant, disposition, last).await?, json),
        Command::Show { id, raw, html, .. } if raw || html => {
            let found = found(&store, &tenant, id).await?;
            let raw_command = self::command(&store, &tenant, &format!("mail show {id} --raw > {id}.eml")).await?;
            if std::io::stdout().is_terminal() {
                // Its bytes are a stranger's, and a terminal obeys them.
                let (what, words) = match raw {
                    true => ("raw mail", raw_command),
                    false => ("page", self::command(&store, &tenant, &format!("mail show {id} --html > {id}.html")).await?),
                };
                return Err(Failure::Usage(format!("a {what} is not for a terminal; write it to a file: {words}")));
            }
            if found.raw_gone {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "{id}: the bytes of this mail were removed when it was discarded for its age"
                )));
            }
            store.opened(&tenant, id.to_string(), actor()).await?;
            if html {
                return page::print(&store, &whole, &found, &raw_command).await;
            }
            show::out_bytes(&store.raw_mail(&found.tenant, id).await?)
        }
        Command::Show { id, json, .. } => {
            let found = found(&store, &tenant, id).await?;
            show_one(&store, &found, json).await
        }
        Command::Retry(args) => retry::run(&store, config, &tenant, args).await,
    }
}

pub async fn found(store: &Store, tenant: &TenantId, id: ArrivalId) -> Result<Listed, Failure> {
    let found = store.arrival(tenant, id).await?;
    found.ok_or_else(|| Failure::Failed(anyhow::anyhow!("there is no mail {id}")))
}

/// Oldest first; `last` counts what is left when everything else is out.
async fn narrowed(store: &Store, tenant: &TenantId, ended: Option<Ended>, last: Option<u32>) -> anyhow::Result<Vec<Listed>> {
    match ended {
        Some(Ended::Discarded) => {
            let filter = Filter { disposition: Some(Disposition::Held), open_only: false, most: None };
            let mut mails = store.arrivals(tenant, filter).await?;
            mails.retain(|mail| mail.closed.is_some());
            let before = last.map_or(0, |last| mails.len().saturating_sub(usize::try_from(last).unwrap_or(usize::MAX)));
            Ok(mails.split_off(before))
        }
        Some(Ended::As(disposition)) => {
            store.arrivals(tenant, Filter { disposition: Some(disposition), open_only: false, most: last }).await
        }
        None => store.arrivals(tenant, Filter { disposition: None, open_only: false, most: last }).await,
    }
}

/// A command of ours as it can be typed here: where there are several tenants, it names the one that is meant.
pub async fn command(store: &Store, tenant: &TenantId, words: &str) -> anyhow::Result<String> {
    let only = matches!(store.tenants().await?.as_slice(), [only] if only == tenant);
    Ok(if only { format!("rohrpost {words}") } else { format!("rohrpost --tenant {tenant} {words}") })
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
            show::clean(mail.reference.as_deref().unwrap_or_default()),
            show::clean(mail.from_address.as_deref().unwrap_or_default()),
            show::clean(mail.subject.as_deref().unwrap_or_default()),
        ]
    };
    show::out(show::table(&["id", "at (UTC)", "state", "reason", "number", "from", "subject"], &mails.iter().map(row).collect::<Vec<_>>()))
}

fn state(mail: &Listed) -> String {
    match (mail.disposition, &mail.closed) {
        (None, _) => "received".into(),
        (Some(_), Some(_)) => DISCARDED.into(),
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
pub async fn suggestions(store: &Store, mail: &Listed, addressed: Option<&Addressed>) -> anyhow::Result<Vec<Suggestion>> {
    let mut numbers = mail.reference.as_deref().map(suggest::near_numbers).unwrap_or_default();
    if mail.hold_reason() != Some(HoldReason::NumberAndSenderDisagree) {
        // It may be the right one, and something else holds the mail.
        numbers.extend(mail.reference.clone());
    }
    let mut nearby = store.nearby(&mail.tenant, &mail.inner_addresses, &mail.inner_names, &numbers).await?;
    nearby.by_token = addressed.and_then(|addressed| addressed.application.clone());
    Ok(suggest::suggestions(&nearby, mail.reference.as_deref(), suggest::MOST))
}

/// What is known of one mail beside its row.
struct Known {
    addressed: Option<Addressed>,
    suggestions: Vec<Suggestion>,
    withdrawn: Option<Withdrawn>,
    audit: Vec<AuditLine>,
    explanation: Option<&'static str>,
    foreseen: Option<foreseen::Rows>,
}

impl Known {
    async fn of(store: &Store, mail: &Listed) -> anyhow::Result<Known> {
        let addressed = whose::addressed(store, mail).await?;
        let suggestions = if mail.is_held() { suggestions(store, mail, addressed.as_ref()).await? } else { Vec::new() };
        let withdrawn = match mail.entry.as_deref().map(str::parse) {
            Some(Ok(entry)) => store.withdrawn(&mail.tenant, entry).await?,
            _ => None,
        };
        let audit = store.audit_of(&mail.tenant, &mail.id.to_string()).await?;
        let explanation = healing::explanation(store, mail).await?;
        let foreseen = foreseen::of_held(store, mail).await?;
        Ok(Known { addressed, suggestions, withdrawn, audit, explanation, foreseen })
    }
}

async fn as_json(store: &Store, mail: &Listed, known: &Known) -> anyhow::Result<Value> {
    let mut value = as_list_json(mail);
    value["explanation"] = json!(known.explanation);
    value["addressed"] = known.addressed.as_ref().map(Addressed::as_json).into();
    value["chosen"] = json!(mail.chosen.as_ref().map(|(number, by)| json!({"reference": number, "by": by})));
    value["suggestions"] = json!(known.suggestions);
    value["envelope"] = mail.envelope.clone();
    value["facts"] = mail.facts.clone();
    value["size"] = json!(mail.size);
    value["sha256"] = json!(mail.sha256);
    value["attempts"] = json!(mail.attempts);
    value["entry"] = json!(mail.entry);
    value["parts_forecast"] = matches!(known.foreseen, Some(Ok(_))).into();
    value["parts"] = match &known.foreseen {
        Some(Ok(rows)) => rows.clone().into(),
        _ => whose::parts(store, mail).await?,
    };
    value["withdrawn"] = known.withdrawn.as_ref().map(history::withdrawn).into();
    value["audit"] = json!(known.audit);
    value["raw_gone"] = json!(mail.raw_gone);
    healing::as_json(mail, &mut value);
    Ok(value)
}

pub async fn show_one(store: &Store, mail: &Listed, as_json: bool) -> Done {
    let known = Known::of(store, mail).await?;
    if as_json {
        return show::out_json(&self::as_json(store, mail, &known).await?);
    }
    let Known { addressed, suggestions, withdrawn, audit, explanation, foreseen } = known;
    let mut lines = vec![
        format!("mail      {}", mail.id),
        format!("received  {} by {}, {} bytes", show::utc(mail.at), mail.door, mail.size),
        format!("from      {}", show::person(mail.from_name.as_deref(), mail.from_address.as_deref())),
        format!("subject   {}", show::clean(mail.subject.as_deref().unwrap_or_default())),
        format!("number    {}", whose::number(mail)),
        format!("sender    {}", proof(&mail.facts)),
        format!("state     {}{}", state(mail), mail.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default()),
    ];
    if let Some(results) = mail.facts["checked"]["results"].as_str().filter(|results| !results.is_empty()) {
        lines.push(format!("checks    {}", show::clean(results)));
    }
    lines.extend(addressed.map(|addressed| format!("address   {}", addressed.words())));
    lines.extend(whose::entry(store, mail).await?);
    lines.extend(foreseen.iter().flat_map(foreseen::lines));
    lines.extend(explanation.map(|text| format!("\n{text}")));
    lines.extend(healing::words(mail));
    if let Some((at, by, why)) = &mail.closed {
        lines.push(format!("\ndiscarded {} by {}: {}", show::utc(*at), show::clean(by), show::clean(why)));
    }
    if let Some(withdrawn) = &withdrawn {
        lines.push(format!("\nwithdrawn {}", history::taken_back(withdrawn)));
    }
    if mail.raw_gone {
        lines.push("Its bytes were removed; it cannot be read or sent through again.".into());
    }
    lines.extend(next_steps(store, mail, &suggestions).await?);
    lines.push(String::new());
    lines.extend(
        audit
            .iter()
            .map(|line| format!("{}  {}  {} {}", show::utc(line.at), show::clean(&line.actor), line.what, show::clean(&line.detail))),
    );
    show::out(lines.join("\n"))
}

/// What an operator may do about a held mail, as commands that can be copied.
async fn next_steps(store: &Store, mail: &Listed, suggestions: &[Suggestion]) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    if !suggestions.is_empty() {
        lines.push("\nIt may belong to:".into());
    }
    for one in suggestions {
        lines.push(format!("  {}  {}  ({})", one.reference, show::clean(&one.candidate), one.why));
        let words = format!("dead-letter assign {} --reference {}", mail.id, one.reference);
        lines.push(format!("    {}", command(store, &mail.tenant, &words).await?));
    }
    if mail.is_held() {
        let words = format!("mail show {id} --raw > {id}.eml", id = mail.id);
        lines.push(format!("\nTo read it: {}", command(store, &mail.tenant, &words).await?));
        let words = format!("mail show {id} --html > {id}.html", id = mail.id);
        lines.push(format!("In a browser: {}", command(store, &mail.tenant, &words).await?));
    }
    Ok(lines)
}

/// In one line: what the door knew of the sender. Whether it was enough is the end's to say.
fn proof(facts: &Value) -> String {
    let peer = facts["peer"].as_str().unwrap_or("unknown");
    let (pinned, own) = (&facts["pinned"]["dmarc"], &facts["checked"]["dmarc"]);
    let domain = |dmarc: &Value| show::clean(dmarc["header_from"].as_str().unwrap_or("?"));
    if let Some(domain) = facts["internal"].as_str() {
        return format!("a signed-in user of {} sent it, says Exchange Online", show::clean(domain));
    }
    match (facts["login"].is_object(), pinned["result"].as_str(), own["result"].as_str()) {
        (true, _, _) => format!("signed in, from {peer}"),
        (false, Some(result), _) => format!("dmarc={result} for {}, says the mail host at {peer}", domain(pinned)),
        (false, None, Some(result)) if !result.is_empty() => format!("dmarc={result} for {}, as checked here; from {peer}", domain(own)),
        _ => format!("nothing vouches for the sender; it came from {peer}"),
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
    let words = self::command(store, tenant, &format!("mail show {id}")).await?;
    store.close().await;
    show::out(format!("{id} is being processed; `{words}` tells the end"))
}

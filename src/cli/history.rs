//! `history`: what has been filed to an application.

use super::{Done, Failure, On, show};
use crate::store::history::{Document, Entry};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub struct Args {
    /// The application's reference number
    reference: String,
    #[arg(long)]
    json: bool,
}

pub async fn run(on: &On, args: Args) -> Done {
    let (_, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    let found = store.application(&tenant.id, &args.reference).await?;
    let Some(application) = found else {
        return Err(Failure::Failed(anyhow::anyhow!("there is no application with the number {}", args.reference)));
    };
    let entries = store.history(&tenant.id, &application).await?;
    if args.json {
        return show::out_json(&json!({
            "reference": application.reference, "candidate": application.candidate.name, "job": application.job_title,
            "entries": entries.iter().map(as_json).collect::<Vec<_>>(),
        }));
    }
    show::out(format!("{}  {}  {}", application.reference, application.candidate.name, application.job_title))?;
    for entry in &entries {
        show::out(as_text(entry))?;
    }
    Ok(())
}

fn as_json(entry: &Entry) -> Value {
    let body = &entry.body;
    json!({
        "id": entry.id, "at": entry.at.to_string(), "kind": entry.kind, "actor": entry.actor, "subject": entry.subject,
        "text": body["text"], "original": body["original"], "enclosed": body["enclosed"], "note": body["note"],
        "forwarder": body["forwarder"], "flags": body["flags"], "parts": body["parts"], "told": body["told"],
        "nobody_responsible": body["nobody_responsible"], "defects": body["defects"],
        "documents": entry.documents.iter().map(document).collect::<Vec<_>>(),
    })
}

fn document(document: &Document) -> Value {
    json!({
        "id": document.id, "name": document.name, "kind": document.kind, "tabs": tabs(document), "media_type": document.media_type,
        "size": document.size, "sha256": document.sha256,
    })
}

/// S1.20: where a document is shown.
fn tabs(document: &Document) -> Vec<&'static str> {
    let tabs = [(document.in_files, "files"), (document.in_documents, "documents")];
    tabs.into_iter().filter(|(shown, _)| *shown).map(|(_, tab)| tab).collect()
}

pub fn as_text(entry: &Entry) -> String {
    let body = &entry.body;
    let person = |value: &Value| {
        let part = |key: &str| value[key].as_str().map(show::clean);
        match (part("name"), part("address")) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "unknown".to_owned(),
        }
    };
    let mut lines = vec![format!("\n{}  {}  {}", show::at(entry.at), entry.kind, show::clean(&entry.subject))];
    if body["original"].is_object() {
        let date = body["original"]["date"].as_str().map(|date| format!(", {date}")).unwrap_or_default();
        lines.push(format!("  written by    {}{date}", person(&body["original"]["from"])));
    }
    lines.push(format!("  forwarded by  {}", if body["forwarder"].is_object() { person(&body["forwarder"]) } else { entry.actor.clone() }));
    for (key, label) in [("note", "note"), ("flags", "flags"), ("told", "told")] {
        let text = match &body[key] {
            Value::String(text) => show::clean(text),
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        if !text.is_empty() {
            lines.push(format!("  {label:<12}  {text}"));
        }
    }
    for document in &entry.documents {
        let tabs = tabs(document).join(", ");
        lines.push(format!(
            "  file          {}  {}  ({}, {} bytes; {tabs})",
            document.id,
            show::clean(&document.name),
            document.kind,
            document.size
        ));
    }
    let text = body["original"]["body"].as_str().or(body["text"].as_str()).unwrap_or_default();
    lines.extend(show::clean_lines(text).lines().map(|line| format!("  | {line}")));
    lines.join("\n")
}

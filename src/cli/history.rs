//! `history`: what has been filed to an application.

use super::{Done, Failure, On, show};
use crate::model::message::Folds;
use crate::model::organisation::Application;
use crate::store::history::{Document, Entry};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(clap::Args)]
pub struct Args {
    /// The application's reference number
    reference: String,
    /// Earlier mails and signatures too, which are folded else
    #[arg(long)]
    unfold: bool,
    /// As JSON
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
    list(&application, &entries, args.unfold)
}

pub fn list(application: &Application, entries: &[Entry], unfold: bool) -> Done {
    let (candidate, job) = (show::clean(&application.candidate.name), show::clean(&application.job_title));
    show::out(format!("{}  {candidate}  {job}", show::clean(&application.reference)))?;
    for entry in entries {
        show::out(as_text(entry, unfold))?;
    }
    Ok(())
}

fn as_json(entry: &Entry) -> Value {
    let body = &entry.body;
    json!({
        "id": entry.id, "at": entry.at.to_string(), "kind": entry.kind, "actor": entry.actor, "subject": entry.subject,
        "from": body["from"], "date": body["date"], "text": body["text"], "folds": body["folds"], "original": body["original"], "enclosed": body["enclosed"], "note": body["note"],
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

fn as_text(entry: &Entry, unfold: bool) -> String {
    let body = &entry.body;
    let mut lines = vec![format!("\n{}  {}  {}", show::utc(entry.at), entry.kind, show::clean(&entry.subject))];
    lines.extend(people(entry).into_iter().map(|(label, who)| format!("  {label:<12}  {who}")));
    for (key, label) in [("note", "note"), ("flags", "flags"), ("told", "told")] {
        let text = match &body[key] {
            Value::String(text) => show::clean(text),
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(show::clean).collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        if !text.is_empty() {
            lines.push(format!("  {label:<12}  {text}"));
        }
    }
    if body["nobody_responsible"] == true {
        let told = body["told"].as_array().is_some_and(|told| !told.is_empty());
        let instead = if told { "the fallback address was told" } else { "there is no fallback address, so nobody was told" };
        lines.push(format!("  responsible   nobody: {instead}"));
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
    let (text, folds) = match body["original"]["body"].as_str() {
        Some(text) => (text, &body["original"]["folds"]),
        None => (body["text"].as_str().unwrap_or_default(), &body["folds"]),
    };
    lines.extend(quoted(text, folds, unfold));
    // Further mails that were attached; those inside the first one's text stand there already.
    let enclosed = body["enclosed"].as_array().map(Vec::as_slice).unwrap_or_default();
    for mail in enclosed.iter().filter(|mail| mail["how"] == "attached") {
        let subject = show::clean(mail["subject"].as_str().unwrap_or_default());
        lines.push(format!("  enclosed      {}  {subject}", dated(&mail["from"], &mail["date"])));
        lines.extend(quoted(mail["body"].as_str().unwrap_or_default(), &mail["folds"], unfold));
    }
    lines.join("\n")
}

/// The lines of a body, set off from what the program says.
fn quoted(text: &str, folds: &Value, unfold: bool) -> Vec<String> {
    let folds = if unfold { Folds::default() } else { Folds::deserialize(folds).unwrap_or_default() };
    folded(text, &folds).into_iter().map(|line| format!("  | {line}")).collect()
}

/// The lines of a text, with one line in the place of those that repeat an earlier mail and one for a signature.
fn folded(text: &str, folds: &Folds) -> Vec<String> {
    let mut ranges: Vec<(usize, usize, &str)> = folds.quoted.iter().map(|&(from, to)| (from, to, "of an earlier mail")).collect();
    ranges.extend(folds.signature.map(|(from, to)| (from, to, "of a signature")));
    ranges.sort_unstable();
    let lines: Vec<&str> = text.split('\n').collect();
    let mut shown = Vec::new();
    let mut at = 0;
    for (from, to, what) in ranges {
        let (from, to) = (from.clamp(at, lines.len()), to.clamp(at, lines.len()));
        shown.extend(lines[at..from].iter().map(|line| show::clean(line)));
        if from < to {
            shown.push(format!("[{} {what}]", show::counted(to - from, "line")));
        }
        at = to.max(at);
    }
    shown.extend(lines[at..].iter().map(|line| show::clean(line)));
    while shown.last().is_some_and(String::is_empty) {
        shown.pop();
    }
    shown
}

fn person(value: &Value) -> String {
    show::person(value["name"].as_str(), value["address"].as_str())
}

fn dated(value: &Value, date: &Value) -> String {
    match date.as_str() {
        Some(date) => format!("{}, {}", person(value), show::clean(date)),
        None => person(value),
    }
}

/// Who wrote it, who forwarded it, who assigned it. Without a mail inside, the mail's own sender wrote it.
fn people(entry: &Entry) -> Vec<(&'static str, String)> {
    let body = &entry.body;
    let proved = &body["forwarder"];
    let has_flag = |wanted: &str| body["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == wanted));
    if has_flag("direct") {
        // Whatever mail is inside: he has sent it himself.
        return vec![
            ("written by", dated(&body["from"], &body["date"])),
            ("sent", "directly, to the reply address of this application".into()),
        ];
    }
    let mut people = match (body["original"].is_object(), proved.is_object()) {
        (true, true) => vec![("written by", dated(&body["original"]["from"], &body["original"]["date"])), ("forwarded by", person(proved))],
        // Nobody proved who forwarded it: what the mail itself says.
        (true, false) => {
            vec![
                ("written by", dated(&body["original"]["from"], &body["original"]["date"])),
                ("forwarded by", dated(&body["from"], &body["date"])),
            ]
        }
        (false, true) => vec![("written by", dated(proved, &body["date"]))],
        (false, false) => vec![("written by", dated(&body["from"], &body["date"]))],
    };
    people.extend(has_flag("assigned").then(|| ("assigned by", show::clean(&entry.actor))));
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(actor: &str, body: Value) -> String {
        as_text(
            &Entry {
                id: "01JDF7Q3000000000000000000".parse().unwrap(),
                at: "2026-11-22T08:30:00Z".parse().unwrap(),
                kind: "inbound_email".into(),
                actor: actor.into(),
                subject: "x\u{202e}y".into(),
                body,
                documents: Vec::new(),
            },
            false,
        )
    }

    #[test]
    fn who_wrote_forwarded_and_assigned() {
        let check = |actor: &str, body: Value, expected: &[&str]| {
            let shown = text(actor, body);
            let lines: Vec<&str> = shown.lines().skip(2).collect();
            assert_eq!(lines, expected);
        };
        let maria = json!({"name": "Maria", "address": "maria@example.net"});
        let petra = json!({"name": "Petra", "address": "petra@acme.example"});
        let original = json!({"from": maria, "date": "2026-11-20", "body": ""});
        check(
            "petra@acme.example",
            json!({"original": original, "from": petra, "forwarder": petra}),
            &["  written by    Maria <maria@example.net>, 2026-11-20", "  forwarded by  Petra <petra@acme.example>"],
        );
        check(
            "cli:anna",
            json!({"original": original, "from": {"name": null, "address": "p@x.example"}, "forwarder": null, "flags": ["assigned"]}),
            &[
                "  written by    Maria <maria@example.net>, 2026-11-20",
                "  forwarded by  p@x.example",
                "  assigned by   cli:anna",
                "  flags         assigned",
            ][..],
        );
        // Nothing was unpacked: the mail's own sender is its writer.
        check(
            "cli:anna",
            json!({"from": {"name": null, "address": "x@y.example"}, "date": "2026-11-21", "forwarder": null, "flags": ["assigned"]}),
            &["  written by    x@y.example, 2026-11-21", "  assigned by   cli:anna", "  flags         assigned"],
        );
        check("petra@acme.example", json!({"from": petra, "forwarder": petra}), &["  written by    Petra <petra@acme.example>"]);
        check(
            "Maria Müller",
            json!({"original": original, "from": maria, "date": "2026-11-22", "forwarder": null, "flags": ["direct"]}),
            &[
                "  written by    Maria <maria@example.net>, 2026-11-22",
                "  sent          directly, to the reply address of this application",
                "  flags         direct",
            ],
        );
    }

    #[test]
    fn nobody_responsible() {
        let of = |told: Value| text("-", json!({"nobody_responsible": true, "told": told}));
        assert!(of(json!(["hr@acme.example"])).contains("  responsible   nobody: the fallback address was told"));
        assert!(of(json!([])).contains("  responsible   nobody: there is no fallback address, so nobody was told"));
        assert!(!text("-", json!({"nobody_responsible": false, "told": []})).contains("nobody"));
    }

    #[test]
    fn the_heading_line_says_its_time_zone_and_hides_nothing() {
        assert_eq!(text("-", json!({})).lines().nth(1), Some("2026-11-22 08:30:00 UTC  inbound_email  xy"));
    }

    #[test]
    fn new_words_first() {
        let folds = Folds { quoted: vec![(3, 6)], signature: Some((1, 3)) };
        assert_eq!(folded("Ja.\n--\nMaria\n> a\n> b\n> c\n", &folds), ["Ja.", "[2 lines of a signature]", "[3 lines of an earlier mail]"]);
        assert_eq!(folded("a\nb\n\n", &Folds::default()), ["a", "b"]);
        // A record that does not fit its text is shown all the same.
        assert_eq!(folded("a", &Folds { quoted: vec![(5, 9), (0, 1)], signature: Some((7, 3)) }), ["[1 line of an earlier mail]"]);
    }

    #[test]
    fn further_mails() {
        let eva = json!({"from": {"name": "Eva", "address": "e@x.example"}, "date": "2026-11-20", "subject": "Zeugnis", "body": "Anbei.", "how": "attached"});
        let inside = json!({"from": {"name": "Petra", "address": "p@x.example"}, "body": "Frage", "how": "inline"});
        let shown = text("-", json!({"original": {"body": "Hallo", "from": {}}, "enclosed": [inside, eva]}));
        let lines: Vec<&str> = shown.lines().rev().take(3).collect();
        assert_eq!(lines, ["  | Anbei.", "  enclosed      Eva <e@x.example>, 2026-11-20  Zeugnis", "  | Hallo"]);
    }
}

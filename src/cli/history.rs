//! `history`: what has been filed to an application.

use super::{Done, Failure, On, actor, show};
use crate::model::id::DocumentId;
use crate::model::message::Folds;
use crate::model::organisation::Application;
use crate::store::history::{Document, Entry, TakenBack, Withdrawn};
use serde::Deserialize;
use serde_json::{Value, json};

pub mod flags;
pub mod parts;
mod take_back;

/// An entry that says that a document got another kind.
const KIND_CHANGED: &str = "document_kind_changed";

#[derive(clap::Args)]
#[command(subcommand_negates_reqs = true, disable_help_subcommand = true)]
pub struct Args {
    /// The application's reference number
    #[arg(required = true)]
    reference: Option<String>,
    /// Earlier mails and signatures too, which are folded else
    #[arg(long)]
    unfold: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// What was taken back too; for operators, noted in the audit log
    #[arg(long)]
    withdrawn: bool,
    #[command(subcommand)]
    action: Option<take_back::Action>,
}

pub async fn run(on: &On, args: Args) -> Done {
    let reference = match (args.reference, args.action) {
        (None, Some(action)) if !(args.unfold || args.json || args.withdrawn) => return take_back::run(on, action).await,
        (Some(reference), None) => reference,
        _ => return Err(Failure::Usage("either `history NUMBER`, or `history move ENTRY` or `history withdraw ENTRY`".into())),
    };
    let (_, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    let found = store.application(&tenant.id, &reference).await?;
    let Some(application) = found else {
        return Err(Failure::Failed(anyhow::anyhow!("there is no application with the number {reference}")));
    };
    let taken_back = if args.withdrawn { TakenBack::Shown } else { TakenBack::Hidden };
    let entries = store.history(&tenant.id, &application, taken_back).await?;
    for entry in entries.iter().filter(|entry| args.withdrawn && entry.withdrawn.is_some()) {
        store.opened(&tenant.id, entry.id.to_string(), actor()).await?;
    }
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
        "withdrawn": entry.withdrawn.as_ref().map(withdrawn), "moved": body["moved"], "takes_back": entry.about, "why": body["why"],
        "kind_changed": kind_changed(entry),
        "documents": entry.documents.iter().map(document).collect::<Vec<_>>(),
    })
}

/// Which document got which kind, of an entry that says so.
fn kind_changed(entry: &Entry) -> Value {
    let body = &entry.body;
    match entry.kind.as_str() {
        KIND_CHANGED => json!({"document": body["document"], "before": body["before"], "kind": body["kind"]}),
        _ => Value::Null,
    }
}

fn document(document: &Document) -> Value {
    json!({
        "id": document.id, "name": document.name, "kind": document.kind, "tabs": tabs(document), "media_type": document.media_type,
        "size": document.size, "sha256": document.sha256,
    })
}

pub fn withdrawn(withdrawn: &Withdrawn) -> Value {
    json!({"at": withdrawn.at.to_string(), "by": withdrawn.by, "why": withdrawn.why, "entry": withdrawn.entry})
}

/// When an entry was taken back, by whom, and why: on one line.
pub fn taken_back(withdrawn: &Withdrawn) -> String {
    let why = withdrawn.why.as_deref().map(|why| format!(": {}", show::clean(why))).unwrap_or_default();
    let how = if withdrawn.is_move { " (moved)" } else { "" };
    format!("{} by {}{how}{why}", show::utc(withdrawn.at), show::clean(&withdrawn.by))
}

/// S1.20: where a document is shown.
fn tabs(document: &Document) -> Vec<&'static str> {
    let tabs = [(document.in_files, "files"), (document.in_documents, "documents")];
    tabs.into_iter().filter(|(shown, _)| *shown).map(|(_, tab)| tab).collect()
}

/// What every reader may know of an entry: when, what, and whether it was taken back or takes another one back.
fn heading(entry: &Entry) -> Vec<String> {
    let subject = show::clean(&entry.subject);
    let mut lines = vec![format!("\n{}  {}  {subject}", show::utc(entry.at), entry.kind), format!("  entry         {}", entry.id)];
    lines.extend(entry.withdrawn.as_ref().map(|withdrawn| format!("  withdrawn     {}", taken_back(withdrawn))));
    if let Some(about) = entry.about {
        lines.extend([format!("  takes back    {about}"), format!("  by            {}", show::clean(&entry.actor))]);
        lines.extend(entry.body["why"].as_str().map(|why| format!("  why           {}", show::clean(why))));
    }
    lines
}

fn as_text(entry: &Entry, unfold: bool) -> String {
    let body = &entry.body;
    let mut lines = heading(entry);
    if entry.kind == KIND_CHANGED {
        let of = |key: &str| show::clean(body[key].as_str().unwrap_or("-"));
        lines.push(format!("  document      {}: {}, and no more {}", of("document"), of("kind"), of("before")));
        lines.push(format!("  by            {}", show::clean(&entry.actor)));
    }
    if entry.hidden || entry.about.is_some() || entry.kind == KIND_CHANGED {
        return lines.join("\n");
    }
    lines.extend(people(entry).into_iter().map(|(label, who)| format!("  {label:<12}  {who}")));
    if let Some(imported) = body["moved"]["imported_at"].as_str() {
        lines.push(format!(
            "  moved here    by {}; imported {}",
            show::clean(body["moved"]["by"].as_str().unwrap_or("-")),
            show::clean(imported)
        ));
    }
    for (key, label) in [("note", "note"), ("told", "told")] {
        let text = match &body[key] {
            Value::String(text) => show::clean(text),
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(show::clean).collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        if !text.is_empty() {
            lines.push(format!("  {label:<12}  {text}"));
        }
    }
    let flags = body["flags"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(flags.iter().filter_map(Value::as_str).map(|flag| format!("  mind          {}", flags::sentence(flag))));
    if body["nobody_responsible"] == true {
        let told = body["told"].as_array().is_some_and(|told| !told.is_empty());
        let instead = if told { "the fallback address was told" } else { "there is no fallback address, so nobody was told" };
        lines.push(format!("  responsible   nobody: {instead}"));
    }
    lines.extend(files(entry));
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

/// The documents, and what became of the other parts.
fn files(entry: &Entry) -> Vec<String> {
    let file = |document: &Document| {
        let (tabs, beside) = (tabs(document).join(", "), parts::beside(&entry.body, document.id));
        let (id, name) = (document.id, show::clean(&document.name));
        format!("  file          {id}  {name}  ({}, {} bytes; {tabs}{beside})", document.kind, document.size)
    };
    let listed: Vec<DocumentId> = entry.documents.iter().map(|document| document.id).collect();
    entry.documents.iter().map(file).chain(parts::lines(&entry.body, &listed)).collect()
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
                withdrawn: None,
                hidden: false,
                about: None,
            },
            false,
        )
    }

    #[test]
    fn who_wrote_forwarded_and_assigned() {
        let check = |actor: &str, body: Value, expected: &[&str]| {
            let shown = text(actor, body);
            let lines: Vec<&str> = shown.lines().skip(3).collect();
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
                "  mind          a person chose the application: an operator, or the forwarder in answer to a receipt",
            ][..],
        );
        // Nothing was unpacked: the mail's own sender is its writer.
        check(
            "cli:anna",
            json!({"from": {"name": null, "address": "x@y.example"}, "date": "2026-11-21", "forwarder": null, "flags": ["assigned"]}),
            &[
                "  written by    x@y.example, 2026-11-21",
                "  assigned by   cli:anna",
                "  mind          a person chose the application: an operator, or the forwarder in answer to a receipt",
            ],
        );
        check("petra@acme.example", json!({"from": petra, "forwarder": petra}), &["  written by    Petra <petra@acme.example>"]);
        check(
            "Maria Müller",
            json!({"original": original, "from": maria, "date": "2026-11-22", "forwarder": null, "flags": ["direct"]}),
            &[
                "  written by    Maria <maria@example.net>, 2026-11-22",
                "  sent          directly, to the reply address of this application",
                "  mind          the candidate wrote to the reply address of this application; nobody forwarded it",
            ],
        );
    }

    #[test]
    fn what_was_taken_back() {
        let entry = |json: Value| Entry {
            id: "01JDF7Q3000000000000000000".parse().unwrap(),
            at: "2026-11-22T08:30:00Z".parse().unwrap(),
            kind: "inbound_email".into(),
            actor: "cli:anna".into(),
            subject: String::new(),
            body: json,
            documents: Vec::new(),
            withdrawn: None,
            hidden: false,
            about: None,
        };
        let mark = Withdrawn {
            at: "2026-11-23T08:30:00Z".parse().unwrap(),
            by: "cli:anna".into(),
            why: Some("falsch\u{202e}".into()),
            is_move: false,
            entry: "01JDF7Q3000000000000000001".parse().unwrap(),
        };
        let check = |entry: Entry, expected: &[&str]| {
            let shown = as_text(&entry, false);
            assert_eq!(shown.lines().skip(3).collect::<Vec<_>>(), expected);
        };
        let hidden = Entry { withdrawn: Some(mark.clone()), hidden: true, ..entry(json!({"text": "", "told": []})) };
        check(hidden, &["  withdrawn     2026-11-23 08:30:00 UTC by cli:anna: falsch"]);
        let moved = Withdrawn { why: None, is_move: true, ..mark };
        check(
            Entry { withdrawn: Some(moved), ..entry(json!({"text": "Hallo", "from": {"name": "Maria"}})) },
            &["  withdrawn     2026-11-23 08:30:00 UTC by cli:anna (moved)", "  written by    Maria", "  | Hallo"],
        );
        let note = Entry { about: Some("01JDF7Q3000000000000000002".parse().unwrap()), ..entry(json!({"text": "", "why": "falsch"})) };
        check(note, &["  takes back    01JDF7Q3000000000000000002", "  by            cli:anna", "  why           falsch"]);
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

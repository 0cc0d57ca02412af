//! Writes down that filed mail was taken back: the note, the corrections, and, if it was moved, the entry and documents that come in
//! its place, in one transaction (G9). Decides nothing.

use super::message;
use crate::model::arrival::Envelope;
use crate::model::id::{ArrivalId, DocumentId, EntryId};
use crate::model::organisation::Tenant;
use crate::model::outbound::Notice;
use crate::model::verdict::Flag;
use crate::store::Store;
use crate::store::audit::NewAudit;
use crate::store::filing::{Filing, NewEntry};
use crate::store::taking_back::{Filed, Taken, TakingBack};
use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What was decided about an entry.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    pub tenant: &'a Tenant,
    pub filed: &'a Filed,
    pub at: Timestamp,
    pub by: &'a str,
    pub why: Option<&'a str>,
    /// To those who were told of it.
    pub corrections: &'a [Notice],
    pub moved: Option<Moved<'a>>,
}

/// Where it goes.
#[derive(Clone, Copy)]
pub struct Moved<'a> {
    /// By its id.
    pub application: &'a str,
    /// The id that the notices' links name.
    pub entry: EntryId,
    pub flags: &'a [Flag],
    /// To those responsible there.
    pub notices: &'a [Notice],
    pub nobody_responsible: bool,
}

/// Commits it.
pub async fn put(store: &Store, decided: Decided<'_>) -> anyhow::Result<Taken> {
    let objects = decided.filed.entry.documents.iter().map(|document| document.range.is_none());
    let (arrival, envelope) = decided.filed.mail.as_ref().context("no mail made this entry")?;
    let documents = match decided.moved {
        Some(_) => copies(store, decided).await?,
        None => Vec::new(),
    };
    let taking = TakingBack {
        tenant: decided.tenant.id.clone(),
        at: decided.at,
        by: decided.by.to_owned(),
        why: decided.why.map(str::to_owned),
        entry: decided.filed.entry.id,
        note: note(decided),
        leaves: leaves(decided, *arrival, envelope, &documents),
        documents,
    };
    let copied: Vec<DocumentId> =
        taking.documents.iter().zip(objects).filter(|(_, is_object)| *is_object).map(|((_, copy), _)| *copy).collect();
    let taken = store.take_back(taking).await?;
    if taken != Taken::Done {
        // Nothing was written, and the copies are a person's files: no erasure would find them.
        for copy in copied {
            store.blobs().delete_document(&decided.tenant.id, copy).await?;
        }
    }
    Ok(taken)
}

/// An id for each document in its new place. The object before the row: a row never names what is not there.
async fn copies(store: &Store, decided: Decided<'_>) -> anyhow::Result<Vec<(DocumentId, DocumentId)>> {
    let mut copies = Vec::new();
    for document in &decided.filed.entry.documents {
        let copy = DocumentId::generate();
        if document.range.is_none() {
            let bytes = store.blobs().document(&decided.tenant.id, document.id).await?;
            store.blobs().put_document(&decided.tenant.id, copy, bytes.to_vec()).await?;
        }
        copies.push((document.id, copy));
    }
    Ok(copies)
}

/// What readers of the application are told. Why a mail was moved may speak of another candidate, so that is for operators alone.
fn note(decided: Decided<'_>) -> NewEntry {
    let (kind, why) = match decided.moved {
        Some(_) => ("moved", None),
        None => ("withdrawn", decided.why),
    };
    NewEntry {
        id: EntryId::generate(),
        application: decided.filed.application.clone(),
        at: decided.at,
        kind,
        actor: decided.by.to_owned(),
        subject: String::new(),
        body: json!({"text": "", "why": why, "told": addresses(decided.corrections)}).to_string(),
        visibility: "department",
        dedupe_key: None,
        message_id: None,
        moved_from: None,
    }
}

fn addresses(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.to.as_str()).collect()
}

fn leaves(decided: Decided<'_>, arrival: ArrivalId, envelope: &Envelope, documents: &[(DocumentId, DocumentId)]) -> Filing {
    let filed = decided.filed;
    let about = |notices: &[Notice], entry| -> Vec<_> {
        notices.iter().map(|notice| message(&envelope.mailbox, decided.tenant, notice, Some(entry), decided.at)).collect()
    };
    let mut messages = about(decided.corrections, filed.entry.id);
    let mut entry = None;
    if let Some(moved) = decided.moved {
        messages.extend(about(moved.notices, moved.entry));
        entry = Some(NewEntry {
            id: moved.entry,
            application: moved.application.to_owned(),
            at: decided.at,
            kind: "inbound_email",
            actor: decided.by.to_owned(),
            subject: filed.entry.subject.clone(),
            body: moved_body(decided, moved, documents).to_string(),
            visibility: "department",
            dedupe_key: filed.dedupe_key.clone(),
            message_id: filed.message_id.clone(),
            moved_from: Some(filed.entry.id),
        });
    }
    let what = if decided.moved.is_some() { "moved" } else { "withdrawn" };
    let line = |subject: String, detail: String| NewAudit { actor: decided.by.to_owned(), what, subject, detail };
    let why = decided.why.unwrap_or("no reason given");
    let of_mail = match decided.moved {
        Some(moved) => format!("entry {} of application {} to application {}: {why}", filed.entry.id, filed.application, moved.application),
        None => format!("entry {} of application {}: {why}", filed.entry.id, filed.application),
    };
    Filing {
        entry,
        messages,
        audit: vec![line(arrival.to_string(), of_mail), line(filed.entry.id.to_string(), why.to_owned())],
        ..Filing::afterwards(decided.tenant.id.clone(), arrival, decided.at)
    }
}

/// The same content in another place: its files are other documents, other people are told, and it says that it was moved and by
/// whom, but not from where.
fn moved_body(decided: Decided<'_>, moved: Moved<'_>, documents: &[(DocumentId, DocumentId)]) -> Value {
    let old = &decided.filed.entry;
    let mut body = old.body.clone();
    let copies: HashMap<String, DocumentId> = documents.iter().map(|(old, copy)| (old.to_string(), *copy)).collect();
    for part in body["parts"].as_array_mut().into_iter().flatten() {
        if let Some(copy) = part["document"].as_str().and_then(|id| copies.get(id)) {
            part["document"] = json!(copy);
        }
    }
    body["flags"] = json!(moved.flags);
    body["told"] = json!(addresses(moved.notices));
    body["nobody_responsible"] = json!(moved.nobody_responsible);
    body["moved"] = json!({"at": decided.at, "by": decided.by, "imported_at": imported_at(decided.filed)});
    body
}

/// When the mail was first filed, however often it has been moved since.
pub fn imported_at(filed: &Filed) -> Timestamp {
    let before = filed.entry.body["moved"]["imported_at"].as_str();
    before.and_then(|at| at.parse().ok()).unwrap_or(filed.entry.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::examples;
    use crate::store::history::Entry;

    fn filed(body: Value) -> Filed {
        let entry = Entry {
            id: EntryId::generate(),
            at: "2026-11-22T08:30:00Z".parse().unwrap(),
            kind: "inbound_email".into(),
            actor: "petra@acme.example".into(),
            subject: "WG: x".into(),
            body,
            documents: Vec::new(),
            withdrawn: None,
            hidden: false,
            about: None,
        };
        Filed { entry, application: "A1".into(), dedupe_key: None, message_id: None, mail: None, noticed: Vec::new() }
    }

    #[test]
    fn the_body_in_its_new_place() {
        let (old, new) = (DocumentId::generate(), DocumentId::generate());
        let parts = json!([{"name": "a.pdf", "role": "file", "document": old}, {"name": "logo", "role": "inline", "document": null}]);
        let filed =
            filed(json!({"text": "Hallo", "parts": parts, "told": ["a@x"], "flags": ["sender_unknown"], "nobody_responsible": true}));
        let tenant = examples::tenant();
        let at = "2026-11-23T08:30:00Z".parse().unwrap();
        let decided = Decided { tenant: &tenant, filed: &filed, at, by: "cli:anna", why: Some("geheim"), corrections: &[], moved: None };
        let entry = EntryId::generate();
        let moved = Moved { application: "A2", entry, flags: &[Flag::Assigned], notices: &[], nobody_responsible: false };
        let body = moved_body(decided, moved, &[(old, new)]);
        assert_eq!((&body["parts"][0]["document"], &body["parts"][1]["document"]), (&json!(new), &Value::Null));
        assert_eq!((&body["text"], &body["told"], &body["flags"]), (&json!("Hallo"), &json!([]), &json!(["assigned"])));
        assert_eq!(body["moved"], json!({"at": "2026-11-23T08:30:00Z", "by": "cli:anna", "imported_at": "2026-11-22T08:30:00Z"}));
        assert!(body["nobody_responsible"] == false && !body.to_string().contains("A1") && !body.to_string().contains("geheim"), "{body}");
    }

    /// The first import counts, however often a mail is moved.
    #[test]
    fn when_it_was_imported() {
        assert_eq!(imported_at(&filed(json!({}))).to_string(), "2026-11-22T08:30:00Z");
        let moved = filed(json!({"moved": {"imported_at": "2026-11-20T00:00:00Z"}}));
        assert_eq!(imported_at(&moved).to_string(), "2026-11-20T00:00:00Z");
    }
}

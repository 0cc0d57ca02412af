//! Writes down that somebody knew a document's kind better than its name did, in one transaction (G9). Decides nothing.

use super::is_shown_under_documents;
use crate::model::file_name::FilenameRule;
use crate::model::id::EntryId;
use crate::model::message::Kind;
use crate::model::organisation::Tenant;
use crate::store::Store;
use crate::store::audit::NewAudit;
use crate::store::document_kinds::{Changed, KindChange};
use crate::store::filing::NewEntry;
use crate::store::history::Document;
use jiff::Timestamp;
use serde_json::json;

/// What was decided about a document.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    pub tenant: &'a Tenant,
    pub document: &'a Document,
    pub kind: Kind,
    pub by: &'a str,
    pub at: Timestamp,
    /// The rule that would have known it, if it is to be kept.
    pub learnt: Option<&'a FilenameRule>,
}

/// Commits it.
pub async fn put(store: &Store, decided: Decided<'_>) -> anyhow::Result<Changed> {
    let Decided { tenant, document, kind, .. } = decided;
    let told = format!("{} to {}", document.kind, kind.as_str());
    store
        .change_kind(KindChange {
            tenant: tenant.id.clone(),
            document: document.id,
            before: document.kind.clone(),
            kind,
            in_documents: is_shown_under_documents(tenant, kind),
            note: note(decided),
            audit: NewAudit { actor: decided.by.to_owned(), what: "document_kind_changed", subject: document.id.to_string(), detail: told },
            learnt: decided.learnt.cloned(),
        })
        .await
}

/// The document by its id and not by its name: if its mail is taken back, this entry stays, and must not tell of another candidate.
fn note(decided: Decided<'_>) -> NewEntry {
    NewEntry {
        id: EntryId::generate(),
        application: decided.document.application.clone(),
        at: decided.at,
        kind: "document_kind_changed",
        actor: decided.by.to_owned(),
        subject: String::new(),
        body: json!({"text": "", "document": decided.document.id, "before": decided.document.kind, "kind": decided.kind}).to_string(),
        visibility: "department",
        dedupe_key: None,
        message_id: None,
        moved_from: None,
    }
}

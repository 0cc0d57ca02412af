//! A filed document gets the kind that somebody says, and the tenant a rule, if he wants. Read, decide, write once.

use super::Pipeline;
use crate::file::kind_changed::{self, Decided};
use crate::model::file_name::FilenameRule;
use crate::model::id::DocumentId;
use crate::model::message::Kind;
use crate::model::organisation::Tenant;
use crate::store::document_kinds::Changed;
use crate::store::filename_rules::Added;
use crate::understand;
use jiff::Timestamp;
use tracing::info;

/// Why a document keeps its kind.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    #[error("there is no document {0}")]
    NoDocument(DocumentId),
    #[error("document {0}: it was taken back with its mail")]
    TakenBack(DocumentId),
    #[error("document {document}: its kind is {kind} already")]
    Same { document: DocumentId, kind: &'static str },
    #[error("reference_report is made here; a file that came by mail is none")]
    NoKindOfFiles,
    #[error("document {0}: somebody else has just changed it; look at it again")]
    Overtaken(DocumentId),
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub before: String,
    /// The word of its name that would have told it, if a rule said so.
    pub word: Option<String>,
    /// What became of the rule, if it was to be learnt and there is such a word.
    pub learnt: Option<Added>,
}

/// Whether a rule is made of it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learn {
    Offer,
    Now,
}

impl Pipeline {
    /// Changes the kind of a filed document. What was filed before and comes later keeps its own, but for what a learnt rule says of it.
    pub async fn correct_kind(&self, tenant: &Tenant, id: DocumentId, kind: Kind, by: &str, learn: Learn) -> Result<Done, NotChanged> {
        let document = self.store.document(&tenant.id, id).await?.ok_or(NotChanged::NoDocument(id))?;
        if document.withdrawn {
            return Err(NotChanged::TakenBack(id));
        }
        if kind == Kind::ReferenceReport {
            return Err(NotChanged::NoKindOfFiles);
        }
        if document.kind == kind.as_str() {
            return Err(NotChanged::Same { document: id, kind: kind.as_str() });
        }
        let application = self.store.application_by_id(&tenant.id, &document.application).await?;
        let people: Vec<&str> = application.iter().map(|application| application.candidate.name.as_str()).collect();
        let word = understand::telling_word(&document.name, &tenant.filename_rules, &people).filter(|_| kind != Kind::Other);
        let rule = word.clone().map(|words| FilenameRule { words, kind });
        let learnt = rule.as_ref().filter(|_| learn == Learn::Now);
        let decided = Decided { tenant, document: &document, kind, by, at: Timestamp::now(), learnt };
        let learnt = match kind_changed::put(&self.store, decided).await? {
            Changed::Overtaken => return Err(NotChanged::Overtaken(id)),
            Changed::Done(learnt) => learnt,
        };
        info!(document.id = %id, tenant = %tenant.id, kind = kind.as_str(), learnt = learnt.is_some(), "changed the kind of document {id}");
        Ok(Done { before: document.kind, word, learnt })
    }
}

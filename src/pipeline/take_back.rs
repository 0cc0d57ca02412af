//! The way back: a filed mail is withdrawn, or moved to the application that it belongs to. Read, decide, compose, write once.

use super::Pipeline;
use crate::file::taken_back::{self, Decided, Moved};
use crate::model::id::{EntryId, TenantId};
use crate::model::message::Original;
use crate::model::organisation::{Application, Tenant};
use crate::model::outbound::Notice;
use crate::model::user::Locale;
use crate::model::verdict::{Audience, Flag};
use crate::notify::compose::corrections::{self, Fate};
use crate::store::taking_back::{Filed, Taken};
use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tracing::info;

/// The only kind of entry that can be taken back: the others say what somebody did.
const MAIL: &str = "inbound_email";

/// Why an entry was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum NotTakenBack {
    #[error("there is no history entry {0}")]
    NoEntry(EntryId),
    #[error("{0}: this entry has been taken back already")]
    Already(EntryId),
    #[error("{entry}: this entry ({kind}) is no mail; only mail can be moved or withdrawn")]
    NoMail { entry: EntryId, kind: String },
    #[error("{0}: this entry is filed to that application already")]
    SameApplication(EntryId),
    #[error("the application {0} has been erased")]
    Erased(String),
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// What came in its place, if it was moved.
    pub entry: Option<EntryId>,
    /// People who hear that it was taken back.
    pub corrected: usize,
}

impl Pipeline {
    /// Takes a mail out of its application, and leaves it nowhere. `why` is for readers of the application.
    pub async fn withdraw(&self, tenant: &Tenant, id: EntryId, by: &str, why: &str) -> Result<Done, NotTakenBack> {
        let filed = self.takeable(&tenant.id, id).await?;
        let corrections = self.corrections(Fate::Withdrawn, tenant, &filed).await?;
        let decided = Decided { tenant, filed: &filed, at: Timestamp::now(), by, why: Some(why), corrections: &corrections, moved: None };
        match taken_back::put(&self.store, decided).await? {
            Taken::AlreadyTakenBack | Taken::NoTarget => return Err(NotTakenBack::Already(id)),
            Taken::Done => (),
        }
        info!(entry.id = %id, tenant = %tenant.id, corrected = corrections.len(), "withdrew history entry {id}");
        Ok(Done { entry: None, corrected: corrections.len() })
    }

    /// Takes a mail out of its application and files it to another one. `why` is for operators.
    pub async fn move_to(
        &self,
        tenant: &Tenant,
        id: EntryId,
        target: &Application,
        by: &str,
        why: Option<&str>,
    ) -> Result<Done, NotTakenBack> {
        let filed = self.takeable(&tenant.id, id).await?;
        if target.id == filed.application {
            return Err(NotTakenBack::SameApplication(id));
        }
        let erased = || NotTakenBack::Erased(target.reference.clone());
        if target.erased {
            return Err(erased());
        }
        let corrections = self.corrections(Fate::Moved, tenant, &filed).await?;
        let responsible = self.store.responsible(&tenant.id, target).await?;
        let audience = Audience { responsible, ..Audience::default() };
        let (at, entry) = (Timestamp::now(), EntryId::generate());
        let flags = flags(&filed.entry.body, target);
        let notices = self.notices(tenant, &filed, target, &flags, &audience, (entry, at));
        let moved = Moved { application: &target.id, entry, flags: &flags, notices: &notices, nobody_responsible: audience.is_nobody() };
        let decided = Decided { tenant, filed: &filed, at, by, why, corrections: &corrections, moved: Some(moved) };
        match taken_back::put(&self.store, decided).await? {
            Taken::AlreadyTakenBack => return Err(NotTakenBack::Already(id)),
            Taken::NoTarget => return Err(erased()),
            Taken::Done => (),
        }
        info!(entry.id = %entry, tenant = %tenant.id, corrected = corrections.len(), "moved history entry {id}; it is {entry} now");
        Ok(Done { entry: Some(entry), corrected: corrections.len() })
    }

    /// The entry, if it is one that can be taken back.
    async fn takeable(&self, tenant: &TenantId, id: EntryId) -> Result<Filed, NotTakenBack> {
        let filed = self.store.filed(tenant, id).await?.ok_or(NotTakenBack::NoEntry(id))?;
        if filed.entry.withdrawn.is_some() {
            return Err(NotTakenBack::Already(id));
        }
        if filed.entry.kind != MAIL || filed.mail.is_none() {
            return Err(NotTakenBack::NoMail { entry: id, kind: filed.entry.kind });
        }
        Ok(filed)
    }

    async fn corrections(&self, fate: Fate, tenant: &Tenant, filed: &Filed) -> anyhow::Result<Vec<Notice>> {
        let application = self.store.application_by_id(&tenant.id, &filed.application).await?.context("the application of this entry")?;
        let body = &filed.entry.body;
        let corrected = corrections::Corrected {
            fate,
            tenant,
            application: &application,
            forwarder: body["forwarder"]["name"].as_str(),
            is_direct: Vec::<Flag>::deserialize(&body["flags"]).unwrap_or_default().contains(&Flag::Direct),
            accepted_at: filed.accepted_at.unwrap_or(filed.entry.at),
        };
        Ok(corrections::corrections(corrected, &told(filed, tenant.locale)))
    }

    fn notices(
        &self,
        tenant: &Tenant,
        filed: &Filed,
        target: &Application,
        flags: &[Flag],
        audience: &Audience,
        (entry, at): (EntryId, Timestamp),
    ) -> Vec<Notice> {
        let body = &filed.entry.body;
        let original = Original::deserialize(&body["original"]).ok();
        let forwarder = body["forwarder"]["name"].as_str().zip(body["forwarder"]["address"].as_str());
        let files: Vec<_> = filed.entry.documents.iter().map(|document| (document.name.as_str(), document.kind.as_str())).collect();
        let moved = corrections::Moved {
            tenant,
            application: target,
            original: original.as_ref(),
            forwarder,
            flags,
            files: &files,
            imported_at: filed.accepted_at.unwrap_or_else(|| taken_back::imported_at(filed)),
            moved_at: at,
            entry,
            portal_url: self.settings.portal_url.as_deref(),
        };
        corrections::of_moved(moved, audience)
    }
}

/// Whom the entry names as told, in the language that each was written to in.
fn told(filed: &Filed, locale: Locale) -> Vec<(String, Locale)> {
    let told = filed.entry.body["told"].as_array().map(Vec::as_slice).unwrap_or_default();
    let language = |to: &str| filed.noticed.iter().find(|(other, _)| other == to).map_or(locale, |(_, locale)| *locale);
    told.iter().filter_map(Value::as_str).map(|to| (to.to_owned(), language(to))).collect()
}

/// What readers should know beside the entry in its new place: what was said of people and numbers was about the old one.
fn flags(body: &Value, target: &Application) -> Vec<Flag> {
    let before = Vec::<Flag>::deserialize(&body["flags"]).unwrap_or_default();
    let stay = before.into_iter().filter(|flag| matches!(flag, Flag::SameMessageId | Flag::Direct | Flag::RenderingsDiffer));
    target.closed.then_some(Flag::Closed).into_iter().chain(stay).chain([Flag::Assigned]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::examples;
    use crate::model::organisation::Candidate;
    use serde_json::json;

    #[test]
    fn flags_of_the_new_place() {
        let open = examples::application("4711", Candidate { id: "C1".into(), name: "Maria".into() });
        let closed = Application { closed: true, ..open.clone() };
        let check = |before: Value, target: &Application, want: &[Flag]| assert_eq!(flags(&json!({"flags": before}), target), want);
        check(json!([]), &open, &[Flag::Assigned]);
        check(json!(["closed", "sender_unknown", "somebody_else"]), &open, &[Flag::Assigned]);
        check(json!(["same_message_id", "assigned"]), &closed, &[Flag::Closed, Flag::SameMessageId, Flag::Assigned]);
        check(json!(["renderings_differ"]), &open, &[Flag::RenderingsDiffer, Flag::Assigned]);
        check(json!(["direct"]), &open, &[Flag::Direct, Flag::Assigned]);
        check(Value::Null, &open, &[Flag::Assigned]);
    }
}

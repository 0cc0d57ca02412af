//! What composing must know: who is responsible, what may be suggested, and how much was sent lately.

use super::{Pipeline, Read};
use crate::file;
use crate::model::answer::{Outcome, Receipt};
use crate::model::arrival::Purpose;
use crate::model::id::EntryId;
use crate::model::message::Message;
use crate::model::organisation::{Application, Disagreement, Tenant};
use crate::model::outbound::MessagePurpose;
use crate::model::sender::{Sender, Unproven};
use crate::model::user::User;
use crate::model::verdict::{Audience, Disposition, HoldReason, Suggestion, Verdict};
use crate::notify::compose::{Circumstances, compose};
use crate::place::suggest;
use crate::store::arrivals::Claimed;
use anyhow::Context;
use std::collections::HashMap;

/// What suggestions are looked up by.
struct Hints<'h> {
    addresses: &'h [String],
    names: &'h [String],
    typed: Option<&'h str>,
    by_token: Option<&'h Application>,
    why: HoldReason,
}

impl Pipeline {
    pub(super) async fn audience(
        &self,
        claimed: &Claimed,
        read: &Read,
        verdict: &Verdict,
        by_token: Option<&Application>,
        answer: Option<&(Receipt, Outcome)>,
    ) -> anyhow::Result<Audience> {
        let lately = async |purpose, to: Option<&str>| match to {
            Some(to) => self.store.sent_last_hour(&claimed.tenant, purpose, to).await,
            None => Ok(0),
        };
        let may_get_one =
            claimed.assigned.is_none() && read.sender.user().is_some_and(|user| user.wants_receipts || matches!(verdict, Verdict::Hold(_)));
        // Of a mail that is only judged anew its forwarder may have a receipt already: one is all he gets (G7). Whoever answered hears again.
        let has_receipt = claimed.heals.is_some_and(|was| !was.was_not_told())
            || (may_get_one && self.store.has_receipt(&claimed.tenant, claimed.id).await?);
        let mut audience = Audience { has_receipt, ..Audience::default() };
        let user = read.sender.user();
        let forwarder = user.map(|user| user.email.as_str());
        match (verdict, answer) {
            (Verdict::File(placement), _) => {
                audience.responsible = self.store.responsible(&claimed.tenant, &placement.application).await?;
                let wants_receipt = user.filter(|user| user.wants_receipts).map(|user| user.email.as_str());
                audience.sent_last_hour = lately(MessagePurpose::Receipt, wants_receipt).await?;
            }
            (Verdict::Hold(reason), _) => {
                audience.is_held_already = self.store.is_held_already(&claimed.tenant, &read.questions.dedupe_key, claimed.id).await?;
                audience.sent_last_hour = lately(MessagePurpose::Receipt, forwarder).await?;
                audience.held_told_last_hour = lately(MessagePurpose::MailHeld, read.tenant.fallback_address.as_deref()).await?;
                audience.answers = by_token.map(|application| application.reference.clone());
                let questions = &read.questions;
                // Several senders hold it under any number.
                if !read.message.originals().any(|original| original.sender_is_unclear) {
                    let (addresses, names, typed) = (&questions.addresses, &questions.names, questions.number.as_deref());
                    let hints = Hints { addresses, names, typed, by_token, why: *reason };
                    audience.suggestions = self.suggestions(&read.tenant, user, hints).await?;
                }
            }
            (Verdict::Ignore(_), Some((receipt, Outcome::Useless(_)))) => {
                audience.sent_last_hour = lately(MessagePurpose::Receipt, forwarder).await?;
                audience.suggestions = self.suggestions_again(&read.tenant, user, receipt).await?;
            }
            (Verdict::Ignore(_), None) if claimed.envelope.purpose == Purpose::Postmaster => {
                audience.sent_last_hour = lately(MessagePurpose::Postmaster, self.settings.postmaster.as_deref()).await?;
            }
            (Verdict::Duplicate(_) | Verdict::Ignore(_), _) => (),
        }
        Ok(audience)
    }

    /// Holds what could not be read. Of a candidate's answer, and of what ended the program, the fallback address hears all the same.
    pub(super) async fn hold_unread(&self, claimed: &Claimed, reason: HoldReason) -> anyhow::Result<Disposition> {
        let tenant = self.store.tenant(&claimed.tenant).await?.context("the tenant of this mail is gone")?;
        // What crashed twice and was told of is tried once more after an update, and not told of again.
        let has_receipt = claimed.heals == Some(HoldReason::CrashedTwice);
        let mut audience = Audience { has_receipt, ..Audience::default() };
        let is_reply = matches!(claimed.envelope.purpose, Purpose::Reply { .. });
        if let Purpose::Reply { application } = &claimed.envelope.purpose {
            audience.answers = self.store.application_by_id(&tenant.id, application).await?.map(|application| application.reference);
        }
        if let Some(to) = tenant.fallback_address.as_ref().filter(|_| is_reply || reason == HoldReason::CrashedTwice) {
            audience.held_told_last_hour = self.store.sent_last_hour(&tenant.id, MessagePurpose::MailHeld, to).await?;
        }
        let circumstances = Circumstances {
            tenant: &tenant,
            sender: &Sender::Unproven { why: Unproven::NoProof, claims_user: false },
            envelope: &claimed.envelope,
            arrival: claimed.id,
            at: claimed.at,
            entry: EntryId::generate(),
            portal_url: None,
            postmaster: None,
            number: None,
            answer: None,
        };
        let notices = compose(&Verdict::Hold(reason), &Message::default(), &audience, circumstances);
        file::put_unreadable(&self.store, claimed, &tenant, reason, &notices).await?;
        Ok(Disposition::Held)
    }

    /// Where a held mail may belong, as far as its forwarder may see it, if a number of his can mend it.
    async fn suggestions(&self, tenant: &Tenant, user: Option<&User>, hints: Hints<'_>) -> anyhow::Result<Vec<Suggestion>> {
        let Some(user) = user.filter(|_| hints.why.is_mended_by_a_number()) else { return Ok(Vec::new()) };
        let mut numbers = hints.typed.map(suggest::near_numbers).unwrap_or_default();
        if hints.why == HoldReason::NumberUnconfirmed {
            numbers.extend(hints.typed.map(str::to_owned));
        }
        let mut nearby = self.store.nearby(&tenant.id, hints.addresses, hints.names, &numbers).await?;
        nearby.by_token = hints.by_token.cloned();
        let owners = match tenant.disagreement {
            Disagreement::Hold => self.store.candidates_who_have(&tenant.id, hints.addresses).await?,
            Disagreement::Warn => HashMap::new(),
        };
        let nearby = suggest::fileable(suggest::visible(nearby, user), hints.why, hints.typed, &owners);
        Ok(suggest::suggestions(&nearby, hints.typed, suggest::MOST_OFFERED))
    }

    /// The same for a mail that is held already, because an answer to its receipt led nowhere.
    async fn suggestions_again(&self, tenant: &Tenant, user: Option<&User>, receipt: &Receipt) -> anyhow::Result<Vec<Suggestion>> {
        // A mail with several senders was offered nothing, and is not now.
        if receipt.offers.is_empty() {
            return Ok(Vec::new());
        }
        let Some(held) = self.store.arrival(&tenant.id, receipt.arrival).await? else { return Ok(Vec::new()) };
        let Some(why) = receipt.held else { return Ok(Vec::new()) };
        let by_token = held.reply_application();
        let by_token = match &by_token {
            Some(id) => self.store.application_by_id(&tenant.id, id).await?,
            None => None,
        };
        let typed = held.chosen.as_ref().map(|(number, _)| number).or(held.reference.as_ref()).map(String::as_str);
        let hints = Hints { addresses: &held.inner_addresses, names: &held.inner_names, typed, by_token: by_token.as_ref(), why };
        self.suggestions(tenant, user, hints).await
    }
}

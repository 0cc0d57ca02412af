//! What composing must know: who is responsible, what may be suggested, and how much was sent lately.

use super::{Pipeline, Read};
use crate::model::answer::{Outcome, Receipt};
use crate::model::arrival::Purpose;
use crate::model::id::TenantId;
use crate::model::outbound::MessagePurpose;
use crate::model::user::User;
use crate::model::verdict::{Audience, HoldReason, Suggestion, Verdict};
use crate::place::suggest;
use crate::store::arrivals::Claimed;

/// What suggestions are looked up by.
struct Hints<'h> {
    addresses: &'h [String],
    names: &'h [String],
    typed: Option<&'h str>,
    why: HoldReason,
}

impl Pipeline {
    pub(super) async fn audience(
        &self,
        claimed: &Claimed,
        read: &Read,
        verdict: &Verdict,
        answer: Option<&(Receipt, Outcome)>,
    ) -> anyhow::Result<Audience> {
        let lately = async |purpose, to: Option<&str>| match to {
            Some(to) => self.store.sent_last_hour(&claimed.tenant, purpose, to).await,
            None => Ok(0),
        };
        let mut audience = Audience::default();
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
                let questions = &read.questions;
                let hints =
                    Hints { addresses: &questions.addresses, names: &questions.names, typed: questions.number.as_deref(), why: *reason };
                audience.suggestions = self.suggestions(&claimed.tenant, user, hints).await?;
            }
            (Verdict::Ignore(_), Some((receipt, Outcome::Useless(_)))) => {
                audience.sent_last_hour = lately(MessagePurpose::Receipt, forwarder).await?;
                audience.suggestions = self.suggestions_again(&claimed.tenant, user, receipt).await?;
            }
            (Verdict::Ignore(_), None) if claimed.envelope.purpose == Purpose::Postmaster => {
                audience.sent_last_hour = lately(MessagePurpose::Postmaster, self.settings.postmaster.as_deref()).await?;
            }
            (Verdict::Duplicate(_) | Verdict::Ignore(_), _) => (),
        }
        Ok(audience)
    }

    /// Where a held mail may belong, as far as its forwarder may see it, if a number of his can mend it.
    async fn suggestions(&self, tenant: &TenantId, user: Option<&User>, hints: Hints<'_>) -> anyhow::Result<Vec<Suggestion>> {
        let Some(user) = user.filter(|_| hints.why.is_mended_by_a_number()) else { return Ok(Vec::new()) };
        let mut numbers = hints.typed.map(suggest::near_numbers).unwrap_or_default();
        if hints.why == HoldReason::NumberUnconfirmed {
            numbers.extend(hints.typed.map(str::to_owned));
        }
        let nearby = self.store.nearby(tenant, hints.addresses, hints.names, &numbers).await?;
        Ok(suggest::suggestions(&suggest::visible(nearby, user), hints.typed, suggest::MOST_OFFERED))
    }

    /// The same for a mail that is held already, because an answer to its receipt led nowhere.
    async fn suggestions_again(&self, tenant: &TenantId, user: Option<&User>, receipt: &Receipt) -> anyhow::Result<Vec<Suggestion>> {
        let Some(held) = self.store.arrival(tenant, receipt.arrival).await? else { return Ok(Vec::new()) };
        let Some(why) = receipt.held else { return Ok(Vec::new()) };
        let hints = Hints { addresses: &held.inner_addresses, names: &held.inner_names, typed: held.reference.as_deref(), why };
        self.suggestions(tenant, user, hints).await
    }
}

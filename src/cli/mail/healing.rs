//! What a held mail waits for, in words.

use crate::cli::show;
use crate::model::healing::{Heals, TURNED_UP, VERSION};
use crate::model::verdict::HoldReason;
use crate::store::Store;
use crate::store::listing::Listed;
use serde_json::{Value, json};

/// Why it is held, as things are now.
pub async fn explanation(store: &Store, mail: &Listed) -> anyhow::Result<Option<&'static str>> {
    let Some(reason) = mail.hold_reason() else { return Ok(None) };
    let number = mail.reference.as_deref().filter(|_| reason == HoldReason::UnknownNumber && mail.is_held());
    if let Some(number) = number
        && store.application(&mail.tenant, number).await?.is_some_and(|application| !application.erased)
    {
        return Ok(Some(TURNED_UP));
    }
    Ok(Some(reason.explanation()))
}

/// How often it was looked at by itself, and what is next. None: only somebody's word helps, and it was never looked at.
pub fn words(mail: &Listed) -> Option<String> {
    let heals = mail.hold_reason().filter(|_| mail.is_held()).map(HoldReason::heals)?;
    let next = match (heals, mail.heal_due) {
        (Heals::InTime, Some(due)) => format!("next {}, once the virus scanner answers", show::utc(due)),
        (_, Some(due)) => format!("next {}", show::utc(due)),
        (Heals::AfterAnUpdate, None) => format!("next by another version than {VERSION}"),
        (Heals::ByItsNumber, None) => "next when an application has its number".into(),
        (Heals::ByItsForwarder, None) => "next when the forwarder's addresses, role or departments change".into(),
        (Heals::InTime | Heals::ByHand, None) if mail.heal_tries == 0 => return None,
        (Heals::InTime | Heals::ByHand, None) => "no more by itself".into(),
    };
    let times = match mail.heal_tries {
        0 => "not yet".into(),
        tries => show::counted(usize::try_from(tries).unwrap_or(usize::MAX), "time"),
    };
    Some(format!("looked at again by itself: {times}; {next}"))
}

pub fn as_json(mail: &Listed, value: &mut Value) {
    value["retries"] = json!(mail.heal_tries);
    value["next_retry_at"] = json!(mail.heal_due.filter(|_| mail.is_held()).map(|due| due.to_string()));
}

//! What would become of the parts of a mail that is not filed: a forecast, read anew from its bytes.

use crate::cli::history;
use crate::model::arrival::Envelope;
use crate::model::message::Message;
use crate::model::organisation::{Rules, Tenant};
use crate::model::verdict::HoldReason;
use crate::store::Store;
use crate::store::listing::Listed;
use crate::{file, screen, understand};
use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;
use std::panic::AssertUnwindSafe;

/// What a forecast leaves open.
pub const FORECAST: &str =
    "a forecast, read anew from the bytes: neither the virus scanner nor the list of images that come again and again was asked";

/// The parts, or why they cannot be told.
pub type Rows = Result<Vec<Value>, &'static str>;

/// The forecast in words.
pub fn lines(rows: &Rows) -> Vec<String> {
    match rows {
        Ok(rows) if rows.is_empty() => Vec::new(),
        Ok(rows) => std::iter::once(format!("parts     {FORECAST}")).chain(history::parts::all(rows)).collect(),
        Err(why) => vec![format!("parts     {why}")],
    }
}

/// The tenant's rules, as far as its parts are concerned.
pub fn rules(tenant: &Tenant) -> anyhow::Result<Rules> {
    let rules = Rules::new(&tenant.reference, Vec::new()).context("the reference pattern")?;
    Ok(Rules { file_names: tenant.filename_rules.clone(), ..rules })
}

/// The parts as its entry would have them after the screen by type.
pub fn rows(message: Message, tenant: &Tenant) -> Vec<Value> {
    file::parts::rows(&screen::without_refused(message, tenant.refused_file_types.as_deref()), std::iter::empty())
}

/// The parts of a held mail, or why they cannot be told; none of one that is not held.
pub async fn of_held(store: &Store, mail: &Listed) -> anyhow::Result<Option<Rows>> {
    if !mail.is_held() {
        return Ok(None);
    }
    // What ended the program, or could not be read, would do the same to this command.
    if let Some(HoldReason::CrashedTwice | HoldReason::Unreadable | HoldReason::Damaged) = mail.hold_reason() {
        return Ok(Some(Err("not read: see why it is held")));
    }
    let Some(tenant) = store.tenant(&mail.tenant).await? else { return Ok(None) };
    // Whatever became of its bytes, the rest is to be shown.
    let Ok(raw) = store.raw_mail(&mail.tenant, mail.id).await else { return Ok(Some(Err("its bytes cannot be read"))) };
    let (rules, envelope) = (rules(&tenant)?, Envelope::deserialize(&mail.envelope).ok());
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| understand::read(envelope.as_ref(), &raw, &rules)));
    Ok(Some(read.map(|(message, _)| rows(message, &tenant)).map_err(|_| "this mail cannot be read; its bytes are intact")))
}

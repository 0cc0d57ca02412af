//! `mail show --html`: a mail as one page for a browser that loads nothing.

use super::{Done, Failure};
use crate::cli::show;
use crate::display::mail::{Sheet, sheet};
use crate::model::header::Header;
use crate::model::organisation::{Rules, Tenant};
use crate::store::Store;
use crate::store::listing::Listed;
use crate::understand;
use anyhow::Context;
use serde_json::Value;
use std::panic::AssertUnwindSafe;

/// Prints the page of a mail. It is read anew from its bytes: what is stored is the text alone.
pub async fn print(store: &Store, tenant: &Tenant, mail: &Listed, raw_command: &str) -> Done {
    let raw = store.raw_mail(&mail.tenant, mail.id).await?;
    let rules = Rules::new(&tenant.reference, Vec::new()).context("the reference pattern")?;
    let flags = flags(store, mail).await?;
    let page = std::panic::catch_unwind(AssertUnwindSafe(|| page(&raw, &rules, mail, &flags, raw_command)));
    let unreadable = |_| Failure::Failed(anyhow::anyhow!("{}: this mail cannot be read; its bytes are intact: {raw_command}", mail.id));
    show::out(page.map_err(unreadable)?)
}

fn page(raw: &[u8], rules: &Rules, mail: &Listed, flags: &[String], raw_command: &str) -> String {
    let (message, defects, renderings) = understand::read_with_renderings(raw, rules);
    let header = Header::read(raw);
    let field = |name: &str| header.text(name).unwrap_or_default();
    let mut head =
        vec![("From", field("From")), ("To", field("To")), ("Cc", field("Cc")), ("Subject", field("Subject")), ("Date", field("Date"))];
    head.retain(|(_, value)| !value.is_empty());
    head.push(("Received", format!("{} by {}, {} bytes", show::utc(mail.at), mail.door, mail.size)));
    head.push(("Mail", format!("{} ({})", mail.id, super::state(mail))));
    let defects: Vec<String> = defects.iter().map(ToString::to_string).collect();
    sheet(&Sheet { head: &head, message: &message, renderings: &renderings, flags, defects: &defects, raw: raw_command })
}

/// What readers of its entry are told, if it was filed.
async fn flags(store: &Store, mail: &Listed) -> anyhow::Result<Vec<String>> {
    let Some(Ok(id)) = mail.entry.as_deref().map(str::parse) else { return Ok(Vec::new()) };
    let filed = store.filed(&mail.tenant, id).await?;
    let flags = filed.and_then(|filed| filed.entry.body["flags"].as_array().cloned()).unwrap_or_default();
    Ok(flags.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

//! `mail show --html`: a mail as one page for a browser that loads nothing.

use super::{Done, Failure, foreseen, whose};
use crate::cli::{history, show};
use crate::display::mail::{Sheet, sheet};
use crate::model::header::Header;
use crate::model::organisation::{Rules, Tenant};
use crate::store::Store;
use crate::store::listing::Listed;
use crate::understand;
use serde_json::Value;
use std::panic::AssertUnwindSafe;

/// Prints the page of a mail. It is read anew from its bytes: what is stored is the text alone. What became of its parts, its entry says.
pub async fn print(store: &Store, tenant: &Tenant, mail: &Listed, raw_command: &str) -> Done {
    let raw = store.raw_mail(&mail.tenant, mail.id).await?;
    let rules = foreseen::rules(tenant)?;
    let entry = whose::filed(store, mail).await?.map(|filed| filed.entry.body);
    let read = || page(&raw, &rules, tenant, On { mail, entry: entry.as_ref(), raw_command });
    let unreadable = |_| Failure::Failed(anyhow::anyhow!("{}: this mail cannot be read; its bytes are intact: {raw_command}", mail.id));
    show::out(std::panic::catch_unwind(AssertUnwindSafe(read)).map_err(unreadable)?)
}

/// What is known beside the bytes.
struct On<'a> {
    mail: &'a Listed,
    /// The body of its entry, if it was filed.
    entry: Option<&'a Value>,
    raw_command: &'a str,
}

fn page(raw: &[u8], rules: &Rules, tenant: &Tenant, on: On<'_>) -> String {
    let (message, defects, renderings) = understand::read_with_renderings(raw, rules);
    let mail = on.mail;
    let header = Header::read(raw);
    let field = |name: &str| header.first(name).map(understand::field_text).unwrap_or_default();
    let mut head: Vec<(&str, String)> = ["From", "To", "Cc", "Subject", "Date"].into_iter().map(|name| (name, field(name))).collect();
    head.retain(|(_, value)| !value.is_empty());
    head.push(("Received", format!("{} by {}, {} bytes", show::utc(mail.at), mail.door, mail.size)));
    head.push(("Mail", format!("{} ({})", mail.id, super::state(mail))));
    let defects: Vec<String> = defects.iter().map(ToString::to_string).collect();
    let of_entry = |key: &str| on.entry.and_then(|body| body[key].as_array().cloned());
    let flags = of_entry("flags").unwrap_or_default();
    let flags: Vec<String> = flags.iter().filter_map(Value::as_str).map(history::flags::sentence).collect();
    let (rows, forecast) = match of_entry("parts") {
        Some(rows) => (rows, None),
        None => (foreseen::rows(message.clone(), tenant), Some(foreseen::FORECAST)),
    };
    let parts = history::parts::of_page(&rows);
    sheet(&Sheet {
        head: &head,
        message: &message,
        parts: &parts,
        forecast,
        renderings: &renderings,
        flags: &flags,
        defects: &defects,
        raw: on.raw_command,
    })
}

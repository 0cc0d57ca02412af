//! Where a mail was addressed and where it is: the application or the receipt behind its address, its number, its entry.

use crate::cli::{history, show};
use crate::model::address;
use crate::model::organisation::Application;
use crate::store::Store;
use crate::store::listing::Listed;
use crate::store::taking_back::Filed;
use crate::store::tokens::TokenThen;
use serde_json::{Value, json};

/// What the token in a mail's address stands for.
pub struct Addressed {
    then: TokenThen,
    pub application: Option<Application>,
}

/// The first recipient that bears a token of ours, also one whose time is over.
pub async fn addressed(store: &Store, mail: &Listed) -> anyhow::Result<Option<Addressed>> {
    for to in mail.envelope["to"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let (_, Some(token)) = address::without_detail(&address::key(to)) else { continue };
        let Some(then) = store.token_at(&mail.tenant, &token, mail.at).await? else { continue };
        let application = match &then.application {
            Some(id) => store.application_by_id(&mail.tenant, id).await?,
            None => None,
        };
        return Ok(Some(Addressed { then, application }));
    }
    Ok(None)
}

impl Addressed {
    pub fn words(&self) -> String {
        let end = match (self.then.was_revoked, self.then.was_over) {
            (true, _) => " (it was revoked before)",
            (false, true) => " (its time was over)",
            (false, false) => "",
        };
        match (&self.application, self.then.arrival) {
            (Some(application), _) => format!("reply address of {}{end}", named(application)),
            (None, Some(held)) => format!("answers to the receipt for mail {held}{end}"),
            (None, None) => format!("an address that was given out{end}"),
        }
    }

    pub fn as_json(&self) -> Value {
        json!({
            "reference": self.application.as_ref().map(|application| &application.reference),
            "candidate": self.application.as_ref().map(|application| &application.candidate.name),
            "answers": self.then.arrival, "revoked": self.then.was_revoked, "over": self.then.was_over,
        })
    }
}

fn named(application: &Application) -> String {
    format!("{} {}", show::clean(&application.reference), show::clean(&application.candidate.name))
}

/// The number that was typed, and the one that somebody chose for the mail.
pub fn number(mail: &Listed) -> String {
    let typed = show::clean(mail.reference.as_deref().unwrap_or("none"));
    match &mail.chosen {
        Some((chosen, by)) => format!("{typed}; {} was chosen by {}", show::clean(chosen), show::clean(by)),
        None => typed,
    }
}

/// What was filed of it, also if it was taken back.
pub async fn filed(store: &Store, mail: &Listed) -> anyhow::Result<Option<Filed>> {
    match mail.entry.as_deref().map(str::parse) {
        Some(Ok(id)) => store.filed(&mail.tenant, id).await,
        _ => Ok(None),
    }
}

/// The parts of the mail that its entry names, if it is filed; those of a mail that was taken back are for those who ask for it.
pub async fn parts(store: &Store, mail: &Listed) -> anyhow::Result<Value> {
    let filed = filed(store, mail).await?.filter(|filed| filed.entry.withdrawn.is_none());
    Ok(filed.map(|filed| filed.entry.body["parts"].clone()).unwrap_or_default())
}

/// Where it is filed, or was before, and what became of its parts.
pub async fn entry(store: &Store, mail: &Listed) -> anyhow::Result<Vec<String>> {
    let Some(filed) = filed(store, mail).await? else { return Ok(Vec::new()) };
    let application = store.application_by_id(&mail.tenant, &filed.application).await?;
    let place = application.as_ref().map_or_else(|| "an application that is gone".to_owned(), named);
    let mut lines = vec![format!("filed as  entry {} of {place}", filed.entry.id)];
    // Names of files of a mail that was taken back are for those who ask for it.
    if filed.entry.withdrawn.is_none() {
        lines.extend(history::parts::lines(&filed.entry.body, &[]));
    }
    Ok(lines)
}

//! Whether the people inside a forward are the candidate whom the number names.

use crate::model::address::Mailbox;
use crate::model::message::Original;
use crate::model::name;
use crate::model::organisation::Application;
use std::collections::{HashMap, HashSet};

/// How a sender inside and the application's candidate go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// One of the candidate's addresses, or the name where the forward bears no address.
    Same,
    /// An address that nobody has, under the candidate's name.
    SameName,
    /// Neither the candidate nor anybody else who is known.
    Unknown,
    /// Another candidate's address.
    SomebodyElse,
}

/// Index of each chain's candidate: the innermost sender who is not one of the tenant's users; one who is not named at all only
/// where nobody else is left. A chain of users alone has none.
pub fn candidates(originals: &[&Original], users: &HashSet<String>) -> Vec<usize> {
    let is_user = |original: &Original| original.from.key().is_some_and(|address| users.contains(&address));
    let mut candidates = Vec::new();
    let mut start = 0;
    while start < originals.len() {
        let end = (start + 1..originals.len()).find(|&next| originals[next].level == 0).unwrap_or(originals.len());
        let others = || (start..end).rev().filter(|&one| !is_user(originals[one]));
        candidates.extend(others().find(|&one| !originals[one].from.is_empty()).or_else(|| others().next()));
        start = end;
    }
    candidates
}

/// Compares one sender inside with the application's candidate. `owners`: candidates who have each address, by id.
pub fn agreement(sender: &Mailbox, application: &Application, owners: &HashMap<String, Vec<String>>) -> Agreement {
    let candidate = &application.candidate;
    let same_name = sender.name.as_deref().is_some_and(|name| name::is_same(name, &candidate.name));
    let Some(address) = sender.key() else { return if same_name { Agreement::Same } else { Agreement::Unknown } };
    let owners = owners.get(&address).map(Vec::as_slice).unwrap_or_default();
    if owners.contains(&candidate.id) {
        Agreement::Same
    } else if !owners.is_empty() {
        Agreement::SomebodyElse
    } else if same_name {
        Agreement::SameName
    } else {
        Agreement::Unknown
    }
}

//! Whether the people inside a forward are the candidate whom the number names.

use crate::model::address::Mailbox;
use crate::model::message::Original;
use crate::model::organisation::Application;
use std::collections::{BTreeSet, HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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
    let same_name = sender.name.as_deref().is_some_and(|name| is_same_name(name, &candidate.name));
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

/// `Müller, Maria`, `Maria Mueller` and `Dr. Maria A. Müller` are the same person; `Maria` alone may be anybody.
fn is_same_name(one: &str, other: &str) -> bool {
    let (one, other) = (words(one), words(other));
    let (fewer, more) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    fewer.len() >= 2 && fewer.is_subset(&more)
}

fn words(name: &str) -> BTreeSet<String> {
    let folded: String = name
        .nfc()
        .flat_map(char::to_lowercase)
        .flat_map(|c| match c {
            'ä' => vec!['a', 'e'],
            'ö' => vec!['o', 'e'],
            'ü' => vec!['u', 'e'],
            'ß' => vec!['s', 's'],
            c => c.nfd().filter(|part| !is_combining_mark(*part)).collect(),
        })
        .collect();
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1 && !matches!(*word, "dr" | "prof" | "herr" | "frau" | "mr" | "mrs" | "ms"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |one: &str, other: &str, same: bool| assert_eq!(is_same_name(one, other), same, "{one} / {other}");
        check("Maria Müller", "Müller, Maria", true);
        check("Maria Mueller", "Maria Müller", true);
        check("Dr. Maria A. Müller", "Maria Müller", true);
        check("Maria", "Maria Müller", false);
        check("Maria Meier", "Maria Müller", false);
        check("", "", false);
    }
}

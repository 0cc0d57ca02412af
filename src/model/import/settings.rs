//! Settings of a tenant that are compared exactly later: one that can never be met would be a protection that is silently off.

use super::{Faults, TenantIn};
use crate::model::daily;
use crate::model::file_name::MOST_RULES;
use crate::model::message::Kind;
use std::collections::HashSet;

/// Longest ending, in characters.
const LONGEST_ENDING: usize = 20;
/// A hundred years.
const MOST_DAYS: u32 = 36_500;

pub(super) fn check(tenant: &TenantIn, faults: &mut Faults) {
    for (index, given) in tenant.trusted_sealers.iter().flatten().enumerate() {
        let path = format!("tenant.trusted_sealers[{index}]");
        faults.add_if(!is_domain(&sealer(given)), &path, "this is no domain: the d= of the ARC-Seal (as in forwarder.example)");
    }
    for (index, given) in tenant.refused_file_types.iter().flatten().enumerate() {
        if let Some(why) = no_ending(&file_type(given)) {
            faults.add(&format!("tenant.refused_file_types[{index}]"), &why);
        }
    }
    filename_rules(tenant, faults);
    let is_no_time = tenant.digest_at.as_deref().is_some_and(|at| daily::parse_at(at).is_err());
    faults.add_if(is_no_time, "tenant.digest_at", "a time of day as in 07:00, or off");
    let is_too_long = tenant.discard_held_after_days.is_some_and(|days| days > MOST_DAYS);
    faults.add_if(is_too_long, "tenant.discard_held_after_days", "36500 days at most; 0 is never");
}

fn filename_rules(tenant: &TenantIn, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for (index, rule) in tenant.filename_rules.iter().flatten().enumerate() {
        let path = format!("tenant.filename_rules[{index}]");
        match rule.fault() {
            Some(why) if rule.kind == Kind::ReferenceReport => faults.add(&format!("{path}.kind"), &why),
            Some(why) => faults.add(&format!("{path}.words"), &why),
            None => faults.add_if(!seen.insert(rule.key()), &format!("{path}.words"), "another rule is about the same words"),
        }
        faults.add_if(index == MOST_RULES, &path, &format!("{MOST_RULES} rules at most"));
    }
}

/// A sealer's domain in the form that is compared.
pub fn sealer(given: &str) -> String {
    given.trim().trim_end_matches('.').to_lowercase()
}

/// An ending in the form that is compared: `js`, also of `.js` and `*.js`.
pub fn file_type(given: &str) -> String {
    let given = given.trim();
    let bare = given.strip_prefix("*.").or_else(|| given.strip_prefix('.')).unwrap_or(given);
    bare.to_lowercase()
}

/// RFC 1035 §2.3.1, with the underscore that some have; names of one label seal nothing.
fn is_domain(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_label =
        |label: &str| (1..=63).contains(&label.len()) && label.chars().all(legal) && !label.starts_with('-') && !label.ends_with('-');
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

/// Why no name of a file can end so, if none can.
fn no_ending(ending: &str) -> Option<String> {
    if let Some((_, last)) = ending.rsplit_once('.') {
        return Some(format!("only the last ending of a name counts: write {}", if last.is_empty() { "it without dots" } else { last }));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '?' | '/' | '\\' | ':');
    let is_ending = !ending.is_empty() && ending.chars().count() <= LONGEST_ENDING && !ending.chars().any(is_odd);
    (!is_ending).then(|| "this is no ending of a file's name: letters and digits, as in exe".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for good in ["forwarder.example", "a-b.c_d.example", "xn--mller-kva.example"] {
            assert!(is_domain(&sealer(good)), "{good}");
        }
        assert_eq!(sealer(" Forwarder.Example. "), "forwarder.example");
        let long = format!("{}.example", "a".repeat(64));
        for bad in
            ["", ".", "localhost", "@f.example", "not a domain", "https://x.example", "a..example", "-a.example", "x.example/", &long]
        {
            assert!(!is_domain(&sealer(bad)), "{bad}");
        }
    }

    #[test]
    fn endings() {
        let check = |given: &str, want: Result<&str, &str>| {
            let ending = file_type(given);
            match (no_ending(&ending), want) {
                (None, Ok(want)) => assert_eq!(ending, want, "{given}"),
                (Some(why), Err(part)) => assert!(why.contains(part), "{given}: {why}"),
                (found, _) => panic!("{given}: {found:?}"),
            }
        };
        for given in ["js", ".js", "*.js", " JS "] {
            check(given, Ok("js"));
        }
        check("7z", Ok("7z"));
        check("tar.gz", Err("write gz"));
        check("*.tar.gz", Err("write gz"));
        check("js.", Err("without dots"));
        for bad in ["", ".", "*", "j*s", "a/b", "a b", "a:b", "abcdefghijklmnopqrstu"] {
            check(bad, Err("as in exe"));
        }
    }
}

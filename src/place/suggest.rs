//! Which applications a held mail may belong to: the same address or name inside, a number one slip away.

use crate::model::organisation::Application;
use crate::model::user::User;
use crate::model::verdict::{Nearby, Suggestion, Why};

/// Suggestions that an operator is shown at once.
pub const MOST: usize = 5;
/// Suggestions of a receipt: a choice that is made from memory.
pub const MOST_OFFERED: usize = 3;
/// Longest number whose slips are tried: more digits than any pattern of ours takes.
const LONGEST: usize = 16;

/// Numbers that one slip of the fingers makes of this one: a digit wrong, two swapped, one missing, one too many.
pub fn near_numbers(number: &str) -> Vec<String> {
    if number.len() > LONGEST {
        return Vec::new();
    }
    let bytes = number.as_bytes();
    let is_digit = |at: usize| bytes[at].is_ascii_digit();
    let mut near = Vec::new();
    let mut add = |bytes: Vec<u8>| {
        if let Ok(text) = String::from_utf8(bytes) {
            near.push(text);
        }
    };
    for at in (0..bytes.len()).filter(|&at| is_digit(at)) {
        for digit in (b'0'..=b'9').filter(|&digit| digit != bytes[at]) {
            let mut one = bytes.to_vec();
            one[at] = digit;
            add(one);
        }
        if at + 1 < bytes.len() && is_digit(at + 1) && bytes[at] != bytes[at + 1] {
            let mut one = bytes.to_vec();
            one.swap(at, at + 1);
            add(one);
        }
        let mut one = bytes.to_vec();
        one.remove(at);
        add(one);
        for digit in b'0'..=b'9' {
            let mut one = bytes.to_vec();
            one.insert(at + 1, digit);
            add(one);
        }
    }
    near.sort();
    near.dedup();
    near.retain(|other| other != number);
    near
}

/// The likeliest applications first, and so many at most. Erased ones are nobody's.
pub fn suggestions(nearby: &Nearby, typed: Option<&str>, most: usize) -> Vec<Suggestion> {
    let mut list: Vec<Suggestion> = Vec::new();
    let mut add = |application: &Application, why: Why| {
        if !application.erased && list.len() < most && !list.iter().any(|one| one.reference == application.reference) {
            let (candidate, job) = (application.candidate.name.clone(), application.job_title.clone());
            list.push(Suggestion { reference: application.reference.clone(), candidate, job, why });
        }
    };
    let is_typed = |application: &&Application| typed == Some(application.reference.as_str());
    for application in nearby.by_number.iter().filter(is_typed) {
        add(application, Why::Typed);
    }
    let near = |application: &&Application| nearby.by_number.iter().any(|other| other.id == application.id);
    for application in nearby.by_address.iter().filter(near) {
        add(application, Why::AddressAndNumber);
    }
    for application in &nearby.by_address {
        add(application, Why::Address);
    }
    for application in &nearby.by_name {
        add(application, Why::Name);
    }
    for application in &nearby.by_number {
        add(application, typed.map_or(Why::DigitOff, |typed| slip(typed, &application.reference)));
    }
    list
}

/// What is near, as far as a forwarder may see it (G7).
pub fn visible(nearby: Nearby, user: &User) -> Nearby {
    let seen = |list: Vec<Application>| list.into_iter().filter(|application| user.may_see(application)).collect();
    Nearby { by_address: seen(nearby.by_address), by_name: seen(nearby.by_name), by_number: seen(nearby.by_number) }
}

fn slip(typed: &str, right: &str) -> Why {
    let mut sorted = [typed.as_bytes().to_vec(), right.as_bytes().to_vec()];
    sorted.iter_mut().for_each(|bytes| bytes.sort_unstable());
    match (typed.len() == right.len(), sorted[0] == sorted[1]) {
        (true, true) => Why::DigitsSwapped,
        (true, false) => Why::DigitOff,
        (false, _) => Why::DigitMissing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::examples;
    use crate::model::organisation::Candidate;
    use crate::model::user::Role;

    #[test]
    fn slips() {
        let near = near_numbers("4711");
        for one in ["4712", "7411", "471", "47112", "4701"] {
            assert!(near.contains(&one.to_owned()), "{one}");
        }
        assert!(!near.contains(&"4711".to_owned()));
        assert!(near_numbers("BW-0004711-2").contains(&"BW-0004712-2".to_owned()));
        assert!(near_numbers(&"1".repeat(40)).is_empty());
        assert!(near_numbers("1234567890").len() < 300);
    }

    #[test]
    fn words_for_slips() {
        for (typed, right, why) in
            [("4711", "4712", Why::DigitOff), ("4711", "7411", Why::DigitsSwapped), ("4711", "471", Why::DigitMissing)]
        {
            assert_eq!(slip(typed, right), why);
        }
    }

    fn application(reference: &str, department: &str) -> Application {
        let candidate = Candidate { id: reference.into(), name: "Maria Müller".into() };
        Application { department: Some(department.into()), ..examples::application(reference, candidate) }
    }

    #[test]
    fn the_likeliest_first() {
        let nearby = Nearby {
            by_address: vec![application("5000", "it"), application("4712", "it")],
            by_name: vec![application("6000", "it"), application("5000", "it")],
            by_number: vec![
                Application { erased: true, ..application("4710", "it") },
                application("4712", "it"),
                application("4771", "it"),
            ],
        };
        let told = |nearby: &Nearby, typed, most| -> Vec<(String, Why)> {
            suggestions(nearby, typed, most).into_iter().map(|one| (one.reference, one.why)).collect()
        };
        let want = [("4712", Why::AddressAndNumber), ("5000", Why::Address), ("6000", Why::Name), ("4771", Why::DigitOff)];
        let want = want.map(|(reference, why)| (reference.to_owned(), why));
        assert_eq!(told(&nearby, Some("4711"), MOST), want);
        assert_eq!(told(&nearby, Some("4711"), MOST_OFFERED), want[..3]);
        assert_eq!(told(&nearby, Some("4771"), 1), [("4771".to_owned(), Why::Typed)]);
        assert!(told(&Nearby::default(), None, MOST).is_empty());
    }

    /// Acceptance: G7, G10. A department's user is told of his department's applications alone.
    #[test]
    fn what_a_forwarder_may_see() {
        let list = || vec![application("4711", "it"), application("4712", "law")];
        let all = Nearby { by_address: list(), by_name: list(), by_number: list() };
        for (role, want) in [(Role::HrManager, 2), (Role::DepartmentPlus, 1)] {
            let seen = visible(all.clone(), &examples::user("x@acme.example", role));
            assert_eq!([seen.by_address.len(), seen.by_name.len(), seen.by_number.len()], [want; 3], "{role:?}");
        }
    }
}

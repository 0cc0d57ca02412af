//! Which applications a held mail may belong to: the same address inside, a number one slip away.

use crate::model::organisation::Application;
use crate::model::verdict::{Nearby, Suggestion};

/// Suggestions shown at once.
const MOST: usize = 5;
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

/// The likeliest applications first. Erased ones are nobody's.
pub fn suggestions(nearby: &Nearby, typed: Option<&str>) -> Vec<Suggestion> {
    let mut list: Vec<Suggestion> = Vec::new();
    let mut add = |application: &Application, why: &'static str| {
        if !application.erased && list.len() < MOST && !list.iter().any(|one| one.reference == application.reference) {
            list.push(Suggestion { reference: application.reference.clone(), candidate: application.candidate.name.clone(), why });
        }
    };
    let near = |application: &&Application| nearby.by_number.iter().any(|other| other.id == application.id);
    for application in nearby.by_address.iter().filter(near) {
        add(application, "same candidate address, and the number is one slip away");
    }
    for application in &nearby.by_address {
        add(application, "same candidate address");
    }
    for application in &nearby.by_number {
        add(application, typed.map_or("similar number", |typed| slip(typed, &application.reference)));
    }
    list
}

fn slip(typed: &str, right: &str) -> &'static str {
    let mut sorted = [typed.as_bytes().to_vec(), right.as_bytes().to_vec()];
    sorted.iter_mut().for_each(|bytes| bytes.sort_unstable());
    match (typed.len() == right.len(), sorted[0] == sorted[1]) {
        (true, true) => "two digits swapped",
        (true, false) => "one digit off",
        (false, _) => "one digit missing or too many",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            [("4711", "4712", "one digit off"), ("4711", "7411", "two digits swapped"), ("4711", "471", "one digit missing or too many")]
        {
            assert_eq!(slip(typed, right), why);
        }
    }
}

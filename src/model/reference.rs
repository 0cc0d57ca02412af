//! Reference numbers: what they look like per tenant, and the check digit of those that Rohrpost issues.

use serde::{Deserialize, Serialize};

/// How strictly the start of a subject is read (DESIGN: the tolerant grammar is the default).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grammar {
    /// Number, one space, real subject (S1.14, S1.15); nothing else.
    Strict,
    #[default]
    Tolerant,
}

/// Whether a tenant's own numbers end in a check digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    #[default]
    None,
    /// ISO 7064 MOD 11,10 over all digits of the number.
    #[serde(rename = "mod11_10")]
    Mod1110,
}

impl Check {
    pub fn as_str(self) -> &'static str {
        match self {
            Check::None => "none",
            Check::Mod1110 => "mod11_10",
        }
    }
}

impl Grammar {
    pub fn as_str(self) -> &'static str {
        match self {
            Grammar::Strict => "strict",
            Grammar::Tolerant => "tolerant",
        }
    }
}

/// A number as it was typed, and the rule that found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub number: String,
    pub rule: Grammar,
}

/// The pattern that tenants have unless they say otherwise: an optional prefix of one to four capital letters and a hyphen,
/// 3 to 10 digits, an optional hyphen and digit.
pub const DEFAULT_PATTERN: &str = "([A-Z]{1,4}-)?[0-9]{3,10}(-[0-9])?";

/// The letters before numbers that Rohrpost issues, unless the tenant says otherwise.
pub const DEFAULT_PREFIX: &str = "BW";

/// A number that Rohrpost issues: prefix, hyphen, serial of at least seven digits, hyphen, check digit (`BW-0004711-2`).
pub fn issued(prefix: &str, serial: u64) -> String {
    let digits = format!("{serial:07}");
    let check = check_digit(digits.bytes());
    format!("{prefix}-{digits}-{check}")
}

/// Whether the number has the form of those that Rohrpost issues, so that its last digit must be right.
pub fn looks_issued(prefix: &str, number: &str) -> bool {
    let Some(rest) = number.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let Some((serial, check)) = rest.split_once('-') else { return false };
    serial.len() >= 7 && serial.bytes().all(|b| b.is_ascii_digit()) && check.len() == 1 && check.bytes().all(|b| b.is_ascii_digit())
}

/// The check digit for these ASCII digits; other bytes are passed over. ISO 7064 MOD 11,10.
pub fn check_digit(digits: impl Iterator<Item = u8>) -> u8 {
    (11 - product(digits)) % 10
}

/// Whether the last digit is the check digit of those before it. ISO 7064 MOD 11,10.
pub fn check_digit_is_right(number: &str) -> bool {
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    match digits.split_last() {
        Some((&last, rest)) if !rest.is_empty() => check_digit(rest.iter().copied()) == last - b'0',
        _ => false,
    }
}

/// The running product after all digits, 1 to 10. ISO 7064 §7.
fn product(digits: impl Iterator<Item = u8>) -> u8 {
    digits.filter(u8::is_ascii_digit).fold(10, |product, digit| {
        let sum = (product + (digit - b'0')) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    })
}

/// Whether a bare number could as well be a year or a postcode (`2026 Bewerbung`, `80331 München`): such a one
/// must be confirmed by the sender inside before it places anything.
pub fn could_be_something_else(number: &str) -> bool {
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    digits && (number.len() == 5 || number.len() == 4 && (number.starts_with("19") || number.starts_with("20")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_of_iso_7064() {
        // 0794 has check digit 5 (the standard's own example); 0004711 is the one that our documents show.
        assert_eq!(check_digit("0794".bytes()), 5);
        assert!(check_digit_is_right("07945"));
        assert!(!check_digit_is_right("07954"));
        assert!(check_digit_is_right(&issued("BW", 4711)));
    }

    #[test]
    fn every_single_slip_is_seen() {
        let number = issued("BW", 4711);
        for (at, digit) in number.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()) {
            for other in (b'0'..=b'9').filter(|&o| o != digit) {
                let mut typed = number.clone().into_bytes();
                typed[at] = other;
                let typed = String::from_utf8(typed).unwrap();
                assert!(!check_digit_is_right(&typed), "{typed} passes for {number}");
            }
        }
    }

    #[test]
    fn issued_numbers_are_recognised() {
        assert!(looks_issued("BW", &issued("BW", 4711)));
        assert!(looks_issued("BW", &issued("BW", 123_456_789)));
        for other in ["4711", "BW-4711", "BW-0004711", "XX-0004711-2", "BW-0004711-22"] {
            assert!(!looks_issued("BW", other), "{other}");
        }
    }

    #[test]
    fn years_and_postcodes() {
        for (number, unclear) in
            [("2026", true), ("1999", true), ("80331", true), ("4711", false), ("2126", false), ("BW-2026", false), ("471100", false)]
        {
            assert_eq!(could_be_something_else(number), unclear, "{number}");
        }
    }
}

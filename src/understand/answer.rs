//! The first line of an answer that is new: one of the numbers that were offered, or a reference number.

use crate::model::answer::Line;
use crate::model::message::Folds;
use crate::model::organisation::Rules;
use crate::model::reference;

/// Longest line looked at, in characters: an answer is a number.
const LONGEST: usize = 200;
/// More digits are no choice among a few.
const MOST_DIGITS: usize = 2;

/// Reads the first line that neither repeats an earlier mail nor belongs to a signature.
pub fn read(text: &str, folds: &Folds, rules: &Rules) -> Line {
    let folded = |at: usize| folds.quoted.iter().chain(&folds.signature).any(|&(from, to)| (from..to).contains(&at));
    let first = text.split('\n').enumerate().find(|(at, line)| line.chars().any(char::is_alphanumeric) && !folded(*at));
    let line: String = first.map(|(_, line)| line.chars().take(LONGEST).map(narrow).collect()).unwrap_or_default();
    let bare = bare(&line);
    let is_choice = (1..=MOST_DIGITS).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_digit());
    let word = line.split_whitespace().map(self::bare).find(|word| !word.is_empty()).unwrap_or_default();
    // A year or a postcode may begin a sentence; a number that looks like one stands alone.
    let is_alone = word == bare;
    let is_number = rules.number.captures(word).and_then(|found| found.name("number")).is_some_and(|found| found.end() == word.len());
    let number = (is_number && (is_alone || !reference::could_be_something_else(word))).then(|| word.to_owned());
    Line { choice: if is_choice { bare.parse().ok() } else { None }, number }
}

/// Without the blanks and marks around it: `(2)`, `2.`, `»2«`.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Full-width digits and letters are typed where others are at hand.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::organisation::ReferenceRules;
    use crate::understand::forward::folds;

    fn check(text: &str, choice: Option<usize>, number: Option<&str>) {
        let rules = Rules::new(&ReferenceRules::default(), Vec::new()).unwrap();
        let want = Line { choice, number: number.map(str::to_owned) };
        assert_eq!(read(text, &folds(text), &rules), want, "{text:?}");
    }

    #[test]
    fn what_an_answer_says() {
        for text in ["2", "2.", " (2) \n", "\n\n> x\n2", "»2«", "２", "2\n\nViele Grüße\nPetra", "2\u{a0}"] {
            check(text, Some(2), None);
        }
        check("0", Some(0), None);
        check("12", Some(12), None);
        check("4711", None, Some("4711"));
        check("4711.", None, Some("4711"));
        check("4711, danke!", None, Some("4711"));
        check("BW-0004711-2 ist richtig", None, Some("BW-0004711-2"));
        check("2026", None, Some("2026"));
        for text in ["", "Danke!", "Nr. 2", "2 oder 3", "1 2", "Hallo,\n\n2", "123a", "2026 war schön", "80331 München", "12345678901"] {
            check(text, None, None);
        }
    }

    #[test]
    fn what_is_not_new_says_nothing() {
        let quoted = "Am 20.11.2026 um 18:02 schrieb Rohrpost <noreply@acme.example>:\n> 1  4711\n> 2  4712";
        check(quoted, None, None);
        check(&format!("2\n\n{quoted}"), Some(2), None);
        check(&format!("{quoted}\n\n2"), Some(2), None);
        check("-- \n4711", None, None);
        check(
            "3\nVon: Rohrpost <noreply@acme.example>\nGesendet: Freitag, 20. November 2026 18:02\nAn: Petra\nBetreff: x\n\n1  4711",
            Some(3),
            None,
        );
        check(
            "Von: Rohrpost <noreply@acme.example>\nGesendet: Freitag, 20. November 2026 18:02\nAn: Petra\nBetreff: x\n\n1  4711",
            None,
            None,
        );
    }

    #[test]
    fn a_tenants_own_numbers() {
        let rules =
            Rules::new(&ReferenceRules { pattern: "K[0-9]{2}/[0-9]+|[0-9]".into(), ..ReferenceRules::default() }, Vec::new()).unwrap();
        assert_eq!(read("K26/4711", &Folds::default(), &rules).number.as_deref(), Some("K26/4711"));
        // A number of one digit may be a choice as well: what the receipt offered decides.
        assert_eq!(read("7", &Folds::default(), &rules), Line { choice: Some(7), number: Some("7".into()) });
    }
}

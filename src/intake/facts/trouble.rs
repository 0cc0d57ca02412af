//! Which question of a mail the DNS left unanswered, for the log.

use super::results;
use crate::model::facts::Checked;

/// Names that were asked for and not answered, as far as what was found out tells it. `author` is the domain of From.
pub fn unanswered(checked: &Checked, author: &str) -> Vec<String> {
    let is_error = |result: &str| result == "temperror";
    let spf = checked.spf.iter().filter(|spf| is_error(&spf.result)).map(|spf| results::token(&spf.domain));
    let keys = checked.dkim.iter().filter(|dkim| is_error(&dkim.result));
    let keys = keys.map(|dkim| format!("{}._domainkey.{}", results::token(&dkim.selector), results::token(&dkim.domain)));
    // With a policy at hand, DMARC's trouble is that of a key or of SPF.
    let policy = (is_error(&checked.dmarc.result) && checked.dmarc.policy.is_none()).then(|| format!("_dmarc.{}", results::token(author)));
    let sealer = checked.arc.as_ref().filter(|arc| is_error(&arc.result)).and_then(|arc| arc.sets.last());
    let mut names: Vec<String> = spf.chain(keys).chain(policy).chain(sealer.map(|set| results::token(&set.sealer))).collect();
    if names.is_empty() {
        // The policy decides over the rest, and its trouble is not always a word of the results.
        names.push(format!("_dmarc.{}", results::token(author)));
    }
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{Dkim, Spf};

    #[test]
    fn what_was_not_answered() {
        let check = |checked: &Checked, want: &[&str]| assert_eq!(unanswered(checked, "acme.example"), want);
        let word = |word: &str| word.to_owned();
        check(&Checked { dns_trouble: true, ..Checked::default() }, &["_dmarc.acme.example"]);
        let dkim = |result: &str| Dkim { result: word(result), domain: word("acme.example"), selector: word("s1"), ..Dkim::default() };
        let spf = Some(Spf { result: word("temperror"), domain: word("bounce.example") });
        check(
            &Checked { spf, dkim: vec![dkim("pass"), dkim("temperror")], ..Checked::default() },
            &["bounce.example", "s1._domainkey.acme.example"],
        );
        let mut policy = Checked { dkim: vec![dkim("fail")], ..Checked::default() };
        policy.dmarc.result = word("temperror");
        check(&policy, &["_dmarc.acme.example"]);
        policy.dmarc.policy = Some(word("reject"));
        policy.dkim = vec![dkim("temperror")];
        check(&policy, &["s1._domainkey.acme.example"]);
        // Nothing of a mail comes into the log that is no name.
        let odd = Spf { result: word("temperror"), domain: word("a@b\nc") };
        check(&Checked { spf: Some(odd), ..Checked::default() }, &["a?b?c"]);
    }
}

//! What readers of an entry should know beside it, in words. The codes stand in the JSON.

use crate::cli::show;
use crate::model::verdict::Flag;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

/// The sentence for a flag as entries have it.
pub fn sentence(code: &str) -> String {
    match Flag::deserialize(StrDeserializer::<Error>::new(code)) {
        Ok(flag) => words(flag).to_owned(),
        // Of a later version.
        Err(_) => show::clean(code),
    }
}

fn words(flag: Flag) -> &'static str {
    match flag {
        Flag::Closed => "the application, or its job, was closed already",
        Flag::SenderUnknown => "its writer's address is not on record for this candidate: does it belong here?",
        Flag::SomebodyElse => "its writer is another candidate: does it belong here?",
        Flag::Direct => "the candidate wrote to the reply address of this application; nobody forwarded it",
        Flag::SameMessageId => "another mail with the same identifier was filed before; this one says something else, and both are kept",
        Flag::Assigned => "a person chose the application: an operator, or the forwarder in answer to a receipt",
        Flag::RenderingsDiffer => {
            "the plain text and the HTML say different things; the plain text is shown: open the mail before you rely on it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_in_words() {
        assert!(sentence("same_message_id").starts_with("another mail with the same identifier was filed before"));
        assert!(sentence("renderings_differ").starts_with("the plain text and the HTML say different things"));
        assert_eq!(sentence("of_tomorrow\u{202e}"), "of_tomorrow");
    }
}

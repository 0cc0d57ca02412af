//! The envelope of a mail that lies in a mailbox or a folder: what its server wrote on top of it. RFC 5321 §4.4 keeps the reverse-path; of the
//! recipients only what servers add by custom is left.

use crate::intake::facts;
use crate::model::arrival::{Envelope, Purpose, Recipient};
use crate::model::header::Header;
use crate::store::Store;

/// Fields in which servers keep the recipient, nearest first; To is the sender's own word, and the last resort.
const RECIPIENTS: [&str; 5] = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"];
/// Recipients that are looked at.
const MOST: usize = 50;

/// The recipient that a server wrote down counts if it is this tenant's; else it is the mailbox's own import address.
pub async fn found(store: &Store, header: &Header<'_>, whose: &Recipient, import_address: &str) -> anyhow::Result<Envelope> {
    let mut best = (import_address.to_owned(), whose.clone());
    for address in recipients(header) {
        let Some(found) = store.recipient(&address).await? else { continue };
        if found.tenant == whose.tenant && found.purpose != Purpose::Postmaster {
            best = (address, found);
            break;
        }
    }
    let (to, Recipient { mailbox, purpose, .. }) = best;
    Ok(Envelope { from: reverse_path(header), to: vec![to], mailbox, purpose })
}

/// The reverse-path; none is the null one. Where the server kept none, the first address of From: nobody says then that a program wrote.
pub fn reverse_path(header: &Header<'_>) -> Option<String> {
    match header.first("Return-Path") {
        Some(value) => {
            let text = crate::model::header::unfolded(value);
            let inside = text.trim().trim_start_matches('<').trim_end_matches('>').trim();
            (!inside.is_empty()).then(|| inside.to_owned())
        }
        None => header.first("From").and_then(|value| facts::addresses(value).into_iter().next()).or_else(|| Some("unknown".into())),
    }
}

/// Addresses to which it may have been sent, in the order in which they are asked for, in comparison form.
pub fn recipients(header: &Header<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for address in RECIPIENTS.iter().flat_map(|name| header.all(name)).flat_map(|field| facts::addresses(field.value)) {
        if found.len() < MOST && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_paths() {
        let check = |head: &str, want: Option<&str>| assert_eq!(reverse_path(&Header::read(head.as_bytes())).as_deref(), want, "{head}");
        check("Return-Path: <a@b.example>\r\nReturn-Path: <x@y.example>\r\n\r\n", Some("a@b.example"));
        check("Return-Path: <>\r\nFrom: a@b.example\r\n\r\n", None);
        check("From: A <A@b.example>\r\n\r\n", Some("a@b.example"));
        check("Subject: x\r\n\r\n", Some("unknown"));
    }

    #[test]
    fn who_it_was_sent_to() {
        let head = "Delivered-To: hr@acme.example\r\nTo: Import <import+T1@acme.example>, hr@acme.example\r\nX-Original-To: import+t2@acme.example\r\n\r\n";
        let want = ["hr@acme.example", "import+t2@acme.example", "import+t1@acme.example"];
        assert_eq!(recipients(&Header::read(head.as_bytes())), want);
    }
}

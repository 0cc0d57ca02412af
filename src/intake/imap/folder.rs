//! Folders: their names on the wire, making those that are missing, and the selected one.

use super::trouble::Trouble;
use super::wire::{Wire, quoted};
use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;
use imap_proto::{MailboxDatum, Response, ResponseCode, Status};

const MUTF7: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// What SELECT says of a folder.
#[derive(Clone, Copy, Debug)]
pub struct Selected {
    pub uid_validity: u32,
    /// RFC 3501 lets servers leave it out.
    pub uid_next: Option<u32>,
}

/// Selects the folder. Never EXAMINE: mails have to leave it.
pub async fn select(wire: &mut Wire, folder: &str, delimiter: Option<char>) -> Result<Selected, Trouble> {
    let (mut uid_validity, mut uid_next) = (None, None);
    let name = on_the_wire(folder, delimiter)?;
    wire.command(&format!("SELECT {name}"), |answer| {
        if let Response::Data { status: Status::Ok, outcome } = answer {
            match outcome.code {
                Some(ResponseCode::UidValidity(number)) => uid_validity = Some(number),
                Some(ResponseCode::UidNext(number)) => uid_next = Some(number),
                _ => (),
            }
        }
    })
    .await?;
    if wire.read_only {
        return Err(Trouble::Ours(anyhow::anyhow!("the folder may only be read: its mails could not leave it")));
    }
    let uid_validity = uid_validity.ok_or_else(|| Trouble::Lost("the folder has no UIDVALIDITY".into()))?;
    Ok(Selected { uid_validity, uid_next })
}

/// What parts the levels of folder names. RFC 3501 §6.3.8: an empty name asks for it.
pub async fn delimiter(wire: &mut Wire) -> Result<Option<char>, Trouble> {
    let mut found = None;
    wire.command("LIST \"\" \"\"", |answer| {
        if let Response::MailboxData(MailboxDatum::List(list)) = answer {
            found = list.delimiter.as_deref().and_then(|delimiter| delimiter.chars().next());
        }
    })
    .await?;
    Ok(found)
}

/// Makes sure that there is such a folder; returns its name as commands take it. Some servers keep everything below INBOX.
pub async fn made(wire: &mut Wire, folder: &str, delimiter: Option<char>) -> Result<String, Trouble> {
    let below = format!("INBOX/{folder}");
    let mut no = None;
    for candidate in [folder, below.as_str()] {
        let name = on_the_wire(candidate, delimiter)?;
        if exists(wire, &name).await? {
            return Ok(name);
        }
        match wire.command(&format!("CREATE {name}"), |_| ()).await {
            Ok(()) => {
                // So that people see it; a server may refuse.
                match wire.command(&format!("SUBSCRIBE {name}"), |_| ()).await {
                    Ok(()) | Err(Trouble::Said("NO" | "BAD", _)) => return Ok(name),
                    Err(other) => return Err(other),
                }
            }
            Err(Trouble::Said(word @ ("NO" | "BAD"), text)) => no = no.or(Some(Trouble::Said(word, text))),
            Err(other) => return Err(other),
        }
    }
    Err(no.unwrap_or(Trouble::Unreadable))
}

async fn exists(wire: &mut Wire, name: &str) -> Result<bool, Trouble> {
    let mut found = false;
    wire.command(&format!("LIST \"\" {name}"), |answer| found |= matches!(answer, Response::MailboxData(MailboxDatum::List(_)))).await?;
    Ok(found)
}

/// `Rohrpost/Angenommen` with the server's delimiter, encoded and quoted.
fn on_the_wire(folder: &str, delimiter: Option<char>) -> Result<String, Trouble> {
    let delimiter = delimiter.unwrap_or('/').to_string();
    let name = modified_utf7(&folder.replace('/', &delimiter));
    quoted(&name).ok_or_else(|| Trouble::Ours(anyhow::anyhow!("a folder's name cannot be said")))
}

/// RFC 3501 §5.1.3.
fn modified_utf7(text: &str) -> String {
    let mut out = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    let close = |shifted: &mut Vec<u8>, out: &mut String| {
        if !shifted.is_empty() {
            out.push('&');
            out.push_str(&MUTF7.encode(&*shifted));
            out.push('-');
            shifted.clear();
        }
    };
    for c in text.chars() {
        if (' '..='~').contains(&c) {
            close(&mut shifted, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            shifted.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    close(&mut shifted, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, want: &str| assert_eq!(modified_utf7(name), want);
        check("INBOX", "INBOX");
        check("Entwürfe", "Entw&APw-rfe");
        check("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        check("A&B", "A&-B");
        check("😀", "&2D3eAA-");
        assert_eq!(on_the_wire("Rohrpost/Angenommen", Some('.')).unwrap(), "\"Rohrpost.Angenommen\"");
        assert_eq!(on_the_wire("a\"b", None).unwrap(), "\"a\\\"b\"");
    }
}

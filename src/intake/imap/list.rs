//! What lies in a folder: UIDs, sizes and flags, a bounded number at a time, oldest first, whatever the folder holds. Sequence numbers
//! and \Seen say nothing here.

use super::trouble::Trouble;
use super::wire::Wire;
use imap_proto::{AttributeValue, Response};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Mails that are remembered of one look.
const MOST: usize = 200;

/// A mail in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub uid: u32,
    /// RFC822.SIZE, in bytes; some servers only guess.
    pub size: u64,
    pub flags: Vec<String>,
    /// When the server took it; none if it cannot be read.
    pub taken_at: Option<Timestamp>,
}

/// The oldest mails behind some UID.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// In order.
    pub mails: Vec<Listed>,
    /// How many there were in all, and the highest UID among them.
    pub count: u32,
    pub top: u32,
}

impl Look {
    /// There were more than are remembered.
    pub fn is_cut(&self) -> bool {
        self.count as usize > self.mails.len()
    }
}

/// Looks at the mails from `from` to `to`; to none is the end.
pub async fn look(wire: &mut Wire, from: u32, to: Option<u32>) -> Result<Look, Trouble> {
    let end = to.map_or("*".to_owned(), |to| to.to_string());
    let mut kept: BTreeMap<u32, Listed> = BTreeMap::new();
    let (mut count, mut top) = (0u32, 0u32);
    wire.command(&format!("UID FETCH {from}:{end} (UID RFC822.SIZE FLAGS INTERNALDATE)"), |answer| {
        let Response::Fetch(_, values) = answer else { return };
        let mail = listed(values);
        // RFC 3501 §6.4.8: `n:*` always has the last mail in it, also if its UID is below n. Answers nobody asked for have no UID.
        if mail.uid < from || to.is_some_and(|to| mail.uid > to) {
            return;
        }
        count = count.saturating_add(1);
        top = top.max(mail.uid);
        kept.insert(mail.uid, mail);
        if kept.len() > MOST {
            kept.pop_last();
        }
    })
    .await?;
    Ok(Look { mails: kept.into_values().collect(), count, top })
}

fn listed(values: &[AttributeValue<'_>]) -> Listed {
    let mut mail = Listed::default();
    for value in values {
        match value {
            AttributeValue::Uid(uid) => mail.uid = *uid,
            AttributeValue::Rfc822Size(size) => mail.size = u64::from(*size),
            AttributeValue::Flags(flags) => mail.flags = flags.iter().map(ToString::to_string).collect(),
            AttributeValue::InternalDate(text) => mail.taken_at = moment(text),
            _ => (),
        }
    }
    mail
}

/// `17-Jul-1996 02:44:25 -0700`. RFC 3501 §9: date-time; the day may have a blank in front.
fn moment(text: &str) -> Option<Timestamp> {
    jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?.to_timestamp().ok()
}

/// The next range to look at, so that gaps cost little and crowds do not pile up: `width` is how many UIDs the last one spanned.
pub fn next_width(width: u32, last: &Look) -> u32 {
    match last {
        last if last.is_cut() => (width / 2).max(1),
        last if last.count == 0 => width.saturating_mul(4),
        _ => width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let check = |text: &str, want: Option<&str>| assert_eq!(moment(text).map(|at| at.to_string()).as_deref(), want, "{text}");
        check("17-Jul-1996 02:44:25 -0700", Some("1996-07-17T09:44:25Z"));
        check(" 7-Jul-1996 02:44:25 +0000", Some("1996-07-07T02:44:25Z"));
        check("yesterday", None);
    }

    #[test]
    fn widths() {
        let look = |count: u32, kept: usize| Look { mails: vec![Listed::default(); kept], count, top: 0 };
        assert_eq!([next_width(400, &look(300, 200)), next_width(400, &look(0, 0)), next_width(400, &look(7, 7))], [200, 1600, 400]);
        assert_eq!([next_width(1, &look(300, 200)), next_width(u32::MAX, &look(0, 0))], [1, u32::MAX]);
    }
}

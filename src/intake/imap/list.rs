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

/// The way through a folder, range by range: gaps cost little, crowds do not pile up, and no UID is passed over.
#[derive(Debug)]
pub struct Course {
    /// Where the last look began, and how many UIDs the next one spans.
    from: u32,
    width: u32,
    /// The last UID that is looked for.
    top: u32,
}

/// UIDs that the first narrower look spans.
const WIDTH: u32 = 400;

impl Course {
    /// Behind a first look at everything from `from` on.
    pub fn behind(from: u32, first: &Look) -> Course {
        Course { from, width: WIDTH, top: first.top }
    }

    /// The range behind this look, which ended at `to`; none if everything was seen.
    pub fn next(&mut self, last: &Look, to: Option<u32>) -> Option<(u32, u32)> {
        let seen = match last.mails.last() {
            // Behind the last mail that is remembered nothing was seen.
            Some(mail) if last.is_cut() => mail.uid,
            _ => to.unwrap_or(self.top),
        };
        self.width = match last {
            last if last.is_cut() && to.is_some() => (self.width / 2).max(1),
            last if last.count == 0 => self.width.saturating_mul(4),
            _ => self.width,
        };
        self.from = seen.checked_add(1).filter(|from| *from <= self.top)?;
        Some((self.from, self.from.saturating_add(self.width - 1).min(self.top)))
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

    fn fake(folder: &[u32], from: u32, to: Option<u32>) -> Look {
        let fit: Vec<u32> = folder.iter().copied().filter(|uid| *uid >= from && to.is_none_or(|to| *uid <= to)).collect();
        let mails = fit.iter().take(MOST).map(|uid| Listed { uid: *uid, ..Listed::default() }).collect();
        Look { mails, count: fit.len() as u32, top: fit.last().copied().unwrap_or_default() }
    }

    fn walked(folder: &[u32], from: u32) -> (Vec<u32>, usize) {
        let (mut look, mut to, mut seen, mut looks) = (fake(folder, from, None), None, Vec::new(), 1);
        let mut course = Course::behind(from, &look);
        loop {
            seen.extend(look.mails.iter().map(|mail| mail.uid));
            let Some((next, until)) = course.next(&look, to) else { return (seen, looks) };
            (look, to) = (fake(folder, next, Some(until)), Some(until));
            looks += 1;
        }
    }

    #[test]
    fn gaps_and_crowds() {
        let crowd: Vec<u32> = (1..=10_000).collect();
        let (seen, looks) = walked(&crowd, 1);
        assert!(seen == crowd && looks < 60, "{looks}");
        let gap: Vec<u32> = (1..=300).chain(4_000_000_000..4_000_000_300).collect();
        let (seen, looks) = walked(&gap, 1);
        assert!(seen == gap && looks < 40, "{looks}");
        assert_eq!(walked(&[], 1), (vec![], 1));
        assert_eq!(walked(&[7, u32::MAX], 7).0, [7, u32::MAX]);
    }

    proptest::proptest! {
        /// Every mail behind the start, once, in order.
        #[test]
        fn none_is_passed_over(steps in proptest::collection::vec(proptest::prop_oneof![1u32..3, 1u32..3, 1u32..3, 300u32..5_000], 0..1_500), from in 1u32..2_000) {
            let folder: Vec<u32> = steps.iter().scan(0u32, |uid, step| { *uid += step; Some(*uid) }).collect();
            let want: Vec<u32> = folder.iter().copied().filter(|uid| *uid >= from).collect();
            proptest::prop_assert_eq!(walked(&folder, from).0, want);
        }
    }
}

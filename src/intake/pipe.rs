//! The pipe door: one mail on standard input, from a mail host of this machine that keeps it until it hears that it was accepted.

use super::accept::{Accepted, Acceptor};
use super::envelope;
use super::facts::{self, Connection};
use super::mbox::FromLine;
use super::spool::{NotSpooled, Spool, Spooled};
use crate::model::arrival::{Arrival, Door, Envelope, Raw, Recipient};
use crate::model::facts::Origin;
use crate::model::header::Header;
use crate::model::id::ArrivalId;
use crate::model::stop::{Refusal, Stop};
use crate::store::Store;
use anyhow::anyhow;
use jiff::{SignedDuration, Timestamp};
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// How long a mail host may keep a mail and hand it over again: RFC 5321 §4.5.4.1 has four to five days, some wait longer.
const TRIED_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is to be delivered, beside the mail itself.
#[derive(Clone, Debug)]
pub struct Call {
    pub to: Recipients,
    /// The reverse-path, if somebody says it.
    pub from: Option<String>,
    /// RFC 8601 §2.5: the name under which the caller's Authentication-Results are believed.
    pub authserv_id: Option<String>,
    pub message_bytes: u64,
    /// How long a piece of the mail may take.
    pub patience: Duration,
}

/// Who the mail is for, as far as the caller says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Exactly these: one that nobody knows is the sender's fault.
    Said(Vec<String>),
    /// The first of these that is known. None of them may be ours: a user's own address, whose mail is piped to us.
    Guessed(Vec<String>),
}

/// Why a mail was not delivered. No text here holds an address or a piece of the mail.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    #[error("no mail is taken for this recipient here")]
    NoSuchRecipient,
    #[error("the mail is larger than {0} bytes")]
    TooBig(u64),
    #[error("{0}")]
    Refused(Refusal),
    /// Ours, or the caller's: the mail must be kept and handed over again.
    #[error("{0:#}")]
    NotNow(anyhow::Error),
}

impl From<anyhow::Error> for NotDelivered {
    fn from(error: anyhow::Error) -> NotDelivered {
        NotDelivered::NotNow(error)
    }
}

/// Recipients that are accepted for together.
type Group = Vec<(String, Recipient)>;

/// What is kept, by this call or by an earlier one with the same mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: ArrivalId,
    /// Somebody's mail, and kept only now: a mail of ours to ourselves, or one that comes again, ends no silence.
    pub is_news: bool,
}

/// Reads the mail and accepts it: once for each tenant and kind of mailbox. `is_whole` is asked at the end of the input, whether that is the mail's end.
pub async fn deliver(
    store: &Store,
    acceptor: &Acceptor,
    call: &Call,
    input: &mut Receiver<io::Result<Vec<u8>>>,
    is_whole: impl Fn() -> bool,
) -> Result<Vec<Kept>, NotDelivered> {
    let groups = groups(found(store, &call.to).await?);
    let spool = |group: &Group| Spool::new(store.blobs().clone(), group[0].1.tenant.clone(), ArrivalId::generate(), call.message_bytes);
    let spools: Vec<Spool> = groups.iter().map(spool).collect();
    let (spooled, from_line) = read(call, input, spools).await?;
    let mails: Vec<(Group, Spooled)> = groups.into_iter().zip(spooled).collect();
    if !is_whole() {
        for (group, spooled) in &mails {
            forget(store, group, spooled).await?;
        }
        return Err(anyhow!("the program that gave the mail has ended, so that nobody knows whether that was all of it").into());
    }
    let mut kept = Vec::with_capacity(mails.len());
    let mut rest = mails.into_iter();
    while let Some((group, spooled)) = rest.next() {
        match keep(store, acceptor, call, &group, spooled, &from_line).await {
            Ok(one) => kept.push(one),
            Err(error) => {
                // What was kept is known at the next call by its bytes.
                for (group, spooled) in rest {
                    forget(store, &group, &spooled).await?;
                }
                return Err(error);
            }
        }
    }
    Ok(kept)
}

async fn found(store: &Store, to: &Recipients) -> Result<Group, NotDelivered> {
    let (all, guessed) = match to {
        Recipients::Said(all) => (all, false),
        Recipients::Guessed(all) => (all, true),
    };
    let mut found = Vec::new();
    for path in all {
        if let Some(recipient) = store.recipient(path).await? {
            found.push((path.clone(), recipient));
            if guessed {
                break;
            }
        }
    }
    if found.is_empty() && store.tenants().await?.is_empty() {
        return Err(anyhow!("there is no tenant yet; `rohrpost import FILE.json` makes one").into());
    }
    match (guessed, found.len()) {
        (true, 0) => Err(anyhow!("nobody says which import address this mail is for: say it with --to ADDRESS").into()),
        (false, 0) => Err(NotDelivered::NoSuchRecipient),
        // A bounce would speak for all of them, and so would a yes.
        (false, known) if known < all.len() => {
            Err(anyhow!("some of the recipients are not known here: have them delivered one at a time (…_destination_recipient_limit = 1)")
                .into())
        }
        _ => Ok(found),
    }
}

fn groups(all: Group) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for one in all {
        match groups.iter_mut().find(|group| group[0].1.may_share(&one.1)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Reads to the end of the input. A mail that is too big is read on for a while, so that its giver hears why.
async fn read(
    call: &Call,
    input: &mut Receiver<io::Result<Vec<u8>>>,
    mut spools: Vec<Spool>,
) -> Result<(Vec<Spooled>, FromLine), NotDelivered> {
    let most = call.message_bytes.saturating_mul(2).saturating_add(1 << 20);
    let (mut from_line, mut size) = (FromLine::default(), 0u64);
    loop {
        let piece = tokio::time::timeout(call.patience, input.recv()).await;
        let piece = match piece.map_err(|_| anyhow!("the mail comes too slowly"))? {
            Some(piece) => piece.map_err(|error| anyhow!("standard input cannot be read: {error}"))?,
            None => break,
        };
        size += piece.len() as u64;
        if size > most {
            return Err(NotDelivered::TooBig(call.message_bytes));
        }
        let piece = from_line.strip(&piece);
        for spool in &mut spools {
            spool.write(&piece).await;
        }
    }
    let rest = from_line.rest();
    let mut spooled = Vec::with_capacity(spools.len());
    for mut spool in spools {
        spool.write(&rest).await;
        spooled.push(spool.finish().await.map_err(|error| match error {
            NotSpooled::TooBig => NotDelivered::TooBig(call.message_bytes),
            NotSpooled::NotNow(error) => NotDelivered::NotNow(error),
        })?);
    }
    if spooled.iter().any(|mail| mail.size == 0) {
        return Err(anyhow!("there was no mail on standard input").into());
    }
    Ok((spooled, from_line))
}

async fn keep(
    store: &Store,
    acceptor: &Acceptor,
    call: &Call,
    group: &Group,
    spooled: Spooled,
    from_line: &FromLine,
) -> Result<Kept, NotDelivered> {
    let (_, first) = &group[0];
    let envelope = Envelope {
        from: reverse_path(call.from.as_deref(), from_line.sender(), &Header::read(&spooled.head)),
        to: group.iter().map(|(path, _)| path.clone()).collect(),
        mailbox: first.mailbox.clone(),
        purpose: first.purpose.clone(),
    };
    let now = Timestamp::now();
    if let Some(known) = store.piped(&first.tenant, &spooled.sha256, &envelope, now - TRIED_FOR).await? {
        forget(store, group, &spooled).await?;
        return Ok(Kept { id: known, is_news: false });
    }
    let connection = Connection {
        peer: None,
        origin: Origin::Relay,
        authserv_id: call.authserv_id.clone(),
        helo: String::new(),
        tls: false,
        login: None,
    };
    let facts = facts::gather(&connection, &spooled.head);
    let Spooled { id, raw, sha256, size, .. } = spooled;
    let is_object = matches!(raw, Raw::Object);
    let tenant = first.tenant.clone();
    let arrival = Arrival { id, tenant: tenant.clone(), door: Door::Pipe, at: now, envelope, facts, raw, sha256, size };
    match acceptor.accept_from(arrival, None).await {
        Ok(Accepted { id, is_peoples }) => Ok(Kept { id, is_news: is_peoples }),
        Err(Stop::Refused(refusal)) => Err(NotDelivered::Refused(refusal)),
        Err(Stop::NotNow(error)) => {
            // The next call has another id. What nobody knows for sure stays, and is found by `verify`.
            if is_object && matches!(store.has_arrival(&tenant, id).await, Ok(false)) {
                store.blobs().delete_raw(&tenant, id).await?;
            }
            Err(NotDelivered::NotNow(error))
        }
    }
}

async fn forget(store: &Store, group: &Group, spooled: &Spooled) -> anyhow::Result<()> {
    if matches!(spooled.raw, Raw::Object) {
        store.blobs().delete_raw(&group[0].1.tenant, spooled.id).await?;
    }
    Ok(())
}

/// The reverse-path; none is the null one. Whoever calls knows it best, then the field on top of the mail, then its `From ` line.
fn reverse_path(said: Option<&str>, from_line: Option<String>, header: &Header<'_>) -> Option<String> {
    let meant = |text: &str| {
        let inside = text.trim().trim_start_matches('<').trim_end_matches('>').trim();
        // What Postfix writes for the null one: pipe(8), null_sender.
        (!inside.is_empty() && !inside.eq_ignore_ascii_case("MAILER-DAEMON")).then(|| inside.to_owned())
    };
    match (said, header.first("Return-Path"), from_line) {
        (Some(said), _, _) => meant(said),
        (None, None, Some(line)) => meant(&line),
        (None, ..) => envelope::reverse_path(header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arrival::Purpose;
    use crate::model::id::TenantId;

    #[test]
    fn who_sent_it() {
        let check = |said: Option<&str>, line: Option<&str>, head: &str, want: Option<&str>| {
            let found = reverse_path(said, line.map(str::to_owned), &Header::read(head.as_bytes()));
            assert_eq!(found.as_deref(), want, "{said:?} {line:?} {head}");
        };
        check(Some("a@b.example"), Some("c@d.example"), "Return-Path: <e@f.example>\n\n", Some("a@b.example"));
        check(Some("<a@b.example>"), None, "\n", Some("a@b.example"));
        check(Some(""), None, "From: g@h.example\n\n", None);
        check(Some("<>"), None, "\n", None);
        check(Some("MAILER-DAEMON"), Some("c@d.example"), "\n", None);
        check(None, Some("c@d.example"), "Return-Path: <e@f.example>\n\n", Some("e@f.example"));
        check(None, Some("c@d.example"), "Return-Path: <>\n\n", None);
        check(None, Some("c@d.example"), "From: g@h.example\n\n", Some("c@d.example"));
        check(None, Some("MAILER-DAEMON"), "From: g@h.example\n\n", None);
        check(None, None, "From: g@h.example\n\n", Some("g@h.example"));
    }

    #[test]
    fn who_shares_a_mail() {
        let one = |path: &str, tenant: &str, purpose: Purpose| {
            let mailbox = crate::model::address::without_detail(path).0;
            (path.to_owned(), Recipient { tenant: TenantId::new(tenant), mailbox, purpose })
        };
        let reply = |application: &str| Purpose::Reply { application: application.into() };
        let all = vec![
            one("import@a.example", "a", Purpose::Import),
            one("import@b.example", "b", Purpose::Import),
            one("import+x@a.example", "a", reply("A1")),
            one("other@a.example", "a", Purpose::Import),
            one("import+y@a.example", "a", reply("A2")),
        ];
        let found: Vec<Vec<String>> = groups(all).into_iter().map(|group| group.into_iter().map(|(path, _)| path).collect()).collect();
        let want: [&[&str]; 4] =
            [&["import@a.example", "other@a.example"], &["import@b.example"], &["import+x@a.example"], &["import+y@a.example"]];
        assert_eq!(found, want);
    }
}

//! One visit to a mailbox: signed in, folder selected, everything new taken, and then waiting for more, until something breaks or the
//! program stops. A mail leaves its folder only after it was accepted, and is noted as accepted in the same transaction.

use super::connect::{self, SignedIn};
use super::folder::{self, Selected};
use super::leave::Leave;
use super::list::{self, Course, Listed, Look};
use super::take::{Hand, Taken};
use super::trouble::Trouble;
use super::wire::{Heard, SILENCE, Wire};
use super::{Door, IDLE_ROUND};
use crate::config::imap::{After, First};
use crate::model::arrival::Recipient;
use crate::model::digest;
use crate::model::mailbox::{Cursor, Position};
use crate::store::doors::DoorNews;
use jiff::Timestamp;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Accepted mails leave their folder in groups of so many.
const GROUP: u32 = 25;
/// Mails that were put off and are tried again before new mail is looked for: each may wait for the DNS as long as it may.
const AGAIN: u32 = 3;
/// Saying good-bye may take so long.
const GOOD_BYE: Duration = Duration::from_secs(5);

/// A mailbox that is open.
pub struct Visit<'a> {
    door: &'a Door,
    wire: Wire,
    /// As long as the server has not said no to it.
    can_idle: bool,
    leave: Leave,
    cursor: Cursor,
    hand: Hand,
    /// Not yet taken, as far as is known.
    waiting: u32,
}

/// Opens the mailbox and works in it until stopped. `worked`: set as soon as mail was taken, so that one knows a good visit from a bad one.
pub async fn visit(door: &Door, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
    let Some(whose) = door.store.recipient(&door.config.import_address).await? else { return Err(Trouble::NoTenant) };
    // Nothing is in hand while it opens: that may be broken off anywhere.
    let mut visit = tokio::select! { opened = open(door, whose) => opened?, () = stop.cancelled() => return Ok(()) };
    let ended = visit.work(stop, worked).await;
    match &ended {
        // Whatever is left to be said is said; the server's answer changes nothing.
        Ok(()) => drop(tokio::time::timeout(GOOD_BYE, visit.wire.command("LOGOUT", |_| ())).await),
        Err(trouble) => {
            let at = visit.hand.holds().map(|uid| visit.hand.position(uid));
            // The database may be what is wrong: then this one is not remembered.
            if let Err(error) = door.strikes.add(&door.store, at, trouble).await {
                warn!(mailbox = %door.config.name, error = format!("{error:#}"), "what broke mailbox {} could not be written down", door.config.name);
            }
        }
    }
    ended
}

async fn open(door: &Door, whose: Recipient) -> Result<Visit<'_>, Trouble> {
    let config = &door.config;
    let SignedIn { mut wire, can, peer } = connect::sign_in(config, &door.credential).await?;
    let delimiter = folder::delimiter(&mut wire).await?;
    let leave = Leave::prepared(&mut wire, &can, config, delimiter).await?;
    let selected = folder::select(&mut wire, &config.folder, delimiter).await?;
    let cursor = begin(door, &mut wire, selected).await?;
    let hand = hand(door, whose, peer, &cursor);
    door.strikes.load(&door.store, hand.position(cursor.last_uid)).await?;
    info!(mailbox = %config.name, mails = wire.exists, uid_validity = cursor.uid_validity, last_uid = cursor.last_uid, "mailbox {} is open", config.name);
    Ok(Visit { door, wire, can_idle: can.has("IDLE"), leave: leave.of(cursor.uid_validity), cursor, hand, waiting: 0 })
}

fn hand(door: &Door, whose: Recipient, peer: IpAddr, cursor: &Cursor) -> Hand {
    let position = Position { mailbox: door.config.name.clone(), uid_validity: cursor.uid_validity, uid: 0, holder: door.holder.clone() };
    Hand::new(whose, peer, position, cursor.again_until)
}

/// Finds out where to go on, and writes it down if that is somewhere else than before.
async fn begin(door: &Door, wire: &mut Wire, selected: Selected) -> Result<Cursor, Trouble> {
    // Another user or folder is another mailbox; another name of the same host is not.
    let source = digest::sha256(format!("{}\n{}", door.config.user, door.config.folder).as_bytes());
    let known = door.store.mailbox_cursor(&door.config.name).await?;
    let known = known.filter(|(of, _)| *of == source).map(|(_, cursor)| cursor);
    let top = match selected.uid_next {
        Some(next) => next.saturating_sub(1),
        None => list::look(wire, 1, None).await?.top,
    };
    let cursor = start(known.as_ref(), door.config.first, selected.uid_validity, top, Timestamp::now());
    if known.as_ref() != Some(&cursor) {
        if known.is_some() {
            info!(mailbox = %door.config.name, uid_validity = cursor.uid_validity, "the folder was made anew: it is read again from its start");
        }
        door.store.begin_mailbox(&door.config.name, &door.holder, &source, cursor.clone()).await?;
    }
    Ok(cursor)
}

/// Where to go on in a folder whose highest UID is `top`. RFC 3501 §2.3.1.1: under another UIDVALIDITY no UID means anything. The same
/// holds if the folder has fewer UIDs than were read: some servers set all folders' UIDVALIDITY to the same number.
fn start(known: Option<&Cursor>, first: First, uid_validity: u32, top: u32, now: Timestamp) -> Cursor {
    match (known, first) {
        (Some(known), _) if known.uid_validity == uid_validity && known.last_uid <= top => known.clone(),
        // What was there is read again: nothing is lost, and what was accepted is known by its bytes.
        (Some(known), _) => Cursor { uid_validity, last_uid: 0, since: known.since, again_until: top },
        (None, First::Everything) => Cursor { uid_validity, last_uid: 0, since: None, again_until: 0 },
        (None, First::FromNowOn) => Cursor { uid_validity, last_uid: top, since: Some(now), again_until: 0 },
    }
}

impl Visit<'_> {
    async fn work(&mut self, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
        self.leave.all(&mut self.wire, &self.door.store).await?;
        while !stop.is_cancelled() {
            self.wire.news = false;
            self.take_all(stop, worked).await?;
            self.take_put_off(stop, worked).await?;
            self.leave.all(&mut self.wire, &self.door.store).await?;
            let left = self.waiting + self.door.store.count_leaving(&self.door.config.name).await?;
            self.say("listening", left, None).await;
            if stop.is_cancelled() {
                break;
            }
            // A mail may have come while the others were taken.
            if !self.wire.news {
                self.wait(stop).await?;
            }
        }
        Ok(())
    }

    /// Takes everything behind the cursor, oldest first. The first look counts; what it does not remember is looked for range by range.
    async fn take_all(&mut self, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
        let Some(from) = self.cursor.last_uid.checked_add(1) else { return Ok(()) };
        let (mut look, mut to) = (list::look(&mut self.wire, from, None).await?, None);
        let mut course = Course::behind(from, &look);
        self.waiting = look.count;
        loop {
            self.take_some(&look, stop, worked).await?;
            let next = course.next(&look, to);
            let Some((from, until)) = next.filter(|_| !stop.is_cancelled()) else { return Ok(()) };
            (look, to) = (list::look(&mut self.wire, from, Some(until)).await?, Some(until));
        }
    }

    async fn take_some(&mut self, look: &Look, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
        let (mut in_group, mut mail_at) = (0, None);
        let done = self.cursor.last_uid;
        for mail in look.mails.iter().filter(|mail| mail.uid > done) {
            if stop.is_cancelled() {
                return Ok(());
            }
            let taken = self.take(mail, stop).await?;
            self.cursor.last_uid = mail.uid;
            self.waiting = self.waiting.saturating_sub(1);
            debug!(mailbox = %self.door.config.name, uid = mail.uid, taken = taken.as_str(), "mail {} of {}", mail.uid, self.door.config.name);
            *worked |= !matches!(taken, Taken::Passed | Taken::Later);
            // A mail of ours ends no silence.
            if !matches!(taken, Taken::Ours | Taken::Passed | Taken::Later) {
                mail_at = Some(Timestamp::now());
            }
            in_group += 1;
            if in_group == GROUP {
                in_group = 0;
                self.leave.all(&mut self.wire, &self.door.store).await?;
                self.say("working", self.waiting, mail_at).await;
            }
        }
        if in_group > 0 {
            self.leave.all(&mut self.wire, &self.door.store).await?;
            self.say("working", self.waiting, mail_at).await;
        }
        Ok(())
    }

    /// Tries mails again that were put off and are due, one by one: one at least, more as long as nothing new comes.
    async fn take_put_off(&mut self, stop: &CancellationToken, worked: &mut bool) -> Result<(), Trouble> {
        let (door, mut mail_at) = (self.door, None);
        let all = door.store.due_again(&door.config.name, self.cursor.uid_validity, AGAIN).await?;
        for (at, due) in all.into_iter().enumerate() {
            if stop.is_cancelled() || (at > 0 && self.wire.news) {
                break;
            }
            let look = list::look(&mut self.wire, due.uid, Some(due.uid)).await?;
            let taken = match look.mails.first() {
                // Somebody took it out, or is done with it.
                None => self.hand.pass(door, &Listed { uid: due.uid, ..Listed::default() }).await?,
                Some(mail) if self.is_marked(mail) => self.hand.pass(door, mail).await?,
                Some(mail) => self.hand.take_again(door, &mut self.wire, mail, due.tries, stop).await?,
            };
            debug!(mailbox = %door.config.name, uid = due.uid, tries = due.tries, taken = taken.as_str(), "mail {} of {}, again", due.uid, door.config.name);
            *worked |= !matches!(taken, Taken::Passed | Taken::Later);
            if !matches!(taken, Taken::Ours | Taken::Passed | Taken::Later) {
                mail_at = Some(Timestamp::now());
            }
        }
        if mail_at.is_some() {
            self.say("working", self.waiting, mail_at).await;
        }
        Ok(())
    }

    fn is_marked(&self, mail: &Listed) -> bool {
        matches!(self.door.config.after, After::Flag(_)) && self.leave.marks(&mail.flags)
    }

    async fn take(&mut self, mail: &Listed, stop: &CancellationToken) -> Result<Taken, Trouble> {
        let is_old = mail.uid <= self.cursor.again_until
            && self.cursor.since.zip(mail.taken_at).is_some_and(|(since, taken)| taken < since - CLOCKS);
        if self.is_marked(mail) || is_old {
            return self.hand.pass(self.door, mail).await;
        }
        self.hand.take(self.door, &mut self.wire, mail, stop).await
    }

    /// Waits for the server's word, or for the time to look again.
    async fn wait(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        // A mail that could not leave its folder is tried again when it is due.
        let due = self.door.store.next_leaving(&self.door.config.name).await?;
        let due = due.map_or(IDLE_ROUND, |at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
        if self.can_idle {
            return self.idle(stop, IDLE_ROUND.min(due)).await;
        }
        tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(self.door.config.poll.min(due)) => () }
        self.wire.command("NOOP", |_| ()).await
    }

    /// RFC 2177. Renewed long before the 29 minutes of its §3: what says nothing to DONE is gone, and that is to be known soon.
    async fn idle(&mut self, stop: &CancellationToken, round: Duration) -> Result<(), Trouble> {
        let tag = self.wire.say("IDLE").await?;
        loop {
            match self.wire.hear(&tag).await {
                Ok(Heard::GoOn) => break,
                Ok(Heard::Data(_)) => (),
                // Offered and not given: from here on we look by ourselves.
                Ok(Heard::Done) | Err(Trouble::Said("NO" | "BAD", _)) => {
                    self.can_idle = false;
                    return Ok(());
                }
                Err(other) => return Err(other),
            }
        }
        self.wire.may_be_silent_for(IDLE_ROUND + SILENCE);
        let round_ends = Instant::now() + round;
        while !self.wire.news {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(round_ends) => break,
                heard = self.wire.hear(&tag) => match heard? {
                    Heard::Data(_) | Heard::GoOn => (),
                    Heard::Done => return Ok(()),
                },
            }
        }
        self.wire.may_be_silent_for(SILENCE);
        self.wire.write("DONE").await?;
        while !matches!(self.wire.hear(&tag).await?, Heard::Done) {}
        Ok(())
    }

    async fn say(&self, state: &'static str, waiting: u32, mail_at: Option<Timestamp>) {
        let news = DoorNews { state, contact_at: Some(Timestamp::now()), mail_at, waiting: Some(waiting), ..DoorNews::default() };
        self.door.say(news).await;
    }
}

/// Two clocks may differ by so much.
const CLOCKS: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance: G3. Nothing is lost and nothing is read by a number that means nothing any more.
    #[test]
    fn where_to_go_on() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let known = Cursor { uid_validity: 7, last_uid: 40, since: Some(now), again_until: 0 };
        let check = |known: Option<&Cursor>, first: First, uid_validity: u32, top: u32, want: Cursor| {
            assert_eq!(start(known, first, uid_validity, top, now), want, "{known:?} {first:?} {uid_validity} {top}");
        };
        let at = |last_uid: u32, since: Option<Timestamp>, again_until: u32| Cursor { uid_validity: 7, last_uid, since, again_until };
        check(None, First::Everything, 7, 90, at(0, None, 0));
        check(None, First::FromNowOn, 7, 90, at(90, Some(now), 0));
        check(Some(&known), First::Everything, 7, 90, known.clone());
        check(Some(&known), First::FromNowOn, 7, 40, known.clone());
        // Made anew, or with fewer UIDs than were read.
        let other = Cursor { uid_validity: 6, ..known.clone() };
        check(Some(&other), First::FromNowOn, 7, 90, at(0, Some(now), 90));
        check(Some(&known), First::FromNowOn, 7, 39, at(0, Some(now), 39));
    }
}

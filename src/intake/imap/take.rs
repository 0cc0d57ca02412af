//! One mail of a folder: fetched, its facts gathered, accepted. A mail that cannot be fetched again and again is put aside, so that the
//! next one is not stopped (G4).

use super::Door;
use super::envelope;
use super::list::{self, Listed};
use super::trouble::Trouble;
use super::wire::{Data, Heard, Wire};
use crate::config::imap::Tls;
use crate::intake::canary;
use crate::intake::facts::{self, Connection};
use crate::intake::spool::{NotSpooled, Spool, Spooled};
use crate::model::arrival::{Arrival, Door as Entrance, Envelope, Purpose, Raw, Recipient};
use crate::model::facts::Origin;
use crate::model::header::Header;
use crate::model::id::ArrivalId;
use crate::model::mailbox::Position;
use crate::model::stop::{NoRoom, Stop};
use crate::store::doors::DoorNews;
use crate::store::mailboxes::RefusedMail;
use imap_proto::{AttributeValue, Response};
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing::warn;

/// Slowest line that a mail may come over, in bytes a second; and the time that any mail has.
const SLOWEST: u64 = 20_000;
const LEAST_TIME: Duration = Duration::from_secs(120);
/// Pieces in which a mail goes to the spool.
const PIECE: usize = 64 * 1024;

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Accepted,
    /// Accepted as well: a mail of ours to ourselves.
    Ours,
    /// It had been accepted before its folder was made anew.
    Known,
    Refused,
    /// It is not ours, or gone.
    Passed,
}

impl Taken {
    pub fn as_str(self) -> &'static str {
        match self {
            Taken::Accepted => "accepted",
            Taken::Ours => "ours",
            Taken::Known => "known",
            Taken::Refused => "refused",
            Taken::Passed => "passed",
        }
    }
}

/// Takes mails of one visit, one at a time.
pub struct Hand {
    whose: Recipient,
    peer: IpAddr,
    position: Position,
    again_until: u32,
    /// The mail that is being fetched.
    holds: Option<u32>,
}

impl Hand {
    pub fn new(whose: Recipient, peer: IpAddr, position: Position, again_until: u32) -> Hand {
        Hand { whose, peer, position, again_until, holds: None }
    }

    pub fn holds(&self) -> Option<u32> {
        self.holds
    }

    fn at(&self, mail: &Listed) -> Position {
        Position { uid: mail.uid, ..self.position.clone() }
    }

    /// Leaves a mail where and as it is.
    pub async fn pass(&self, door: &Door, mail: &Listed) -> Result<Taken, Trouble> {
        door.store.pass_mail(self.at(mail)).await?;
        Ok(Taken::Passed)
    }

    pub async fn take(&mut self, door: &Door, wire: &mut Wire, mail: &Listed) -> Result<Taken, Trouble> {
        let most = door.config.message_bytes;
        if mail.size > most {
            return self.refuse(door, mail, &format!("{} bytes are more than max_message_bytes ({most})", mail.size)).await;
        }
        if let Some(why) = door.strikes.verdict(self.position.uid_validity, mail.uid) {
            return self.refuse(door, mail, why).await;
        }
        if !door.acceptor.has_room(mail.size) {
            return Err(NoRoom.into());
        }
        // Of all mailboxes together only so much is in memory at once.
        let needed = u32::try_from(mail.size.div_ceil(super::UNIT)).unwrap_or(u32::MAX).clamp(1, super::UNITS);
        let _room = door.room.acquire_many(needed).await.map_err(|error| Trouble::Ours(error.into()))?;
        self.holds = Some(mail.uid);
        let id = ArrivalId::generate();
        let spool = Spool::new(door.store.blobs().clone(), self.whose.tenant.clone(), id, most);
        let fetched = self.fetch(wire, spool, mail, most).await?;
        if fetched.is_none() && is_there(wire, mail.uid).await? {
            // The server has it and does not give it: that is no reason to pass over it.
            return Err(Trouble::Unreadable);
        }
        self.holds = None;
        match fetched {
            None => self.pass(door, mail).await,
            Some(Err(NotSpooled::TooBig)) => self.refuse(door, mail, "more bytes than max_message_bytes").await,
            Some(Err(NotSpooled::NotNow(error))) => Err(Trouble::Ours(error)),
            Some(Ok(spooled)) => self.accept(door, mail, spooled).await,
        }
    }

    /// RFC 3501 §6.4.5: PEEK leaves \Seen as it is. None if the mail is gone.
    async fn fetch(
        &self,
        wire: &mut Wire,
        mut spool: Spool,
        mail: &Listed,
        most: u64,
    ) -> Result<Option<Result<Spooled, NotSpooled>>, Trouble> {
        wire.allow(most);
        let tag = wire.say(&format!("UID FETCH {} (UID BODY.PEEK[])", mail.uid)).await?;
        let mut came = false;
        let all = async {
            loop {
                match wire.hear(&tag).await? {
                    Heard::Data(data) => came |= !came && keep(&data, mail.uid, &mut spool).await,
                    Heard::GoOn => return Err(Trouble::Unreadable),
                    Heard::Done => return Ok(()),
                }
            }
        };
        let patience = LEAST_TIME + Duration::from_secs(mail.size / SLOWEST);
        tokio::time::timeout(patience, all).await.unwrap_or_else(|_| Err(Trouble::Lost("a mail comes too slowly".into())))?;
        wire.allow_small();
        if came { Ok(Some(spool.finish().await)) } else { Ok(None) }
    }

    async fn accept(&self, door: &Door, mail: &Listed, spooled: Spooled) -> Result<Taken, Trouble> {
        let (tenant, is_object) = (self.whose.tenant.clone(), matches!(spooled.raw, Raw::Object));
        if mail.uid <= self.again_until
            && let Some(known) = door.store.arrival_with_bytes(&tenant, &spooled.sha256).await?
        {
            if is_object {
                door.store.blobs().delete_raw(&tenant, spooled.id).await?;
            }
            door.store.note_known_mail(self.at(mail), tenant, known).await?;
            return Ok(Taken::Known);
        }
        let connection = Connection {
            peer: Some(self.peer),
            origin: Origin::Relay,
            authserv_id: door.config.authserv_id.clone(),
            helo: String::new(),
            tls: door.config.tls != Tls::None,
            login: None,
        };
        let envelope = self.envelope(door, &Header::read(&spooled.head)).await?;
        let facts = facts::gather(&connection, &spooled.head);
        let Spooled { id, raw, sha256, size, .. } = spooled;
        let mut arrival =
            Arrival { id, tenant: tenant.clone(), door: Entrance::Imap, at: Timestamp::now(), envelope, facts, raw, sha256, size };
        canary::recognise(&door.store, &mut arrival, Some(&self.position)).await?;
        let accepted = match arrival.envelope.purpose {
            Purpose::Canary { .. } => Taken::Ours,
            _ => Taken::Accepted,
        };
        match door.acceptor.accept_from(arrival, Some(self.at(mail))).await {
            Ok(_) => Ok(accepted),
            Err(Stop::Refused(refusal)) => self.refuse(door, mail, &refusal.to_string()).await,
            Err(Stop::NotNow(error)) => {
                // The next try has another id. What nobody knows for sure stays, and is found by `verify`.
                if is_object && matches!(door.store.has_arrival(&tenant, id).await, Ok(false)) {
                    door.store.blobs().delete_raw(&tenant, id).await?;
                }
                Err(Trouble::Ours(error))
            }
        }
    }

    /// The recipient that a server wrote down counts if it is this tenant's; else it is the mailbox's own import address.
    async fn envelope(&self, door: &Door, header: &Header<'_>) -> Result<Envelope, Trouble> {
        let mut best = (door.config.import_address.clone(), self.whose.clone());
        for address in envelope::recipients(header) {
            let Some(found) = door.store.recipient(&address).await? else { continue };
            if found.tenant == self.whose.tenant && found.purpose != Purpose::Postmaster {
                best = (address, found);
                break;
            }
        }
        let (to, Recipient { mailbox, purpose, .. }) = best;
        Ok(Envelope { from: envelope::reverse_path(header), to: vec![to], mailbox, purpose })
    }

    async fn refuse(&self, door: &Door, mail: &Listed, why: &str) -> Result<Taken, Trouble> {
        warn!(mailbox = %door.config.name, uid = mail.uid, size_bytes = mail.size, because = why, "a mail of mailbox {} is not taken", door.config.name);
        let refused = RefusedMail { position: self.at(mail), tenant: self.whose.tenant.clone(), why: why.to_owned() };
        door.store.refuse_mail(refused).await?;
        let error = Some(format!("mail {} was not taken: {why}", mail.uid));
        door.say(DoorNews { state: "working", error, ..DoorNews::default() }).await;
        Ok(Taken::Refused)
    }
}

async fn is_there(wire: &mut Wire, uid: u32) -> Result<bool, Trouble> {
    Ok(list::look(wire, uid, Some(uid)).await?.count > 0)
}

/// Whether this answer was the mail.
async fn keep(data: &Data, uid: u32, spool: &mut Spool) -> bool {
    let Ok(Response::Fetch(_, values)) = data.parsed() else { return false };
    if !values.iter().any(|value| matches!(value, AttributeValue::Uid(of) if *of == uid)) {
        return false;
    }
    let body = values.iter().find_map(|value| match value {
        AttributeValue::BodySection { section: None, data: Some(body), .. } => Some(body),
        _ => None,
    });
    let Some(body) = body else { return false };
    for piece in body.chunks(PIECE) {
        spool.write(piece).await;
    }
    true
}

/// How often mails broke the connection while they were fetched.
#[derive(Default)]
pub struct Strikes(Mutex<HashMap<(u32, u32), (u32, bool)>>);

/// So often a mail may break a connection: where the server's own answer is wrong, and where the line may be at fault.
const MOST_WRONG: u32 = 3;
const MOST_LOST: u32 = 6;
/// Mails that are remembered: only those that break something are.
const MOST_REMEMBERED: usize = 1_000;

impl Strikes {
    pub fn add(&self, uid_validity: u32, uid: Option<u32>, trouble: &Trouble) {
        let Some(uid) = uid else { return };
        let is_wrong = match trouble {
            Trouble::Unreadable | Trouble::TooLong(_) => true,
            // A server that asks for time has nothing against this mail.
            Trouble::Said(_, text) if !text.to_ascii_lowercase().contains("backoff") => true,
            Trouble::Lost(_) => false,
            _ => return,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST_REMEMBERED {
            let entry = all.entry((uid_validity, uid)).or_default();
            *entry = (entry.0 + 1, is_wrong);
        }
    }

    fn verdict(&self, uid_validity: u32, uid: u32) -> Option<&'static str> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&(uid_validity, uid))? {
            (count, true) if *count >= MOST_WRONG => Some("the server's answer for it cannot be read"),
            (count, false) if *count >= MOST_LOST => Some("the connection breaks whenever it is fetched"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes() {
        let check = |trouble: fn() -> Trouble, times: u32, want: bool| {
            let strikes = Strikes::default();
            (0..times).for_each(|_| strikes.add(7, Some(1), &trouble()));
            assert_eq!(strikes.verdict(7, 1).is_some(), want, "{} {times}", trouble());
            assert_eq!(strikes.verdict(7, 2), None);
        };
        check(|| Trouble::TooLong(9), 2, false);
        check(|| Trouble::TooLong(9), 3, true);
        check(|| Trouble::Lost("x".into()), 5, false);
        check(|| Trouble::Lost("x".into()), 6, true);
        check(|| Trouble::Said("NO", "Suggested Backoff Time: 5 milliseconds".into()), 9, false);
        check(|| Trouble::Ours(anyhow::anyhow!("disk")), 9, false);
    }
}

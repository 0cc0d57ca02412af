//! One mail of a folder: fetched, its facts gathered, accepted. A mail that cannot be fetched again and again is put aside, so that the
//! next one is not stopped (G4).

use super::Door;
use super::list::{self, Listed};
use super::patience;
use super::trouble::Trouble;
use super::wire::{Data, Heard, Wire};
use crate::config::imap::Tls;
use crate::intake::envelope;
use crate::intake::facts::{self, Connection};
use crate::intake::spool::{NotSpooled, Spool, Spooled};
use crate::model::arrival::{Arrival, Door as Entrance, Raw, Recipient};
use crate::model::facts::Origin;
use crate::model::header::Header;
use crate::model::id::ArrivalId;
use crate::model::mailbox::{Lies, Position};
use crate::model::stop::{DnsTrouble, NoRoom, Stop};
use crate::store::doors::DoorNews;
use crate::store::mailboxes::RefusedMail;
use imap_proto::{AttributeValue, Response};
use jiff::Timestamp;
use std::net::IpAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
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
    /// Its sender cannot be checked now: it stays, alone.
    Later,
}

impl Taken {
    pub fn as_str(self) -> &'static str {
        match self {
            Taken::Accepted => "accepted",
            Taken::Ours => "ours",
            Taken::Known => "known",
            Taken::Refused => "refused",
            Taken::Passed => "passed",
            Taken::Later => "later",
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
    /// Nothing has been fetched in this visit: what ended the program last time comes now.
    is_first: bool,
    /// How often the mail in hand was tried, if it was put off.
    tries: Option<u32>,
}

impl Hand {
    pub fn new(whose: Recipient, peer: IpAddr, position: Position, again_until: u32) -> Hand {
        Hand { whose, peer, position, again_until, holds: None, is_first: true, tries: None }
    }

    pub fn holds(&self) -> Option<u32> {
        self.holds
    }

    fn at(&self, mail: &Listed) -> Position {
        self.position(mail.uid)
    }

    pub fn position(&self, uid: u32) -> Position {
        Position { uid, ..self.position.clone() }
    }

    /// Leaves a mail where and as it is.
    pub async fn pass(&self, door: &Door, mail: &Listed) -> Result<Taken, Trouble> {
        door.store.pass_mail(self.at(mail)).await?;
        Ok(Taken::Passed)
    }

    /// Takes a mail that was put off and is due. The try is counted first: whatever ends it, the mail is not due again at once.
    pub async fn take_again(
        &mut self,
        door: &Door,
        wire: &mut Wire,
        mail: &Listed,
        tries: u32,
        stop: &CancellationToken,
    ) -> Result<Taken, Trouble> {
        self.put_off(door, mail.uid, tries + 1).await?;
        self.tries = Some(tries);
        let taken = self.take(door, wire, mail, stop).await;
        self.tries = None;
        taken
    }

    async fn put_off(&self, door: &Door, uid: u32, tries: u32) -> Result<(), Trouble> {
        let due = Timestamp::now() + patience::wait(tries);
        Ok(door.store.put_off_mail(self.position(uid), self.whose.tenant.clone(), tries, due).await?)
    }

    pub async fn take(&mut self, door: &Door, wire: &mut Wire, mail: &Listed, stop: &CancellationToken) -> Result<Taken, Trouble> {
        let most = door.config.message_bytes;
        if mail.size > most {
            return self.refuse(door, mail, &format!("{} bytes are more than max_message_bytes ({most})", mail.size)).await;
        }
        if let Some(why) = door.strikes.verdict(mail.uid) {
            return self.refuse(door, mail, why).await;
        }
        if !door.acceptor.has_room(mail.size) {
            return Err(NoRoom.into());
        }
        // Of all mailboxes together only so much is in memory at once.
        let needed = u32::try_from(mail.size.div_ceil(super::UNIT)).unwrap_or(u32::MAX).clamp(1, super::UNITS);
        let _room = door.room.acquire_many(needed).await.map_err(|error| Trouble::Ours(error.into()))?;
        self.holds = Some(mail.uid);
        let at = self.at(mail);
        match std::mem::take(&mut self.is_first) {
            true => door.strikes.under(&door.store, at, stop, self.fetch_and_accept(door, wire, mail, most)).await,
            false => self.fetch_and_accept(door, wire, mail, most).await,
        }
    }

    async fn fetch_and_accept(&mut self, door: &Door, wire: &mut Wire, mail: &Listed, most: u64) -> Result<Taken, Trouble> {
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
        let header = Header::read(&spooled.head);
        let envelope = envelope::found(&door.store, &header, &self.whose, &door.config.import_address).await?;
        let mut facts = facts::gather(&connection, &spooled.head);
        if let Some(exchange) = &door.config.exchange {
            facts::exchange::add(&mut facts, exchange, &header);
        }
        let Spooled { id, raw, sha256, size, .. } = spooled;
        let arrival =
            Arrival { id, tenant: tenant.clone(), door: Entrance::Imap, at: Timestamp::now(), envelope, facts, raw, sha256, size };
        let acceptor = door.acceptor.with_patience(self.tries.is_none_or(patience::goes_on));
        match acceptor.accept_from(arrival, Some(Lies::InMailbox(self.at(mail)))).await {
            Ok(accepted) => Ok(if accepted.is_peoples { Taken::Accepted } else { Taken::Ours }),
            Err(Stop::Refused(refusal)) => self.refuse(door, mail, &refusal.to_string()).await,
            // Of this sender alone: the others go on.
            Err(Stop::NotNow(error)) if error.is::<DnsTrouble>() => self.later(door, mail).await,
            Err(Stop::NotNow(error)) => {
                // The next try has another id. What nobody knows for sure stays, and is found by `verify`.
                if is_object && matches!(door.store.has_arrival(&tenant, id).await, Ok(false)) {
                    door.store.blobs().delete_raw(&tenant, id).await?;
                }
                Err(Trouble::Ours(error))
            }
        }
    }

    async fn later(&self, door: &Door, mail: &Listed) -> Result<Taken, Trouble> {
        let (name, uid) = (&door.config.name, mail.uid);
        if self.tries.is_none() {
            self.put_off(door, uid, 1).await?;
        }
        let tries = self.tries.unwrap_or_default() + 1;
        warn!(mailbox = %name, uid, tries, "a mail of mailbox {name} waits, because the DNS did not answer");
        let error = Some(format!("mail {uid} waits because the DNS did not answer"));
        door.say(DoorNews { state: "working", error, ..DoorNews::default() }).await;
        Ok(Taken::Later)
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

//! One file of a Maildir: opened, read, its facts gathered, accepted, and only then moved or removed.

use super::folder::{self, Fate, Folder, Left, Opened, Seen, Waiting};
use super::trouble::{self, Trouble};
use super::{Door, blocking};
use crate::intake::envelope;
use crate::intake::facts::{self, Connection};
use crate::intake::mbox::FromLine;
use crate::intake::spool::{NotSpooled, Spool, Spooled};
use crate::model::arrival::{Arrival, Door as Entrance, Raw, Recipient};
use crate::model::facts::Origin;
use crate::model::header::Header;
use crate::model::id::ArrivalId;
use crate::model::mailbox::{Lies, MaildirFile, Note};
use crate::model::stop::{DnsTrouble, NoRoom, Stop};
use crate::store::doors::DoorNews;
use crate::store::maildirs::RefusedFile;
use jiff::Timestamp;
use std::fs::File;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tracing::warn;

/// Pieces in which a mail goes to the spool.
const PIECE: usize = 64 * 1024;
/// An empty file may be one that somebody begins to write here, against the custom: it has so many seconds.
const EMPTY_FOR: i64 = 60;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Accepted,
    /// Accepted as well: a mail of ours to ourselves.
    Ours,
    /// It had been accepted before, and only now left.
    Known,
    Refused,
    Gone,
    /// It stays where it is; with the reason.
    Later(String),
    /// The same, and only somebody's hand mends it.
    Stuck(String),
}

impl Taken {
    pub fn as_str(&self) -> &'static str {
        match self {
            Taken::Accepted => "accepted",
            Taken::Ours => "ours",
            Taken::Known => "known",
            Taken::Refused => "refused",
            Taken::Gone => "gone",
            Taken::Later(_) => "later",
            Taken::Stuck(_) => "stuck",
        }
    }
}

/// Takes one file. An error is of the kind that all others would meet as well.
pub async fn take(door: &Door, folder: &Arc<Folder>, whose: &Recipient, mail: &Waiting) -> Result<Taken, Trouble> {
    let hand = Hand { door, folder, whose, mail, key: mail.key() };
    let known = door.state.note(&hand.key);
    if known == Some(Note::Refused) {
        return hand.leave(Fate::Refused, Taken::Refused).await;
    }
    let (inside, one) = (folder.clone(), mail.clone());
    let (file, seen) = match blocking(move || Ok(inside.mail(&one))).await? {
        Opened::Mail(file, seen) => (file, seen),
        Opened::Gone => return Ok(Taken::Gone),
        Opened::NoMail(why) => return hand.refuse(why).await,
        Opened::NotNow(error) => return Ok(Taken::Stuck(format!("it cannot be opened: {error}; give it to the service's user"))),
    };
    let most = door.config.message_bytes;
    if seen.size > most {
        return hand.refuse(&format!("{} bytes are more than max_message_bytes ({most})", seen.size)).await;
    }
    if seen.size == 0 {
        return match Timestamp::now().as_second().saturating_sub(seen.changed.0) < EMPTY_FOR {
            true => Ok(Taken::Later("it is empty".into())),
            false => hand.refuse("it is empty").await,
        };
    }
    if !door.acceptor.has_room(seen.size) {
        return Err(NoRoom.into());
    }
    let spooled = match hand.read(file, seen).await? {
        Read::Whole(spooled) => spooled,
        Read::TooBig => return hand.refuse("more bytes than max_message_bytes").await,
        Read::Later(why) => return Ok(Taken::Later(why)),
        Read::Stuck(why) => return Ok(Taken::Stuck(why)),
    };
    match known {
        Some(Note::Accepted { sha256 }) if sha256 == spooled.sha256 => {
            hand.drop_object(&spooled).await?;
            hand.leave(Fate::Accepted, Taken::Known).await
        }
        _ => hand.accept(spooled).await,
    }
}

/// What came of reading a file.
enum Read {
    Whole(Spooled),
    TooBig,
    Later(String),
    Stuck(String),
}

/// Holds one file.
struct Hand<'a> {
    door: &'a Door,
    folder: &'a Arc<Folder>,
    whose: &'a Recipient,
    mail: &'a Waiting,
    key: String,
}

impl Hand<'_> {
    async fn read(&self, file: File, seen: Seen) -> Result<Read, Trouble> {
        let Door { store, config, .. } = self.door;
        let mut spool = Spool::new(store.blobs().clone(), self.whose.tenant.clone(), ArrivalId::generate(), config.message_bytes);
        let (mut from_line, mut file) = (FromLine::default(), tokio::fs::File::from_std(file));
        let mut buffer = vec![0; PIECE];
        let mut size = 0;
        loop {
            match file.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => {
                    size += count as u64;
                    spool.write(&from_line.strip(&buffer[..count])).await;
                }
                Err(error) => return Ok(Read::Stuck(format!("it cannot be read: {error}"))),
            }
            if spool.size() > config.message_bytes {
                return Ok(Read::TooBig);
            }
        }
        spool.write(&from_line.rest()).await;
        let spooled = match spool.finish().await {
            Ok(spooled) => spooled,
            Err(NotSpooled::TooBig) => return Ok(Read::TooBig),
            Err(NotSpooled::NotNow(error)) => return Err(Trouble::Ours(error)),
        };
        let file = file.into_std().await;
        let after = blocking(move || Ok(folder::seen(&file))).await?;
        if size != seen.size || after.is_ok_and(|after| after != seen) {
            self.drop_object(&spooled).await?;
            return Ok(Read::Later("somebody writes at it".into()));
        }
        Ok(Read::Whole(spooled))
    }

    async fn accept(&self, spooled: Spooled) -> Result<Taken, Trouble> {
        let door = self.door;
        let connection = Connection {
            peer: None,
            origin: Origin::Relay,
            authserv_id: door.config.authserv_id.clone(),
            helo: String::new(),
            tls: false,
            login: None,
        };
        let header = Header::read(&spooled.head);
        let envelope = envelope::found(&door.store, &header, self.whose, &door.config.import_address).await?;
        let facts = facts::gather(&connection, &spooled.head);
        let is_object = matches!(spooled.raw, Raw::Object);
        let Spooled { id, raw, sha256, size, .. } = spooled;
        let tenant = self.whose.tenant.clone();
        let note = Note::Accepted { sha256: sha256.clone() };
        let arrival =
            Arrival { id, tenant: tenant.clone(), door: Entrance::Maildir, at: Timestamp::now(), envelope, facts, raw, sha256, size };
        let acceptor = door.acceptor.with_patience(trouble::goes_on(door.state.tries(&self.key)));
        match acceptor.accept_from(arrival, Some(Lies::InMaildir(self.file()))).await {
            Ok(accepted) => {
                door.state.noted(&self.key, note);
                self.leave(Fate::Accepted, if accepted.is_peoples { Taken::Accepted } else { Taken::Ours }).await
            }
            Err(Stop::Refused(refusal)) => self.refuse(&refusal.to_string()).await,
            // Of this sender alone: the others go on.
            Err(Stop::NotNow(error)) if error.is::<DnsTrouble>() => Ok(Taken::Later(format!("{error:#}"))),
            Err(Stop::NotNow(error)) => {
                // The next try has another id. What nobody knows for sure stays, and is found by `verify`.
                if is_object && matches!(door.store.has_arrival(&tenant, id).await, Ok(false)) {
                    door.store.blobs().delete_raw(&tenant, id).await?;
                }
                Err(Trouble::Ours(error))
            }
        }
    }

    fn file(&self) -> MaildirFile {
        MaildirFile { maildir: self.door.config.name.clone(), file: self.key.clone() }
    }

    async fn drop_object(&self, spooled: &Spooled) -> Result<(), Trouble> {
        if matches!(spooled.raw, Raw::Object) {
            self.door.store.blobs().delete_raw(&self.whose.tenant, spooled.id).await?;
        }
        Ok(())
    }

    async fn refuse(&self, why: &str) -> Result<Taken, Trouble> {
        let Door { config, store, state, .. } = self.door;
        warn!(maildir = %config.name, because = why, "a file of Maildir {} is not taken, and is moved aside", config.name);
        store.refuse_file(RefusedFile { file: self.file(), tenant: self.whose.tenant.clone(), why: why.to_owned() }).await?;
        state.noted(&self.key, Note::Refused);
        let error = Some(format!("a file was not taken, and was moved to {}: {why}", config.refused_to));
        self.door.say(DoorNews { state: "working", error, ..DoorNews::default() }).await;
        self.leave(Fate::Refused, Taken::Refused).await
    }

    /// What was noted stays noted until the file is gone for good.
    async fn leave(&self, fate: Fate, taken: Taken) -> Result<Taken, Trouble> {
        let (inside, one) = (self.folder.clone(), self.mail.clone());
        match blocking(move || Ok(inside.leave(&one, fate))).await? {
            Ok(Left::ByUs) => {
                self.door.state.has_left(self.key.clone());
                Ok(taken)
            }
            // A mail program may have moved it to `cur` meanwhile, where it is found next: it must be known there.
            Ok(Left::Before) => Ok(taken),
            Err(error) => Ok(Taken::Stuck(format!("it is done with, and cannot be moved or removed: {error}"))),
        }
    }
}

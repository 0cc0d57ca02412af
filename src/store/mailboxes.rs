//! How far mailboxes have been read, who reads them, and which mails still have to leave their folder. What is written for a mail
//! counts only while the writer holds the mailbox.

use super::audit::{self, NewAudit};
use super::{NotWritten, Store, moment};
use crate::model::id::{ArrivalId, TenantId};
use crate::model::mailbox::{Cursor, Fate, Leaving, Position};
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// What is due to leave a folder; a mail that was put off stays there.
pub(super) const LEAVING: &str = "select uid, fate, copied, attempts from mailbox_mail
    where mailbox = $1 and uid_validity = $2 and fate <> 'put_off' and due_at <= $3 order by due_at, uid limit $4";
pub(super) const NEXT: &str = "select min(due_at) from mailbox_mail where mailbox = $1";

/// A mail that is not taken.
#[derive(Clone, Debug)]
pub struct RefusedMail {
    pub position: Position,
    pub tenant: TenantId,
    /// For the audit log: no address, no subject.
    pub why: String,
}

impl Store {
    /// Takes or keeps a mailbox for a while; false while somebody else has it.
    pub async fn hold_mailbox(&self, name: &str, holder: &str, lease: SignedDuration) -> anyhow::Result<bool> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let until = (now + lease).as_millisecond();
                let new = "insert into mailbox (name, last_uid, again_until, held_until) values ($1, 0, 0, 0) on conflict (name) do nothing";
                sqlx::query(new).bind(&name).execute(&mut *c).await?;
                let sql = "update mailbox set holder = $2, held_until = $3 where name = $1 and (holder is null or holder = $2 or held_until < $4)";
                let taken = sqlx::query(sql).bind(name).bind(holder).bind(until).bind(now.as_millisecond()).execute(c).await?;
                Ok(taken.rows_affected() == 1)
            })
        })
        .await
    }

    /// Lets a mailbox go, so that the next one need not wait for the end of the lease.
    pub async fn free_mailbox(&self, name: &str, holder: &str) -> anyhow::Result<()> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let sql = "update mailbox set holder = null, held_until = 0 where name = $1 and holder = $2";
                sqlx::query(sql).bind(name).bind(holder).execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// Frees what a run before this one held. Only while nobody else works on this database.
    pub async fn free_all_mailboxes(&self) -> anyhow::Result<()> {
        self.write(|c| {
            Box::pin(async move {
                sqlx::query("update mailbox set holder = null, held_until = 0").execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// Whose folder was read last under this name, and how far; none if none was.
    pub async fn mailbox_cursor(&self, name: &str) -> anyhow::Result<Option<(String, Cursor)>> {
        let sql = "select source, uid_validity, last_uid, since, again_until from mailbox where name = $1 and uid_validity is not null";
        let row = sqlx::query(sql).bind(name).fetch_optional(&self.reads).await?;
        row.map(|row| {
            let cursor = Cursor {
                uid_validity: number(&row, "uid_validity")?,
                last_uid: number(&row, "last_uid")?,
                since: row.get::<Option<i64>, _>("since").map(moment),
                again_until: number(&row, "again_until")?,
            };
            Ok((row.get::<Option<String>, _>("source").unwrap_or_default(), cursor))
        })
        .transpose()
    }

    /// Begins to read a folder: what was said of another one is forgotten.
    pub async fn begin_mailbox(&self, name: &str, holder: &str, source: &str, cursor: Cursor) -> anyhow::Result<()> {
        let (name, holder, source) = (name.to_owned(), holder.to_owned(), source.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let sql = "update mailbox set source = $3, uid_validity = $4, last_uid = $5, since = $6, again_until = $7
                           where name = $1 and holder = $2";
                let done = sqlx::query(sql)
                    .bind(&name)
                    .bind(holder)
                    .bind(source)
                    .bind(i64::from(cursor.uid_validity))
                    .bind(i64::from(cursor.last_uid))
                    .bind(cursor.since.map(|since| since.as_millisecond()))
                    .bind(i64::from(cursor.again_until))
                    .execute(&mut *c)
                    .await?;
                anyhow::ensure!(done.rows_affected() == 1, NotWritten::Fenced);
                sqlx::query("delete from mailbox_mail where mailbox = $1").bind(name).execute(c).await?;
                Ok(())
            })
        })
        .await
    }

    /// Passes over everything up to this mail: it is not ours, or gone.
    pub async fn pass_mail(&self, position: Position) -> anyhow::Result<()> {
        self.write(move |c| Box::pin(async move { Ok(advance(c, &position).await?) })).await
    }

    /// A mail that is not taken: noted, and due to leave.
    pub async fn refuse_mail(&self, refused: RefusedMail) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let RefusedMail { position, tenant, why } = refused;
                advance(c, &position).await?;
                leave(c, &position, &tenant, None).await?;
                let subject = format!("{}:{}:{}", position.mailbox, position.uid_validity, position.uid);
                let line = NewAudit { actor: format!("imap:{}", position.mailbox), what: "refused_in_mailbox", subject, detail: why };
                audit::insert(c, &[(&tenant, Timestamp::now(), &line)]).await?;
                Ok(())
            })
        })
        .await
    }

    /// A mail that had been accepted before its folder was made anew: due to leave.
    pub async fn note_known_mail(&self, position: Position, tenant: TenantId, arrival: ArrivalId) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                advance(c, &position).await?;
                Ok(leave(c, &position, &tenant, Some(arrival)).await?)
            })
        })
        .await
    }

    /// An arrival with these bytes that came out of a mailbox.
    pub async fn arrival_with_bytes(&self, tenant: &TenantId, sha256: &str) -> anyhow::Result<Option<ArrivalId>> {
        let sql = "select id from arrival where tenant = $1 and sha256 = $2 and door = 'imap' order by id limit 1";
        let id: Option<String> = sqlx::query_scalar(sql).bind(tenant.as_str()).bind(sha256).fetch_optional(&self.reads).await?;
        id.map(|id| id.parse().context("arrival.id")).transpose()
    }

    /// Whether there is such an arrival.
    pub async fn has_arrival(&self, tenant: &TenantId, id: ArrivalId) -> anyhow::Result<bool> {
        let sql = "select 1 from arrival where tenant = $1 and id = $2";
        let found: Option<i64> = sqlx::query_scalar(sql).bind(tenant.as_str()).bind(id.to_string()).fetch_optional(&self.reads).await?;
        Ok(found.is_some())
    }

    /// Mails that are due to leave their folder, the longest due first; by their UIDs.
    pub async fn leaving(&self, mailbox: &str, uid_validity: u32, most: u32) -> anyhow::Result<Vec<Leaving>> {
        let rows = self.due(LEAVING, mailbox, uid_validity, most).await?;
        let one = |row: &SqliteRow| {
            let fate = if row.get::<&str, _>("fate") == Fate::Accepted.as_str() { Fate::Accepted } else { Fate::Refused };
            Ok(Leaving { uid: number(row, "uid")?, fate, copied: row.get("copied"), attempts: number(row, "attempts")? })
        };
        let mut mails = rows.iter().map(one).collect::<anyhow::Result<Vec<Leaving>>>()?;
        mails.sort_by_key(|mail| mail.uid);
        Ok(mails)
    }

    /// What is due of a folder, as this question has it.
    pub(super) async fn due(&self, sql: &'static str, mailbox: &str, uid_validity: u32, most: u32) -> sqlx::Result<Vec<SqliteRow>> {
        let asked = sqlx::query(sql).bind(mailbox).bind(i64::from(uid_validity));
        asked.bind(Timestamp::now().as_millisecond()).bind(i64::from(most)).fetch_all(&self.reads).await
    }

    /// How many mails still have to leave their folder, or were put off there, due or not.
    pub async fn count_leaving(&self, mailbox: &str) -> anyhow::Result<u32> {
        let count: i64 =
            sqlx::query_scalar("select count(*) from mailbox_mail where mailbox = $1").bind(mailbox).fetch_one(&self.reads).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// When the next of them is due.
    pub async fn next_leaving(&self, mailbox: &str) -> anyhow::Result<Option<Timestamp>> {
        let due: Option<i64> = sqlx::query_scalar(NEXT).bind(mailbox).fetch_one(&self.reads).await?;
        Ok(due.map(moment))
    }

    /// They have left.
    pub async fn have_left(&self, mailbox: &str, uid_validity: u32, uids: Vec<u32>) -> anyhow::Result<()> {
        self.each_leaving("delete from mailbox_mail where mailbox = $1 and uid_validity = $2 and uid = $3", mailbox, uid_validity, uids)
            .await
    }

    /// They lie where they belong; the originals are still there.
    pub async fn are_copied(&self, mailbox: &str, uid_validity: u32, uids: Vec<u32>) -> anyhow::Result<()> {
        let sql = "update mailbox_mail set copied = true where mailbox = $1 and uid_validity = $2 and uid = $3";
        self.each_leaving(sql, mailbox, uid_validity, uids).await
    }

    /// The server would not let them go: then they are tried again.
    pub async fn could_not_leave(&self, mailbox: &str, uid_validity: u32, again: Vec<(u32, Timestamp)>) -> anyhow::Result<()> {
        let mailbox = mailbox.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                for (uid, at) in again {
                    sqlx::query(
                        "update mailbox_mail set attempts = attempts + 1, due_at = $4 where mailbox = $1 and uid_validity = $2 and uid = $3",
                    )
                    .bind(&mailbox)
                    .bind(i64::from(uid_validity))
                    .bind(i64::from(uid))
                    .bind(at.as_millisecond())
                    .execute(&mut *c)
                    .await?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn each_leaving(&self, sql: &'static str, mailbox: &str, uid_validity: u32, uids: Vec<u32>) -> anyhow::Result<()> {
        if uids.is_empty() {
            return Ok(());
        }
        let mailbox = mailbox.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                for uid in uids {
                    sqlx::query(sql).bind(&mailbox).bind(i64::from(uid_validity)).bind(i64::from(uid)).execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Notes that a mail was accepted: in the transaction that accepts it.
pub(super) async fn accepted(c: &mut SqliteConnection, position: &Position, tenant: &TenantId, id: ArrivalId) -> Result<(), NotWritten> {
    advance(c, position).await?;
    leave(c, position, tenant, Some(id)).await.map_err(NotWritten::of)
}

/// Moves the cursor; a mail that was put off is behind it, and is put off no more. Fails for any other mail behind it, or if the mailbox is
/// in other hands.
pub(super) async fn advance(c: &mut SqliteConnection, position: &Position) -> Result<(), NotWritten> {
    for sql in [
        "update mailbox set last_uid = $4 where name = $1 and holder = $2 and uid_validity = $3 and last_uid < $4",
        "delete from mailbox_mail where mailbox = $1 and uid_validity = $3 and uid = $4 and fate = 'put_off'
             and exists (select 1 from mailbox where name = $1 and holder = $2 and uid_validity = $3)",
    ] {
        let bound = sqlx::query(sql).bind(&position.mailbox).bind(&position.holder);
        let bound = bound.bind(i64::from(position.uid_validity)).bind(i64::from(position.uid));
        if bound.execute(&mut *c).await.map_err(NotWritten::of)?.rows_affected() == 1 {
            return Ok(());
        }
    }
    Err(NotWritten::Fenced)
}

async fn leave(c: &mut SqliteConnection, position: &Position, tenant: &TenantId, arrival: Option<ArrivalId>) -> Result<(), sqlx::Error> {
    let fate = if arrival.is_some() { Fate::Accepted } else { Fate::Refused };
    sqlx::query(
        "insert into mailbox_mail (mailbox, uid_validity, uid, tenant, arrival, fate, copied, attempts, due_at)
         values ($1, $2, $3, $4, $5, $6, false, 0, 0)",
    )
    .bind(&position.mailbox)
    .bind(i64::from(position.uid_validity))
    .bind(i64::from(position.uid))
    .bind(tenant.as_str())
    .bind(arrival.map(|id| id.to_string()))
    .bind(fate.as_str())
    .execute(c)
    .await
    .map(drop)
}

pub(super) fn number(row: &SqliteRow, column: &str) -> anyhow::Result<u32> {
    u32::try_from(row.get::<i64, _>(column)).with_context(|| format!("mailbox.{column}"))
}

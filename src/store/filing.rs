//! The end of an arrival's way: history entry, documents, messages and disposition in one transaction (G9).

use super::audit::{self, NewAudit};
use super::{NotWritten, Store, answers, healing, images};
use crate::model::answer::Repair;
use crate::model::id::{ArrivalId, DocumentId, EntryId, OutboundId, TenantId};
use crate::model::message::{Encoding, Kind};
use crate::model::outbound::{MessagePurpose, MessageState};
use crate::model::user::Locale;
use crate::model::verdict::{Disposition, ImageKey};
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};
use std::ops::Range;

/// Everything that one mail leaves behind.
#[derive(Clone, Debug)]
pub struct Filing {
    pub tenant: TenantId,
    pub arrival: ArrivalId,
    pub fence: i64,
    pub at: Timestamp,
    pub disposition: Disposition,
    pub reason: Option<&'static str>,
    pub summary: Summary,
    pub entry: Option<NewEntry>,
    pub documents: Vec<NewDocument>,
    /// Small images of the mail, which are counted if it is filed.
    pub images: Vec<ImageKey>,
    pub messages: Vec<NewMessage>,
    pub audit: Vec<NewAudit>,
    /// What a bounce says of a message of ours.
    pub delivery: Option<Delivery>,
    /// What it waits for, if it is held.
    pub waits: Waits,
    /// Another mail, held until now, that goes through again because this one says so.
    pub repair: Option<Repair>,
}

/// How a held mail may heal by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// When it is looked at again.
    pub due: Option<Timestamp>,
    /// The number that no application has.
    pub number: Option<String>,
    /// The version of this program that could not read it.
    pub version: Option<&'static str>,
}

/// What listings show of an arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub subject: String,
    pub from_name: Option<String>,
    pub from_address: Option<String>,
    pub reference: Option<String>,
    pub message_id: Option<String>,
    pub dedupe_key: Option<String>,
    /// JSON list of the senders inside.
    pub inner_addresses: String,
    /// JSON list of what their names are looked up by.
    pub inner_names: String,
    pub application: Option<String>,
    /// The entry it was filed as, or that it is a duplicate of.
    pub entry: Option<EntryId>,
    /// Nobody is proved to have sent it: while it waits, it counts against the quota of such mail.
    pub is_unproven: bool,
}

#[derive(Clone, Debug)]
pub struct NewEntry {
    pub id: EntryId,
    pub application: String,
    pub at: Timestamp,
    pub kind: &'static str,
    pub actor: String,
    pub subject: String,
    /// JSON.
    pub body: String,
    pub visibility: &'static str,
    pub dedupe_key: Option<String>,
    pub message_id: Option<String>,
    /// The entry that it comes in place of.
    pub moved_from: Option<EntryId>,
}

#[derive(Clone, Debug)]
pub struct NewDocument {
    pub id: DocumentId,
    pub application: String,
    pub name: String,
    pub name_as_sent: Option<String>,
    pub media_type: String,
    pub declared_type: String,
    pub size: u64,
    pub sha256: String,
    pub kind: Kind,
    pub in_files: bool,
    pub in_documents: bool,
    /// In the raw mail; none is an object of its own, already written.
    pub range: Option<(Range<usize>, Encoding)>,
}

#[derive(Clone, Debug)]
pub struct NewMessage {
    pub id: OutboundId,
    pub purpose: MessagePurpose,
    pub recipient: String,
    pub locale: Locale,
    pub subject: String,
    pub body: String,
    pub reply_to: Option<String>,
    /// Of its Message-ID and its bounce address.
    pub domain: String,
    /// Whether the arrival's raw mail is attached.
    pub attaches_raw: bool,
    /// The history entry that it is about.
    pub entry: Option<EntryId>,
    /// A token that an answer will bear.
    pub token: Option<NewToken>,
    /// The mail that the message speaks of, if not the one that caused it.
    pub about: Option<ArrivalId>,
}

#[derive(Clone, Debug)]
pub struct NewToken {
    pub token: String,
    pub expires_at: Timestamp,
    /// Numbers that an answer may choose from, in their order.
    pub offers: Vec<String>,
    /// The receipt says that an answer led nowhere.
    pub again: bool,
}

/// The new state of a message that bounced.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub message: OutboundId,
    pub state: MessageState,
    pub why: String,
}

impl Filing {
    /// What is written about a mail whose way has ended before: of `leavings` alone, and empty yet.
    pub(crate) fn afterwards(tenant: TenantId, arrival: ArrivalId, at: Timestamp) -> Filing {
        Filing {
            tenant,
            arrival,
            fence: 0,
            at,
            disposition: Disposition::Filed,
            reason: None,
            summary: Summary::default(),
            entry: None,
            documents: Vec::new(),
            images: Vec::new(),
            messages: Vec::new(),
            audit: Vec::new(),
            delivery: None,
            waits: Waits::default(),
            repair: None,
        }
    }
}

impl Store {
    /// Commits the end of an arrival's way. `AlreadyFiled`: another mail with this key was quicker. `NotHeldAnyMore`: what it
    /// repairs was repaired or discarded meanwhile.
    pub async fn file(&self, filing: Filing) -> Result<(), NotWritten> {
        self.write_filing(filing).await
    }
}

/// Writes filings: one statement a table.
pub(super) async fn insert(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), NotWritten> {
    end_arrivals(c, rows).await?;
    for row in rows.iter().filter(|row| row.waits.number.is_some()) {
        healing::found_meanwhile(c, &row.tenant, row.arrival, row.at).await.map_err(NotWritten::of)?;
    }
    images::count(c, rows).await.map_err(NotWritten::of)?;
    insert_leavings(c, rows).await.map_err(NotWritten::of)?;
    for (row, delivery) in rows.iter().filter_map(|row| row.delivery.as_ref().map(|delivery| (row, delivery))) {
        update_delivery(c, row, delivery).await.map_err(NotWritten::of)?;
    }
    for (row, repair) in rows.iter().filter_map(|row| row.repair.as_ref().map(|repair| (row, repair))) {
        answers::repair(c, &row.tenant, row.at, repair).await?;
    }
    Ok(())
}

/// What filings leave behind beside the end of an arrival's way: entries, documents, messages, audit lines.
pub(super) async fn insert_leavings(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    insert_entries(c, rows).await?;
    insert_documents(c, rows).await?;
    insert_messages(c, rows).await?;
    insert_tokens(c, rows).await?;
    insert_audit(c, rows).await
}

/// Only those still in hand under the same claim.
async fn end_arrivals(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), NotWritten> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "update arrival set disposition = v.column4, reason = v.column5, done_at = v.column6, subject = v.column7, from_name = v.column8,
         from_address = v.column9, reference = v.column10, message_id = v.column11, dedupe_key = v.column12, inner_addresses = v.column13,
         application = v.column14, entry = v.column15, inner_names = v.column16, unvouched = arrival.unvouched or v.column17, claimed_by = null, alone = false, crashes = 0,
         heal_tries = case when arrival.heals is null then 0 else arrival.heal_tries end, heals = null, heal_unsettled = 0,
         waits_since = null, heal_due_at = v.column18, held_number = v.column19, heal_version = v.column20 from (",
    );
    query.push_values(rows, |mut b, row| {
        let summary = &row.summary;
        b.push_bind(row.tenant.as_str()).push_bind(row.arrival.to_string()).push_bind(row.fence);
        b.push_bind(row.disposition.as_str()).push_bind(row.reason).push_bind(row.at.as_millisecond());
        b.push_bind(&summary.subject).push_bind(&summary.from_name).push_bind(&summary.from_address).push_bind(&summary.reference);
        b.push_bind(&summary.message_id).push_bind(&summary.dedupe_key).push_bind(&summary.inner_addresses);
        b.push_bind(&summary.application).push_bind(summary.entry.map(|entry| entry.to_string()));
        b.push_bind(&summary.inner_names).push_bind(summary.is_unproven);
        b.push_bind(row.waits.due.map(Timestamp::as_millisecond)).push_bind(&row.waits.number).push_bind(row.waits.version);
    });
    query.push(
        ") as v where arrival.tenant = v.column1 and arrival.id = v.column2 and arrival.fence = v.column3 and arrival.disposition is null",
    );
    let done = query.build().execute(c).await.map_err(NotWritten::of)?;
    if done.rows_affected() == rows.len() as u64 { Ok(()) } else { Err(NotWritten::Fenced) }
}

async fn insert_entries(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    let entries: Vec<_> = rows.iter().filter_map(|row| row.entry.as_ref().map(|entry| (row, entry))).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "insert into history_entry (tenant, id, application, at, kind, actor, subject, body, visibility, arrival, dedupe_key, message_id,
         moved_from) ",
    );
    query.push_values(entries, |mut b, (row, entry)| {
        b.push_bind(row.tenant.as_str()).push_bind(entry.id.to_string()).push_bind(&entry.application);
        b.push_bind(entry.at.as_millisecond()).push_bind(entry.kind).push_bind(&entry.actor).push_bind(&entry.subject);
        b.push_bind(&entry.body).push_bind(entry.visibility).push_bind(row.arrival.to_string());
        b.push_bind(&entry.dedupe_key).push_bind(&entry.message_id).push_bind(entry.moved_from.map(|from| from.to_string()));
    });
    query.build().execute(c).await.map(drop)
}

/// Documents of one statement: SQLite takes 32,766 parameters, and one mail may have two thousand parts.
const DOCUMENTS_A_STATEMENT: usize = 1_000;

async fn insert_documents(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    let documents = rows.iter().filter_map(|row| row.entry.as_ref().map(|entry| (row, entry)));
    let documents: Vec<_> = documents
        .flat_map(|(row, entry)| (0i64..).zip(&row.documents).map(move |(position, document)| (row, entry, position, document)))
        .collect();
    for documents in documents.chunks(DOCUMENTS_A_STATEMENT) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "insert into document (tenant, id, application, entry, arrival, position, name, name_as_sent, media_type, declared_type, size, sha256, kind,
             in_files, in_documents, visibility, range_start, range_end, encoding) ",
        );
        query.push_values(documents, |mut b, (row, entry, position, document)| {
            let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
            b.push_bind(row.tenant.as_str()).push_bind(document.id.to_string()).push_bind(&document.application);
            b.push_bind(entry.id.to_string()).push_bind(row.arrival.to_string()).push_bind(position).push_bind(&document.name);
            b.push_bind(&document.name_as_sent).push_bind(&document.media_type).push_bind(&document.declared_type);
            b.push_bind(i64::try_from(document.size).unwrap_or(i64::MAX)).push_bind(&document.sha256).push_bind(document.kind.as_str());
            b.push_bind(document.in_files).push_bind(document.in_documents).push_bind("internal");
            b.push_bind(document.range.as_ref().map(|(range, _)| number(range.start)));
            b.push_bind(document.range.as_ref().map(|(range, _)| number(range.end)));
            b.push_bind(document.range.as_ref().map(|(_, encoding)| encoding.as_str()));
        });
        query.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn insert_messages(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    let messages: Vec<_> = rows.iter().flat_map(|row| row.messages.iter().map(move |message| (row, message))).collect();
    if messages.is_empty() {
        return Ok(());
    }
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "insert into outbound_message (tenant, id, purpose, arrival, recipient, locale, subject, body, reply_to, domain, attached, entry,
         created_at, state, attempts, next_attempt_at) ",
    );
    query.push_values(messages, |mut b, (row, message)| {
        let at = row.at.as_millisecond();
        b.push_bind(row.tenant.as_str()).push_bind(message.id.to_string()).push_bind(message.purpose.as_str());
        b.push_bind(message.about.unwrap_or(row.arrival).to_string()).push_bind(&message.recipient).push_bind(message.locale.as_str());
        b.push_bind(&message.subject).push_bind(&message.body).push_bind(&message.reply_to).push_bind(&message.domain);
        b.push_bind(message.attaches_raw.then(|| row.arrival.to_string())).push_bind(message.entry.map(|entry| entry.to_string()));
        b.push_bind(at).push("'queued'").push("0").push_bind(at);
    });
    query.build().execute(c).await.map(drop)
}

async fn insert_tokens(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    let messages = rows.iter().flat_map(|row| row.messages.iter().map(move |message| (row, message)));
    let tokens: Vec<_> = messages.filter_map(|(row, message)| message.token.as_ref().map(|token| (row, message, token))).collect();
    if tokens.is_empty() {
        return Ok(());
    }
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new("insert into token (token, tenant, purpose, message, created_at, expires_at, suggestions, again) ");
    query.push_values(tokens, |mut b, (row, message, token)| {
        b.push_bind(&token.token).push_bind(row.tenant.as_str()).push_bind(message.purpose.as_str()).push_bind(message.id.to_string());
        b.push_bind(row.at.as_millisecond()).push_bind(token.expires_at.as_millisecond());
        b.push_bind(serde_json::json!(token.offers).to_string()).push_bind(token.again);
    });
    query.build().execute(c).await.map(drop)
}

async fn insert_audit(c: &mut SqliteConnection, rows: &[Filing]) -> Result<(), sqlx::Error> {
    let lines: Vec<_> = rows.iter().flat_map(|row| row.audit.iter().map(move |line| (&row.tenant, row.at, line))).collect();
    audit::insert(c, &lines).await
}

/// A late or forged report changes nothing that has already ended otherwise.
async fn update_delivery(c: &mut SqliteConnection, row: &Filing, delivery: &Delivery) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update outbound_message set state = case when cancelled_at is not null and $3 = 'failed' then 'cancelled' else $3 end,
             last_error = $4, done_at = $5
         where tenant = $1 and id = $2 and state in ('sending', 'sent', 'deferred')",
    )
    .bind(row.tenant.as_str())
    .bind(delivery.message.to_string())
    .bind(delivery.state.as_str())
    .bind(&delivery.why)
    .bind(row.at.as_millisecond())
    .execute(c)
    .await
    .map(drop)
}

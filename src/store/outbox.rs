//! The outbox: messages that wait, are tried, and end. Attempts are counted and committed before each try.

use super::audit::{self, NewAudit};
use super::{Store, moment};
use crate::model::id::{OutboundId, TenantId};
use crate::model::outbound::{MessagePurpose, MessageState};
use crate::model::user::Locale;
use anyhow::{Context, bail};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A message of ours.
#[derive(Clone, Debug)]
pub struct Outbound {
    pub id: OutboundId,
    pub tenant: TenantId,
    pub purpose: MessagePurpose,
    pub recipient: String,
    pub locale: Locale,
    pub subject: String,
    pub body: String,
    pub reply_to: Option<String>,
    pub domain: String,
    /// An arrival whose raw mail is attached.
    pub attached: Option<String>,
    pub created_at: Timestamp,
    pub state: MessageState,
    pub attempts: u32,
    pub next_attempt_at: Timestamp,
    pub last_error: Option<String>,
}

/// How a try ended.
#[derive(Clone, Debug)]
pub enum Tried {
    Sent,
    /// Try again then.
    Deferred {
        at: Timestamp,
        why: String,
    },
    Failed {
        why: String,
    },
}

impl Store {
    /// Takes up to `most` due messages in hand. `lease`: when they are due again if this run never says how the try ended.
    pub async fn claim_messages(&self, most: u32, lease: jiff::SignedDuration) -> anyhow::Result<Vec<Outbound>> {
        let now = Timestamp::now();
        let rows = self.write(move |c| {
            Box::pin(async move {
                // A try of which nobody says how it ended, of a message that must not go out any more.
                sqlx::query(
                    "update outbound_message set state = 'cancelled', done_at = $1
                     where state = 'sending' and cancelled_at is not null and next_attempt_at <= $1",
                )
                .bind(now.as_millisecond())
                .execute(&mut *c)
                .await?;
                let rows = sqlx::query(
                    "update outbound_message set attempts = attempts + 1, state = 'sending', next_attempt_at = $1
                     where (tenant, id) in (
                         select tenant, id from outbound_message
                         where state in ('queued', 'sending', 'deferred') and next_attempt_at <= $2
                             -- A correction follows the notice that it corrects.
                             and not (purpose = 'correction' and exists (select 1 from outbound_message n where n.tenant = outbound_message.tenant
                                 and n.entry = outbound_message.entry and n.recipient = outbound_message.recipient
                                 and n.purpose = 'reply_imported' and n.state = 'sending'))
                         order by next_attempt_at, id limit $3)
                     returning *",
                )
                .bind((now + lease).as_millisecond())
                .bind(now.as_millisecond())
                .bind(i64::from(most))
                .fetch_all(c)
                .await?;
                Ok(rows)
            })
        });
        let mut messages = rows.await?.iter().map(outbound).collect::<anyhow::Result<Vec<_>>>()?;
        messages.sort_by_key(|message| message.id);
        Ok(messages)
    }

    /// Messages that were being sent when the last run ended are due at once. Only while nobody else works on this database.
    pub async fn recover_messages(&self) -> anyhow::Result<()> {
        self.write(|c| {
            Box::pin(async move {
                sqlx::query(
                    "update outbound_message set state = case when cancelled_at is null then 'deferred' else 'cancelled' end,
                         next_attempt_at = $1, done_at = cancelled_at where state = 'sending'",
                )
                .bind(Timestamp::now().as_millisecond())
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Writes down how a try ended, unless a bounce was quicker. What was cancelled meanwhile is not tried again.
    pub async fn message_tried(&self, message: &Outbound, tried: Tried) -> anyhow::Result<()> {
        let (tenant, id) = (message.tenant.clone(), message.id);
        let now = Timestamp::now();
        let (state, next, why, line) = match tried {
            Tried::Sent => (MessageState::Sent, now, None, None),
            Tried::Deferred { at, why } => (MessageState::Deferred, at, Some(why), None),
            Tried::Failed { why } => {
                let line = NewAudit { actor: "outbox".into(), what: "not_delivered", subject: id.to_string(), detail: why.clone() };
                (MessageState::Failed, now, Some(why), Some(line))
            }
        };
        let done = matches!(state, MessageState::Sent | MessageState::Failed).then(|| now.as_millisecond());
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "update outbound_message set state = case when cancelled_at is null or $3 = 'sent' then $3 else 'cancelled' end,
                         next_attempt_at = $4, last_error = $5, done_at = coalesce($6, cancelled_at)
                     where tenant = $1 and id = $2 and state = 'sending'",
                )
                .bind(tenant.as_str())
                .bind(id.to_string())
                .bind(state.as_str())
                .bind(next.as_millisecond())
                .bind(why)
                .bind(done)
                .execute(&mut *c)
                .await?;
                if let Some(line) = line {
                    audit::insert(c, &[(&tenant, now, &line)]).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// When the next message is due, if one waits.
    pub async fn next_message_due(&self) -> anyhow::Result<Option<Timestamp>> {
        let due: Option<i64> =
            sqlx::query_scalar("select min(next_attempt_at) from outbound_message where state in ('queued', 'sending', 'deferred')")
                .fetch_one(&self.reads)
                .await?;
        Ok(due.map(moment))
    }

    /// Messages of a tenant, oldest first; those that still need something, or all.
    pub async fn messages(&self, tenant: &TenantId, all: bool) -> anyhow::Result<Vec<Outbound>> {
        let rows = sqlx::query(
            "select * from outbound_message where tenant = $1 and ($2 or state in ('queued', 'sending', 'deferred', 'failed')) order by id",
        )
        .bind(tenant.as_str())
        .bind(all)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(outbound).collect()
    }

    /// Tries a message again at once, whatever became of it, unless it was sent.
    pub async fn retry_message(&self, tenant: &TenantId, id: OutboundId, actor: String) -> anyhow::Result<()> {
        let tenant = tenant.clone();
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let done = sqlx::query(
                    "update outbound_message set state = 'queued', attempts = 0, next_attempt_at = $3, done_at = null
                     where tenant = $1 and id = $2 and state in ('queued', 'deferred', 'failed') and cancelled_at is null",
                )
                .bind(tenant.as_str())
                .bind(id.to_string())
                .bind(now.as_millisecond())
                .execute(&mut *c)
                .await?;
                if done.rows_affected() == 0 {
                    bail!("{id}: there is no such message, or it is sent already, or what it was about has been taken back");
                }
                let line = NewAudit { actor, what: "retried", subject: id.to_string(), detail: String::new() };
                audit::insert(c, &[(&tenant, now, &line)]).await?;
                Ok(())
            })
        })
        .await
    }
}

fn outbound(row: &SqliteRow) -> anyhow::Result<Outbound> {
    let id: OutboundId = row.get::<String, _>("id").parse().context("outbound_message.id")?;
    Ok(Outbound {
        id,
        tenant: TenantId::new(row.get::<String, _>("tenant")),
        purpose: MessagePurpose::parse(row.get("purpose")).with_context(|| format!("message {id}: unknown purpose"))?,
        recipient: row.get("recipient"),
        locale: Locale::parse(row.get("locale")).unwrap_or_default(),
        subject: row.get("subject"),
        body: row.get("body"),
        reply_to: row.get("reply_to"),
        domain: row.get("domain"),
        attached: row.get("attached"),
        created_at: moment(row.get("created_at")),
        state: MessageState::parse(row.get("state")).with_context(|| format!("message {id}: unknown state"))?,
        attempts: row.get::<i64, _>("attempts").try_into().unwrap_or(u32::MAX),
        next_attempt_at: moment(row.get("next_attempt_at")),
        last_error: row.get("last_error"),
    })
}

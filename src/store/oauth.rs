//! Sealed tokens of mailboxes. Whoever asks a provider for new ones holds the row meanwhile: a token that renews may be spent once.

use super::audit::{self, NewAudit};
use super::{Store, moment};
use crate::model::id::TenantId;
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// Nobody holds a row for so long: what says so was written by a clock that was ahead.
pub const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(10);

/// How a mailbox's sign-in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInState {
    Good,
    /// The provider gives no more tokens.
    Lost,
    /// The mail server does not take tokens that are fresh.
    Refused,
}

impl SignInState {
    pub fn as_str(self) -> &'static str {
        match self {
            SignInState::Good => "good",
            SignInState::Lost => "lost",
            SignInState::Refused => "refused",
        }
    }

    fn parse(text: &str) -> Option<SignInState> {
        [SignInState::Good, SignInState::Lost, SignInState::Refused].into_iter().find(|state| state.as_str() == text)
    }
}

/// A mailbox's tokens, sealed.
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub mailbox: String,
    pub provider: String,
    pub source: String,
    pub generation: i64,
    pub login_at: Timestamp,
    pub tokens: SealedTokens,
    pub obtained_at: Timestamp,
    pub expires_at: Timestamp,
    pub refreshed_at: Option<Timestamp>,
    pub state: SignInState,
    pub trouble: Option<String>,
    pub failures: u32,
    pub retry_at: Option<Timestamp>,
    /// Somebody asks for new tokens, and is to be let alone so long.
    pub held_until: Timestamp,
}

/// What is sealed of a row, both with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    pub key_id: String,
    pub access: Option<Vec<u8>>,
    pub refresh: Option<Vec<u8>>,
}

/// A set of tokens that was just obtained.
#[derive(Clone, Debug)]
pub struct NewTokens {
    pub tokens: SealedTokens,
    pub obtained_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A try that came to nothing.
#[derive(Clone, Debug)]
pub struct NoTokens {
    pub state: SignInState,
    pub trouble: String,
    pub retry_at: Timestamp,
}

/// Somebody's sign-in, for the mailbox and client that it was made for.
#[derive(Clone, Debug)]
pub struct NewLogin {
    pub mailbox: String,
    pub provider: String,
    pub source: String,
    pub new: NewTokens,
    pub actor: String,
}

impl Store {
    pub async fn sign_in_of(&self, mailbox: &str) -> anyhow::Result<Option<TokenRow>> {
        let row = sqlx::query("select * from oauth_token where mailbox = $1").bind(mailbox).fetch_optional(&self.reads).await?;
        row.as_ref().map(token_row).transpose()
    }

    /// All of them, by mailbox.
    pub async fn sign_ins(&self) -> anyhow::Result<Vec<TokenRow>> {
        let rows = sqlx::query("select * from oauth_token order by mailbox").fetch_all(&self.reads).await?;
        rows.iter().map(token_row).collect()
    }

    /// Somebody has signed in: what was there before is over, and whoever is asking for new tokens with it asks in vain.
    pub async fn signed_in(&self, login: NewLogin) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                let NewLogin { mailbox, provider, source, new, actor } = login;
                let (now, is_there) = (Timestamp::now(), new.tokens.access.is_some());
                sqlx::query(
                    "insert into oauth_token (mailbox, provider, source, generation, login_at, key_id, access, refresh, obtained_at,
                         expires_at, state, failures, held_until) values ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9, 'good', 0, 0)
                     on conflict (mailbox) do update set provider = excluded.provider, source = excluded.source,
                         generation = oauth_token.generation + 1, login_at = excluded.login_at, key_id = excluded.key_id,
                         access = excluded.access, refresh = excluded.refresh, obtained_at = excluded.obtained_at,
                         expires_at = excluded.expires_at, refreshed_at = null, state = 'good', trouble = null, failures = 0,
                         retry_at = null, holder = null, held_until = 0",
                )
                .bind(&mailbox)
                .bind(provider)
                .bind(source)
                .bind(now.as_millisecond())
                .bind(new.tokens.key_id)
                .bind(new.tokens.access)
                .bind(new.tokens.refresh)
                .bind(new.obtained_at.as_millisecond())
                .bind(new.expires_at.as_millisecond())
                .execute(&mut *c)
                .await?;
                door_is_good_until(c, &mailbox, is_there.then_some(new.expires_at)).await?;
                let line = NewAudit { actor, what: "signed_in", subject: mailbox, detail: String::new() };
                audit::insert(c, &[(&TenantId::machine(), now, &line)]).await?;
                Ok(())
            })
        })
        .await
    }

    /// Forgets a mailbox's tokens; says whether there were any.
    pub async fn signed_out(&self, mailbox: &str, actor: String) -> anyhow::Result<bool> {
        let mailbox = mailbox.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query("delete from oauth_token where mailbox = $1").bind(&mailbox).execute(&mut *c).await?;
                door_is_good_until(c, &mailbox, None).await?;
                let line = NewAudit { actor, what: "signed_out", subject: mailbox, detail: String::new() };
                if done.rows_affected() == 1 {
                    audit::insert(c, &[(&TenantId::machine(), Timestamp::now(), &line)]).await?;
                }
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }

    /// Takes a row in hand before a provider is asked with what it holds. False: somebody else has it, or it is another by now.
    pub async fn hold_sign_in(&self, row: &TokenRow, holder: &str, lease: SignedDuration) -> anyhow::Result<bool> {
        let (mailbox, generation, holder) = (row.mailbox.clone(), row.generation, holder.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let done = sqlx::query(
                    "update oauth_token set holder = $3, held_until = $4
                     where mailbox = $1 and generation = $2 and (held_until <= $5 or held_until > $6)",
                )
                .bind(mailbox)
                .bind(generation)
                .bind(holder)
                .bind((now + lease).as_millisecond())
                .bind(now.as_millisecond())
                .bind((now + LONGEST_HOLD).as_millisecond())
                .execute(c)
                .await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }

    /// Keeps in hand what still is. False: it is not any more.
    pub async fn keep_sign_in(&self, row: &TokenRow, holder: &str, lease: SignedDuration) -> anyhow::Result<bool> {
        let (mailbox, generation, holder) = (row.mailbox.clone(), row.generation, holder.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let sql = "update oauth_token set held_until = $4 where mailbox = $1 and generation = $2 and holder = $3";
                let until = (Timestamp::now() + lease).as_millisecond();
                let done = sqlx::query(sql).bind(mailbox).bind(generation).bind(holder).bind(until).execute(c).await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }

    /// Writes down what the provider gave, both tokens at once, whoever has the row in hand by now: what they were got with is spent.
    /// False: there are other tokens, or another sign-in, and those count.
    pub async fn renew_sign_in(&self, row: &TokenRow, new: NewTokens) -> anyhow::Result<bool> {
        let (mailbox, generation, login_at) = (row.mailbox.clone(), row.generation, row.login_at.as_millisecond());
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query(
                    "update oauth_token set generation = generation + 1, key_id = $4, access = $5, refresh = $6, obtained_at = $7,
                         expires_at = $8, refreshed_at = $7, state = 'good', trouble = null, failures = 0, retry_at = null,
                         holder = null, held_until = 0
                     where mailbox = $1 and generation = $2 and login_at = $3",
                )
                .bind(&mailbox)
                .bind(generation)
                // Generations begin anew after a logout.
                .bind(login_at)
                .bind(new.tokens.key_id)
                .bind(new.tokens.access)
                .bind(new.tokens.refresh)
                .bind(new.obtained_at.as_millisecond())
                .bind(new.expires_at.as_millisecond())
                .execute(&mut *c)
                .await?;
                let is_written = done.rows_affected() == 1;
                if is_written {
                    door_is_good_until(c, &mailbox, Some(new.expires_at)).await?;
                }
                Ok(is_written)
            })
        })
        .await
    }

    /// Writes down why there is nothing new, and when to ask again; the row is free. False: it is another by now, or in another's hand, whose
    /// answer says more. `holder`: who asked; none if nobody did.
    pub async fn trouble_with_sign_in(&self, row: &TokenRow, holder: Option<&str>, no: NoTokens) -> anyhow::Result<bool> {
        let (mailbox, generation, holder) = (row.mailbox.clone(), row.generation, holder.map(str::to_owned));
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let done = sqlx::query(
                    "update oauth_token set state = $3, trouble = $4, retry_at = $5, failures = failures + 1, holder = null, held_until = 0
                     where mailbox = $1 and generation = $2 and (holder = $6 or held_until <= $7 or held_until > $8)",
                )
                .bind(mailbox)
                .bind(generation)
                .bind(no.state.as_str())
                .bind(no.trouble)
                .bind(no.retry_at.as_millisecond())
                .bind(holder)
                .bind(now.as_millisecond())
                .bind((now + LONGEST_HOLD).as_millisecond())
                .execute(c)
                .await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }

    /// Puts the same tokens in, sealed anew. False: there are others by now.
    pub async fn reseal_sign_in(&self, row: &TokenRow, tokens: SealedTokens) -> anyhow::Result<bool> {
        let (mailbox, generation, old_key) = (row.mailbox.clone(), row.generation, row.tokens.key_id.clone());
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query(
                    "update oauth_token set key_id = $4, access = $5, refresh = $6 where mailbox = $1 and generation = $2 and key_id = $3",
                )
                .bind(mailbox)
                .bind(generation)
                .bind(old_key)
                .bind(tokens.key_id)
                .bind(tokens.access)
                .bind(tokens.refresh)
                .execute(c)
                .await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }
}

/// In the transaction that changes the tokens: `doors list` shows until when the door gets in by what it has.
async fn door_is_good_until(c: &mut SqliteConnection, mailbox: &str, until: Option<Timestamp>) -> sqlx::Result<()> {
    let sql = "update door set expires_at = $2 where kind = 'imap' and name = $1";
    sqlx::query(sql).bind(mailbox).bind(until.map(|at| at.as_millisecond())).execute(c).await?;
    Ok(())
}

fn token_row(row: &SqliteRow) -> anyhow::Result<TokenRow> {
    let state: String = row.get("state");
    Ok(TokenRow {
        mailbox: row.get("mailbox"),
        provider: row.get("provider"),
        source: row.get("source"),
        generation: row.get("generation"),
        login_at: moment(row.get("login_at")),
        tokens: SealedTokens { key_id: row.get("key_id"), access: row.get("access"), refresh: row.get("refresh") },
        obtained_at: moment(row.get("obtained_at")),
        expires_at: moment(row.get("expires_at")),
        refreshed_at: row.get::<Option<i64>, _>("refreshed_at").map(moment),
        state: SignInState::parse(&state).with_context(|| format!("oauth_token.state: {state:?}"))?,
        trouble: row.get("trouble"),
        failures: u32::try_from(row.get::<i64, _>("failures")).unwrap_or(u32::MAX),
        retry_at: row.get::<Option<i64>, _>("retry_at").map(moment),
        held_until: moment(row.get("held_until")),
    })
}

#[cfg(test)]
mod tests;

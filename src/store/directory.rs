//! What the doors ask before a tenant is known: whose is this address, who signs in.

use super::{Store, moment};
use crate::model::address;
use crate::model::arrival::{Purpose, Recipient};
use crate::model::facts::Login;
use crate::model::id::{OutboundId, TenantId, UserId};
use anyhow::Context;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A login name's owner and password hash.
#[derive(Clone)]
pub struct Credentials {
    pub login: Login,
    /// PHC string; none means that this user cannot sign in.
    pub password_hash: Option<String>,
}

/// The local part of the addresses that bounces of our messages go to.
const BOUNCES: &str = "bounces";

impl Store {
    /// Whom an envelope recipient stands for; none if we do not take mail for it.
    pub async fn recipient(&self, path: &str) -> anyhow::Result<Option<Recipient>> {
        match self.recipient_as_spelt(path).await? {
            Some(found) => Ok(Some(found)),
            // RFC 6531 §3.1 lets both spellings of a domain be said; an import address is known by one.
            None => match address::in_other_spelling(path) {
                Some(other) => self.recipient_as_spelt(&other).await,
                None => Ok(None),
            },
        }
    }

    async fn recipient_as_spelt(&self, path: &str) -> anyhow::Result<Option<Recipient>> {
        let whole = address::key(path);
        // RFC 5321 §4.5.1: postmaster without a domain, in any case.
        if whole == "postmaster" {
            return Ok(Some(postmaster(whole)));
        }
        let (mailbox, detail) = address::without_detail(&whole);
        if let Some(tenant) = self.tenant_of_import_address(&mailbox).await? {
            let purpose = match detail {
                Some(token) => self.purpose_of_token(&tenant, &token).await?.unwrap_or(Purpose::Import),
                None => Purpose::Import,
            };
            return Ok(Some(Recipient { tenant, mailbox, purpose }));
        }
        let Some((local, domain)) = address::split(&mailbox) else { return Ok(None) };
        if local == "postmaster" && self.has_domain(domain).await? {
            return Ok(Some(postmaster(mailbox)));
        }
        let message = detail.filter(|_| local == BOUNCES).and_then(|id| id.parse::<OutboundId>().ok());
        match message {
            Some(message) => Ok(self.tenant_of_message(message, domain).await?.map(|tenant| Recipient {
                tenant,
                mailbox: whole,
                purpose: Purpose::Bounces { message },
            })),
            None => Ok(None),
        }
    }

    async fn tenant_of_import_address(&self, mailbox: &str) -> anyhow::Result<Option<TenantId>> {
        let found: Option<String> =
            sqlx::query_scalar("select tenant from import_address where address = $1").bind(mailbox).fetch_optional(&self.reads).await?;
        Ok(found.map(TenantId::new))
    }

    /// What an address with this token stands for; none if it is not of this tenant, has expired, or was revoked.
    async fn purpose_of_token(&self, tenant: &TenantId, token: &str) -> anyhow::Result<Option<Purpose>> {
        let row =
            sqlx::query("select tenant, purpose, message, application, expires_at from token where token = $1 and revoked_at is null")
                .bind(token)
                .fetch_optional(&self.reads)
                .await?;
        let is_valid =
            |row: &SqliteRow| row.get::<String, _>("tenant") == tenant.as_str() && moment(row.get("expires_at")) > Timestamp::now();
        let Some(row) = row.filter(is_valid) else { return Ok(None) };
        let message = row.get::<Option<String>, _>("message").map(|id| id.parse::<OutboundId>().context("token.message")).transpose()?;
        Ok(match (row.get::<String, _>("purpose").as_str(), row.get::<Option<String>, _>("application")) {
            ("receipt", _) => Some(Purpose::ReceiptAnswer { message }),
            ("reply", Some(application)) => Some(Purpose::Reply { application }),
            _ => None,
        })
    }

    /// Whether any import address is at that domain.
    async fn has_domain(&self, domain: &str) -> anyhow::Result<bool> {
        let found: Option<i64> = sqlx::query_scalar("select 1 from import_address where address like $1 escape '\\' limit 1")
            .bind(ends_with_domain(domain))
            .fetch_optional(&self.reads)
            .await?;
        Ok(found.is_some())
    }

    async fn tenant_of_message(&self, message: OutboundId, domain: &str) -> anyhow::Result<Option<TenantId>> {
        // The tenants at this domain first: every key begins with the tenant. The machine's own messages have any domain.
        let found: Option<String> = sqlx::query_scalar(
            "select m.tenant from outbound_message m where m.id = $1 and m.domain = $3
             and m.tenant in (select tenant from import_address where address like $2 escape '\\' union select '-') limit 1",
        )
        .bind(message.to_string())
        .bind(ends_with_domain(domain))
        .bind(domain)
        .fetch_optional(&self.reads)
        .await?;
        Ok(found.map(TenantId::new))
    }

    /// The account behind a login name.
    pub async fn credentials(&self, name: &str) -> anyhow::Result<Option<Credentials>> {
        let row = sqlx::query(
            "select l.tenant, l.user_id, l.password_hash from login l
             join user_account u on u.tenant = l.tenant and u.id = l.user_id where l.name = $1 and u.active",
        )
        .bind(address::key(name))
        .fetch_optional(&self.reads)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let user: UserId = row.get::<String, _>("user_id").parse().context("login.user_id")?;
        let login = Login { tenant: TenantId::new(row.get::<String, _>("tenant")), user };
        Ok(Some(Credentials { login, password_hash: row.get("password_hash") }))
    }
}

fn postmaster(mailbox: String) -> Recipient {
    Recipient { tenant: TenantId::machine(), mailbox, purpose: Purpose::Postmaster }
}

fn ends_with_domain(domain: &str) -> String {
    let escaped: String = domain.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect();
    format!("%@{escaped}")
}

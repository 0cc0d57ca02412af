//! Reply tokens: addresses by which a candidate may write to one application.

use super::audit::{self, NewAudit};
use super::{Store, moment};
use crate::model::id::TenantId;
use crate::model::token::{self, ReplyToken};
use anyhow::ensure;
use jiff::Timestamp;
use sqlx::Row;

impl Store {
    /// Gives out a token for an application, by its id, that is known until `expires_at`. The address that bears it proves nothing by
    /// itself: whoever writes there is judged like any sender.
    pub async fn give_reply_token(
        &self,
        tenant: &TenantId,
        application: &str,
        expires_at: Timestamp,
        actor: String,
    ) -> anyhow::Result<String> {
        let (tenant, application, token) = (tenant.clone(), application.to_owned(), token::generate());
        let given = token.clone();
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let known = sqlx::query("select 1 from application where tenant = $1 and id = $2 and not erased")
                    .bind(tenant.as_str())
                    .bind(&application)
                    .fetch_optional(&mut *c)
                    .await?;
                ensure!(known.is_some(), "there is no such application, or it has been erased");
                sqlx::query(
                    "insert into token (token, tenant, purpose, application, created_at, expires_at) values ($1, $2, 'reply', $3, $4, $5)",
                )
                .bind(&token)
                .bind(tenant.as_str())
                .bind(&application)
                .bind(now.as_millisecond())
                .bind(expires_at.as_millisecond())
                .execute(&mut *c)
                .await?;
                let line = NewAudit { actor, what: "token_given", subject: application, detail: format!("until {expires_at}") };
                audit::insert(c, &[(&tenant, now, &line)]).await?;
                Ok(())
            })
        })
        .await?;
        Ok(given)
    }

    /// Tokens of a tenant, or of one of its applications by id; the oldest first.
    pub async fn reply_tokens(&self, tenant: &TenantId, application: Option<&str>) -> anyhow::Result<Vec<ReplyToken>> {
        let rows = sqlx::query(
            "select t.token, a.reference, t.created_at, t.expires_at, t.revoked_at from token t
             join application a on a.tenant = t.tenant and a.id = t.application
             where t.tenant = $1 and t.application is not null and ($2 is null or t.application = $2) and t.purpose = 'reply'
             order by t.created_at, t.token",
        )
        .bind(tenant.as_str())
        .bind(application)
        .fetch_all(&self.reads)
        .await?;
        let token = |row: &sqlx::sqlite::SqliteRow| ReplyToken {
            token: row.get("token"),
            reference: row.get("reference"),
            created_at: moment(row.get("created_at")),
            expires_at: moment(row.get("expires_at")),
            revoked_at: row.get::<Option<i64>, _>("revoked_at").map(moment),
        };
        Ok(rows.iter().map(token).collect())
    }

    /// Takes a reply token back: its address is an ordinary import address from now on.
    pub async fn revoke_reply_token(&self, tenant: &TenantId, token: &str, actor: String) -> anyhow::Result<()> {
        let (tenant, token) = (tenant.clone(), token.to_lowercase());
        self.write(move |c| {
            Box::pin(async move {
                let now = Timestamp::now();
                let application: Option<String> = sqlx::query_scalar(
                    "update token set revoked_at = $3 where tenant = $1 and token = $2 and purpose = 'reply' and revoked_at is null
                     returning application",
                )
                .bind(tenant.as_str())
                .bind(&token)
                .bind(now.as_millisecond())
                .fetch_optional(&mut *c)
                .await?;
                let Some(application) = application else { anyhow::bail!("there is no such token, or it is revoked already") };
                let line = NewAudit { actor, what: "token_revoked", subject: application, detail: String::new() };
                audit::insert(c, &[(&tenant, now, &line)]).await?;
                Ok(())
            })
        })
        .await
    }
}

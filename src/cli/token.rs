//! `token`: addresses by which a candidate may write to one application.

use super::{Done, Failure, On, actor, show};
use crate::model::address;
use crate::model::id::TenantId;
use crate::model::organisation::Application;
use crate::model::token::ReplyToken;
use crate::store::Store;
use anyhow::{Context, anyhow};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a new address for an application: what its candidate writes there goes to its history
    Create {
        /// The application's reference number
        reference: String,
        /// How long the address is known
        #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: i64,
    },
    /// Addresses that were given out
    List {
        /// Only those of the application with this number
        reference: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take an address back
    Revoke {
        /// The token, as `token list` prints it: what stands between + and @
        token: String,
    },
}

pub async fn run(on: &On, command: Command) -> Done {
    let (_, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    match command {
        Command::Create { reference, days } => {
            let application = found(&store, &tenant.id, &reference).await?;
            let mailbox = tenant.import_addresses.first().context("the tenant has no import address")?;
            let until = Timestamp::now() + SignedDuration::from_hours(24 * days);
            let token = store.give_reply_token(&tenant.id, &application.id, until, actor()).await?;
            store.close().await;
            show::out(with_token(mailbox, &token))
        }
        Command::List { reference, json } => {
            let application = match &reference {
                Some(reference) => Some(found(&store, &tenant.id, reference).await?.id),
                None => None,
            };
            let tokens = store.reply_tokens(&tenant.id, application.as_deref()).await?;
            let mailbox = tenant.import_addresses.first().context("the tenant has no import address")?;
            list(&tokens, mailbox, Timestamp::now(), json)
        }
        Command::Revoke { token } => {
            store.revoke_reply_token(&tenant.id, &token, actor()).await?;
            store.close().await;
            show::out(format!("{token} revoked"))
        }
    }
}

async fn found(store: &Store, tenant: &TenantId, reference: &str) -> Result<Application, Failure> {
    let found = store.application(tenant, reference).await?;
    found.ok_or_else(|| Failure::Failed(anyhow!("there is no application with the number {reference}")))
}

/// `import+TOKEN@domain`.
fn with_token(mailbox: &str, token: &str) -> String {
    address::split(mailbox).map_or_else(|| token.to_owned(), |(local, domain)| format!("{local}+{token}@{domain}"))
}

fn state(token: &ReplyToken, now: Timestamp) -> &'static str {
    match token.revoked_at {
        Some(_) => "revoked",
        None if token.expires_at <= now => "expired",
        None => "valid",
    }
}

fn list(tokens: &[ReplyToken], mailbox: &str, now: Timestamp, as_json: bool) -> Done {
    if as_json {
        let one = |token: &ReplyToken| -> Value {
            json!({
                "token": token.token, "address": with_token(mailbox, &token.token), "reference": token.reference, "state": state(token, now),
                "created_at": token.created_at.to_string(), "expires_at": token.expires_at.to_string(),
                "revoked_at": token.revoked_at.map(|at| at.to_string()),
            })
        };
        return show::out_json(&tokens.iter().map(one).collect());
    }
    if tokens.is_empty() {
        return show::out("no address has been given out");
    }
    let row = |token: &ReplyToken| {
        let cells = [token.token.as_str(), &show::clean(&token.reference), state(token, now), &show::at(token.expires_at)];
        cells.map(str::to_owned).to_vec()
    };
    show::out(show::table(&["token", "number", "state", "until (UTC)"], &tokens.iter().map(row).collect::<Vec<_>>()))
}

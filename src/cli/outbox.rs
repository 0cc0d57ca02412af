//! `outbox`: messages of ours, and trying one again.

use super::{Done, On, actor, show};
use crate::model::id::OutboundId;
use crate::model::outbound::MessageState;
use crate::store::outbox::Outbound;
use serde_json::json;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Messages that wait or failed
    List {
        /// Those that were sent too
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Try a message again at once, or all that failed
    Retry {
        /// The message's id, as `outbox list` prints it
        #[arg(required_unless_present = "failed")]
        id: Option<OutboundId>,
        /// Every message that failed: after the relay has been mended
        #[arg(long, conflicts_with = "id")]
        failed: bool,
    },
}

pub async fn run(on: &On, command: Command) -> Done {
    let (_, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    match command {
        Command::List { all, json } => {
            let messages = store.messages(&tenant.id, all).await?;
            list(&messages, json)
        }
        Command::Retry { id, failed } => {
            let mut ids: Vec<OutboundId> = id.into_iter().collect();
            if failed {
                let messages = store.messages(&tenant.id, false).await?;
                ids.extend(messages.iter().filter(|message| message.state == MessageState::Failed).map(|message| message.id));
            }
            for id in &ids {
                store.retry_message(&tenant.id, *id, actor()).await?;
            }
            store.close().await;
            match ids.as_slice() {
                [] => show::out("no message has failed"),
                ids => ids.iter().try_for_each(|id| show::out(format!("{id} will be tried at once"))),
            }
        }
    }
}

pub fn list(messages: &[Outbound], as_json: bool) -> Done {
    if as_json {
        let list = messages.iter().map(|message| {
            json!({
                "id": message.id, "to": message.recipient, "purpose": message.purpose, "state": message.state, "attempts": message.attempts,
                "next_attempt_at": message.next_attempt_at.to_string(), "subject": message.subject, "last_error": message.last_error,
            })
        });
        return show::out_json(&list.collect());
    }
    if messages.is_empty() {
        return show::out("nothing waits and nothing failed");
    }
    let row = |message: &Outbound| {
        let error = message.last_error.as_deref().map(show::clean).unwrap_or_default();
        let next = if message.state == MessageState::Deferred { show::at(message.next_attempt_at) } else { String::new() };
        vec![
            message.id.to_string(),
            message.state.as_str().to_owned(),
            message.attempts.to_string(),
            next,
            show::clean(&message.recipient),
            show::clean(&message.subject),
            error,
        ]
    };
    show::out(show::table(
        &["id", "state", "tries", "next try", "to", "subject", "last error"],
        &messages.iter().map(row).collect::<Vec<_>>(),
    ))
}

//! Tells administrators once a day what is held. Looks every minute whose hour has come; that a day is told once is the database's word,
//! so neither a restart nor a second run nor a clock that was set back says it again. After a time away it is told once.

use super::compose::digest::{MOST_NAMED, digest};
use crate::model::address;
use crate::model::daily;
use crate::model::id::OutboundId;
use crate::model::organisation::Tenant;
use crate::model::outbound::Notice;
use crate::store::Store;
use crate::store::daily::{Hour, Told};
use crate::store::filing::NewMessage;
use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const LOOK: Duration = Duration::from_secs(60);

/// Tells until stopped.
pub async fn run(store: Store, stop: CancellationToken) {
    let mut teller = Teller::new(store);
    while !stop.is_cancelled() {
        teller.look(Timestamp::now()).await;
        tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(LOOK) => () }
    }
}

/// Asks the database once a day for each tenant, not once a minute.
pub struct Teller {
    store: Store,
    done: HashMap<String, Date>,
}

impl Teller {
    pub fn new(store: Store) -> Teller {
        Teller { store, done: HashMap::new() }
    }

    /// Everything that is due at this moment. One tenant's trouble is not the others'.
    pub async fn look(&mut self, now: Timestamp) {
        let hours = match self.store.digest_hours().await {
            Ok(hours) => hours,
            Err(error) => {
                warn!(error = format!("{error:#}"), "who is to be told of held mail could not be read; trying again");
                return;
            }
        };
        for hour in hours {
            if let Err(error) = self.tell_tenant(&hour, now).await {
                warn!(tenant = %hour.tenant, error = format!("{error:#}"), "the administrators of {} could not be told of held mail; trying again", hour.tenant);
            }
        }
    }

    async fn tell_tenant(&mut self, hour: &Hour, now: Timestamp) -> anyhow::Result<()> {
        let zone = TimeZone::get(&hour.time_zone).unwrap_or(TimeZone::UTC);
        let Some(day) = daily::due(now, &zone, hour.at) else { return Ok(()) };
        let tenant = hour.tenant.as_str();
        if self.done.get(tenant) == Some(&day) {
            return Ok(());
        }
        if self.store.is_told(&hour.tenant, day, now).await? {
            self.done.insert(tenant.to_owned(), day);
            return Ok(());
        }
        // Whoever becomes an administrator later on this day is still told.
        let administrators = self.store.administrators(&hour.tenant).await?;
        if administrators.is_empty() {
            return Ok(());
        }
        let settings = self.store.tenant(&hour.tenant).await?.context("the tenant is gone")?;
        let waiting = self.store.waiting(&hour.tenant, MOST_NAMED).await?;
        let notices = administrators.iter().filter_map(|user| digest(user, &settings, &waiting, now));
        let messages: Vec<NewMessage> = notices.map(|notice| message(notice, &settings)).collect();
        let (mails, told) = (waiting.mails, messages.len());
        let named = waiting.named.into_iter().map(|mail| mail.id).collect();
        let written = self.store.tell_day(Told { tenant: hour.tenant.clone(), day, at: now, mails, named, messages }).await?;
        if written && told > 0 {
            info!(tenant, mails, told, "{told} administrators of {tenant} are told of {mails} held mails");
        }
        self.done.insert(tenant.to_owned(), day);
        Ok(())
    }
}

fn message(notice: Notice, tenant: &Tenant) -> NewMessage {
    let own = tenant.import_addresses.first().and_then(|address| address::split(address));
    NewMessage {
        id: OutboundId::generate(),
        purpose: notice.purpose,
        recipient: notice.to,
        locale: notice.locale,
        subject: notice.subject,
        body: notice.text,
        reply_to: None,
        domain: own.map_or_else(|| "localhost".into(), |(_, domain)| domain.to_owned()),
        attaches_raw: false,
        entry: None,
        token: None,
        about: None,
    }
}

#[cfg(test)]
mod tests;

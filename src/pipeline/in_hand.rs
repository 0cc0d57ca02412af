//! What this run has in hand, so that a claim whose work ended without a word (it could not be put back, or its task died) is found
//! while the service runs and not at its next start.

use super::{LOOK, Pipeline, backoff};
use crate::model::id::{ArrivalId, TenantId};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tracing::{info, warn};

type Key = (TenantId, ArrivalId);

/// The arrivals that somebody works on. Not more than are handed out at once.
#[derive(Clone, Debug, Default)]
pub(super) struct InHand(Arc<Mutex<HashSet<Key>>>);

/// One arrival is in hand as long as this lives, however its work ends.
pub(super) struct Held {
    all: InHand,
    key: Key,
}

impl InHand {
    pub(super) fn take(&self, tenant: &TenantId, id: ArrivalId) -> Held {
        let key = (tenant.clone(), id);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        Held { all: self.clone(), key }
    }

    fn all(&self) -> HashSet<Key> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Pipeline {
    /// Takes up claims of this run that nobody works on. Only between two turns: what is claimed and not in hand then is lost, because
    /// only a turn claims, and it gives what it claims into a hand before it ends. Looked for now and then.
    pub(super) async fn take_up_lost(&self, last: &mut Option<Instant>) -> anyhow::Result<()> {
        if last.is_some_and(|last| last.elapsed() < LOOK) {
            return Ok(());
        }
        *last = Some(Instant::now());
        // Before the rows are read: what comes to its end meanwhile still counts as in hand.
        let in_hand = self.in_hand.all();
        for lost in self.store.claims().await? {
            if in_hand.contains(&(lost.tenant.clone(), lost.id)) {
                continue;
            }
            let after = backoff(lost.attempts);
            match self.store.put_back(&lost.tenant, lost.id, lost.fence, after).await {
                Ok(()) => info!(arrival.id = %lost.id, retry_seconds = after.as_secs(), "arrival {} is taken up again", lost.id),
                Err(error) => {
                    warn!(arrival.id = %lost.id, error = format!("{error:#}"), "arrival {} still cannot be put back; trying again", lost.id)
                }
            }
        }
        Ok(())
    }
}

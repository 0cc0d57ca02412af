//! When each kind of door took its last mail: remembered in memory, so that no mail costs a write more.

use crate::model::arrival::Door;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// When each kind of door took its last mail.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Vec<(Door, Timestamp)>>>);

impl Seen {
    pub fn mail(&self, door: Door, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|(of, _)| *of == door) {
            Some((_, last)) => *last = at,
            None => all.push((door, at)),
        }
    }

    pub fn last(&self, door: Door) -> Option<Timestamp> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(of, _)| *of == door).map(|(_, at)| *at)
    }
}

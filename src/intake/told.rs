//! What the log has been told lately: one line for an address and a minute is enough, however often it comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing more is said of the same.
const QUIET: Duration = Duration::from_secs(60);
/// Things remembered at once. Beyond that those whose time is over are forgotten; if there are none, nothing more is said.
const MOST: usize = 10_000;

/// Clones share what they told.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<HashMap<String, Instant>>>);

impl Told {
    /// Whether this is the first time within a minute.
    pub fn first(&self, what: &str) -> bool {
        self.first_at(what, Instant::now())
    }

    fn first_at(&self, what: &str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |at: &Instant| now.saturating_duration_since(*at) >= QUIET;
        if told.get(what).is_some_and(|at| !is_over(at)) {
            return false;
        }
        if told.len() >= MOST {
            told.retain(|_, at| !is_over(at));
        }
        if told.len() >= MOST {
            return false;
        }
        told.insert(what.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_each() {
        let (told, start) = (Told::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(told.first_at("a", at(0)) && told.first_at("b", at(1)));
        assert!(!told.first_at("a", at(59)) && told.first_at("a", at(60)) && !told.first_at("a", at(61)));
    }

    #[test]
    fn memory_is_bounded() {
        let (told, start) = (Told::default(), Instant::now());
        for number in 0..MOST {
            assert!(told.first_at(&number.to_string(), start));
        }
        assert!(!told.first_at("one more", start) && told.first_at("one more", start + QUIET));
        assert_eq!(told.0.lock().unwrap().len(), 1);
    }
}

//! What a door remembers of its files: what was noted in the store, and which ones to leave alone for a while.

use super::folder::Waiting;
use super::trouble;
use crate::model::mailbox::{Note, Notes};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Default)]
pub struct State(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// None: not read yet.
    notes: Option<Notes>,
    later: HashMap<String, Later>,
    /// Files that have left, and whose notes are still there.
    left: Vec<String>,
}

/// A file that is left alone for a while.
struct Later {
    due: Instant,
    failures: u32,
    /// Only somebody's hand mends what is wrong with it.
    is_stuck: bool,
}

impl State {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_begun(&self) -> bool {
        self.inside().notes.is_some()
    }

    pub fn begin(&self, notes: Notes) {
        self.inside().notes = Some(notes);
    }

    pub fn note(&self, key: &str) -> Option<Note> {
        self.inside().notes.as_ref()?.get(key).cloned()
    }

    /// The store has noted this.
    pub fn noted(&self, key: &str, note: Note) {
        self.inside().notes.get_or_insert_default().insert(key.to_owned(), note);
    }

    /// Keys of files that the next look does not want to see.
    pub fn passed_over(&self) -> HashSet<String> {
        let (inside, now) = (self.inside(), Instant::now());
        let passed = inside.notes.iter().flatten().filter(|(_, note)| **note == Note::Passed).map(|(key, _)| key);
        let later = inside.later.iter().filter(|(_, later)| later.due > now).map(|(key, _)| key);
        passed.chain(later).cloned().collect()
    }

    /// These are all files but those that were passed over: what is put off and among neither has gone.
    pub fn seen_all(&self, passed: &HashSet<String>, there: &[Waiting]) {
        let there: HashSet<String> = there.iter().map(Waiting::key).collect();
        self.inside().later.retain(|key, _| passed.contains(key) || there.contains(key));
    }

    /// Leaves a file alone for a while; says how often in a row it was.
    pub fn put_off_for_now(&self, key: &str) -> u32 {
        let mut inside = self.inside();
        let later = inside.later.entry(key.to_owned()).or_insert(Later { due: Instant::now(), failures: 0, is_stuck: false });
        later.failures = later.failures.saturating_add(1);
        later.due = Instant::now() + trouble::wait(later.failures);
        later.failures
    }

    /// Whether what it is left alone for is somebody's to mend.
    pub fn is_stuck(&self, key: &str, is_stuck: bool) {
        if let Some(later) = self.inside().later.get_mut(key) {
            later.is_stuck = is_stuck;
        }
    }

    pub fn stuck(&self) -> usize {
        self.inside().later.values().filter(|later| later.is_stuck).count()
    }

    /// How often in a row it was left alone, the try under way among them.
    pub fn tries(&self, key: &str) -> u32 {
        self.inside().later.get(key).map_or(0, |later| later.failures)
    }

    /// Nothing has to be tried again.
    pub fn done(&self, key: &str) {
        self.inside().later.remove(key);
    }

    /// How many files are left alone.
    pub fn put_off(&self) -> usize {
        self.inside().later.len()
    }

    /// How long until the first of them is due.
    pub fn next_due(&self) -> Option<Duration> {
        let now = Instant::now();
        self.inside().later.values().map(|later| later.due.saturating_duration_since(now)).min()
    }

    /// What is noted of files that are done with and that a whole look did not show, though it would have: they may be gone.
    pub fn not_seen(&self, passed: &HashSet<String>, there: &[Waiting]) -> Vec<String> {
        let there: HashSet<String> = there.iter().map(Waiting::key).collect();
        let inside = self.inside();
        let is_news = |key: &String| !passed.contains(key) && !there.contains(key) && !inside.left.contains(key);
        let done = inside.notes.iter().flatten().filter(|(_, note)| **note != Note::Passed).map(|(key, _)| key);
        done.filter(|key| is_news(key)).cloned().collect()
    }

    /// It has left its folder.
    pub fn has_left(&self, key: String) {
        self.inside().left.push(key);
    }

    pub fn have_left(&self) -> Vec<String> {
        self.inside().left.clone()
    }

    /// Their notes are gone.
    pub fn forget(&self, keys: &[String]) {
        let mut inside = self.inside();
        for key in keys {
            if let Some(notes) = &mut inside.notes {
                notes.remove(key);
            }
        }
        inside.left.retain(|key| !keys.contains(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn put_off_and_due() {
        let state = State::default();
        assert_eq!((state.put_off_for_now("a"), state.put_off(), state.is_begun()), (1, 1, false));
        assert!(state.passed_over().contains("a"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(state.passed_over().is_empty());
        assert_eq!((state.put_off_for_now("a"), state.next_due()), (2, Some(Duration::from_secs(2))));
        assert_eq!((state.tries("a"), state.tries("b")), (2, 0));
        // What is not due is not looked for; what is due and gone is forgotten.
        state.seen_all(&state.passed_over(), &[]);
        assert_eq!(state.put_off(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        state.seen_all(&state.passed_over(), &[]);
        assert_eq!((state.put_off(), state.next_due()), (0, None));
    }

    #[tokio::test]
    async fn notes() {
        let state = State::default();
        state.begin(Notes::from([("old".to_owned(), Note::Passed)]));
        state.noted("new", Note::Refused);
        assert_eq!((state.note("new"), state.passed_over().len()), (Some(Note::Refused), 1));
        state.has_left("new".into());
        assert_eq!(state.have_left(), ["new"]);
        state.forget(&["new".into()]);
        assert_eq!((state.note("new"), state.have_left().len(), state.note("old")), (None, 0, Some(Note::Passed)));
        // Done with, and not to be seen: neither what is on its way nor what the look was not to show, nor what is nobody's business.
        for key in ["done", "left", "later"] {
            state.noted(key, Note::Refused);
        }
        state.has_left("left".into());
        assert_eq!(state.not_seen(&HashSet::from(["later".to_owned()]), &[]), ["done"]);
    }
}

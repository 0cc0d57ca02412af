//! Says how those doors are that have nothing to tell by themselves: they listen, and mail comes. Written down now and then.

use super::accept::Acceptor;
use crate::model::arrival::Door;
use crate::store::Store;
use crate::store::doors::DoorNews;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often is written down what there is to say.
const LOOK: Duration = Duration::from_secs(5);

/// Speaks for these doors until stopped. A door of which there is one bears the name of its kind.
pub async fn speak(doors: Vec<Door>, acceptor: Acceptor, store: Store, stop: CancellationToken) {
    let mut said = vec![None; doors.len()];
    loop {
        let trouble = acceptor.trouble().await;
        let stopping = stop.is_cancelled();
        for (door, said) in doors.iter().zip(&mut said) {
            let state = match (stopping, trouble) {
                (true, _) => "stopped",
                (false, Some(_)) => "failing",
                (false, None) => "listening",
            };
            let now = (state, acceptor.seen().last(*door));
            if *said == Some(now) {
                continue;
            }
            let error = trouble.filter(|_| state == "failing").map(str::to_owned);
            let news = DoorNews { state, contact_at: now.1, mail_at: now.1, error, ..DoorNews::default() };
            match store.door_says(door.as_str(), door.as_str(), news).await {
                Ok(()) => *said = Some(now),
                Err(error) => warn!(error = format!("{error:#}"), "the state of a door could not be written down"),
            }
        }
        if stopping {
            return;
        }
        tokio::select! { () = stop.cancelled() => (), () = tokio::time::sleep(LOOK) => () }
    }
}

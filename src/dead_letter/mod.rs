//! What is held, as a folder that any mail program opens. The database is the truth, the folder its projection:
//! it shows, it never decides. Moving a file to `.Retry` is the one thing that an operator says by it.

pub mod folder;

mod identity;
mod own;

use crate::store::Store;
use folder::{Folder, Said};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the folder is looked at although the database has not changed: an operator may have moved a file.
const LOOK: Duration = Duration::from_secs(3);

/// Keeps the folder as the database says, until stopped.
pub async fn run(store: Store, path: PathBuf, stop: CancellationToken) {
    let mut changes = store.changes();
    let mut folder = Folder::new(path);
    loop {
        changes.borrow_and_update();
        if let Err(error) = scan(&store, &mut folder).await {
            warn!(error = format!("{error:#}"), "the dead-letter folder could not be brought up to date; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => break,
            // Many mails may change at once; the folder need not follow each.
            () = async { let _ = changes.changed().await; tokio::time::sleep(Duration::from_millis(200)).await } => (),
            () = tokio::time::sleep(LOOK) => (),
        }
    }
    if let Err(error) = scan(&store, &mut folder).await {
        warn!(error = format!("{error:#}"), "the dead-letter folder is not up to date");
    }
}

/// One pass: what is in `.Retry` is sent through the pipeline again, then the folder is made to show what is held.
pub async fn scan(store: &Store, folder: &mut Folder) -> anyhow::Result<()> {
    folder.prepare()?;
    // All are read before any is retried: of two copies, the second one would belong to a mail that is not held any more.
    let mut said = Vec::new();
    for dropped in folder.to_retry().await? {
        said.push((folder.said(&dropped, store).await?, dropped));
    }
    let mut retried = HashSet::new();
    for (said, dropped) in said {
        match said {
            // Left alone, and listed as foreign.
            Said::Nothing => continue,
            Said::Done(id) => info!(arrival.id = %id, "a file of arrival {id} was moved, which is filed already; the file goes"),
            Said::Retry(mails) => {
                for (tenant, id) in mails {
                    if retried.insert((tenant.clone(), id)) {
                        store.retry(&tenant, id, "folder".into(), None).await?;
                        info!(arrival.id = %id, "arrival {id} is retried: its file was moved");
                    }
                }
            }
        }
        dropped.remove()?;
    }
    folder.show(store.all_held().await?, store).await
}

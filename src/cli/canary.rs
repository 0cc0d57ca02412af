//! `canary`: sends a mail to ourselves through a door, by the running service, and says whether it came.

use super::{Done, Failure, On, show};
use crate::config::Config;
use crate::config::doors::NamedDoor;
use crate::store::canaries::Canary;
use crate::store::{DaemonLock, Store};
use anyhow::anyhow;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    /// The door, as `doors list` names it; without it, every door that has a [[canary]]
    door: Option<String>,
    /// Wait until it is there, and say how long it took; exit 1 if it is lost
    #[arg(long)]
    wait: bool,
}

/// How often is looked whether it arrived.
const LOOK: Duration = Duration::from_millis(200);

pub async fn run(on: &On, args: Args) -> Done {
    let (config, store) = on.store().await?;
    let doors = meant(&config, args.door.as_deref())?;
    if !DaemonLock::is_taken(&config.place) {
        return Err(Failure::Failed(anyhow!("no `rohrpost serve` works here; the service sends mails to ourselves, and takes them")));
    }
    let mut asked = Vec::new();
    for (door, lost_after) in doors {
        let token = store.ask_canary(door.kind.as_str(), &door.name, Timestamp::now()).await?;
        asked.push((door, lost_after, token));
    }
    let mut lost = 0;
    for (door, lost_after, token) in &asked {
        if !args.wait {
            show::out(format!("{}: asked for; `rohrpost doors list` shows what becomes of it", door.name))?;
        } else if let Err(why) = arrives(&store, door, token, *lost_after).await? {
            lost += 1;
            show::out(format!("{}: {why}", door.name))?;
        }
    }
    store.close().await;
    match lost {
        0 => Ok(()),
        lost => Err(Failure::Failed(anyhow!("{} to ourselves did not arrive", show::counted(lost, "mail")))),
    }
}

/// The doors that are meant, each with the time after which its mail is lost.
fn meant(config: &Config, name: Option<&str>) -> Result<Vec<(NamedDoor, SignedDuration)>, Failure> {
    let mut meant = Vec::new();
    for door in config.doors().into_iter().filter(|door| name.is_none_or(|name| name == door.name)) {
        let canary = config.canary.iter().find(|canary| canary.door == door.name);
        meant.extend(canary.map(|canary| (door, SignedDuration::try_from(canary.lost_after).unwrap_or(SignedDuration::MAX))));
    }
    match (meant.is_empty(), name) {
        (false, _) => Ok(meant),
        (true, Some(name)) => Err(Failure::Usage(format!("there is no [[canary]] with door = {name:?} in the configuration"))),
        (true, None) => Err(Failure::Usage("there is no [[canary]] in the configuration: it says where such a mail is sent".into())),
    }
}

/// Says how long it took; or why it is given up.
async fn arrives(store: &Store, door: &NamedDoor, token: &str, lost_after: SignedDuration) -> Result<Result<(), String>, Failure> {
    let start = Timestamp::now();
    loop {
        let found = store.canary(token).await?;
        if let Some(Canary { sent_at: Some(sent), arrived_at: Some(arrived), .. }) = found {
            show::out(format!("{}: arrived after {:.1} s", door.name, arrived.duration_since(sent).as_secs_f64()))?;
            return Ok(Ok(()));
        }
        if let Some(Canary { error: Some(why), .. }) = found {
            return Ok(Err(format!("it could not be handed over to be sent: {why}")));
        }
        if Timestamp::now().duration_since(start) >= lost_after {
            return Ok(Err(format!("lost: not here after {}", crate::watch::words(lost_after))));
        }
        tokio::time::sleep(LOOK).await;
    }
}

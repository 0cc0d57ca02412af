//! `serve`: the daemon, until a signal ends it. SIGHUP reads the certificate again at once.

use super::{Done, Failure, logging};
use crate::config::Config;
use crate::daemon::Daemon;
use anyhow::{Context, anyhow};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

pub async fn run(config: Config) -> Done {
    logging::start(&config.log);
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("SIGHUP")?;
    // Wrong as a configuration is: starting again would not mend it.
    config.outgoing.fetched_login().map_err(|error| Failure::Usage(format!("{error:#}")))?;
    let mut daemon = Daemon::start(config).await.map_err(Failure::Failed)?;
    let listening: Vec<String> = daemon.listening().iter().map(|one| one.place.to_string()).collect();
    notify(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {}", listening.join(", ")))]);
    let watchdog = tokio::spawn(watchdog());
    let fallen = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            _ = hang_up.recv() => daemon.reload(),
            name = daemon.fallen() => break Some(name),
        }
    };
    if let Some(name) = fallen {
        error!("the part {name:?} ended by itself; the service ends, so that it is started again whole");
        // From here on systemd hears that it stops, and no more that it is well.
        watchdog.abort();
    }
    info!("stopping");
    notify(&[NotifyState::Stopping]);
    daemon.stop().await;
    watchdog.abort();
    info!("stopped");
    match fallen {
        None => Ok(()),
        Some(name) => Err(Failure::Failed(anyhow!("the part {name:?} ended by itself"))),
    }
}

/// Without systemd there is nobody to notify.
fn notify(states: &[NotifyState]) {
    let _ = sd_notify::notify(states);
}

/// Tells systemd that the runtime still turns. Ended when a part of the service falls.
async fn watchdog() {
    let Some(every) = sd_notify::watchdog_enabled() else { return };
    loop {
        notify(&[NotifyState::Watchdog]);
        tokio::time::sleep(every / 2).await;
    }
}

//! `serve`: the daemon, until a signal ends it. SIGHUP reads the certificate again.

use super::{Done, Failure, logging};
use crate::config::Config;
use crate::daemon::Daemon;
use anyhow::Context;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

pub async fn run(config: Config) -> Done {
    logging::start(&config.log);
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("SIGHUP")?;
    let daemon = Daemon::start(config).await.map_err(Failure::Failed)?;
    let listening: Vec<String> = daemon.addresses().iter().map(ToString::to_string).collect();
    notify(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {}", listening.join(", ")))]);
    let watchdog = tokio::spawn(watchdog());
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => daemon.reload(),
        }
    }
    info!("stopping");
    notify(&[NotifyState::Stopping]);
    daemon.stop().await;
    watchdog.abort();
    info!("stopped");
    Ok(())
}

/// Without systemd there is nobody to notify.
fn notify(states: &[NotifyState]) {
    let _ = sd_notify::notify(states);
}

/// Tells systemd that the runtime still turns.
async fn watchdog() {
    let Some(every) = sd_notify::watchdog_enabled() else { return };
    loop {
        notify(&[NotifyState::Watchdog]);
        tokio::time::sleep(every / 2).await;
    }
}

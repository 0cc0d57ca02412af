//! Logs to standard error, where the journal takes them. They hold ids, sizes and reasons (G12).

use crate::config::Log;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. Libraries are capped at info, whatever the level: some print what they send and receive.
pub fn start(log: &Log) {
    let filter = Targets::new().with_default(log.level.min(LevelFilter::INFO)).with_target("rohrpost", log.level);
    let text = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry();
    // A second start is the tests' business, and harmless.
    let _ = match log.json {
        true => registry.with(text.json().flatten_event(true).with_filter(filter)).try_init(),
        false => registry.with(text.compact().with_filter(filter)).try_init(),
    };
    quiet_panics();
}

/// A panic's message may quote the text that caused it; its place says enough.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
        tracing::error!(place, "panic at {place}");
    }));
}

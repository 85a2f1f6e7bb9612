//! The log, on standard error.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Log, LogFormat};

static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts the log. Once per process: later calls change nothing.
pub fn start(log: &Log) {
    let (filter, handle) = reload::Layer::new(EnvFilter::builder().parse_lossy(&log.filter));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // It fails only when a log was started already.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Logs by this filter from now on.
pub fn change(filter: &str) {
    if let Some(handle) = FILTER.get() {
        // It fails only when there is no log any more.
        let _ = handle.reload(EnvFilter::builder().parse_lossy(filter));
    }
}

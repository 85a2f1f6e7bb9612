//! Writes the log to standard error.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Log, LogFormat};

static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts the log. Only the first call in a process has an effect.
pub fn start(log: &Log) {
    let (filter, handle) = reload::Layer::new(EnvFilter::builder().parse_lossy(&log.filter));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // `try_init` fails only if a log was started already.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Changes the filter of the log.
pub fn change(filter: &str) {
    if let Some(handle) = FILTER.get() {
        // `reload` fails only if the log no longer exists.
        let _ = handle.reload(EnvFilter::builder().parse_lossy(filter));
    }
}

//! `bioserver serve`: runs the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{self, App, Changeable};
use crate::cli::log;
use crate::cli::output::print;
use crate::config::source::{self, InForce};
use crate::config::{Config, table};

/// The exit code that shells give a process which SIGINT ended.
const ENDED_AT_ONCE: i32 = 130;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address to listen on; port 0 takes any free port [default: the address in the configuration]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// `file` is the configuration file, if one was named: the server reads it again on SIGHUP.
pub async fn run(config: Config, file: Option<PathBuf>, args: Args) -> anyhow::Result<()> {
    let hangups = signal(SignalKind::hangup())?;
    let address = args.listen.unwrap_or(config.listen);
    let in_force = config.settings.clone();
    let app = App::build(config).await?;
    let listener = app::listen(address).await?;
    // The server runs even if standard output is closed.
    let _ = print(format!("listening on {}://{}\n", app.scheme(), listener.local_addr()?));
    tokio::spawn(reload(hangups, file, in_force, app.changeable()));
    app.serve(listener, stopped()).await
}

/// Reads the configuration again at every SIGHUP.
async fn reload(mut hangups: Signal, file: Option<PathBuf>, mut in_force: Vec<InForce>, changeable: Changeable) {
    while hangups.recv().await.is_some() {
        match Config::load(file.as_deref(), source::environment()) {
            Ok(config) => {
                log::change(&config.log.filter);
                if let Err(error) = changeable.take_over(&config) {
                    tracing::error!("{error:#}");
                }
                tell_changes(&mut in_force, config.settings);
            }
            Err(faults) => tracing::error!(%faults, "the new configuration has faults; the old one stays in force"),
        }
    }
}

/// Logs the settings that were adopted and those that need a restart, without their values, which may be secret.
fn tell_changes(in_force: &mut [InForce], read: Vec<InForce>) {
    for (old, new) in in_force.iter_mut().zip(read).filter(|(old, new)| old.value != new.value) {
        if table::CHANGEABLE.iter().any(|setting| setting.name == new.name) {
            tracing::info!(setting = new.name, "the setting has changed and is in force");
            *old = new;
        } else {
            tracing::warn!(setting = new.name, "the setting has changed, but needs a restart");
        }
    }
    tracing::info!("the configuration was reloaded");
}

/// Becomes ready when the process is asked to end, by SIGTERM or by SIGINT (Ctrl-C). A second request ends it at once.
pub(super) async fn stopped() {
    asked_to_end().await;
    tokio::spawn(async {
        asked_to_end().await;
        tracing::warn!("a second signal arrived; the requests in flight are aborted");
        std::process::exit(ENDED_AT_ONCE);
    });
}

async fn asked_to_end() {
    let mut terminate = signal(SignalKind::terminate()).expect("the runtime handles signals");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

//! `bioserver serve`: the server.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::{self, App};
use crate::cli::output::print;
use crate::config::Config;

/// As shells have it for a process that SIGINT ended.
const ENDED_AT_ONCE: i32 = 130;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, whatever the configuration says; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub async fn run(config: Config, args: Args) -> anyhow::Result<()> {
    let address = args.listen.unwrap_or(config.listen);
    let app = App::build(config).await?;
    let listener = app::listen(address).await?;
    // Nobody need read it.
    let _ = print(format!("listening on http://{}\n", listener.local_addr()?));
    app.serve(listener, stopped()).await
}

/// Ready once the process is asked to end: SIGTERM by whoever runs it, SIGINT by Ctrl-C. Asked once more, it ends at once.
pub(super) async fn stopped() {
    asked_to_end().await;
    tokio::spawn(async {
        asked_to_end().await;
        tracing::warn!("asked to end once more: requests are broken off");
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

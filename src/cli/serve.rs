//! `bioserver serve`: the server.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::cli::output::print;
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, whatever the configuration says; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub async fn run(config: Config, args: Args) -> anyhow::Result<()> {
    let address = args.listen.unwrap_or(config.listen);
    let app = App::build(config).await?;
    let listener = listen(address).await?;
    // Nobody need read it.
    let _ = print(format!("listening on http://{}\n", listener.local_addr()?));
    app.serve(listener, stopped()).await
}

pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Ready once the process is asked to end: SIGTERM by whoever runs it, SIGINT by Ctrl-C.
pub(super) async fn stopped() {
    let mut terminate = signal(SignalKind::terminate()).expect("the runtime handles signals");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

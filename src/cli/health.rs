//! `bioserver health`: tests if the server on this machine is ready, for the HEALTHCHECK of a container.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{anyhow, bail};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::cause;
use crate::cli::output::print;
use crate::config::Config;

const PAGE: &str = "/health/ready";
/// The longest wait for the answer: longer than a server needs to find out that its database is away.
const ANSWER_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server's address [default: the address in the configuration]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Fails unless the server answers that it is ready; names the parts that are down.
pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let address = args.listen.unwrap_or(config.listen);
    let asked = ask(address, PAGE, ANSWER_MAX).await;
    let (status, text) = asked.map_err(|error| anyhow!("{address}: {}", cause::of(&error)))?;
    if status == StatusCode::OK {
        return print(format!("{address}: ready\n"));
    }
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let parts = answer["checks"].as_array().into_iter().flatten();
    let down: Vec<_> = parts.filter(|part| part["status"] == "DOWN").filter_map(|part| part["name"].as_str()).collect();
    bail!("{address}: not ready ({}); down: {}", status.as_u16(), down.join(", "))
}

/// Returns the answer of the program that listens on this machine, over HTTP or HTTPS. The certificate is not checked,
/// so the request contains no secret.
pub(super) async fn ask(address: SocketAddr, page: &str, within: Duration) -> reqwest::Result<(StatusCode, String)> {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, v6.port())),
        given => given,
    };
    let client = Client::builder().timeout(within).no_proxy().tls_danger_accept_invalid_certs(true).build()?;
    let plain = client.get(format!("http://{host}{page}")).send().await;
    let answer = match (plain, client.get(format!("https://{host}{page}"))) {
        (Ok(answer), _) => answer,
        (Err(error), encrypted) => encrypted.send().await.map_err(|_| error)?,
    };
    Ok((answer.status(), answer.text().await?))
}

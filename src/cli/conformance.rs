//! `bioserver conformance`: tests if a server honours the contract.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use crate::cli::conformance::exchange::{Names, Server};
use crate::cli::conformance::kit::{Kit, Scenario};
use crate::cli::conformance::report::Outcome;
use crate::cli::output::{print, write};

mod exchange;
mod expected;
mod kit;
mod pictures;
mod report;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The URL of the server, with its base path
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/bioserver-app")]
    url: String,
    /// A key with all permissions
    #[arg(long, value_name = "KEY", env = "CONFORMANCE_KEY", hide_env_values = true)]
    key: String,
    /// Also writes the results to this file, as HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also writes the results to this file, as `JUnit` XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Runs all scenarios and prints the report; the exit code says if any of them failed.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let server = Server::reach(&args.url, &args.key).await?;
    let mut outcomes = vec![];
    for scenario in Kit::read().scenarios {
        outcomes.push(outcome(&server, scenario).await);
    }
    print(report::text(&outcomes))?;
    if let Some(path) = &args.html {
        write(path, &report::html(&args.url, &outcomes))?;
    }
    if let Some(path) = &args.junit {
        write(path, &report::junit(&outcomes)?)?;
    }
    let has_failed = outcomes.iter().any(|outcome| !outcome.faults.is_empty());
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Makes the exchanges of a scenario up to the first that fails, since the next ones build on it.
async fn outcome(server: &Server, scenario: Scenario) -> Outcome {
    let (begun, mut names) = (Instant::now(), Names::new());
    let (mut faults, mut exchanges) = (vec![], 0);
    for exchange in &scenario.exchanges {
        exchanges += 1;
        let found = server.exchange(exchange, &mut names).await;
        let found = found.unwrap_or_else(|error| vec![format!("the server did not answer: {error:#}")]);
        let request = format!("{} {}", exchange.send.method, exchange.send.path);
        faults.extend(found.into_iter().map(|fault| format!("{request}: {fault}")));
        if !faults.is_empty() {
            break;
        }
    }
    let Scenario { name, about, .. } = scenario;
    Outcome { name, about, exchanges, faults, took: begun.elapsed() }
}

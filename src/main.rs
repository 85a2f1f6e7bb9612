//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use bioserver::cli;
use bioserver::cli::output::Closed;
use bioserver::config::{Config, Faults, source};
use clap::{CommandFactory, Parser};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("COMMIT"), ")");

/// A biometric server for faces: it compares photographs and returns signed scores with a false acceptance rate.
#[derive(Debug, Parser)]
#[command(name = "bioserver", version = VERSION, subcommand_required = true, arg_required_else_help = true)]
struct Line {
    /// The configuration file [default: bioserver.toml, if it exists]
    #[arg(long, global = true, env = "BIOSERVER_CONFIG", value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Starts the server
    Serve(cli::serve::Args),
    /// Starts a temporary server, compares photographs of two people, and keeps running
    Demo(cli::demo::Args),
    /// Creates, lists and revokes API keys
    Keys(cli::keys::Args),
    /// Lists providers and changes their settings
    Providers(cli::providers::Args),
    /// Sends frames on disk as the capture of a liveness check
    Capture(cli::capture::Args),
    /// Lists callbacks and retries them
    Callbacks(cli::callbacks::Args),
    /// Rotates the server's keys while it runs
    Rotate(cli::rotate::Args),
    /// Verifies and exports the audit log
    Audit(cli::audit::Args),
    /// Counts the requests of providers, by operation and day
    Usage(cli::usage::Args),
    /// Tests a server against the contract
    Conformance(cli::conformance::Args),
    /// Forwards requests to another server, repeats them on this one, and counts the differences
    Shadow(cli::shadow::Args),
    /// Verifies the signature of a saved answer
    Verify(cli::verify::Args),
    /// Lists, installs, imports and selects packs of networks
    #[command(alias = "models")]
    Packs(cli::packs::Args),
    /// Measures the accuracy of a pack of networks and the calibration of its scores
    Evaluate(cli::evaluate::Args),
    /// Writes a page with the figures of evaluations
    Accuracy(cli::accuracy::Args),
    /// Calibrates a pack's scores on labelled pictures
    Calibrate(cli::calibrate::Args),
    /// Migrates the database's schema, as `serve` does when it starts
    Migrate,
    /// Shows the configuration in force and all faults in it
    Check(cli::check::Args),
    /// Checks that the server on this machine is ready
    Health(cli::health::Args),
    /// Prints a completion script for a shell
    Completions(cli::manual::Completions),
    /// Writes a manual page for each command
    Man(cli::manual::Man),
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    Box::pin(run(line)).await.unwrap_or_else(|error| {
        if error.is::<Closed>() {
            return ExitCode::SUCCESS;
        }
        eprintln!("bioserver: {}", told(&error));
        ExitCode::FAILURE
    })
}

async fn run(line: Line) -> anyhow::Result<ExitCode> {
    let config = Config::load(line.config.as_deref(), source::environment());
    match line.verb {
        Verb::Serve(args) => {
            Box::pin(cli::serve::run(ready(config)?, line.config, args)).await.map(|()| ExitCode::SUCCESS)
        }
        Verb::Demo(args) => Box::pin(cli::demo::run(line.config.as_deref(), args)).await.map(|()| ExitCode::SUCCESS),
        Verb::Keys(args) => cli::keys::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Capture(args) => cli::capture::run(args).await.map(|()| ExitCode::SUCCESS),
        Verb::Callbacks(args) => cli::callbacks::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Providers(args) => cli::providers::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Rotate(args) => cli::rotate::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Audit(args) => cli::audit::run(ready(config)?, args).await,
        Verb::Usage(args) => cli::usage::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Conformance(args) => Box::pin(cli::conformance::run(args)).await,
        Verb::Shadow(args) => Box::pin(cli::shadow::run(args)).await.map(|()| ExitCode::SUCCESS),
        Verb::Verify(args) => cli::verify::run(&ready(config)?, args).await,
        Verb::Packs(args) => cli::packs::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Evaluate(args) => {
            let config = ready(config)?;
            tokio::task::block_in_place(|| cli::evaluate::run(&config, &args)).map(|()| ExitCode::SUCCESS)
        }
        Verb::Accuracy(args) => cli::accuracy::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Calibrate(args) => {
            let config = ready(config)?;
            tokio::task::block_in_place(|| cli::calibrate::run(&config, &args)).map(|()| ExitCode::SUCCESS)
        }
        Verb::Migrate => cli::migrate::run(&ready(config)?).await.map(|()| ExitCode::SUCCESS),
        Verb::Check(args) => cli::check::run(config, args).await,
        Verb::Health(args) => cli::health::run(&ready(config)?, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Completions(args) => cli::manual::completions(&args, Line::command()).map(|()| ExitCode::SUCCESS),
        Verb::Man(args) => cli::manual::man(&args, Line::command()).map(|()| ExitCode::SUCCESS),
    }
}

/// Returns the text of an error and its causes, each once: many errors repeat their cause at their end.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Returns the configuration if it has no fault, after starting the log with its settings.
fn ready(config: Result<Config, Box<Faults>>) -> anyhow::Result<Config> {
    let config = config?;
    cli::log::start(&config.log);
    Ok(config)
}

//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use bioserver::cli;
use bioserver::cli::output::Closed;
use bioserver::config::{Config, Faults, source};
use clap::{CommandFactory, Parser};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("COMMIT"), ")");

/// A biometric server: photographs of faces in, signed scores that mean a false acceptance rate out.
#[derive(Debug, Parser)]
#[command(name = "bioserver", version = VERSION, subcommand_required = true, arg_required_else_help = true)]
struct Line {
    /// The configuration [default: bioserver.toml, if there is one]
    #[arg(long, global = true, env = "BIOSERVER_CONFIG", value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Answers requests
    Serve(cli::serve::Args),
    /// Compares photographs of two people through a server of its own, and stays up to be tried
    Demo(cli::demo::Args),
    /// Makes, lists and ends the keys that callers use
    Keys(cli::keys::Args),
    /// Lists providers, and sets what each may ask for
    Providers(cli::providers::Args),
    /// Makes frames on disk the capture of a liveness check
    Capture(cli::capture::Args),
    /// Lists callbacks, and sends some once more
    Callbacks(cli::callbacks::Args),
    /// Replaces keys of the server while it serves
    Rotate(cli::rotate::Args),
    /// Proves what the server has done: verifies and exports the audit log
    Audit(cli::audit::Args),
    /// Shows what providers have asked for, by operation and day
    Usage(cli::usage::Args),
    /// Sends a server the exchanges that it must honour, and reports
    Conformance(cli::conformance::Args),
    /// Lets another server answer, asks this one the same, and counts what differs
    Shadow(cli::shadow::Args),
    /// Checks the signature of a saved answer
    Verify(cli::verify::Args),
    /// Lists, fetches, takes over and chooses packs of networks
    #[command(alias = "models")]
    Packs(cli::packs::Args),
    /// Measures how well a pack of networks tells people apart, and what its scores are worth
    Evaluate(cli::evaluate::Args),
    /// Makes a page of what evaluations measured
    Accuracy(cli::accuracy::Args),
    /// Gives a pack's scores their meaning, measured on labelled pictures
    Calibrate(cli::calibrate::Args),
    /// Brings the database's schema up to date, as `serve` does when it starts
    Migrate,
    /// Shows the configuration in force, and every fault in it; tries what it names
    Check(cli::check::Args),
    /// Asks the server on this machine whether it is ready
    Health(cli::health::Args),
    /// Prints what a shell needs to complete commands
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

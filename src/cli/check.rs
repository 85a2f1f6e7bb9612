//! `bioserver check`: shows the configuration in force and all its faults, and on request tries everything that the
//! server needs.

use std::process::ExitCode;

use crate::cli::output::{print, table};
use crate::config::source::InForce;
use crate::config::{Config, Faults};

mod connect;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also tests the database, the media storage, the keys, the networks and the ports, without changing anything
    #[arg(long)]
    connect: bool,
}

/// Prints each setting with its value and its source; secrets are masked. Fails if there are faults, after it has
/// printed them all.
pub async fn run(config: Result<Config, Box<Faults>>, args: Args) -> anyhow::Result<ExitCode> {
    let settings = match &config {
        Ok(config) => config.settings.clone(),
        Err(faults) => faults.settings.clone(),
    };
    let row = |setting: InForce| [setting.name.to_owned(), setting.value, setting.source.to_string()];
    print(table(["SETTING", "VALUE", "FROM"], settings.into_iter().map(row)))?;
    let config = match config {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if !args.connect {
        return Ok(ExitCode::SUCCESS);
    }
    let trials = Box::pin(connect::all(&config)).await;
    let has_failed = trials.iter().any(|(_, outcome)| outcome.is_err());
    let row = |(part, outcome): (&str, Result<String, String>)| {
        let (state, detail) = match outcome {
            Ok(detail) => ("ok", detail),
            Err(cause) => ("FAILED", cause),
        };
        [part.to_owned(), state.to_owned(), detail]
    };
    print(format!("\n{}", table(["PART", "STATE", "DETAIL"], trials.into_iter().map(row))))?;
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

//! `bioserver check`: the configuration in force, and every fault in it.

use std::process::ExitCode;

use crate::cli::output::{print, table};
use crate::config::source::InForce;
use crate::config::{Config, Faults};

/// Shows each setting with its value and where it came from; secrets are masked. Fails when there are
/// faults, after naming them all.
pub fn run(config: Result<Config, Box<Faults>>) -> anyhow::Result<ExitCode> {
    let (settings, faults) = match config {
        Ok(config) => (config.settings, None),
        Err(faults) => (faults.settings.clone(), Some(faults)),
    };
    let row = |setting: InForce| [setting.name.to_owned(), setting.value, setting.source.to_string()];
    print(table(["SETTING", "VALUE", "FROM"], settings.into_iter().map(row)))?;
    let Some(faults) = faults else { return Ok(ExitCode::SUCCESS) };
    eprintln!("{faults}");
    Ok(ExitCode::FAILURE)
}

//! `bioserver check`: the configuration in force, and every fault in it.

use std::io::Write;
use std::process::ExitCode;

use crate::config::{Config, Faults};

/// Shows each setting with its value and where it came from; secrets are masked. Fails when there are
/// faults, after naming them all.
pub fn run(config: Result<Config, Box<Faults>>) -> anyhow::Result<ExitCode> {
    let (settings, faults) = match config {
        Ok(config) => (config.settings, None),
        Err(faults) => (faults.settings.clone(), Some(faults)),
    };
    let mut out = std::io::stdout().lock();
    let value_width = settings.iter().map(|setting| setting.value.len()).max().unwrap_or(0);
    for setting in &settings {
        writeln!(out, "{:<20} {:<value_width$}  {}", setting.name, setting.value, setting.source)?;
    }
    let Some(faults) = faults else { return Ok(ExitCode::SUCCESS) };
    eprintln!("{faults}");
    Ok(ExitCode::FAILURE)
}

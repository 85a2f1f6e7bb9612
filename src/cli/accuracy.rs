//! `accuracy`: makes a page of the figures that evaluations measured.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use evaluate::page::{self, Evaluation};

use crate::cli::output::{print, write};

/// Writes a page with the figures of evaluations
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files that `evaluate --json` wrote
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Writes the page to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let read = |path: &PathBuf| -> anyhow::Result<Evaluation> {
        let json = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Evaluation::parse(path, &json)?)
    };
    let evaluations: Vec<Evaluation> = args.files.iter().map(read).collect::<Result<_, _>>()?;
    let page = page::markdown(&evaluations)?;
    if let Some(path) = &args.out {
        return write(path, &page);
    }
    print(page)
}

//! `calibrate`: fits the score curves of a pack to labelled pictures.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use evaluate::fit::fitting::Fitting;
use evaluate::fit::manifest;
use evaluate::input::collection::Half;
use evaluate::report::html;
use face::pack::{MANIFEST, Pack};

use crate::cli::output::{make, print, write};
use crate::cli::source::{self, About, Source};
use crate::config::Config;

/// Calibrates a pack's scores on labelled pictures
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub about: About,
    /// The pack, by its name or folder; the calibration is written into its pack.toml [default: the built-in pack,
    /// whose calibration is printed]
    #[arg(long, value_name = "NAME|FOLDER")]
    pub pack: Option<String>,
    /// The number of people whose photographs are also degraded, to calibrate the scores of poor pictures
    #[arg(long, value_name = "PEOPLE", default_value_t = 150)]
    pub degraded: usize,
    /// Writes index.html to this folder, and creates the folder if it is missing
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

pub fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let folder = source::pack(config, args.pack.as_deref())?;
    let pack = Pack::open(folder.as_deref())?;
    let collection =
        args.about.tell(args.source.read()?.context("no pictures were given: use --lfw, --images or --csv")?);
    let descriptions = source::describe(config, &pack, &collection)?;
    let worse = source::worse(config, &pack, &collection, Half::Fitted, args.degraded)?;
    let fitting = Fitting::new(&collection, &descriptions, &worse)?;

    print(&fitting)?;
    if let Some(report) = &args.report {
        make(report)?;
        write(&report.join("index.html"), &html::calibration::page(&pack.name, &fitting, &source::made(&pack))?)?;
    }
    let Some(folder) = folder else {
        print(format!("\n{}", manifest::tables(&fitting.curves())?))?;
        return Ok(());
    };
    let path = folder.join(MANIFEST);
    let old = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    write(&path, &manifest::with(&old, &fitting.curves())?)?;
    print(format!("\nWritten to {}\n", path.display()))?;
    Ok(())
}

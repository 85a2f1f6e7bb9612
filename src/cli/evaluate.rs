//! `evaluate`: how well a pack tells people apart, and whether its scores mean what they say.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::config::Config;
use crate::evaluate::coding;
use crate::evaluate::coding::Coding;
use crate::evaluate::collection::Collection;
use crate::evaluate::det;
use crate::evaluate::lfw;
use crate::evaluate::report::Report;
use crate::evaluate::report::Tested;
use crate::face::networks::Compiled;
use crate::face::networks::Networks;
use crate::face::networks::Settings;
use crate::face::pack::Pack;

mod ages;

/// Measure a pack of networks on labelled pictures
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder in the layout of Labeled Faces in the Wild: `Name/Name_0001.jpg` and `pairs.txt`
    #[arg(long, value_name = "DIR", required_unless_present = "ages")]
    pub lfw: Option<PathBuf>,
    /// Folder of pictures named as UTKFace names them, age first: `AGE_SEX_RACE_stamp.jpg`. Measures ages, and nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["lfw", "report"])]
    pub ages: Option<PathBuf>,
    /// Folder of the pack [default: the one configured, else the built-in one]
    #[arg(long, value_name = "FOLDER")]
    pub pack: Option<PathBuf>,
    /// Writes all figures to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes det.csv and det.svg to this folder, which is made if missing
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

pub fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let pack = Pack::open(args.pack.as_deref().or(config.pack.as_deref()))?;
    if let Some(folder) = &args.ages {
        return ages::run(config, &pack, folder, args.json.as_deref());
    }
    let collection = lfw::read(args.lfw.as_deref().context("there is nothing to evaluate on")?)?;
    let coding = describe(config, &pack, &collection)?;
    let tested = Tested {
        pack: pack.name.clone(),
        template_version: pack.template_version,
        calibration: pack.calibration.clone(),
    };
    let report = Report::new(&collection, &coding, tested);
    print!("{report}");
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if let Some(folder) = &args.report {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        write(&folder.join("det.csv"), &det::csv(&report.curves))?;
        write(&folder.join("det.svg"), &det::svg(&report.curves)?)?;
    }
    Ok(())
}

/// Describes all pictures on all workers, with a progress bar where standard error is a terminal.
pub fn describe(config: &Config, pack: &Pack, collection: &Collection) -> anyhow::Result<Coding> {
    let coders = networks(config, pack)?.into_iter().map(|mut networks| move |picture: &_| networks.code(picture));
    let bar = progress(collection.pictures.len())?;
    let coding = coding::all(&collection.pictures, coders.collect(), &|| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(coding)
}

/// For each worker.
fn networks(config: &Config, pack: &Pack) -> anyhow::Result<Vec<Networks>> {
    let settings = Settings { engine: config.engine, pixels_max: config.policy.image_pixels_max };
    let compiled = Compiled::new(pack, settings)?;
    Ok((0..config.workers).map(|_| Networks::new(&compiled)).collect())
}

fn progress(pictures: usize) -> anyhow::Result<ProgressBar> {
    let style = "{bar:40} {pos}/{len} pictures, {per_sec}, {eta} left";
    Ok(ProgressBar::new(pictures as u64).with_style(ProgressStyle::with_template(style)?))
}

/// Writes a file whole, and names it when that fails.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

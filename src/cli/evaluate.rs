//! `evaluate`: measures the recognition accuracy of a pack, and if its scores mean the false acceptance rates that they
//! state.

use std::path::{Path, PathBuf};

use ::evaluate::input::collection::{Collection, Half};
use ::evaluate::input::list;
use ::evaluate::measure::degraded::Degraded;
use ::evaluate::measure::det;
use ::evaluate::report::profile::Profile;
use ::evaluate::report::{Report, Tested, charts, html, plot};
use face::pack::Pack;

use crate::cli::output::{make, print, write};
use crate::cli::source::{self, About, Source};
use crate::config::Config;

mod ages;
mod attacks;
mod liveness;

/// Measures the accuracy of a pack of networks and the calibration of its scores
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    /// A CSV file of the pairs to compare, with the columns `reference`, `candidate`, `same` (1 or 0) and optional
    /// groups
    #[arg(long, value_name = "FILE", group = "source")]
    pub pairs: Option<PathBuf>,
    /// A folder of pictures named like those of UTKFace, age first: `AGE_SEX_RACE_stamp.jpg`. Measures only the
    /// accuracy of ages
    #[arg(long, value_name = "DIR", group = "source", conflicts_with = "report")]
    pub ages: Option<PathBuf>,
    /// A folder of the same kind. Simulates films of its adults and of attacks, and measures the errors of liveness
    /// checks
    #[arg(long, value_name = "DIR", group = "source")]
    pub liveness: Option<PathBuf>,
    /// With --liveness: the number of people to film
    #[arg(long, value_name = "NUMBER", default_value_t = 200, requires = "liveness")]
    pub trials: usize,
    /// With --liveness: the number of people to simulate each attack with
    #[arg(long, value_name = "NUMBER", default_value_t = 100, requires = "liveness")]
    pub attacked: usize,
    /// A folder of your own recordings, with one folder per species: `bonafide`, `print`, `display`… A recording is a
    /// folder of frames, an MJPEG file or one picture; `NAME.reference.jpg` beside it is a photograph of the person.
    /// Measures the errors of passive liveness checks
    #[arg(long, value_name = "DIR", group = "source")]
    pub attacks: Option<PathBuf>,
    /// With --attacks: the frame rate of the recordings, in frames per second
    #[arg(long, value_name = "NUMBER", default_value_t = 25, requires = "attacks", value_parser = clap::value_parser!(u32).range(1..=60))]
    pub fps: u32,
    /// The number of people whose photographs are also degraded, to measure the scores of poor pictures
    #[arg(long, value_name = "PEOPLE", default_value_t = 0)]
    pub degraded: usize,
    #[command(flatten)]
    pub about: About,
    /// Compares the figures with the limits of a published profile: 800-63A (NIST SP 800-63A-4)
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["ages", "liveness", "attacks"])]
    pub profile: Option<Profile>,
    /// The pack, by its name or folder [default: the pack in use]
    #[arg(long, value_name = "NAME|FOLDER")]
    pub pack: Option<String>,
    /// Also writes all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes index.html to this folder, and for scores also det.csv and det.svg; creates the folder if it is missing
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// The files that receive the figures, besides the terminal.
#[derive(Debug, Clone, Copy)]
struct Out<'a> {
    json: Option<&'a Path>,
    report: Option<&'a Path>,
}

impl Args {
    fn out(&self) -> Out<'_> {
        Out { json: self.json.as_deref(), report: self.report.as_deref() }
    }
}

pub fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let named = source::pack(config, args.pack.as_deref())?;
    let folder = if args.pack.is_some() { named } else { config.pack.clone() };
    let pack = Pack::open(folder.as_deref())?;
    if let Some(folder) = &args.ages {
        return ages::run(config, &pack, folder, &args.about, args.json.as_deref());
    }
    if let Some(folder) = &args.liveness {
        let counts = liveness::Counts { bona_fide: args.trials, attacked: args.attacked };
        return liveness::run(config, &pack, folder, counts, &args.about, args.out());
    }
    if let Some(folder) = &args.attacks {
        return attacks::run(config, &pack, folder, args.fps, &args.about, args.out());
    }
    let collection = collection(args)?;
    let descriptions = source::describe(config, &pack, &collection)?.discounted(pack.discounts.clone());
    let tested = Tested {
        pack: pack.name.clone(),
        template_version: pack.template_version,
        calibration: pack.calibration.clone(),
    };
    let mut report = Report::new(&collection, &descriptions, tested);
    if let Some(curves) = pack.curves() {
        let worse = source::worse(config, &pack, &collection, Half::HeldOut, args.degraded)?;
        report.degraded = worse.iter().map(|worse| Degraded::new(worse, &curves)).collect();
    }
    print(&report)?;
    if let Some(profile) = args.profile {
        let mut text = String::new();
        profile.table(&profile.lines(&report)).text(&mut text)?;
        print(format!("\n{text}{}\n", profile.caveats()))?;
    }
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if let Some(folder) = &args.report {
        make(folder)?;
        write(&folder.join("index.html"), &html::recognition::page(&report, &source::made(&pack))?)?;
        write(&folder.join("det.csv"), &det::csv(&report.curves))?;
        write(&folder.join("det.svg"), &plot::svg(&charts::det(&report.curves))?)?;
    }
    Ok(())
}

fn collection(args: &Args) -> anyhow::Result<Collection> {
    let collection = match (args.source.read()?, &args.pairs) {
        (Some(collection), _) => collection,
        (None, Some(pairs)) => list::pairs(pairs)?,
        (None, None) => anyhow::bail!("no pictures were given: use --lfw, --images, --csv or another source"),
    };
    Ok(args.about.tell(collection))
}

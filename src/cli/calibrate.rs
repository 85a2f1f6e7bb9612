//! `calibrate`: gives a pack's scores their meaning, measured on labelled pictures.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::cli::evaluate;
use crate::cli::source;
use crate::cli::source::About;
use crate::cli::source::Source;
use crate::config::Config;
use crate::evaluate::calibrate;
use crate::evaluate::calibrate::Fit;
use crate::evaluate::collection::Half;
use crate::evaluate::comparison::Comparison;
use crate::evaluate::figures::Figures;
use crate::evaluate::manifest;
use crate::evaluate::number;
use crate::evaluate::part;
use crate::evaluate::part::Part;
use crate::evaluate::tables;
use crate::face::curves::Curves;
use crate::face::pack::MANIFEST;
use crate::face::pack::Pack;

/// Fit what a pack's scores mean to labelled pictures, and check it on other people's
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub about: About,
    /// Folder of the pack whose pack.toml gets the calibration; if missing, the built-in pack is measured and the calibration printed
    #[arg(long, value_name = "FOLDER")]
    pub pack: Option<PathBuf>,
}

pub fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let pack = Pack::open(args.pack.as_deref())?;
    let collection = args.about.tell(args.source.read()?.context("no pictures are named")?);
    let coding = source::describe(config, &pack, &collection)?;
    let half = |half| part::compare(&collection, &coding, Part { half: Some(half), ..Part::default() });
    let (fitted, held_out) = (half(Half::Fitted), half(Half::HeldOut));
    let data = format!("{}; half of the people ({})", collection.data, Half::Fitted);
    let fit = calibrate::fit(&fitted, data)?;

    print!("{}", summary(&fit, &fitted, &held_out)?);
    let Some(folder) = &args.pack else {
        print!("\n{}", manifest::tables(&Curves::from(fit.calibration.clone()))?);
        return Ok(());
    };
    let path = folder.join(MANIFEST);
    let old = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    evaluate::write(&path, &manifest::with(&old, &Curves::from(fit.calibration.clone()))?)?;
    println!("\nWritten to {}", path.display());
    Ok(())
}

/// How the curve fits the people it was fitted to, and the others.
fn summary(fit: &Fit, fitted: &Comparison, held_out: &Comparison) -> anyhow::Result<String> {
    let Fit { calibration, tail_pairs, tail_gap } = fit;
    let tail = &calibration.origin().tail;
    let mut text = format!("{} knots\n", calibration.knots().len());
    writeln!(
        text,
        "Tail: from cosine {:.4} on, fitted to {tail_pairs} pairs: shape {:.3}, scale {:.5}; largest distance {:.3}",
        tail.cosine, tail.shape, tail.scale, tail_gap
    )?;
    let measured_to = calibration.origin().measured_to_percent / 100.0;
    writeln!(text, "Measured down to a rate of {} %", number::percent(measured_to))?;
    for (title, half, comparison) in [("Fitted on", Half::Fitted, fitted), ("Held out", Half::HeldOut, held_out)] {
        let figures = Figures::new(comparison, Some(calibration));
        writeln!(text)?;
        tables::by_score(&format!("{title} ({half})"), &figures).text(&mut text)?;
    }
    Ok(text)
}

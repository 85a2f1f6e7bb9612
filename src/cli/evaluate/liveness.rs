//! `evaluate --liveness`: whom and what a pack's checks of liveness let through.

use std::path::Path;

use crate::cli::evaluate::write;
use crate::cli::source::folder_name;
use crate::cli::source::networks;
use crate::cli::source::progress;
use crate::config::Config;
use crate::evaluate::ages;
use crate::evaluate::liveness::Report;
use crate::evaluate::liveness::Stage;
use crate::evaluate::liveness::Trial;
use crate::evaluate::pictures;
use crate::face;
use crate::face::Picture;
use crate::face::pack::Pack;

/// Checks of liveness are made for grown-ups.
const YEARS_MIN: i32 = 18;
const YEARS_MAX: i32 = 80;

/// Films that are made of a picture.
type Act = fn(&mut Stage, &Picture) -> Result<Vec<Trial>, face::Error>;

/// How many portraits are filmed.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    pub bona_fide: usize,
    pub attacked: usize,
}

/// Prints the report on films made of the pictures of `folder`, and writes it as JSON if that is wanted.
pub fn run(config: &Config, pack: &Pack, folder: &Path, counts: Counts, json: Option<&Path>) -> anyhow::Result<()> {
    let portraits = ages::read(folder)?;
    let grown = portraits.iter().filter(|portrait| (YEARS_MIN..=YEARS_MAX).contains(&portrait.years));
    let mut paths: Vec<&Path> = grown.map(|portrait| portrait.path.as_path()).collect();
    // Spread over the folder, whose names go by age.
    let most = counts.bona_fide.max(counts.attacked).max(1);
    let step = (paths.len() / most).max(1);
    paths = paths.into_iter().step_by(step).take(most).collect();
    let mut trials = vec![];
    let mut unusable = 0;
    for (count, act) in [(counts.bona_fide, Stage::bona_fide as Act), (counts.attacked, Stage::attacks as Act)] {
        let paths = &paths[..count.min(paths.len())];
        let stages: Result<Vec<Stage>, _> = networks(config, pack)?.into_iter().map(Stage::new).collect();
        let coders = stages?.into_iter().map(|mut stage| move |picture: &Picture| act(&mut stage, picture));
        let bar = progress(paths.len())?;
        let looked = pictures::each(paths, coders.collect(), &|| bar.inc(1))?;
        bar.finish_and_clear();
        for found in looked.found {
            match found {
                Ok(more) => trials.extend(more),
                Err(face::Error::Failed(why)) => anyhow::bail!("the networks failed: {why}"),
                Err(_) => unusable += 1,
            }
        }
    }
    let report = Report::new(pack.name.clone(), folder_name(folder), &trials, unusable);
    print!("{report}");
    if let Some(path) = json {
        write(path, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    Ok(())
}

//! `evaluate --liveness`: measures the error rates of a pack's liveness checks on films that are made of photographs.

use std::fs;
use std::path::Path;

use ::evaluate::ages;
use ::evaluate::input::pictures;
use ::evaluate::liveness::stage::{CAVEATS, Stage};
use ::evaluate::liveness::{Report, Trial};
use ::evaluate::report::html;
use anyhow::Context as _;
use face::pack::Pack;
use face::{Picture, WantedFace};
use sha2::{Digest, Sha256};

use crate::cli::evaluate::Out;
use crate::cli::output::{make, print, write};
use crate::cli::source::{About, made, networks, progress};
use crate::config::Config;

/// The ages of the people who are filmed: liveness checks are made for adults.
const YEARS_MIN: i32 = 18;
const YEARS_MAX: i32 = 80;

/// Makes and checks films of a picture.
type Act = fn(&mut Stage, &Picture) -> Result<Vec<Trial>, face::Error>;

/// The numbers of portraits that are filmed.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    pub bona_fide: usize,
    pub attacked: usize,
}

/// Reports on films that are made of the pictures of `folder`.
pub fn run(config: &Config, pack: &Pack, folder: &Path, counts: Counts, about: &About, out: Out) -> anyhow::Result<()> {
    let portraits = ages::read(folder)?;
    let grown = portraits.iter().filter(|portrait| (YEARS_MIN..=YEARS_MAX).contains(&portrait.years));
    let mut paths: Vec<&Path> = grown.map(|portrait| portrait.path.as_path()).collect();
    // The digest of the name gives an order that does not depend on age, as the names do.
    paths.sort_by_cached_key(|path| Sha256::digest(path.file_name().map_or(&[][..], |name| name.as_encoded_bytes())));
    let most = counts.bona_fide.max(counts.attacked);
    let (paths, mut unusable) = usable(config, pack, &paths, most)?;
    anyhow::ensure!(
        !paths.is_empty(),
        "{}: no picture shows somebody of {YEARS_MIN} to {YEARS_MAX} years who looks straight into the camera",
        folder.display()
    );
    let mut trials = vec![];
    for (count, act) in [(counts.bona_fide, Stage::bona_fide as Act), (counts.attacked, Stage::attacks as Act)] {
        let paths = &paths[..count.min(paths.len())];
        let stages: Result<Vec<Stage>, _> = networks(config, pack)?.into_iter().map(Stage::new).collect();
        let engines = stages?.into_iter().map(|mut stage| move |picture: &Picture| act(&mut stage, picture));
        let bar = progress(paths.len())?;
        let looked = pictures::each(paths, engines.collect(), &|| bar.inc(1))?;
        bar.finish_and_clear();
        for found in looked.found {
            match found {
                Ok(more) => trials.extend(more),
                Err(error @ (face::Error::Failed(_) | face::Error::Device(_))) => return Err(error.into()),
                Err(_) => unusable += 1,
            }
        }
    }
    let unusable =
        format!("{unusable} pictures were skipped, because their faces do not look straight into the camera.");
    let caveats = about.caveats(std::iter::once(unusable).chain(CAVEATS.map(String::from)));
    let data = format!("films made of {}", about.data(folder));
    told(&Report::new(pack.name.clone(), data, &trials, caveats), pack, out)
}

/// Prints a report, and writes the files that `out` names.
pub fn told(report: &Report, pack: &Pack, out: Out) -> anyhow::Result<()> {
    print(report)?;
    if let Some(path) = out.json {
        write(path, &(serde_json::to_string_pretty(report)? + "\n"))?;
    }
    if let Some(folder) = out.report {
        make(folder)?;
        write(&folder.join("index.html"), &html::liveness::page(report, &made(pack))?)?;
    }
    Ok(())
}

/// Returns the first pictures that can be filmed, and the number of those that were skipped.
fn usable<'a>(config: &Config, pack: &Pack, paths: &[&'a Path], most: usize) -> anyhow::Result<(Vec<&'a Path>, usize)> {
    let networks = networks(config, pack)?.into_iter().next().context("no worker thread could be started")?;
    let mut stage = Stage::new(networks)?;
    let (mut taken, mut passed_over) = (vec![], 0);
    for path in paths {
        if taken.len() == most {
            break;
        }
        let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        match stage.takes(&Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Largest }) {
            Ok(true) => taken.push(*path),
            Err(error @ (face::Error::Failed(_) | face::Error::Device(_))) => return Err(error.into()),
            Ok(false) | Err(_) => passed_over += 1,
        }
    }
    Ok((taken, passed_over))
}

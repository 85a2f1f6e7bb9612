//! `evaluate --ages`: measures the error of a pack's age estimates.

use std::path::Path;

use ::evaluate::ages::{self, Report, Tested};
use ::evaluate::input::pictures;
use face::pack::Pack;

use crate::cli::output::{print, write};
use crate::cli::source::{About, networks, progress};
use crate::config::Config;

/// Prints the report on the pictures of `folder`, and writes it as JSON if `json` is given.
pub fn run(config: &Config, pack: &Pack, folder: &Path, about: &About, json: Option<&Path>) -> anyhow::Result<()> {
    let portraits = ages::read(folder)?;
    let paths: Vec<&Path> = portraits.iter().map(|portrait| portrait.path.as_path()).collect();
    let engines =
        networks(config, pack)?.into_iter().map(|mut networks| move |picture: &_| networks.estimate_age(picture));
    let bar = progress(paths.len())?;
    let looked = pictures::each(&paths, engines.collect(), &|| bar.inc(1))?;
    bar.finish_and_clear();
    let mut report = Report::new(&portraits, &looked, Tested { pack: pack.name.clone(), data: about.data(folder) });
    report.caveats.extend(about.caveat.iter().cloned());
    print(&report)?;
    if let Some(path) = json {
        write(path, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    Ok(())
}

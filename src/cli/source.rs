//! The pictures of an evaluation or a calibration.

use std::fmt;
use std::path::{Path, PathBuf};

use evaluate::Error;
use evaluate::input::collection::{Collection, Half};
use evaluate::input::descriptions::{self, Descriptions};
use evaluate::input::worse::{self, Worse};
use evaluate::input::{folder, lfw, list};
use evaluate::report::made::Made;
use face::networks::{Compiled, Networks};
use face::pack::Pack;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::app;
use crate::clock::Clock;
use crate::config::Config;

/// Returns the origin of a report on this pack: the command that runs now.
pub fn made(pack: &Pack) -> Made {
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    Made { pack_digest: Some(pack.digest()), ..made_by(command) }
}

/// Returns the origin of a report that `command` makes now. The command must contain no key, since reports are passed
/// around.
pub fn made_by(command: String) -> Made {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Made { version, date: Clock::default().now().to_string(), command, pack_digest: None }
}

/// The pictures: one of these.
#[derive(Debug, clap::Args)]
#[group(id = "source", required = true, multiple = false)]
pub struct Source {
    /// Folder in the layout of Labeled Faces in the Wild: `Name/Name_0001.jpg` and `pairs.txt`
    #[arg(long, value_name = "DIR")]
    pub lfw: Option<PathBuf>,
    /// Folder with a folder of pictures for each person; pictures in it directly show one person each
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// List of pictures with the columns `path`, `person`, perhaps `type` (SELFIE, `ID_DOCUMENT`, `VIDEO_FRAME`), and groups
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// What a report says of the pictures.
#[derive(Debug, clap::Args)]
pub struct About {
    /// What the pictures are, for the report [default: the name of the folder or list]
    #[arg(long, value_name = "WORDS")]
    pub data: Option<String>,
    /// A sentence that readers of the figures must know; may be repeated
    #[arg(long, value_name = "WORDS")]
    pub caveat: Vec<String>,
}

impl Source {
    /// Reads the pictures; `None` if no option names any.
    pub fn read(&self) -> Result<Option<Collection>, Error> {
        let lfw = self.lfw.as_deref().map(lfw::read);
        let images = || self.images.as_deref().map(folder::read);
        let csv = || self.csv.as_deref().map(list::pictures);
        lfw.or_else(images).or_else(csv).transpose()
    }
}

impl About {
    /// Returns the description of the pictures of a folder: the option `data`, or else the folder's name.
    pub fn data(&self, folder: &Path) -> String {
        self.data.clone().unwrap_or_else(|| folder_name(folder))
    }

    /// Returns the caveats of all figures, followed by those that the operator gave.
    pub fn caveats(&self, of_all: impl IntoIterator<Item = String>) -> Vec<String> {
        of_all.into_iter().chain(self.caveat.iter().cloned()).collect()
    }

    /// Returns the collection with the operator's description and caveats.
    pub fn tell(&self, collection: Collection) -> Collection {
        let Collection { data, mut caveats, .. } = collection;
        caveats.extend(self.caveat.iter().cloned());
        Collection { data: self.data.clone().unwrap_or(data), caveats, ..collection }
    }
}

/// Returns the folder of a pack by its name or path; `None` means the built-in pack.
pub fn pack(config: &Config, named: Option<&str>) -> anyhow::Result<Option<PathBuf>> {
    Ok(named.map(|named| config.pack_folder.find(named)).transpose()?.flatten())
}

/// Describes all pictures on all workers, with a progress bar if standard error is a terminal.
pub fn describe(config: &Config, pack: &Pack, collection: &Collection) -> anyhow::Result<Descriptions> {
    let engines = networks(config, pack)?.into_iter().map(|mut networks| move |picture: &_| networks.describe(picture));
    let bar = progress(collection.pictures.len())?;
    let descriptions = descriptions::all(&collection.pictures, engines.collect(), &|| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(descriptions)
}

/// Describes worse copies of one photograph of each of `people` people; empty if the people in the pictures are not
/// known.
pub fn worse(
    config: &Config,
    pack: &Pack,
    collection: &Collection,
    half: Half,
    people: usize,
) -> anyhow::Result<Vec<Worse>> {
    if people == 0 || collection.people().is_none() {
        return Ok(Vec::new());
    }
    let chosen = worse::chosen(&collection.pictures, half, people);
    let bar = progress(chosen.len())?;
    let described = worse::describe(&chosen, networks(config, pack)?, &|| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(described)
}

/// Loads the networks once for each worker.
pub fn networks(config: &Config, pack: &Pack) -> anyhow::Result<Vec<Networks>> {
    let compiled = Compiled::new(pack, app::networks(config))?;
    Ok((0..config.workers).map(|_| Networks::new(&compiled)).collect())
}

/// Returns the folder's own name.
pub fn folder_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| whole.display().to_string(), |name| name.to_string_lossy().into_owned())
}

pub fn progress(pictures: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {pace}, {eta} left")?;
    let style = style.with_key("pace", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.1}/s", state.per_sec());
    });
    Ok(ProgressBar::new(pictures as u64).with_style(style))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        about: About,
    }

    fn parsed(words: &str) -> Result<Line, clap::Error> {
        Line::try_parse_from(std::iter::once("evaluate").chain(words.split(' ')))
    }

    #[test]
    fn pictures_come_from_one_place() {
        assert!(parsed("--lfw a --images b").expect_err("two").to_string().contains("cannot be used with"));
        let none = parsed("--data toys").expect_err("none").to_string();
        assert!(none.contains("--lfw <DIR>|--images <DIR>|--csv <FILE>"), "{none}");
        let line = parsed("--images tests/samples --data toys --caveat some").expect("one");
        let collection = line.about.tell(line.source.read().expect("there are pictures").expect("it is named"));
        assert_eq!((collection.data.as_str(), collection.caveats.last().map(String::as_str)), ("toys", Some("some")));
        assert!(collection.pictures.len() > 3);
    }
}

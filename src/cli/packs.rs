//! `bioserver packs`: manages the packs of networks on this machine.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use packs::fetch::Origin;
use packs::import::{self, Imported};
use packs::install;
use packs::published::{self, Published};
use packs::trial::Trial;

use crate::app;
use crate::cli::output::print;
use crate::config::Config;

mod list;
mod sbom;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists installed and available packs, with the licence and origin of each network
    List {
        /// Prints a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Downloads and installs a published pack
    Install(Install),
    /// Imports your own pack: a folder with ONNX files and pack.toml
    Import {
        /// The folder of the pack, which is copied
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Selects the pack to use from the next start on, unless the configuration names one
    Use {
        /// The name of the pack; `standard` is the built-in pack
        name: String,
    },
    /// Prints a software bill of materials of the program and the pack in use (`CycloneDX` JSON)
    Sbom,
    /// Removes an installed pack that is not in use
    Remove {
        /// The name of the pack, as `packs list` shows it
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Install {
    /// The name of the pack, as `packs list` shows it
    name: String,
    /// Accepts the licences of the pack's networks; without this option they are shown and nothing is installed
    #[arg(long)]
    accept: bool,
    /// Reads the files by their names from this folder or base URL instead of their publishers
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let text = match args.action {
        Action::List { json: true } => list::json(config)?,
        Action::List { json: false } => list::text(config)?,
        Action::Install(asked) => install(config, asked).await?,
        Action::Import { folder } => tokio::task::block_in_place(|| {
            anyhow::Ok(taken_over(&import::import(&config.pack_folder, &folder, &app::networks(config))?))
        })?,
        Action::Use { name } => {
            config.pack_folder.use_from_now(&name)?;
            format!("{name} will be used from the next start on.\n")
        }
        Action::Sbom => sbom::json(config)?,
        Action::Remove { name } => {
            config.pack_folder.remove(&name)?;
            format!("{name} was removed.\n")
        }
    };
    print(text)
}

async fn install(config: &Config, asked: Install) -> anyhow::Result<String> {
    let published = published::find(&asked.name)?;
    let networks = list::networks_of(&published)?;
    if !asked.accept {
        let name = &published.name;
        bail!("{networks}Nothing was installed: `bioserver packs install {name} --accept` accepts these licences");
    }
    print(networks)?;
    let origin = asked.from.map_or(Origin::Homes, |from| {
        let is_address = from.starts_with("https://") || from.starts_with("http://");
        if is_address { Origin::Mirror(from) } else { Origin::Folder(from.into()) }
    });
    let bars = Bars::new(&published)?;
    install::install(&config.pack_folder, &published, &origin, &|name, bytes| bars.show(name, bytes)).await?;
    bars.bar.finish_and_clear();
    let name = published.name;
    Ok(format!("{name} is installed. `bioserver packs use {name}` selects it.\n"))
}

/// One progress bar over all files, shown on a terminal.
struct Bars {
    bar: ProgressBar,
    /// The name of each source, and the number of its bytes that have arrived.
    there: Mutex<Vec<(String, u64)>>,
}

impl Bars {
    fn new(published: &Published) -> anyhow::Result<Self> {
        let sources = &published.description.sources;
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left  {msg}")?;
        let bar = ProgressBar::new(sources.iter().map(|source| source.bytes).sum()).with_style(style);
        let there = sources.iter().map(|source| (source.name.clone(), 0)).collect();
        Ok(Self { bar, there: Mutex::new(there) })
    }

    fn show(&self, name: &str, bytes: u64) {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = there.iter_mut().find(|(known, _)| known == name) {
            *known = bytes;
        }
        self.bar.set_message(name.to_owned());
        self.bar.set_position(there.iter().map(|(_, bytes)| bytes).sum());
    }
}

fn taken_over(imported: &Imported) -> String {
    let Imported { name, template_version, trial, .. } = imported;
    let Trial { ms_per_picture, same, different, agreement } = trial;
    let warning = if trial.tells_people_apart() {
        ""
    } else {
        "WARNING: it scores two different men higher than two pictures of one man. Check the colours, mean, scale and alignment.\n"
    };
    format!(
        "{name} is imported, with template version {template_version}.\n\
         All operators and shapes are supported; results are repeatable; both executors agree (cosine {agreement:.6}).\n\
         {ms_per_picture:.0} ms per photograph on one thread.\n\
         Sample photographs: one man {same:.3} and up, two men {different:.3} and below (cosines).\n{warning}\
         `bioserver calibrate --pack {name} --images DIR` calibrates its scores.\n"
    )
}

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
    /// Lists the packs that are here and those that can be installed, with the licence and origin of every network
    List {
        /// Prints a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Fetches a published pack from its public homes
    Install(Install),
    /// Takes over a pack of your own: a folder with ONNX files and pack.toml
    Import {
        /// The folder; it is copied
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Lets a pack serve from the next start on, where the configuration names none
    Use {
        /// `standard` is the one inside of the program
        name: String,
    },
    /// Prints what the program and the pack that serves are made of: a bill of materials (`CycloneDX`), as JSON
    Sbom,
    /// Erases a pack that is not in use
    Remove { name: String },
}

#[derive(Debug, clap::Args)]
struct Install {
    /// As `packs list` shows it
    name: String,
    /// Agrees to the licences of the pack's networks, which are shown without this
    #[arg(long)]
    accept: bool,
    /// Takes the files from here instead, by their names: a folder, or an address below which they lie
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
            format!("{name} serves from the next start on.\n")
        }
        Action::Sbom => sbom::json(config)?,
        Action::Remove { name } => {
            config.pack_folder.remove(&name)?;
            format!("{name} is gone.\n")
        }
    };
    print(text)
}

async fn install(config: &Config, asked: Install) -> anyhow::Result<String> {
    let published = published::find(&asked.name)?;
    let networks = list::networks_of(&published)?;
    if !asked.accept {
        let name = &published.name;
        bail!("{networks}Nothing was fetched: `bioserver packs install {name} --accept` agrees to these licences");
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
    Ok(format!("{name} is installed. `bioserver packs use {name}` lets it serve.\n"))
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
        "WARNING: it takes two men for one sooner than one for himself. Are colours, mean, scale and alignment right?\n"
    };
    format!(
        "{name} is there, with template version {template_version}.\n\
         Operators and shapes fit; it repeats itself; both ways of running it agree (cosine {agreement:.6}).\n\
         {ms_per_picture:.0} ms a photograph on one thread.\n\
         Sample photographs: one man {same:.3} and up, two men {different:.3} and below (cosines).\n{warning}\
         `bioserver calibrate --pack {name} --images DIR` gives its scores their meaning.\n"
    )
}

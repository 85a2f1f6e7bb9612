//! `evaluate --attacks`: measures the error rates of a pack's liveness checks on the operator's own recordings.

use std::path::Path;

use ::evaluate::input::film;
use ::evaluate::input::recordings::{self, Recording};
use ::evaluate::liveness::recorded::{self, CAVEATS};
use ::evaluate::liveness::{Report, Trial};
use ::evaluate::{Error, threads};
use face::networks::Networks;
use face::pack::Pack;

use crate::capture::SIDE_MAX;
use crate::cli::evaluate::{Out, liveness};
use crate::cli::source::{About, networks, progress};
use crate::config::Config;

/// Reports on the recordings of `folder`, which have `fps` frames a second.
pub fn run(config: &Config, pack: &Pack, folder: &Path, fps: u32, about: &About, out: Out) -> anyhow::Result<()> {
    let recordings = recordings::read(folder)?;
    let bar = progress(recordings.len())?;
    let engine = |mut networks: Networks| {
        let bar = bar.clone();
        move |recording: &Recording| {
            let made = looked(&mut networks, recording, fps);
            bar.inc(1);
            made
        }
    };
    let looked = threads::each(&recordings, networks(config, pack)?.into_iter().map(engine).collect())?;
    bar.finish_and_clear();
    let trials: Vec<Trial> = looked.into_iter().flatten().collect();
    let data = format!("recordings of {}", about.data(folder));
    let caveats = about.caveats(CAVEATS.map(String::from));
    liveness::told(&Report::new(pack.name.clone(), data, &trials, caveats), pack, out)
}

fn looked(networks: &mut Networks, recording: &Recording, fps: u32) -> Result<Vec<Trial>, Error> {
    let Recording { species, path, reference } = recording;
    let pictures =
        if film::is_picture(path) { vec![film::picture(path, SIDE_MAX)?] } else { film::pictures(path, SIDE_MAX)? };
    let reference = reference.as_deref().map(|path| film::picture(path, SIDE_MAX)).transpose()?;
    let failed = |fault: face::Error| Error::Data { path: path.clone(), fault: fault.to_string() };
    recorded::trials(networks, species, &pictures, fps, reference.as_ref()).map_err(failed)
}

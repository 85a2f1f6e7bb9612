//! Tries a pack on the sample photographs before anybody relies on it.

use std::time::Instant;

use bytes::Bytes;
use face::networks::{Compiled, Networks, Settings};
use face::pack::{self, Pack};
use face::samples::{self, Sample};
use face::values::template::Template;
use face::{Picture, WantedFace};
use onnx::Engine;

/// The templates of the two engines must have a cosine of at least this.
const AGREEMENT_MIN: f64 = 0.9999;
/// Time is measured over this many runs. The fastest counts, since other programs can only slow a run down.
const RUNS: usize = 5;

/// The results of a pack on the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Milliseconds from the file to the template, for one photograph on one thread.
    pub ms_per_picture: f64,
    /// The lowest cosine of three pairs of photographs of one man.
    pub same: f64,
    /// The highest cosine of three pairs of photographs of two men.
    pub different: f64,
    /// The cosine of the templates of one photograph by two executors: that of the settings, and burn tensors on the CPU.
    pub agreement: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Pack(#[from] pack::Fault),
    #[error("the sample photograph {name} gives no template: {source}")]
    NoTemplate { name: &'static str, source: face::Error },
    #[error("the sample photograph {0} gives another template the second time: the pack cannot be relied upon")]
    NotDeterministic(&'static str),
    #[error("the two ways of running networks disagree: a cosine of {0:.6} instead of 1")]
    Disagreement(f64),
}

impl Trial {
    /// Returns true if every photograph of one man is nearer to his others than to the other man's.
    pub fn tells_people_apart(&self) -> bool {
        self.same > self.different
    }
}

/// Compiles the pack, checks that its results are repeatable and independent of the engine, and measures its time.
pub fn run(pack: &Pack, settings: &Settings) -> Result<Trial, Error> {
    let mut networks = Networks::new(&Compiled::new(pack, settings.clone())?);
    let mut one = Vec::new();
    for sample in samples::ONE {
        let template = described(&mut networks, sample)?;
        if described(&mut networks, sample)? != template {
            return Err(Error::NotDeterministic(sample.0));
        }
        one.push(template);
    }
    let other = described(&mut networks, samples::OTHER)?;
    let different = one.iter().map(|template| template.cosine(&other)).fold(f64::MIN, f64::max);
    let pairs = [(0, 1), (0, 2), (1, 2)];
    let same = pairs.into_iter().map(|(a, b)| one[a].cosine(&one[b])).fold(f64::MAX, f64::min);

    let tensors = Settings { engine: Engine::Burn, gpu: None, ..settings.clone() };
    let mut slow = Networks::new(&Compiled::new(pack, tensors)?);
    let agreement = described(&mut slow, samples::ONE[1])?.cosine(&one[1]);
    if agreement < AGREEMENT_MIN {
        return Err(Error::Disagreement(agreement));
    }
    let mut fastest = f64::MAX;
    for _ in 0..RUNS {
        let started = Instant::now();
        described(&mut networks, samples::ONE[1])?;
        fastest = fastest.min(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Trial { ms_per_picture: fastest, same, different, agreement })
}

fn described(networks: &mut Networks, (name, bytes): Sample) -> Result<Template, Error> {
    let picture = Picture { bytes: Bytes::from_static(bytes), rotation: false, wanted: WantedFace::Only };
    let described = networks.describe(&picture).map_err(|source| Error::NoTemplate { name, source })?;
    Ok(described.template)
}

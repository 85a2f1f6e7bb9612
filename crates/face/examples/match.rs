//! Compares the faces of two photographs, without a server.
//!
//! `cargo run --release --package face --example match -- tests/samples/obama.jpg tests/samples/obama2.jpg`

use std::error::Error;
use std::path::Path;

use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::picture::ImageType;
use face::values::score::Score;
use face::{ComparedFace, DescribedFace, Picture, WantedFace};

/// Returns the score of the only faces of two photographs. One of 10,000 pairs of different people reaches 3500.
pub fn score(one: &Path, other: &Path) -> Result<Score, Box<dyn Error>> {
    // The networks are compiled once; each thread that describes pictures has its own `Networks`.
    let compiled = Compiled::new(&Pack::built_in()?, Settings::default())?;
    let mut networks = Networks::new(&compiled);
    let (one, other) = (describe(&mut networks, one)?, describe(&mut networks, other)?);
    let curves = networks.curves().ok_or("the pack's scores are not calibrated")?;
    Ok(curves.score(compared(&one), compared(&other)))
}

fn describe(networks: &mut Networks, path: &Path) -> Result<DescribedFace, Box<dyn Error>> {
    let picture = Picture { bytes: std::fs::read(path)?.into(), rotation: false, wanted: WantedFace::Only };
    Ok(networks.describe(&picture)?)
}

fn compared(face: &DescribedFace) -> ComparedFace<'_> {
    ComparedFace { template: &face.template, image_type: ImageType::Selfie }
}

#[allow(dead_code, reason = "a test has this file as a module")]
fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let [one, other] = paths.as_slice() else { return Err("name two photographs".into()) };
    let score = score(Path::new(one), Path::new(other))?;
    println!("score {:.0}: false acceptance rate {:.2e} %", score.0, score.false_acceptance_rate_percent());
    Ok(())
}

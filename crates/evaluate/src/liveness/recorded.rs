//! Runs trials on an operator's own recordings.

use bytes::Bytes;
use face::networks::Networks;
use face::values::liveness::{FRAMES_MAX, LivenessType, SecurityLevel};
use face::values::picture::ImageType;
use face::values::score::Score;
use face::values::template::Template;
use face::{Asked, ComparedFace, LivenessCapture, Picture, WantedFace};

use crate::input::film;
use crate::liveness::Trial;

/// A best frame that reaches this score against the person's photograph counts as a match: a false acceptance rate of
/// one in ten thousand.
pub const MATCHED: Score = Score(3500.0);

/// Sentences that a reader must know before trusting a figure.
pub const CAVEATS: [&str; 3] = [
    "Only the first 150 frames of a film are judged. Active checks are not measured, because the recorded people were not asked to move.",
    "A film is unjudged if it was refused only for NO_FACE, MULTIPLE_FACES, TOO_SHORT or POOR_QUALITY; it counts as refused.",
    "IAPMR is the share of attacks that are accepted and score 3500 or more against the photograph beside them.",
];

/// Runs a trial of each passive type on a recording with `fps` frames a second; a single frame is not a film.
/// `reference` is a photograph of the person.
pub fn trials(
    networks: &mut Networks,
    species: &str,
    pictures: &[Bytes],
    fps: u32,
    reference: Option<&Bytes>,
) -> Result<Vec<Trial>, face::Error> {
    let known = match reference {
        Some(bytes) => {
            let picture = Picture { bytes: bytes.clone(), rotation: true, wanted: WantedFace::Largest };
            Some(networks.describe(&picture)?.template)
        }
        None => None,
    };
    let frames = film::timed(pictures.iter().take(FRAMES_MAX).cloned(), fps);
    let types = [LivenessType::Passive, LivenessType::PassiveVideo];
    let types = if frames.len() > 1 { &types[..] } else { &types[..1] };
    let mut trials = vec![];
    for liveness_type in types {
        let asked = Asked::passive(*liveness_type);
        let capture = LivenessCapture { asked, level: SecurityLevel::High, is_virtual: None, frames: frames.clone() };
        let (trial, best) = Trial::made(networks, &capture, species)?;
        let found = best.as_ref().map(|best| &best.described.template);
        let matched = known.as_ref().map(|known| found.is_some_and(|found| is_matched(networks, known, found)));
        trials.push(Trial { matched, ..trial });
    }
    Ok(trials)
}

/// True if both templates match; false for a pack without calibration, which has no scores.
fn is_matched(networks: &Networks, known: &Template, found: &Template) -> bool {
    let side = |template, image_type| ComparedFace { template, image_type };
    let (known, found) = (side(known, ImageType::Selfie), side(found, ImageType::VideoFrame));
    networks.curves().is_some_and(|curves| curves.score(known, found).0 >= MATCHED.0)
}

//! Trials of liveness: films that a performer makes of portraits, and attacks made of the same, looked at and judged.

use std::time::{Duration, Instant};

use face::find::{self, Turns};
use face::image::Image;
use face::liveness::judge::Evidence;
use face::liveness::track::Shot;
use face::networks::Networks;
use face::values::challenges::challenges;
use face::values::liveness::{LivenessType, Reason, SecurityLevel};
use face::{LivenessCapture, Picture, quality, samples};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::measure::interval::{self, Interval};
use crate::performer::attack::{self, Attack};
use crate::performer::portrait::Portrait;
use crate::performer::{self, FRAME_MS, Performance};

pub mod text;

/// What tells a file of such figures from others.
pub const KIND: &str = "liveness";
/// What these films ask for, as checks do by default.
const CHALLENGES: usize = 2;
/// Below that, a face fills too few pixels of its photograph to be filmed.
const IOD_MIN: f32 = 40.0;
/// Whoever starts a film looks at the camera, eyes open, mouth closed; so do the photographs that are filmed. Degrees
/// from the mean pose of photographs, and openings as [`Shot`] has them.
const YAW_MAX: f32 = 12.0;
const PITCH: std::ops::RangeInclusive<f32> = -8.0..=18.0;
const EYES_MIN: f32 = 0.22;
const MOUTH_MAX: f32 = 0.2;
/// Of a picture's quality: good enough to be compared.
const QUALITY_MIN: i32 = 0;
/// What must be known before a figure is believed.
const CAVEATS: [&str; 3] = [
    "All films are synthetic: portraits that a program moves, and prints and displays that it draws.",
    "They show whether the checks do what they are meant to; real people and real attacks will give other figures.",
    "The thresholds were chosen with such films in view.",
];

/// One film and what was measured on it.
#[derive(Debug, Clone)]
pub struct Trial {
    pub liveness_type: LivenessType,
    /// None: a person who does what is asked.
    pub attack: Option<Attack>,
    /// Why it is refused, by level.
    pub reasons: [Vec<Reason>; 3],
    pub evidence: Evidence,
    /// From the frames to what is judged.
    pub took: Duration,
}

/// A performer with networks to look at it.
pub struct Stage {
    networks: Networks,
    other: Portrait,
}

impl Stage {
    pub fn new(mut networks: Networks) -> Result<Self, face::Error> {
        let other = Portrait::read(&mut networks, samples::OTHER.1)?;
        Ok(Self { networks, other })
    }

    /// Whether a picture shows a face as it is before a camera.
    pub fn takes(&mut self, picture: &Picture) -> Result<bool, face::Error> {
        let image = Image::decode(&picture.bytes, self.networks.settings().pixels_max, self.networks.memory())?;
        let Some(found) = find::largest(&mut self.networks, &image, Turns::None)? else { return Ok(false) };
        let is_good = quality::of(image.view(), &found, None).value >= QUALITY_MIN && found.mesh.iod() >= IOD_MIN;
        let Some(shot) = Shot::of(0, 0, &found.mesh).filter(|_| is_good && found.faces == 1) else { return Ok(false) };
        let is_ahead = shot.yaw.abs() <= YAW_MAX && PITCH.contains(&shot.pitch);
        Ok(is_ahead && shot.eyes >= EYES_MIN && shot.mouth <= MOUTH_MAX)
    }

    /// A film of each type by the person of a picture.
    pub fn bona_fide(&mut self, picture: &Picture) -> Result<Vec<Trial>, face::Error> {
        let (portrait, seed) = self.portrait(picture)?;
        let trial = |liveness_type| self.trial(&portrait, liveness_type, None, seed);
        LivenessType::ALL.into_iter().map(trial).collect()
    }

    /// Each attack on each type that it concerns.
    pub fn attacks(&mut self, picture: &Picture) -> Result<Vec<Trial>, face::Error> {
        let (portrait, seed) = self.portrait(picture)?;
        let mut trials = vec![];
        for liveness_type in LivenessType::ALL {
            for attack in Attack::ALL.into_iter().filter(|attack| attack.concerns(liveness_type)) {
                trials.push(self.trial(&portrait, liveness_type, Some(attack), seed)?);
            }
        }
        Ok(trials)
    }

    /// A portrait and the seed that follows from its picture.
    fn portrait(&mut self, picture: &Picture) -> Result<(Portrait, u64), face::Error> {
        let portrait = Portrait::read(&mut self.networks, &picture.bytes)?;
        let digest = Sha256::digest(&picture.bytes);
        let seed = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Ok((portrait, seed))
    }

    fn trial(
        &mut self,
        portrait: &Portrait,
        liveness_type: LivenessType,
        attack: Option<Attack>,
        seed: u64,
    ) -> Result<Trial, face::Error> {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&seed.to_be_bytes());
        let count = if liveness_type == LivenessType::Active { CHALLENGES } else { 0 };
        let performance =
            Performance { liveness_type, challenges: challenges(0, &random, count), seed, frame_ms: FRAME_MS };
        let frames = match attack {
            None => performer::perform(portrait, &performance),
            Some(attack) => attack::attack(attack, portrait, &self.other, &performance),
        };
        let challenges = performance.challenges;
        let replay = LivenessCapture { liveness_type, level: SecurityLevel::High, challenges, frames };
        let start = Instant::now();
        let evidence = self.networks.measure(&replay)?.evidence;
        let took = start.elapsed();
        let limits = self.networks.liveness();
        let reasons = SecurityLevel::ALL.map(|level| evidence.judge(liveness_type, level, &replay.challenges, limits));
        Ok(Trial { liveness_type, attack, reasons, evidence, took })
    }
}

/// How many of some trials were refused.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    pub liveness_type: String,
    /// `bona fide`, or the attack.
    pub species: String,
    pub trials: u64,
    /// By level.
    pub refused: [u64; 3],
    /// Of bona fide trials the share refused, of an attack the share accepted: BPCER and APCER (ISO/IEC 30107-3).
    pub error: [Option<f64>; 3],
    pub error_interval: [Option<Interval>; 3],
    /// Why, at the highest level, most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Frames of a film, and milliseconds from them to a verdict: means.
    pub frames: f64,
    pub took_ms: f64,
    /// What was measured on each film; no report needs it.
    #[serde(skip_deserializing)]
    pub evidence: Vec<Evidence>,
}

/// All trials of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`KIND`]
    pub kind: String,
    pub pack: String,
    pub data: String,
    /// Pictures that were passed over: of faces that look aside, have open mouths or closed eyes, or are too small.
    pub unusable: usize,
    pub rows: Vec<Refused>,
    pub caveats: Vec<String>,
}

impl Report {
    pub fn new(pack: String, data: String, trials: &[Trial], unusable: usize) -> Self {
        let mut rows = vec![];
        for liveness_type in LivenessType::ALL {
            let species = std::iter::once(None).chain(Attack::ALL.map(Some));
            for attack in species {
                let own = |trial: &&Trial| trial.liveness_type == liveness_type && trial.attack == attack;
                let own: Vec<&Trial> = trials.iter().filter(own).collect();
                if !own.is_empty() {
                    rows.push(refused(liveness_type, attack, &own));
                }
            }
        }
        let caveats = CAVEATS.map(String::from).into();
        Self { kind: KIND.to_owned(), pack, data, unusable, rows, caveats }
    }
}

fn refused(liveness_type: LivenessType, attack: Option<Attack>, trials: &[&Trial]) -> Refused {
    let count = trials.len() as u64;
    let refused = [0, 1, 2].map(|level| trials.iter().filter(|trial| !trial.reasons[level].is_empty()).count() as u64);
    let errors = refused.map(|refused| if attack.is_some() { count - refused } else { refused });
    let reasons = Reason::ALL.map(|reason| {
        (reason.name().to_owned(), trials.iter().filter(|trial| trial.reasons[2].contains(&reason)).count() as u64)
    });
    let mean = |value: fn(&Trial) -> f64| trials.iter().map(|trial| value(trial)).sum::<f64>() / count.max(1) as f64;
    let mut reasons: Vec<_> = reasons.into_iter().filter(|(_, count)| *count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Refused {
        liveness_type: liveness_type.name().to_owned(),
        species: attack.map_or("bona fide", Attack::name).to_owned(),
        trials: count,
        refused,
        error: errors.map(|errors| (count > 0).then(|| errors as f64 / count as f64)),
        error_interval: errors.map(|errors| interval::of_rate(errors, count)),
        reasons,
        frames: mean(|trial| trial.evidence.frames as f64),
        took_ms: mean(|trial| 1000.0 * trial.took.as_secs_f64()),
        evidence: trials.iter().map(|trial| trial.evidence.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(attack: Option<Attack>, reasons: [&[Reason]; 3]) -> Trial {
        let evidence = Evidence { frames: 30, ..Evidence::default() };
        let reasons = reasons.map(<[Reason]>::to_vec);
        Trial { liveness_type: LivenessType::Passive, attack, reasons, evidence, took: Duration::from_millis(250) }
    }

    #[test]
    fn errors_are_refused_people_and_accepted_attacks_by_level() {
        let spoof: &[Reason] = &[Reason::SpoofNetwork];
        let screen = Some(Attack::Screen);
        let trials = [
            trial(None, [&[], &[], &[]]),
            trial(None, [&[], &[], spoof]),
            trial(screen, [&[], spoof, spoof]),
            trial(screen, [spoof; 3]),
        ];
        let report = Report::new("mine".into(), "toys".into(), &trials, 3);
        let errors = report.rows.iter().map(|row| (row.species.as_str(), row.trials, row.error.map(Option::unwrap)));
        let expected = [("bona fide", 2, [0.0, 0.0, 0.5]), ("screen", 2, [0.5, 0.0, 0.0])];
        assert_eq!(errors.collect::<Vec<_>>(), expected);
        // The same can be told of what was written.
        let json = serde_json::to_string(&report).expect("it can be written");
        let read: Report = serde_json::from_str(&json).expect("it can be read");
        let row = "| LIVENESS_PASSIVE | screen | 2 | 50 [1.26, 98.7] | 0 [0, 84.2] | 0 [0, 84.2] | 30 | 250 | SPOOF_NETWORK 2 |";
        assert!(read.table().markdown().contains(row), "{}", read.table().markdown());
        assert!(read.notes()[1].starts_with("3 pictures were passed over"), "{:?}", read.notes());
    }
}

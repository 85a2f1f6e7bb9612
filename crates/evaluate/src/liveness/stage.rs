//! Runs trials on films that a performer makes from portraits.

use face::find::{self, Turns};
use face::image::Image;
use face::liveness::track::Shot;
use face::networks::Networks;
use face::values::challenges::challenges;
use face::values::lights;
use face::values::liveness::{LivenessType, SecurityLevel};
use face::{Asked, LivenessCapture, Picture, quality, samples};
use sha2::{Digest, Sha256};

use crate::input::recordings::BONA_FIDE;
use crate::liveness::Trial;
use crate::performer::attack::{self, Attack};
use crate::performer::portrait::Portrait;
use crate::performer::{self, FRAME_MS, Performance};

/// The number of challenges in these films, the default of a check.
const CHALLENGES: usize = 2;
/// Below this interocular distance, in pixels, a face is too small in its photograph to be filmed.
const IOD_MIN: f32 = 40.0;
/// A person who starts a film looks at the camera with open eyes and a closed mouth; so must the photographs that are
/// filmed. Angles are in degrees from the mean pose of photographs; openings are as in [`Shot`].
const YAW_MAX: f32 = 12.0;
const PITCH: std::ops::RangeInclusive<f32> = -8.0..=18.0;
const EYES_MIN: f32 = 0.22;
const MOUTH_MAX: f32 = 0.2;
/// The lowest quality of a picture that is good enough to be compared.
const QUALITY_MIN: i32 = 0;
/// Sentences that a reader must know before trusting a figure.
pub const CAVEATS: [&str; 3] = [
    "All films are synthetic: portraits that a program moves, and prints and displays that it draws.",
    "They show that the checks work as designed; real people and real attacks will give other figures.",
    "The thresholds were chosen on such films.",
];

/// A performer, and the networks that judge its films.
pub struct Stage {
    networks: Networks,
    other: Portrait,
}

impl Stage {
    pub fn new(mut networks: Networks) -> Result<Self, face::Error> {
        let other = Portrait::read(&mut networks, samples::OTHER.1)?;
        Ok(Self { networks, other })
    }

    /// True if a picture shows a face in a pose that people take before a camera.
    pub fn takes(&mut self, picture: &Picture) -> Result<bool, face::Error> {
        let image = Image::decode(&picture.bytes, self.networks.settings().pixels_max, self.networks.memory())?;
        let Some(found) = find::largest(&mut self.networks, &image, Turns::None)? else { return Ok(false) };
        let is_good = quality::of(image.view(), &found, None).value >= QUALITY_MIN && found.mesh.iod() >= IOD_MIN;
        let Some(shot) = Shot::of(0, 0, &found.mesh).filter(|_| is_good && found.faces() == 1) else {
            return Ok(false);
        };
        let is_ahead = shot.yaw.abs() <= YAW_MAX && PITCH.contains(&shot.pitch);
        Ok(is_ahead && shot.eyes >= EYES_MIN && shot.mouth <= MOUTH_MAX)
    }

    /// Makes a film of the picture's person for each kind of check, and measures it.
    pub fn bona_fide(&mut self, picture: &Picture) -> Result<Vec<Trial>, face::Error> {
        let (portrait, seed) = self.portrait(picture)?;
        checks(seed).into_iter().map(|asked| self.trial(&portrait, asked, None, seed)).collect()
    }

    /// Makes each attack on each kind of check that it concerns, and measures it.
    pub fn attacks(&mut self, picture: &Picture) -> Result<Vec<Trial>, face::Error> {
        let (portrait, seed) = self.portrait(picture)?;
        let mut trials = vec![];
        for asked in checks(seed) {
            for attack in Attack::ALL.into_iter().filter(|attack| attack.concerns(&asked)) {
                trials.push(self.trial(&portrait, asked.clone(), Some(attack), seed)?);
            }
        }
        Ok(trials)
    }

    /// Returns a portrait, and a seed derived from its picture.
    fn portrait(&mut self, picture: &Picture) -> Result<(Portrait, u64), face::Error> {
        let portrait = Portrait::read(&mut self.networks, &picture.bytes)?;
        let digest = Sha256::digest(&picture.bytes);
        let seed = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Ok((portrait, seed))
    }

    fn trial(
        &mut self,
        portrait: &Portrait,
        asked: Asked,
        attack: Option<Attack>,
        seed: u64,
    ) -> Result<Trial, face::Error> {
        let performance = Performance { asked, seed, frame_ms: FRAME_MS };
        let frames = match attack {
            None => performer::perform(portrait, &performance),
            Some(attack) => attack::attack(attack, portrait, &self.other, &performance),
        };
        let capture =
            LivenessCapture { asked: performance.asked, level: SecurityLevel::High, is_virtual: None, frames };
        let (trial, _) = Trial::made(&mut self.networks, &capture, attack.map_or(BONA_FIDE, Attack::name))?;
        Ok(trial)
    }
}

/// Returns one check of each type, and one with light.
fn checks(seed: u64) -> [Asked; 4] {
    let mut random = [0; 32];
    random[..8].copy_from_slice(&seed.to_be_bytes());
    [
        Asked { challenges: challenges(0, &random, CHALLENGES), ..Asked::passive(LivenessType::Active) },
        Asked::passive(LivenessType::Passive),
        Asked::passive(LivenessType::PassiveVideo),
        Asked { lights: lights::schedule(0, &random), ..Asked::passive(LivenessType::PassiveVideo) },
    ]
}

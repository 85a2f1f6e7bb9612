//! The parts of a liveness check that are kept, sealed by its session's key.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use face::Asked;
use face::values::challenges::challenges;
use face::values::lights::{ShownLight, lights};
use face::values::liveness::{LivenessType, Measure, Reason, SecurityLevel};
use face::values::picture::Landmarks;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::capture::Capture;
use crate::domain::attestation::Attestation;
use crate::domain::liveness::{DeviceInfo, LivenessStatus, SdkInfo};
use crate::domain::{FaceId, Moment};
use crate::service::Error;
use crate::service::sessions::sealed::LiveSession;
use crate::service::storage::StoredMedium;

/// The requirements for the person and the capture. Later versions of this server must read it leniently, since
/// sessions outlive an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    pub id: String,
    pub liveness_type: LivenessType,
    pub level: SecurityLevel,
    /// The number of movements; only for active liveness.
    pub challenges: Option<u8>,
    pub image_retrieval_disabled: bool,
    pub seed: i32,
    pub server_random: [u8; 32],
    pub age_threshold: Option<i32>,
    /// True if a screen shows colours that the face must reflect.
    #[serde(default)]
    pub is_lit: bool,
    /// The number of this attempt, from 1 on.
    #[serde(default = "one")]
    pub attempt: u8,
    #[serde(default = "one")]
    pub attempts_max: u8,
}

/// Checks from before there were several attempts had one.
fn one() -> u8 {
    1
}

/// The outcome of a capture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The reasons of the refusal, worst first.
    pub reasons: Vec<Reason>,
    /// The measures that the verdict rests on.
    #[serde(default)]
    pub measures: Vec<Measure>,
    pub device: Option<DeviceInfo>,
    pub sdk: Option<SdkInfo>,
    /// The version of the text that the person agreed to, as the capture client states.
    #[serde(default)]
    pub consent_version: Option<String>,
    /// The judgement of the client's attestation; `None` if the provider has no keys for that.
    #[serde(default)]
    pub attestation: Option<Attestation>,
    /// The best frame; only if the capture was accepted.
    pub best: Option<BestImage>,
    pub video: Option<StoredMedium>,
}

/// The frame that shows the person best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestImage {
    /// The face of the session that was made from it.
    pub face: FaceId,
    pub landmarks: Landmarks,
    /// The age in years, as answers state it.
    pub years: f32,
    /// The JPEG in base64, as answers carry it; `None` if the request disabled its retrieval.
    pub image: Option<String>,
    pub stored: Option<StoredMedium>,
}

impl CheckRequest {
    /// Returns the movements and lights that a capture of this check must show. `capture` has passed
    /// [`Capture::check_lights`].
    pub fn shown_in(&self, capture: &Capture) -> Asked {
        let count = usize::from(self.challenges.unwrap_or(0));
        let lights = if self.is_lit { lights(self.seed, &self.server_random) } else { vec![] };
        let lights = lights.into_iter().zip(&capture.lights);
        Asked {
            liveness_type: self.liveness_type,
            challenges: challenges(self.seed, &self.server_random, count),
            lights: lights.map(|(light, from_ms)| ShownLight { from_ms: *from_ms, light }).collect(),
        }
    }

    /// Returns the request for the next attempt, with a new id and a new random number; `None` if no attempt is left.
    pub fn again(&self) -> Option<Self> {
        let attempt = self.attempt.checked_add(1).filter(|attempt| *attempt <= self.attempts_max)?;
        let (seed, server_random) = drawn();
        Some(Self { id: Uuid::now_v7().to_string(), seed, server_random, attempt, ..self.clone() })
    }

    /// Seals the request, bound to the time at which the capture is due.
    pub fn seal(&self, live: &LiveSession, due: Moment) -> Result<Vec<u8>, Error> {
        Ok(live.key.seal(&place(live, "asked"), &due.to_string(), &written(self)?))
    }

    pub fn open(sealed: &[u8], live: &LiveSession, due: Moment) -> Result<Self, Error> {
        read(&live.key.open(&place(live, "asked"), &due.to_string(), sealed)?)
    }

    /// Seals the capture of this check.
    pub fn seal_capture(&self, live: &LiveSession, capture: &[u8]) -> Vec<u8> {
        live.key.seal(&place(live, "capture"), &self.name(), capture)
    }

    pub fn open_capture(&self, live: &LiveSession, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(live.key.open(&place(live, "capture"), &self.name(), sealed)?)
    }

    /// Returns a name that differs from those of the session's other checks.
    fn name(&self) -> String {
        STANDARD.encode(self.server_random)
    }
}

impl Outcome {
    /// Seals the outcome, bound to the status and to its check.
    pub fn seal(&self, live: &LiveSession, asked: &CheckRequest, status: LivenessStatus) -> Result<Vec<u8>, Error> {
        Ok(live.key.seal(&place(live, "result"), &decision(asked, status), &written(self)?))
    }

    pub fn open(
        sealed: &[u8],
        live: &LiveSession,
        asked: &CheckRequest,
        status: LivenessStatus,
    ) -> Result<Self, Error> {
        read(&live.key.open(&place(live, "result"), &decision(asked, status), sealed)?)
    }
}

/// Draws the seed and the random number of a new check.
pub fn drawn() -> (i32, [u8; 32]) {
    let (mut seed, mut server_random) = ([0; 4], [0; 32]);
    rand::fill(&mut seed).expect("the system has random numbers");
    rand::fill(&mut server_random).expect("the system has random numbers");
    // The seed is positive, as readers expect.
    (i32::from_be_bytes(seed) & i32::MAX, server_random)
}

fn decision(asked: &CheckRequest, status: LivenessStatus) -> String {
    format!("{}/{status}", asked.name())
}

/// Seals the video of a capture.
pub fn seal_video(live: &LiveSession, video: &[u8]) -> Vec<u8> {
    live.key.seal(&place(live, "video"), "", video)
}

fn written<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let mut text = vec![];
    ciborium::into_writer(value, &mut text)
        .map_err(|error| Error::Failed(format!("a liveness check cannot be stored: {error}")))?;
    Ok(text)
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    ciborium::from_reader(text)
        .map_err(|error| Error::Failed(format!("a stored liveness check cannot be read: {error}")))
}

fn place(live: &LiveSession, column: &str) -> String {
    format!("sessions/{}/replay/{column}", live.session.id)
}

//! What is kept of a liveness check, sealed by its session's key.

use face::Asked;
use face::values::challenges::challenges;
use face::values::lights::{ShownLight, lights};
use face::values::liveness::{LivenessType, Measure, Reason, SecurityLevel};
use face::values::picture::Landmarks;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::capture::Capture;
use crate::domain::liveness::{DeviceInfo, SdkInfo};
use crate::domain::{FaceId, SessionId};
use crate::seal::Key;
use crate::service::Error;
use crate::service::storage::StoredMedium;

/// What is asked of the person and of the capture. Members are read leniently by later versions of this server:
/// sessions outlive an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    pub id: String,
    pub liveness_type: LivenessType,
    pub level: SecurityLevel,
    /// How many movements are asked for; of active liveness only.
    pub challenges: Option<u8>,
    pub image_retrieval_disabled: bool,
    pub seed: i32,
    pub server_random: [u8; 32],
    pub age_threshold: Option<i32>,
    /// Whether a screen shows colours that the face must reflect.
    #[serde(default)]
    pub is_lit: bool,
}

/// What came of a capture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Why it was refused, worst first.
    pub reasons: Vec<Reason>,
    /// The measures that the verdict rests on.
    #[serde(default)]
    pub measures: Vec<Measure>,
    pub device: Option<DeviceInfo>,
    pub sdk: Option<SdkInfo>,
    /// Of a capture that was accepted.
    pub best: Option<BestImage>,
    pub video: Option<StoredMedium>,
}

/// The frame that shows the person best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestImage {
    /// The face of the session that it became.
    pub face: FaceId,
    pub landmarks: Landmarks,
    /// As answers state it.
    pub years: f32,
    /// JPEG in base64, as answers carry it; only where it may be asked for.
    pub image: Option<String>,
    pub stored: Option<StoredMedium>,
}

impl CheckRequest {
    /// What a capture of this check must show. `capture` has passed [`Capture::check_lights`].
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

    pub fn seal(&self, key: &Key, session: SessionId) -> Result<Vec<u8>, Error> {
        sealed(self, key, session, "asked")
    }

    pub fn open(sealed: &[u8], key: &Key, session: SessionId) -> Result<Self, Error> {
        opened(sealed, key, session, "asked")
    }
}

impl Outcome {
    pub fn seal(&self, key: &Key, session: SessionId) -> Result<Vec<u8>, Error> {
        sealed(self, key, session, "result")
    }

    pub fn open(sealed: &[u8], key: &Key, session: SessionId) -> Result<Self, Error> {
        opened(sealed, key, session, "result")
    }
}

/// Where a capture lies, for its seal.
pub fn capture_place(session: SessionId) -> String {
    place(session, "capture")
}

/// Where the video of a capture lies, for its seal.
pub fn video_place(session: SessionId) -> String {
    place(session, "video")
}

fn sealed<T: Serialize>(value: &T, key: &Key, session: SessionId, column: &str) -> Result<Vec<u8>, Error> {
    let mut text = vec![];
    ciborium::into_writer(value, &mut text)
        .map_err(|error| Error::Failed(format!("a liveness check cannot be kept: {error}")))?;
    Ok(key.seal(&place(session, column), &text))
}

fn opened<T: DeserializeOwned>(sealed: &[u8], key: &Key, session: SessionId, column: &str) -> Result<T, Error> {
    let text = key.open(&place(session, column), sealed)?;
    ciborium::from_reader(text.as_slice())
        .map_err(|error| Error::Failed(format!("a kept liveness check cannot be read: {error}")))
}

fn place(session: SessionId, column: &str) -> String {
    format!("sessions/{session}/replay/{column}")
}

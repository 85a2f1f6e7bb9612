//! The pipeline: a photograph in, one face out, described so that it can be compared.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::calibration::Origin;
use crate::values::lights::ShownLight;
use crate::values::liveness::{Challenge, Frame, LivenessType, Measure, Reason, SecurityLevel};
use crate::values::picture::{ImageType, Landmarks, Quality};
use crate::values::score::Score;
use crate::values::template::Template;

pub mod age;
pub mod align;
pub mod calibration;
pub mod compress;
pub mod curves;
pub mod describe;
pub mod detect;
pub mod discount;
pub mod find;
pub mod geometry;
pub mod image;
pub mod liveness;
pub mod memory;
pub mod mesh;
pub mod networks;
pub mod pack;
pub mod portrait;
pub mod quality;
pub mod recognize;
pub mod resample;
pub mod samples;
pub mod spoof;
pub mod tile;
pub mod values;
pub mod workers;

/// An image file, and how its face is found.
#[derive(Clone)]
pub struct Picture {
    /// JPEG, PNG, WebP or JPEG 2000, or an ISO/IEC 19794-5 record of one, as sent.
    pub bytes: Bytes,
    /// Whether it may lie on its side or upside down, whatever its EXIF says.
    pub rotation: bool,
    pub wanted: WantedFace,
}

/// Which face is meant where a picture shows several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedFace {
    /// Refuse it.
    Only,
    /// Take the largest face where the others are second prints of it, as documents bear them; else refuse the picture.
    Portrait,
    /// Take the largest face.
    Largest,
    /// Take the face nearest the middle, where pictures were cut out around the person whom they are said to show.
    Central,
}

impl WantedFace {
    /// The face that somebody means who sends a picture of this type.
    pub fn of(image_type: ImageType) -> Self {
        match image_type {
            ImageType::IdDocument => Self::Portrait,
            ImageType::Selfie | ImageType::VideoFrame => Self::Only,
        }
    }
}

/// The face of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedFace {
    /// SHA-256 of the image file, in lower-case hex.
    pub digest: String,
    pub landmarks: Landmarks,
    pub quality: Quality,
    pub template: Template,
}

/// How old the person of a picture looks.
#[derive(Debug, Clone, PartialEq)]
pub struct AgeEstimate {
    /// SHA-256 of the image file, in lower-case hex.
    pub digest: String,
    /// None where nobody is to be seen.
    pub face: Option<AgedFace>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AgedFace {
    pub quality: Quality,
    /// See [`age::years`]. How much it is worth, `quality` says.
    pub years: f32,
}

/// A capture must show this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub liveness_type: LivenessType,
    /// Movements, in this order; of active liveness only.
    pub challenges: Vec<Challenge>,
    /// The colours that a screen showed, as they were asked for, and when; empty where no light was asked for.
    pub lights: Vec<ShownLight>,
}

impl Asked {
    /// A film or a look for which nothing is asked of the person.
    pub fn passive(liveness_type: LivenessType) -> Self {
        Self { liveness_type, challenges: vec![], lights: vec![] }
    }

    /// True if a film is asked for, not a single look.
    pub fn is_film(&self) -> bool {
        self.liveness_type != LivenessType::Passive
    }
}

/// A capture, and what it is held to.
#[derive(Debug, Clone)]
pub struct LivenessCapture {
    pub asked: Asked,
    pub level: SecurityLevel,
    /// The camera calls itself a program that shows films in the place of one. `None`: it says nothing of itself.
    pub is_virtual: Option<bool>,
    pub frames: Vec<Frame>,
}

/// What a capture shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Why it is refused, worst first; none: a living person, who did what was asked.
    pub reasons: Vec<Reason>,
    /// The measures that the verdict rests on.
    pub measures: Vec<Measure>,
    /// The frame that shows the person best; none where none shows a usable face.
    pub best: Option<Best>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The frame, as sent.
    pub jpeg: Bytes,
    pub described: DescribedFace,
    /// See [`age::years`].
    pub years: f32,
}

/// One of two faces that are compared.
#[derive(Debug, Clone, Copy)]
pub struct ComparedFace<'a> {
    pub template: &'a Template,
    /// The kind of picture that the template describes.
    pub image_type: ImageType,
}

/// Why a picture gave no face.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Not a picture, or a damaged one; says why.
    #[error("the image cannot be decoded: {0}")]
    Undecodable(String),
    #[error("the image has {pixels} pixels; at most {pixels_max} are read")]
    TooManyPixels { pixels: u64, pixels_max: u64 },
    #[error("the image is {width} x {height} pixels, too narrow to show a face")]
    TooNarrow { width: u64, height: u64 },
    #[error("no face was found in the image")]
    NoFace,
    #[error("{0} faces were found in the image")]
    MultipleFaces(usize),
    /// The queue is longer than its limit; its estimated wait.
    #[error("the networks are busy for the next {} ms", retry_after.as_millis())]
    Busy { retry_after: Duration },
    /// A fault of this server; says which.
    #[error("the networks failed: {0}")]
    Failed(String),
}

/// The state of an engine's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkersHealth {
    pub started: usize,
    pub alive: usize,
    /// They have been at one job for longer than any takes.
    pub stuck: usize,
}

/// Describes and compares faces: by the networks of a pack, or as a test tells it to.
pub trait FaceEngine: Send + Sync {
    /// Finds the face of a picture and describes it. The work waits in a bounded queue and runs on another thread.
    fn describe(&self, picture: Picture) -> BoxFuture<'_, Result<DescribedFace, Error>>;

    /// Finds the face of a picture and estimates its age, in the same queue. A picture without a face is not an error.
    fn estimate_age(&self, picture: Picture) -> BoxFuture<'_, Result<AgeEstimate, Error>>;

    /// Judges whether a capture shows a living person, in the same queue. A refusal is a [`Verdict`], not an error.
    fn check_liveness(&self, capture: LivenessCapture) -> BoxFuture<'_, Result<Verdict, Error>>;

    /// The score of two faces. Their templates must have this engine's version.
    fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score;

    /// The state of the threads that do the work. An engine without threads of its own is always well.
    fn workers(&self) -> WorkersHealth {
        WorkersHealth::default()
    }

    /// The name of the pack.
    fn pack(&self) -> &str;

    /// Templates of another version cannot be compared.
    fn template_version(&self) -> u16;

    /// The data that the scores were calibrated on; `None` if they are not calibrated.
    fn calibration(&self) -> Option<&Origin>;

    /// The networks against spoofs and their measured error rates; `None` if there are none.
    fn spoof(&self) -> Option<&spoof::Origin>;
}

//! The pipeline: finds one face in a photograph and describes it so that it can be compared.

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

/// An image file, and the face that is wanted from it.
#[derive(Clone)]
pub struct Picture {
    /// JPEG, PNG, WebP or JPEG 2000, or an ISO/IEC 19794-5 record of one, as sent.
    pub bytes: Bytes,
    /// True if the picture may lie on its side or upside down, whatever its EXIF says.
    pub rotation: bool,
    pub wanted: WantedFace,
}

/// The face that is wanted if a picture shows several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedFace {
    /// Refuse the picture.
    Only,
    /// Take the largest face if the others are second prints of it, as on identity documents; else refuse the picture.
    Portrait,
    /// Take the largest face.
    Largest,
    /// Take the face nearest the middle: for pictures that were cropped around the person that they are said to show.
    Central,
}

impl WantedFace {
    /// Returns the face that a sender of a picture of this type means.
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

/// The estimated age of the person in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct AgeEstimate {
    /// SHA-256 of the image file, in lower-case hex.
    pub digest: String,
    /// `None` if the picture shows no face.
    pub face: Option<AgedFace>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AgedFace {
    pub quality: Quality,
    /// See [`age::years`]. `quality` says how reliable it is.
    pub years: f32,
}

/// The actions and the light that a capture must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub liveness_type: LivenessType,
    /// Movements, in this order; empty unless liveness is active.
    pub challenges: Vec<Challenge>,
    /// The colours that a screen showed, in the order asked for, with their times; empty if no light was asked for.
    pub lights: Vec<ShownLight>,
}

impl Asked {
    /// Returns a film or a look for which nothing is asked of the person.
    pub fn passive(liveness_type: LivenessType) -> Self {
        Self { liveness_type, challenges: vec![], lights: vec![] }
    }

    /// Returns true if a film is asked for, not a single look.
    pub fn is_film(&self) -> bool {
        self.liveness_type != LivenessType::Passive
    }
}

/// A capture, and the demands it is judged by.
#[derive(Debug, Clone)]
pub struct LivenessCapture {
    pub asked: Asked,
    pub level: SecurityLevel,
    /// True if the camera names itself as a program that plays films in the place of a camera. `None` if it gives no
    /// name.
    pub is_virtual: Option<bool>,
    pub frames: Vec<Frame>,
}

/// The outcome of a liveness check.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The reasons for refusal, worst first; empty for a living person who did what was asked.
    pub reasons: Vec<Reason>,
    /// The measures that the verdict rests on.
    pub measures: Vec<Measure>,
    /// The frame that shows the person best; `None` if no frame shows a usable face.
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

/// The reasons why a picture gave no face.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The file is not a picture, or is damaged; holds the reason.
    #[error("the image cannot be decoded: {0}")]
    Undecodable(String),
    #[error("the image has {pixels} pixels; at most {pixels_max} are accepted")]
    TooManyPixels { pixels: u64, pixels_max: u64 },
    #[error("the image is {width} x {height} pixels, too narrow to show a face")]
    TooNarrow { width: u64, height: u64 },
    #[error("no face was found in the image")]
    NoFace,
    #[error("{0} faces were found in the image")]
    MultipleFaces(usize),
    /// The queue is full; holds its estimated wait.
    #[error("the networks are busy for the next {} ms", retry_after.as_millis())]
    Busy { retry_after: Duration },
    /// This server is at fault; holds the reason.
    #[error("the networks failed: {0}")]
    Failed(String),
    /// The GPU is at fault; holds the reason.
    #[error("the GPU failed: {0}")]
    Device(String),
}

/// The state of an engine's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkersHealth {
    pub started: usize,
    pub alive: usize,
    /// Threads that have been at one job for longer than any job takes.
    pub stuck: usize,
}

/// Describes and compares faces with the networks of a pack, or as a test scripts it.
pub trait FaceEngine: Send + Sync {
    /// Finds the face of a picture and describes it. The work waits in a bounded queue and runs on another thread.
    fn describe(&self, picture: Picture) -> BoxFuture<'_, Result<DescribedFace, Error>>;

    /// Finds the face of a picture and estimates its age, in the same queue. A picture without a face is not an error.
    fn estimate_age(&self, picture: Picture) -> BoxFuture<'_, Result<AgeEstimate, Error>>;

    /// Judges whether a capture shows a living person, in the same queue. A refusal is a [`Verdict`], not an error.
    fn check_liveness(&self, capture: LivenessCapture) -> BoxFuture<'_, Result<Verdict, Error>>;

    /// Returns the score of two faces. Their templates must have this engine's version.
    fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score;

    /// Returns the state of the worker threads. An engine without threads of its own is always healthy.
    fn workers(&self) -> WorkersHealth {
        WorkersHealth::default()
    }

    /// Returns the name of the pack.
    fn pack(&self) -> &str;

    /// Returns the version of this engine's templates. Templates of different versions cannot be compared.
    fn template_version(&self) -> u16;

    /// Returns the data that the scores were calibrated on; `None` if they are not calibrated.
    fn calibration(&self) -> Option<&Origin>;

    /// Returns the networks against spoofs and their measured error rates; `None` if there are none.
    fn spoof(&self) -> Option<&spoof::Origin>;
}

//! A face: one person's face in one picture, and what was measured on it.
//!
//! What is serialised is kept by sessions: until the longest of them is over, a new form must read the old one.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

use super::FaceId;
use super::Moment;
use super::score::Score;
use super::template::Template;

/// The kind of picture a face comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ImageType {
    IdDocument,
    Selfie,
    VideoFrame,
}

impl ImageType {
    pub const ALL: [Self; 3] = [Self::IdDocument, Self::Selfie, Self::VideoFrame];

    /// As the contract spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdDocument => "ID_DOCUMENT",
            Self::Selfie => "SELFIE",
            Self::VideoFrame => "VIDEO_FRAME",
        }
    }
}

impl fmt::Display for ImageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ImageType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|image_type| image_type.name() == name);
        known.ok_or_else(|| format!("'{name}' is no type of image: they are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// A picture file's format, told by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImageFormat {
    Jpeg,
    Png,
    WebP,
}

/// The vendor's names for biometric algorithms. Clients hard-code them: a face reports the one that
/// was asked for, and all are served by this server's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Mode {
    F5_1Vid0,
    F5_2Vid75,
    F5_3Vid60,
    #[default]
    F6_4Vid60x,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::F5_1Vid0, Self::F5_2Vid75, Self::F5_3Vid60, Self::F6_4Vid60x];

    pub fn name(self) -> &'static str {
        match self {
            Self::F5_1Vid0 => "F5_1_VID0",
            Self::F5_2Vid75 => "F5_2_VID75",
            Self::F5_3Vid60 => "F5_3_VID60",
            Self::F6_4Vid60x => "F6_4_VID60X",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mode| mode.name() == name).ok_or_else(|| "there is no such mode".to_owned())
    }
}

/// A point in pixels of the picture as sent (after EXIF orientation): index 0 is the centre of the
/// first pixel, x to the right, y down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

/// Centres of the two eyes: `left` is the eye on the left of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Eyes {
    pub left: Point,
    pub right: Point,
}

impl Eyes {
    /// Interocular distance in pixels.
    pub fn iod(self) -> f32 {
        (self.left.x - self.right.x).hypot(self.left.y - self.right.y)
    }
}

/// An upright rectangle in pixels; `x`, `y` is its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FaceBox {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Landmarks {
    pub eyes: Option<Eyes>,
    pub face_box: Option<FaceBox>,
}

/// What lowered a face's quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum QualityReason {
    EyesTooClose,
    Blurred,
    Noisy,
    Compressed,
    TooDark,
    TooBright,
    LowContrast,
    HeadTurned,
    UnsureDetection,
}

impl QualityReason {
    /// As answers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EyesTooClose => "EYES_TOO_CLOSE",
            Self::Blurred => "BLURRED",
            Self::Noisy => "NOISY",
            Self::Compressed => "COMPRESSED",
            Self::TooDark => "TOO_DARK",
            Self::TooBright => "TOO_BRIGHT",
            Self::LowContrast => "LOW_CONTRAST",
            Self::HeadTurned => "HEAD_TURNED",
            Self::UnsureDetection => "UNSURE_DETECTION",
        }
    }
}

/// Above 100 is good; below 0 asks for another picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    pub value: i32,
    /// What lowered it, worst first.
    pub reasons: Vec<QualityReason>,
}

/// A face as the contract knows it. Which fields are present depends on how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Face {
    pub id: FaceId,
    pub friendly_name: Option<String>,
    /// SHA-256 of the image file, in lower-case hex.
    pub digest: Option<String>,
    pub mode: Mode,
    pub image_type: ImageType,
    pub quality: Option<Quality>,
    pub landmarks: Option<Landmarks>,
    pub template: Option<Template>,
    pub image_rotation_enabled: Option<bool>,
    pub created: Option<Moment>,
    pub expires: Option<Moment>,
}

/// Two faces, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    pub reference: Face,
    pub candidate: Face,
    pub score: Score,
    pub correlation_id: Option<String>,
    pub evidence_id: Option<String>,
    pub created: Moment,
    pub expires: Option<Moment>,
}

//! A picture of a face: its kind, and what was measured on it.
//!
//! Sessions keep serialised values: until the longest session is over, a new form must read the old one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

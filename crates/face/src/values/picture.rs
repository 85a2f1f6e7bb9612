//! A picture of a face: its kind, and what was measured on it.
//!
//! Sessions keep serialised values: until the longest session is over, a new form must read the old one.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The kind of picture a face comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ImageType {
    IdDocument,
    Selfie,
    VideoFrame,
}

crate::named!(ImageType);

/// The format of a picture file, recognised by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImageFormat {
    Jpeg,
    Png,
    WebP,
    /// JPEG 2000 in its own file format.
    Jp2,
    /// A JPEG 2000 codestream alone.
    J2c,
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
    /// Returns the interocular distance in pixels.
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

/// The reasons that lower a face's quality.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
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
    /// The recognizer finds little in the face that distinguishes it from others.
    HardToRecognize,
    /// A part of the face lies outside the picture.
    OutOfPicture,
    /// Eyes or mouth are covered.
    Occluded,
    /// A drawing, or a mosaic.
    NotAPhotograph,
}

crate::named!(QualityReason);

/// The quality of a face: above 100 is good; below 0 asks for another picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    pub value: i32,
    /// The reasons that lowered it, worst first.
    pub reasons: Vec<QualityReason>,
}

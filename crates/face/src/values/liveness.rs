//! The values of a liveness check: the type, the level and the challenges asked for, the frames and the reasons for a
//! refusal.
//!
//! Sessions keep serialised values: until the longest session is over, a new form must read the old one.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The most frames that are read: five seconds at thirty frames a second.
pub const FRAMES_MAX: usize = 150;

/// The kinds of liveness check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LivenessType {
    /// Challenges, in the order asked for.
    #[strum(serialize = "LIVENESS_ACTIVE")]
    Active,
    /// A look at the camera.
    #[strum(serialize = "LIVENESS_PASSIVE")]
    Passive,
    /// A look at the camera for some seconds.
    #[strum(serialize = "LIVENESS_PASSIVE_VIDEO")]
    PassiveVideo,
}

/// The strictness against attacks.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum SecurityLevel {
    Low,
    Medium,
    #[default]
    High,
}

/// A movement that an active capture shows. Left and right are the person's own: somebody who turns left turns the nose
/// towards the right of the camera's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Challenge {
    TurnLeft,
    TurnRight,
    LookUp,
    LookDown,
    OpenMouth,
    Blink,
}

/// The reasons for refusing a capture.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// No face is seen, or in too few of the frames.
    NoFace,
    MultipleFaces,
    /// Fewer frames, or a shorter time, than the type of liveness needs.
    TooShort,
    /// The picture is too dark, too blurred or too small to judge.
    PoorQuality,
    /// A challenge was not performed, or not in the order asked for.
    ChallengeNotPerformed,
    /// The face does not follow the colours that the screen was asked to show.
    LightNotReflected,
    /// The face reflects the screen's light as something flat does.
    FlatLight,
    /// The eyes are shut throughout.
    EyesClosed,
    /// The capture shows different people.
    FaceChanged,
    /// The face jumps: frames are missing, or were put together.
    Cut,
    /// The face moves as a flat picture does.
    FlatMotion,
    /// Nothing lives in the picture: it is a still, or somebody holds so still that nothing tells the two apart.
    Frozen,
    /// One picture was sent again and again, or the camera names itself as a virtual one.
    Injected,
    /// The networks against spoofs take the face for a print or a screen.
    SpoofNetwork,
    /// Nobody whom the provider trusts attests that its own client made the capture. No film shows this: the server
    /// adds it for a provider that requires an attestation.
    NotAttested,
}

impl Reason {
    /// Returns true if the reason points to an attack; otherwise the person may try again.
    pub fn is_attack(self) -> bool {
        matches!(self, Self::FaceChanged | Self::Cut | Self::FlatMotion | Self::SpoofNetwork)
    }

    /// Returns true if a person who knows the reason can do better, and nobody learns from it what gives an attack
    /// away.
    pub fn helps(self) -> bool {
        use Reason::{ChallengeNotPerformed, EyesClosed, MultipleFaces, NoFace, PoorQuality, TooShort};
        matches!(self, NoFace | MultipleFaces | TooShort | PoorQuality | ChallengeNotPerformed | EyesClosed)
    }
}

/// A measure that a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Measure {
    /// One face, long enough and well enough to be seen.
    Face,
    /// Eyes that are open.
    Eyes,
    /// The movements that were asked for.
    Movements,
    /// Frames that show one person.
    OnePerson,
    /// No frames are cut out or put in.
    Continuity,
    /// Points that do not move as those of a plane.
    Relief,
    /// A blink, a mouth that moves or a shape that changes.
    Life,
    /// Pictures that are not the first one again.
    Renewal,
    /// A camera that does not name itself as a virtual one.
    Camera,
    /// Networks against prints and displays.
    SpoofNetwork,
    /// Colours of a screen that the face reflects.
    Light,
    /// An attestation of the client, which the server verifies for a provider that requires one.
    Attestation,
}

/// One picture of a capture.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Milliseconds since the first one.
    pub t_ms: u32,
    pub jpeg: Bytes,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} ms, {} bytes)", self.t_ms, self.jpeg.len())
    }
}

crate::named!(LivenessType, SecurityLevel, Challenge, Reason, Measure);

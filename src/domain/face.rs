//! A face: one person's face in one picture, and what was measured on it.
//!
//! What is serialised is kept by sessions: until the longest of them is over, a new form must read the old one.

use std::fmt;
use std::str::FromStr;

use face::values::picture::{ImageType, Landmarks, Quality};
use face::values::score::Score;
use face::values::template::Template;
use serde::{Deserialize, Serialize};

use super::{FaceId, Moment};

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

//! A face: one person's face in one picture, and what was measured on it.
//!
//! What is serialised is kept by sessions: until the longest of them is over, a new form must read the old one.

use face::values::picture::{ImageType, Landmarks, Quality};
use face::values::score::Score;
use face::values::template::Template;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray, VariantNames};

use super::{FaceId, Moment};

/// The vendor's names for biometric algorithms. Clients hard-code them: a face reports the one that
/// was asked for, and all are served by this server's networks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
pub enum Mode {
    #[strum(serialize = "F5_1_VID0")]
    F5_1Vid0,
    #[strum(serialize = "F5_2_VID75")]
    F5_2Vid75,
    #[strum(serialize = "F5_3_VID60")]
    F5_3Vid60,
    #[default]
    #[strum(serialize = "F6_4_VID60X")]
    F6_4Vid60x,
}

face::named!(Mode);

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
    /// For a face that came as JSON: whether this server signed it as it is.
    pub verified: Option<bool>,
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

//! A face: one person's face in one picture, and its measurements.
//!
//! Sessions keep the serialised form: a new version of it must read the old one until the longest session is over.

use face::values::picture::{ImageType, Landmarks, Quality};
use face::values::score::Score;
use face::values::template::Template;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray, VariantNames};

use super::{FaceId, Moment};

/// The vendor's names for biometric algorithms. Clients hard-code them: a face reports the name that the client asked
/// for, and this server's networks serve them all.
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

/// A face of the contract. The fields that are present depend on its origin.
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
    /// For a face that came as JSON: true if this server signed it and it is unchanged.
    pub verified: Option<bool>,
    pub created: Option<Moment>,
    pub expires: Option<Moment>,
}

/// The comparison of two faces.
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

//! A liveness replay: what is asked of a person before a camera, and what was seen.
//!
//! What is serialised is kept by sessions: until the longest of them is over, a new form must read the old one.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Where a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LivenessStatus {
    /// The capture has not come yet.
    Initialized,
    InProgress,
    /// A living person, who did what was asked.
    Success,
    /// Not performed, nobody or several people, or too bad to tell.
    Failed,
    /// An attack was seen.
    Spoof,
    /// The capture did not come in time.
    Timeout,
    /// A fault of this server, or a capture that no node survives.
    Error,
}

face::named!(LivenessStatus);

/// The recording that a capture may carry beside its frames.
#[derive(Clone, PartialEq, Eq)]
pub struct Video {
    pub content_type: String,
    pub bytes: Bytes,
}

impl fmt::Debug for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Video({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceInfo {
    pub device_model: Option<String>,
    pub os_type: Option<String>,
    pub os_version: Option<String>,
    /// The camera, as its driver calls it.
    pub camera: Option<String>,
}

/// Parts of the names of programs that show a film to other programs as if it were a camera's, in lower case.
const VIRTUAL_CAMERAS: [&str; 12] = [
    "virtual",
    "obs-camera",
    "obs camera",
    "manycam",
    "xsplit",
    "snap camera",
    "v4l2loopback",
    "loopback",
    "vcam",
    "e2esoft",
    "camtwist",
    "splitcam",
];

impl DeviceInfo {
    /// True if the camera says itself that it is none, `None` if it has no name. One that hides it is not found this way.
    pub fn is_virtual(&self) -> Option<bool> {
        let name = self.camera.as_ref()?.to_lowercase();
        Some(VIRTUAL_CAMERAS.iter().any(|part| name.contains(part)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SdkInfo {
    pub sdk_version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_that_say_that_they_are_none_are_known() {
        let is_virtual =
            |name: &str| DeviceInfo { camera: Some(name.to_owned()), ..DeviceInfo::default() }.is_virtual();
        for name in
            ["OBS Virtual Camera", "ManyCam Virtual Webcam", "Dummy video device (v4l2loopback)", "e2eSoft VCam"]
        {
            assert_eq!(is_virtual(name), Some(true), "{name}");
        }
        for name in ["FaceTime HD Camera", "Integrated Webcam (0bda:5689)", "camera2 1, facing front", ""] {
            assert_eq!(is_virtual(name), Some(false), "{name}");
        }
        assert_eq!(DeviceInfo::default().is_virtual(), None);
    }
}

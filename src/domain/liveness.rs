//! A liveness replay: its state, and the data that a capture carries besides its frames.
//!
//! Sessions keep the serialised form: a new version of it must read the old one until the longest session is over.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LivenessStatus {
    /// The capture has not arrived yet.
    Initialized,
    InProgress,
    /// A living person did what was asked.
    Success,
    /// The challenge was not performed, no face or several faces were seen, or the capture was too poor to decide.
    Failed,
    /// An attack was detected.
    Spoof,
    /// The capture did not arrive in time.
    Timeout,
    /// The server failed, or every node crashed on the capture.
    Error,
}

face::named!(LivenessStatus);

/// The video that a capture may carry besides its frames.
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
    /// The name of the camera, as its driver gives it.
    pub camera: Option<String>,
}

/// Parts of the names of programs that show films to other programs as if they were a camera, in lower case.
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
    /// True if the name of the camera is that of a virtual one; `None` without a name. A virtual camera that hides its
    /// name is not detected.
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

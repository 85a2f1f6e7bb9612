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
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SdkInfo {
    pub sdk_version: Option<String>,
}

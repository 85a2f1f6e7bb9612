//! The sealed capture of a liveness check: what a client recorded, readable by the server alone and good for one check.
//!
//! It is a CBOR map (RFC 8949) in a JWE in compact form (RFC 7516), whose key one of the server's certificates gives.
//! `docs/capture.md` says it to those who write clients.

use std::fmt;

use face::values::lights::{LIGHT_MS, LIGHTS};
use face::values::liveness::{FRAMES_MAX, Frame, LivenessType};

use crate::capture::key::Keys;
use crate::domain::liveness::{DeviceInfo, SdkInfo, Video};

mod cbor;
mod content;
pub mod jwe;
pub mod key;

/// Of the CBOR map.
pub const PLAIN_BYTES_MAX: usize = 20 << 20;
/// Of the JWE: a third more, and its header.
pub const SEALED_BYTES_MAX: usize = PLAIN_BYTES_MAX / 3 * 4 + (16 << 10);
/// From the first frame to the last.
pub const DURATION_MS_MAX: u32 = 30_000;
/// Of a frame: clients scale their pictures down.
pub const SIDE_MAX: u32 = 1280;
/// What a video may be.
pub const VIDEO_TYPES: [&str; 2] = ["video/webm", "video/mp4"];

/// From one colour of a check by light to the next: pages are late now and then, and never early.
const LIGHT_APART_MS: std::ops::Range<u32> = LIGHT_MS - 50..2 * LIGHT_MS;

/// Of what a client says of itself and of the check.
const TEXT_LEN_MAX: usize = 256;

/// Why a capture was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the capture is not a JWE in compact form: {0}")]
    NotJwe(&'static str),
    #[error("the capture is encrypted by '{0}', which is not supported")]
    Algorithm(String),
    #[error("the capture is encrypted for a key that is not this server's")]
    UnknownKey,
    /// The wrong key, or damage: there is no telling which.
    #[error("the capture cannot be decrypted")]
    NotDecrypted,
    /// What was sealed is no capture; says why.
    #[error("what was sealed is not a capture: {0}")]
    NotCapture(String),
    #[error("the capture has version {0}, and this server reads version 1")]
    Version(i128),
    #[error("the capture has more than {PLAIN_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the capture has {0} frames, and may have 1 to {FRAMES_MAX}")]
    Frames(usize),
    #[error("the capture lasts {0} ms, and may last {DURATION_MS_MAX}")]
    TooLong(u32),
    #[error("frame {0} is not later than the one before")]
    OutOfOrder(usize),
    /// By its place; says why.
    #[error("frame {0} {1}")]
    Frame(usize, String),
    #[error("a video of type '{0}' is not supported")]
    VideoType(String),
    #[error("the capture was made for another liveness check")]
    OtherCheck,
    #[error("the capture repeats the random number of another liveness check, or an earlier one")]
    OtherRandom,
    #[error("the capture was made for {0}")]
    OtherType(LivenessType),
    /// Says what is wrong with them.
    #[error("the capture's 'lights' {0}")]
    Lights(&'static str),
    /// A fault of this side; says which.
    #[error("keys for captures: {0}")]
    Failed(&'static str),
}

/// What a client recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct Capture {
    /// The name of the check it was made for.
    pub id: String,
    /// The check's random number.
    pub server_random: [u8; 32],
    pub liveness_type: LivenessType,
    pub sdk: Option<SdkInfo>,
    pub device: Option<DeviceInfo>,
    /// The text that the person agreed to before the film.
    pub consent_version: Option<String>,
    /// 1 to [`FRAMES_MAX`], each later than the one before.
    pub frames: Vec<Frame>,
    /// When each colour of a check by light came on, in milliseconds as frames count them; empty of other checks.
    pub lights: Vec<u32>,
    pub video: Option<Video>,
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({}, {}, {} frames)", self.id, self.liveness_type, self.frames.len())
    }
}

/// Encrypts a capture for the holder of a certificate's key, in DER.
pub fn seal(certificate: &[u8], capture: &Capture) -> Result<String, Error> {
    jwe::seal(certificate, &capture.encode())
}

/// Decrypts and checks a capture.
pub fn open(keys: &Keys, sealed: &[u8]) -> Result<Capture, Error> {
    if sealed.len() > SEALED_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    Capture::decode(&jwe::open(keys, sealed)?.into())
}

impl Capture {
    /// Refuses a capture that was made for another check.
    pub fn check_binding(&self, id: &str, server_random: &[u8; 32], liveness_type: LivenessType) -> Result<(), Error> {
        if self.id != id {
            return Err(Error::OtherCheck);
        }
        if self.server_random != *server_random {
            return Err(Error::OtherRandom);
        }
        if self.liveness_type != liveness_type {
            return Err(Error::OtherType(self.liveness_type));
        }
        Ok(())
    }

    /// Refuses a capture that does not say when it showed each colour of a check by light.
    pub fn check_lights(&self) -> Result<(), Error> {
        if self.lights.len() != LIGHTS {
            return Err(Error::Lights("are not a time for each colour"));
        }
        let is_apart = |pair: &[u32]| pair[1].checked_sub(pair[0]).is_some_and(|ms| LIGHT_APART_MS.contains(&ms));
        if !self.lights.windows(2).all(is_apart) {
            return Err(Error::Lights("do not come one after the other, half a second apart"));
        }
        let ends_ms = self.lights.last().map_or(0, |last| last.saturating_add(LIGHT_MS));
        if self.frames.last().is_none_or(|last| last.t_ms < ends_ms) {
            return Err(Error::Lights("go on for longer than the film"));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let sdk_version = self.sdk.as_ref().and_then(|sdk| sdk.sdk_version.as_ref());
        let too_long = [Some(&self.id), self.consent_version.as_ref(), sdk_version];
        let device =
            self.device.iter().flat_map(|of| [&of.device_model, &of.os_type, &of.os_version, &of.camera]).flatten();
        if too_long.into_iter().flatten().chain(device).any(|text| text.len() > TEXT_LEN_MAX) {
            return Err(Error::NotCapture(format!("a text has more than {TEXT_LEN_MAX} bytes")));
        }
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else {
            return Err(Error::Frames(0));
        };
        if let Some(place) = self.frames.windows(2).position(|pair| pair[1].t_ms <= pair[0].t_ms) {
            return Err(Error::OutOfOrder(place + 1));
        }
        let duration_ms = last.t_ms - first.t_ms;
        if duration_ms > DURATION_MS_MAX {
            return Err(Error::TooLong(duration_ms));
        }
        self.frames.iter().enumerate().try_for_each(|(place, frame)| check_frame(place, frame))
    }
}

/// Reads its header alone.
fn check_frame(place: usize, frame: &Frame) -> Result<(), Error> {
    let size = face::image::jpeg_size(&frame.jpeg);
    let (width, height) = size.ok_or_else(|| Error::Frame(place, "is not a JPEG picture".to_owned()))?;
    if width.max(height) > SIDE_MAX {
        return Err(Error::Frame(place, format!("is {width} x {height} pixels; at most {SIDE_MAX} are allowed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

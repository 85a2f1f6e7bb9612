//! The sealed capture of a liveness check: a client's recording that only the server can read, bound to one check.
//!
//! It is a CBOR map (RFC 8949) in a JWE in compact form (RFC 7516), encrypted to one of the server's certificates.
//! `docs/capture.md` describes the format for authors of clients.

use std::fmt;

use face::values::lights::{LIGHT_MS, LIGHTS};
use face::values::liveness::{FRAMES_MAX, Frame, LivenessType};

use crate::capture::key::Keys;
use crate::domain::liveness::{DeviceInfo, SdkInfo, Video};

mod cbor;
mod content;
pub mod jwe;
pub mod key;

/// The most bytes of the CBOR map.
pub const PLAIN_BYTES_MAX: usize = 20 << 20;
/// The most bytes of the JWE: a third more for base64, and its header.
pub const SEALED_BYTES_MAX: usize = PLAIN_BYTES_MAX / 3 * 4 + (16 << 10);
/// The longest time from the first frame to the last.
pub const DURATION_MS_MAX: u32 = 30_000;
/// The longest side of a frame, in pixels: clients scale their pictures down.
pub const SIDE_MAX: u32 = 1280;
/// The content types that a video may have.
pub const VIDEO_TYPES: [&str; 2] = ["video/webm", "video/mp4"];

/// The allowed time from one colour of a light challenge to the next: a page may be late, but never early.
const LIGHT_APART_MS: std::ops::Range<u32> = LIGHT_MS - 50..2 * LIGHT_MS;

/// The longest text that a client may say about itself and the check, in bytes.
const TEXT_LEN_MAX: usize = 256;

/// The reason why a capture was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the capture is not a JWE in compact form: {0}")]
    NotJwe(&'static str),
    #[error("the capture is encrypted with '{0}', which is not supported")]
    Algorithm(String),
    #[error("the capture is encrypted for an unknown key")]
    UnknownKey,
    /// The key is wrong or the capture is damaged; these cannot be told apart.
    #[error("the capture cannot be decrypted")]
    NotDecrypted,
    /// The decrypted bytes are not a capture; says why.
    #[error("the decrypted content is not a capture: {0}")]
    NotCapture(String),
    #[error("the capture has version {0}, and this server reads version 1")]
    Version(i128),
    #[error("the capture has more than {PLAIN_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the capture has {0} frames; 1 to {FRAMES_MAX} are allowed")]
    Frames(usize),
    #[error("the capture lasts {0} ms; at most {DURATION_MS_MAX} are allowed")]
    TooLong(u32),
    #[error("frame {0} is not later than the previous frame")]
    OutOfOrder(usize),
    /// A frame, by its index, is not valid; says why.
    #[error("frame {0} {1}")]
    Frame(usize, String),
    #[error("a video of type '{0}' is not supported")]
    VideoType(String),
    #[error("the capture was made for another liveness check")]
    OtherCheck,
    #[error("the capture repeats the random number of another or an earlier liveness check")]
    OtherRandom,
    #[error("the capture was made for {0}")]
    OtherType(LivenessType),
    /// The times of the lights are not valid; says why.
    #[error("the capture's 'lights' {0}")]
    Lights(&'static str),
    /// The version that the provider asks for.
    #[error("the capture does not say that the person agreed to version '{0}' of the provider's text")]
    NoConsent(String),
    #[error("the person agreed to version '{agreed}' of the provider's text, and the current one is '{current}'")]
    OtherConsent { agreed: String, current: String },
    /// A failure of the server itself; says which.
    #[error("a capture key failed: {0}")]
    Failed(&'static str),
}

/// The recording of a client.
#[derive(Clone, PartialEq, Eq)]
pub struct Capture {
    /// The id of the check that the capture was made for.
    pub id: String,
    /// The random number of that check.
    pub server_random: [u8; 32],
    pub liveness_type: LivenessType,
    pub sdk: Option<SdkInfo>,
    pub device: Option<DeviceInfo>,
    /// The attestation of the client, unverified: any text. It stands in `deviceInfo`.
    pub attestation: Option<String>,
    /// The version of the text that the person agreed to before the film.
    pub consent_version: Option<String>,
    /// 1 to [`FRAMES_MAX`] frames, each later than the one before.
    pub frames: Vec<Frame>,
    /// The time when each colour of a light challenge came on, in milliseconds on the clock of the frames; empty for
    /// other checks.
    pub lights: Vec<u32>,
    pub video: Option<Video>,
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({}, {}, {} frames)", self.id, self.liveness_type, self.frames.len())
    }
}

/// Encrypts a capture for the holder of a certificate's key; the certificate is in DER.
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

    /// Refuses a capture before which the person did not agree to this version of the provider's text.
    pub fn check_consent(&self, current: &str) -> Result<(), Error> {
        match &self.consent_version {
            Some(agreed) if agreed == current => Ok(()),
            Some(agreed) => Err(Error::OtherConsent { agreed: agreed.clone(), current: current.to_owned() }),
            None => Err(Error::NoConsent(current.to_owned())),
        }
    }

    /// Refuses a capture whose times for the colours of a light challenge are missing or not plausible.
    pub fn check_lights(&self) -> Result<(), Error> {
        if self.lights.len() != LIGHTS {
            return Err(Error::Lights("do not have one time for each colour"));
        }
        let is_apart = |pair: &[u32]| pair[1].checked_sub(pair[0]).is_some_and(|ms| LIGHT_APART_MS.contains(&ms));
        if !self.lights.windows(2).all(is_apart) {
            return Err(Error::Lights("are not half a second apart, one after the other"));
        }
        let ends_ms = self.lights.last().map_or(0, |last| last.saturating_add(LIGHT_MS));
        if self.frames.last().is_none_or(|last| last.t_ms < ends_ms) {
            return Err(Error::Lights("last longer than the film"));
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

/// Checks a frame by the header of its JPEG alone.
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

//! Encodes and decodes a capture as CBOR.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use face::values::lights::LIGHTS;
use face::values::liveness::{FRAMES_MAX, Frame, LivenessType};

use crate::capture::cbor::{Reader, Sent, Writer};
use crate::capture::{Capture, Error, PLAIN_BYTES_MAX, TEXT_LEN_MAX, VIDEO_TYPES};
use crate::domain::liveness::{DeviceInfo, SdkInfo, Video};

const VERSION: u8 = 1;
const NO_DEVICE: DeviceInfo = DeviceInfo { device_model: None, os_type: None, os_version: None, camera: None };
/// Space for texts and names, besides pictures and video.
const BESIDE_BYTES: usize = 16 << 10;

impl Capture {
    /// Encodes the capture as CBOR.
    pub fn encode(&self) -> Vec<u8> {
        let pictures: usize = self.frames.iter().map(|frame| frame.jpeg.len()).sum();
        let film = self.video.as_ref().map_or(0, |video| video.bytes.len());
        let mut writer = Writer::with_capacity(pictures + film + BESIDE_BYTES);
        let optional = [
            self.sdk.is_some(),
            self.device.is_some() || self.attestation.is_some(),
            self.consent_version.is_some(),
            !self.lights.is_empty(),
            self.video.is_some(),
        ];
        writer.map(5 + optional.into_iter().filter(|is_there| *is_there).count());
        writer.name("version").integer(VERSION.into());
        writer.name("id").text(&self.id);
        writer.name("serverRandom").bytes(&self.server_random);
        writer.name("mode").text(self.liveness_type.name());
        if let Some(SdkInfo { sdk_version }) = &self.sdk {
            writer.name("sdkInfo").texts(&[("sdkVersion", sdk_version)]);
        }
        if self.device.is_some() || self.attestation.is_some() {
            let DeviceInfo { device_model, os_type, os_version, camera } = self.device.as_ref().unwrap_or(&NO_DEVICE);
            writer.name("deviceInfo").texts(&[
                ("deviceModel", device_model),
                ("osType", os_type),
                ("osVersion", os_version),
                ("camera", camera),
                ("attestation", &self.attestation),
            ]);
        }
        if let Some(version) = &self.consent_version {
            writer.name("consentVersion").text(version);
        }
        writer.name("frames").list(self.frames.len());
        for frame in &self.frames {
            writer.map(2);
            writer.name("t_ms").integer(frame.t_ms);
            writer.name("jpeg").bytes(&frame.jpeg);
        }
        if !self.lights.is_empty() {
            writer.name("lights").list(self.lights.len());
            self.lights.iter().for_each(|ms| writer.integer(*ms));
        }
        if let Some(video) = &self.video {
            writer.name("video").map(2);
            writer.name("contentType").text(&video.content_type);
            writer.name("bytes").bytes(&video.bytes);
        }
        writer.into_bytes()
    }

    /// Decodes and checks a capture. Frames and video are slices of `encoded`, not copies.
    pub fn decode(encoded: &Bytes) -> Result<Self, Error> {
        if encoded.len() > PLAIN_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        check_version(encoded)?;
        let mut reader = Reader::new(encoded);
        let (mut id, mut server_random, mut liveness_type) = (None, None, None);
        let (mut sdk_info, mut device_info, mut all_frames, mut film) = (None, None, None, None);
        let (mut attestation, mut consent_version, mut lights) = (None, None, vec![]);
        reader.map("the capture", |reader, name| {
            match name {
                "id" => id = Some(reader.text(name)?),
                "serverRandom" => server_random = Some(random(reader.sent(name)?)?),
                "mode" => liveness_type = Some(mode(&reader.text(name)?)?),
                "sdkInfo" => sdk_info = Some(sdk(reader)?),
                "deviceInfo" => (device_info, attestation) = device(reader)?,
                "consentVersion" => consent_version = Some(reader.text(name)?),
                "frames" => all_frames = Some(frames(reader)?),
                "lights" => lights = times(reader)?,
                "video" => film = Some(video(reader)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        reader.end()?;
        let capture = Self {
            id: id.ok_or_else(|| missing("the capture", "id"))?,
            server_random: server_random.ok_or_else(|| missing("the capture", "serverRandom"))?,
            liveness_type: liveness_type.ok_or_else(|| missing("the capture", "mode"))?,
            sdk: sdk_info,
            device: device_info,
            attestation,
            consent_version,
            frames: all_frames.ok_or_else(|| missing("the capture", "frames"))?,
            lights,
            video: film,
        };
        capture.check()?;
        Ok(capture)
    }
}

/// Checks the version before everything else, since another version may have other members.
fn check_version(encoded: &Bytes) -> Result<(), Error> {
    let mut version = None;
    Reader::new(encoded).map("the capture", |reader, name| {
        let is_version = name == "version";
        if is_version {
            version = Some(reader.integer(name)?);
        }
        Ok(is_version)
    })?;
    match version.ok_or_else(|| missing("the capture", "version"))? {
        version if version == VERSION.into() => Ok(()),
        other => Err(Error::Version(other)),
    }
}

fn missing(whose: &str, name: &str) -> Error {
    Error::NotCapture(format!("{whose} has no '{name}'"))
}

fn mode(name: &str) -> Result<LivenessType, Error> {
    let shortened = || name.chars().take(TEXT_LEN_MAX).collect::<String>();
    name.parse().map_err(|_| Error::NotCapture(format!("'{}' is not a mode", shortened())))
}

/// Reads 32 bytes, which may be a byte string or a base64 text.
fn random(sent: Sent) -> Result<[u8; 32], Error> {
    let bytes = match sent {
        Sent::Bytes(bytes) => bytes,
        Sent::Text(text) => STANDARD.decode(text).unwrap_or_default().into(),
    };
    bytes.as_ref().try_into().map_err(|_| Error::NotCapture("'serverRandom' is not 32 bytes".to_owned()))
}

fn frames(reader: &mut Reader) -> Result<Vec<Frame>, Error> {
    let mut frames = vec![];
    let count = reader.list("frames", FRAMES_MAX, |reader| {
        frames.push(frame(reader)?);
        Ok(())
    })?;
    if (1..=FRAMES_MAX).contains(&count) { Ok(frames) } else { Err(Error::Frames(count)) }
}

fn frame(reader: &mut Reader) -> Result<Frame, Error> {
    let (mut t_ms, mut jpeg) = (None, None);
    reader.map("a frame", |reader, name| {
        match name {
            "t_ms" => t_ms = Some(milliseconds(name, reader)?),
            "jpeg" => jpeg = Some(reader.bytes(name)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let (t_ms, jpeg) =
        (t_ms.ok_or_else(|| missing("a frame", "t_ms"))?, jpeg.ok_or_else(|| missing("a frame", "jpeg"))?);
    Ok(Frame { t_ms, jpeg })
}

/// Reads the times of the lights, at most one for each colour. Only a light challenge requires all of them.
fn times(reader: &mut Reader) -> Result<Vec<u32>, Error> {
    let mut times = vec![];
    let count = reader.list("lights", LIGHTS, |reader| {
        times.push(milliseconds("lights", reader)?);
        Ok(())
    })?;
    if count > LIGHTS { Err(Error::Lights("do not have one time for each colour")) } else { Ok(times) }
}

fn milliseconds(name: &str, reader: &mut Reader) -> Result<u32, Error> {
    let number = reader.integer(name)?;
    number.try_into().map_err(|_| Error::NotCapture(format!("'{name}' is not a number of milliseconds")))
}

fn sdk(reader: &mut Reader) -> Result<SdkInfo, Error> {
    let mut sdk = SdkInfo::default();
    reader.map("sdkInfo", |reader, name| {
        match name {
            "sdkVersion" => sdk.sdk_version = Some(reader.text(name)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(sdk)
}

/// Reads `deviceInfo`; returns the device, unless nothing is stated about it, and the attestation of the client.
fn device(reader: &mut Reader) -> Result<(Option<DeviceInfo>, Option<String>), Error> {
    let (mut device, mut attestation) = (DeviceInfo::default(), None);
    reader.map("deviceInfo", |reader, name| {
        let member = match name {
            "deviceModel" => &mut device.device_model,
            "osType" => &mut device.os_type,
            "osVersion" => &mut device.os_version,
            "camera" => &mut device.camera,
            "attestation" => &mut attestation,
            _ => return Ok(false),
        };
        *member = Some(reader.text(name)?);
        Ok(true)
    })?;
    let is_stated = device != DeviceInfo::default() || attestation.is_none();
    Ok((is_stated.then_some(device), attestation))
}

fn video(reader: &mut Reader) -> Result<Video, Error> {
    let (mut content_type, mut bytes) = (None, None);
    reader.map("video", |reader, name| {
        match name {
            "contentType" => content_type = Some(video_type(&reader.text(name)?)?),
            "bytes" => bytes = Some(reader.bytes(name)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let content_type = content_type.ok_or_else(|| missing("video", "contentType"))?;
    Ok(Video { content_type: content_type.to_owned(), bytes: bytes.ok_or_else(|| missing("video", "bytes"))? })
}

/// Finds the type of a video, and ignores parameters after a semicolon, such as the codec.
fn video_type(content_type: &str) -> Result<&'static str, Error> {
    let known = VIDEO_TYPES.into_iter().find(|known| content_type.split(';').next() == Some(known));
    known.ok_or_else(|| Error::VideoType(content_type.chars().take(TEXT_LEN_MAX).collect()))
}

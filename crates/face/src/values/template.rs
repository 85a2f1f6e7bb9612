//! A biometric template, in memory and as text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use half::f16;
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 2] = b"BT";
/// The formats that are read. The first one has no quality.
const FORMATS: [u8; 2] = [1, 2];
/// Length of `MAGIC`, format, template version and dimension.
const HEAD_LEN: usize = 7;
const QUALITY_LEN: usize = 2;
const CRC_LEN: usize = 4;
/// The longest template that is read: far above any recognizer's.
const DIMENSION_MAX: usize = 4096;

/// The description of a face by the recognizers of a pack: a vector of length one.
///
/// Its values are always exact in 16-bit floats, so that a template has the same scores after [`Template::encode`] and
/// [`Template::decode`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Template {
    version: u16,
    /// The quality of the picture that it was made from.
    quality: Option<i16>,
    values: Vec<f32>,
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.encode()
    }
}

impl TryFrom<String> for Template {
    type Error = Damage;

    fn try_from(text: String) -> Result<Self, Damage> {
        Self::decode(&text)
    }
}

/// Never shows the values: a template is personal data.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template(version {}, {} values)", self.version, self.values.len())
    }
}

/// The reasons why a text is not a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it is not base64url")]
    Text,
    #[error("it does not begin as a template does")]
    Head,
    #[error("its length does not match its dimension")]
    Length,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its values are not a valid face template")]
    Values,
}

impl Template {
    /// Scales `values` to length one and rounds them to 16-bit floats; `None` if they are all zero, not finite, or too
    /// many.
    pub fn new(version: u16, values: &[f32]) -> Option<Self> {
        let length = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
        let usable = length.is_finite() && length > 1e-6 && values.len() <= DIMENSION_MAX;
        let values = values.iter().map(|v| f16::from_f64(f64::from(*v) / length).to_f32()).collect();
        usable.then_some(Self { version, quality: None, values })
    }

    /// Returns the same template, made from a picture of this quality.
    #[must_use]
    pub fn with_quality(self, quality: i32) -> Self {
        let quality = quality.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        Self { quality: Some(quality), ..self }
    }

    /// Returns the quality of the picture that it was made from; `None` for templates in the first format.
    pub fn quality(&self) -> Option<i32> {
        self.quality.map(i32::from)
    }

    pub fn version(&self) -> u16 {
        self.version
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the cosine of the angle between two templates, -1..1; zero if their dimensions differ.
    pub fn cosine(&self, other: &Self) -> f64 {
        if self.values.len() != other.values.len() {
            return 0.0;
        }
        let (mut dot, mut own, mut others) = (0.0f64, 0.0f64, 0.0f64);
        for (a, b) in self.values.iter().zip(&other.values) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            dot += a * b;
            own += a * a;
            others += b * b;
        }
        (dot / (own * others).sqrt()).clamp(-1.0, 1.0)
    }

    /// Encodes as base64url of `"BT"`, format (u8), version (u16), dimension (u16), quality (i16, not in format 1),
    /// values (f16), CRC-32; little endian.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(HEAD_LEN + QUALITY_LEN + 2 * self.values.len() + CRC_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMATS[usize::from(self.quality.is_some())]);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(self.values.len() as u16).to_le_bytes());
        bytes.extend(self.quality.into_iter().flat_map(i16::to_le_bytes));
        for value in &self.values {
            bytes.extend_from_slice(&f16::from_f32(*value).to_le_bytes());
        }
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Template::encode`] wrote; padding at the end is allowed.
    pub fn decode(text: &str) -> Result<Self, Damage> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| Damage::Text)?;
        let (head, rest) = bytes.split_at_checked(HEAD_LEN).ok_or(Damage::Head)?;
        if &head[..2] != MAGIC || !FORMATS.contains(&head[2]) {
            return Err(Damage::Head);
        }
        let version = u16::from_le_bytes([head[3], head[4]]);
        let dimension = usize::from(u16::from_le_bytes([head[5], head[6]]));
        let start = HEAD_LEN + if head[2] == FORMATS[0] { 0 } else { QUALITY_LEN };
        if dimension == 0 || dimension > DIMENSION_MAX || rest.len() != start - HEAD_LEN + 2 * dimension + CRC_LEN {
            return Err(Damage::Length);
        }
        let (body, crc) = bytes.split_at(bytes.len() - CRC_LEN);
        if crc32fast::hash(body).to_le_bytes() != *crc {
            return Err(Damage::Checksum);
        }
        let values: Vec<f32> = body[start..].as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect();
        let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        if !(0.9..1.1).contains(&length) {
            return Err(Damage::Values);
        }
        let quality = (start > HEAD_LEN).then(|| i16::from_le_bytes([body[HEAD_LEN], body[HEAD_LEN + 1]]));
        Ok(Self { version, quality, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template::new(3, &[0.5, -2.0, 1.25, 0.0]).expect("it is not zero")
    }

    #[test]
    fn it_survives_its_text() {
        for template in [template(), template().with_quality(-120)] {
            let text = template.encode();
            assert_eq!(Template::decode(&text), Ok(template.clone()));
            assert_eq!(Template::decode(&format!("{text}==")), Ok(template));
        }
        assert_eq!(template().with_quality(1 << 20).quality(), Some(i16::MAX.into()));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = template().with_quality(7).encode();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("it is ASCII");
            assert!(Template::decode(&changed).is_err(), "character {at}");
        }
        assert_eq!(Template::decode("no template!"), Err(Damage::Text));
        assert_eq!(Template::decode(""), Err(Damage::Head));
        let bytes = URL_SAFE_NO_PAD.decode(text).expect("it is base64url");
        assert_eq!(Template::decode(&URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() - 1])), Err(Damage::Length));
    }

    #[test]
    fn the_cosine_is_that_of_the_angle() {
        let of = |values: &[f32]| Template::new(1, values).expect("it is not zero");
        assert!((of(&[1.0, 0.0]).cosine(&of(&[1.0, 1.0])) - 0.5f64.sqrt()).abs() < 1e-3);
        assert_eq!(of(&[1.0, 0.0]).cosine(&of(&[0.0, 2.0])), 0.0);
        assert_eq!(Template::new(1, &[0.0, 0.0]), None);
        assert_eq!(Template::new(1, &[f32::NAN]), None);
    }

    #[test]
    fn it_never_shows_its_values() {
        assert_eq!(format!("{:?}", template()), "Template(version 3, 4 values)");
    }
}

//! A biometric template, in memory and as text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use half::f16;
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 2] = b"BT";
/// The formats that are read: without anything else, with the quality, with quality and years.
const FORMATS: [u8; 3] = [1, 2, 3];
/// Length of `MAGIC`, format, template version and dimension.
const HEAD_LEN: usize = 7;
/// The lengths of what stands before the values, for each format.
const TRAITS_LEN: [usize; 3] = [0, 2, 3];
const CRC_LEN: usize = 4;
/// Templates say of adults only that they are of this age or older.
const YEARS_MAX: u8 = 18;
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
    traits: Traits,
    values: Vec<f32>,
}

/// The traits of the picture that a template was made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traits {
    /// `None` for templates in the first format.
    quality: Option<i16>,
    /// The person's age in whole years as it seems, at most 18. Known only where the quality is.
    years: Option<u8>,
}

impl Traits {
    /// Returns the traits of a picture of this quality, and of a person who seems to be of this age in years.
    pub fn new(quality: i32, years: Option<f32>) -> Self {
        let years = years.map(|years| years.round().clamp(0.0, YEARS_MAX.into()) as u8);
        Self { quality: Some(quality.clamp(i16::MIN.into(), i16::MAX.into()) as i16), years }
    }

    pub fn quality(self) -> Option<i32> {
        self.quality.map(i32::from)
    }

    pub fn years(self) -> Option<i32> {
        self.years.map(i32::from)
    }

    /// Returns the place in [`FORMATS`] of the format that holds them.
    fn format(self) -> usize {
        usize::from(self.quality.is_some()) + usize::from(self.years.is_some())
    }
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
        usable.then_some(Self { version, traits: Traits::default(), values })
    }

    /// Returns the same template, made from a picture with these traits.
    #[must_use]
    pub fn with(self, traits: Traits) -> Self {
        Self { traits, ..self }
    }

    pub fn traits(&self) -> Traits {
        self.traits
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

    /// Encodes as base64url of `"BT"`, format (u8), version (u16), dimension (u16), quality (i16, not in format 1), years
    /// (u8, only in format 3), values (f16), CRC-32; little endian.
    pub fn encode(&self) -> String {
        let (Traits { quality, years }, format) = (self.traits, self.traits.format());
        let mut bytes = Vec::with_capacity(HEAD_LEN + TRAITS_LEN[format] + 2 * self.values.len() + CRC_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMATS[format]);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(self.values.len() as u16).to_le_bytes());
        bytes.extend(quality.into_iter().flat_map(i16::to_le_bytes));
        bytes.extend(years);
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
        let format = FORMATS.iter().position(|format| head[2] == *format).ok_or(Damage::Head)?;
        if &head[..2] != MAGIC {
            return Err(Damage::Head);
        }
        let version = u16::from_le_bytes([head[3], head[4]]);
        let dimension = usize::from(u16::from_le_bytes([head[5], head[6]]));
        let start = HEAD_LEN + TRAITS_LEN[format];
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
        let traits = match body[HEAD_LEN..start] {
            [low, high] => Traits { quality: Some(i16::from_le_bytes([low, high])), years: None },
            [low, high, years] => Traits { quality: Some(i16::from_le_bytes([low, high])), years: Some(years) },
            _ => Traits::default(),
        };
        Ok(Self { version, traits, values })
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
        let made_from = |quality, years| template().with(Traits::new(quality, years));
        for template in [template(), made_from(-120, None), made_from(-120, Some(7.4))] {
            let text = template.encode();
            assert_eq!(Template::decode(&text), Ok(template.clone()));
            assert_eq!(Template::decode(&format!("{text}==")), Ok(template));
        }
        let traits = made_from(1 << 20, Some(44.0)).traits();
        assert_eq!((traits.quality(), traits.years()), (Some(i16::MAX.into()), Some(18)));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = template().with(Traits::new(7, Some(3.0))).encode();
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

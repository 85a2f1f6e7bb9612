//! An age: how old a person looks in one picture.

use super::AgeId;
use super::Moment;
use super::face::Quality;

/// Of a picture in which nobody is to be seen.
pub const NO_PERSON: i32 = -10_000;

/// The kind of picture that an age is estimated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageType {
    #[default]
    Selfie,
    VideoFrame,
}

/// How old a person looks, and whether that reaches the age that was asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Age {
    /// Names this look at the picture.
    pub id: AgeId,
    /// See [`stated`]; none where nobody is to be seen, or too poorly.
    pub estimated: Option<f32>,
    /// In years.
    pub threshold: i32,
    /// SHA-256 of the image file, in lower-case hex.
    pub digest: String,
    pub image_type: ImageType,
    /// [`NO_PERSON`] where nobody is to be seen.
    pub quality: Quality,
    pub created: Moment,
}

impl Age {
    /// Whether the age, as it is stated, is the threshold or more.
    pub fn above_threshold(&self) -> Option<bool> {
        self.estimated.map(|years| is_above(years, self.threshold))
    }
}

/// Whether an age, as it is stated, is the threshold or more.
pub fn is_above(years: f32, threshold: i32) -> bool {
    years >= threshold as f32
}

/// An age as answers state it: in years, to a tenth.
pub fn stated(years: f32) -> f32 {
    (10.0 * years).round() / 10.0
}

/// Whether a face shows enough for an age to be stated: the same line below which another picture is asked for.
pub fn is_enough(quality: &Quality) -> bool {
    quality.value >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(estimated: Option<f32>) -> Age {
        Age {
            id: AgeId::new(),
            estimated,
            threshold: 18,
            digest: String::new(),
            image_type: ImageType::Selfie,
            quality: Quality { value: 100, reasons: vec![] },
            created: Moment::new(chrono::DateTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn what_is_stated_is_what_is_compared() {
        assert_eq!((stated(17.96), stated(17.94), stated(0.04)), (18.0, 17.9, 0.0));
        for (years, is_above) in [(17.94, false), (17.96, true), (18.0, true)] {
            assert_eq!(age(Some(stated(years))).above_threshold(), Some(is_above), "{years}");
        }
        assert_eq!(age(None).above_threshold(), None);
    }
}

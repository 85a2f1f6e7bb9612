//! An age: the apparent age of a person in one picture.

use face::age;
use face::values::picture::Quality;

use super::{AgeId, Moment};

/// The kind of picture that an age is estimated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageType {
    #[default]
    Selfie,
    VideoFrame,
}

/// The apparent age of a person, and the threshold that the caller asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Age {
    /// The id of this estimate.
    pub id: AgeId,
    /// The estimate as [`age::stated`] returns it; `None` if no person is visible, or not well enough.
    pub estimated: Option<f32>,
    /// The threshold in years.
    pub threshold: i32,
    /// SHA-256 of the image file, in lower-case hex.
    pub digest: String,
    pub image_type: ImageType,
    /// [`age::NO_PERSON`] if no person is visible.
    pub quality: Quality,
    pub created: Moment,
}

impl Age {
    /// True if the stated age is the threshold or more; `None` without an estimate.
    pub fn above_threshold(&self) -> Option<bool> {
        self.estimated.map(|years| age::is_above(years, self.threshold))
    }
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
    fn an_age_reaches_its_threshold_or_is_unknown() {
        for (years, is_above) in [(17.9, false), (18.0, true)] {
            assert_eq!(age(Some(years)).above_threshold(), Some(is_above), "{years}");
        }
        assert_eq!(age(None).above_threshold(), None);
    }
}

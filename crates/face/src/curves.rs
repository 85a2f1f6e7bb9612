//! The calibration curves of a pack: one for any two pictures, and others for pictures of two types.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ComparedFace;
use crate::calibration::Calibration;
use crate::discount::Discounts;
use crate::values::picture::ImageType;
use crate::values::score::Score;
use crate::values::template::Template;

/// The types of two pictures; either picture may be the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Types {
    first: ImageType,
    /// Not below the first.
    second: ImageType,
}

impl Types {
    pub fn new(a: ImageType, b: ImageType) -> Self {
        Self { first: a.min(b), second: a.max(b) }
    }

    pub fn differ(self) -> bool {
        self.first != self.second
    }

    /// Returns the side of such a pair, 0 or 1, on which a picture of this type stands; 0 if both types are the same.
    /// `None` for other types.
    pub fn side(self, image_type: ImageType) -> Option<usize> {
        [self.first, self.second].iter().position(|own| *own == image_type)
    }
}

/// Writes both names in the contract's words, separated by a space.
impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.first, self.second)
    }
}

impl FromStr for Types {
    type Err = String;

    /// Reads the names in either order.
    fn from_str(names: &str) -> Result<Self, String> {
        let (a, b) = names.split_once(' ').ok_or_else(|| format!("'{names}' is not two types of images"))?;
        Ok(Self::new(a.parse()?, b.parse()?))
    }
}

impl TryFrom<String> for Types {
    type Error = String;

    fn try_from(names: String) -> Result<Self, String> {
        names.parse()
    }
}

impl From<Types> for String {
    fn from(types: Types) -> Self {
        types.to_string()
    }
}

/// The calibrations of a pack, and its discounts.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// The curve for pairs of types that have no curve of their own.
    pub general: Calibration,
    pub by_types: BTreeMap<Types, Calibration>,
    /// The discounts for pairs of poor pictures and of young people.
    pub discounts: Discounts,
}

impl Curves {
    /// Returns the curve for pictures of these types.
    pub fn of(&self, types: Types) -> &Calibration {
        self.by_types.get(&types).unwrap_or(&self.general)
    }

    /// Returns the score of two faces: the curve of their types, at the discounted cosine.
    pub fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score {
        let types = Types::new(reference.image_type, candidate.image_type);
        self.of(types).score(self.discounts.cosine(reference.template, candidate.template))
    }

    /// Returns the score of two faces of one picture or one film, all of `image_type`, as if both people were adults.
    ///
    /// The discount for young people makes up for children who resemble other children. Here the question is whether one
    /// face stayed the same, and the discount would tell a child from itself.
    pub fn score_within(&self, image_type: ImageType, one: &Template, other: &Template) -> Score {
        self.of(Types::new(image_type, image_type)).score(self.discounts.cosine_as_adults(one, other))
    }
}

impl From<Calibration> for Curves {
    fn from(general: Calibration) -> Self {
        Self { general, by_types: BTreeMap::new(), discounts: Discounts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{Knot, Origin, Tail};
    use crate::discount::{Discount, Steps};
    use crate::values::template::Traits;

    fn curve(lowest: f64) -> Calibration {
        let origin = Origin {
            data: "a toy".into(),
            people: 20,
            templates: 40,
            impostor_pairs: 760,
            measured_to_percent: 0.39,
            tail: Tail { cosine: 0.9, shape: 0.0, scale: 0.01 },
        };
        let knots = [(-1.0, lowest), (1.0, lowest + 2000.0)].map(|(cosine, score)| Knot { cosine, score });
        Calibration::new(knots.into(), origin).expect("it rises")
    }

    #[test]
    fn a_pair_is_scored_by_the_curve_of_its_types() {
        let own = Types::new(ImageType::Selfie, ImageType::IdDocument);
        let curves = Curves { by_types: [(own, curve(3000.0))].into(), ..Curves::from(curve(1000.0)) };
        let template = Template::new(1, &[0.0, 1.0]).expect("it is not zero");
        let score = |reference, candidate| {
            let side = |image_type| ComparedFace { template: &template, image_type };
            curves.score(side(reference), side(candidate))
        };
        assert_eq!(score(ImageType::Selfie, ImageType::IdDocument), Score(5000.0));
        assert_eq!(score(ImageType::IdDocument, ImageType::Selfie), Score(5000.0));
        assert_eq!(score(ImageType::Selfie, ImageType::Selfie), Score(3000.0));
        assert_eq!(score(ImageType::IdDocument, ImageType::VideoFrame), Score(3000.0));
    }

    #[test]
    fn youth_lowers_no_score_within_one_picture() {
        let steps = |left| Steps::try_from(vec![Discount { below: 18, cosines: vec![[1.0, left]] }]).expect("it falls");
        let discounts = Discounts { poor: steps(0.5), young: steps(0.0) };
        let curves = Curves { discounts, ..Curves::from(curve(1000.0)) };
        let made = |quality, years| {
            Template::new(1, &[0.0, 1.0]).expect("it is not zero").with(Traits::new(quality, Some(years)))
        };
        for (quality, years, [within, between]) in
            [(200, 40.0, [3000.0; 2]), (200, 3.0, [3000.0, 2000.0]), (0, 40.0, [2500.0; 2]), (0, 3.0, [2500.0, 1500.0])]
        {
            let template = made(quality, years);
            let face = ComparedFace { template: &template, image_type: ImageType::Selfie };
            assert_eq!(curves.score_within(ImageType::Selfie, &template, &template), Score(within));
            assert_eq!(curves.score(face, face), Score(between));
        }
    }

    #[test]
    fn types_are_written_in_the_contracts_words() {
        let types: Types = "SELFIE ID_DOCUMENT".parse().expect("they are types");
        assert_eq!(types.to_string(), "ID_DOCUMENT SELFIE");
        assert_eq!((types.side(ImageType::IdDocument), types.side(ImageType::Selfie)), (Some(0), Some(1)));
        assert_eq!((types.side(ImageType::VideoFrame), types.differ()), (None, true));
        assert!("SELFIE".parse::<Types>().expect_err("it is one").contains("not two types"));
        assert!("SELFIE PASSPORT".parse::<Types>().expect_err("one is none").contains("'PASSPORT' is not one of"));
    }
}

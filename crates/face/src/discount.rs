//! Discounts the cosine of two pictures that resemble others whoever they show.
//!
//! Pictures without detail resemble each other, so a cosine means less the poorer the *better* one of two pictures is.
//! (One poor picture alone resembles nobody.) In the same way two small children resemble each other, and a child and an
//! adult do not, so a cosine means less the younger the *older* one of two people is. A discount maps the cosine of such
//! a pair to the cosine of good pictures of adults that is as rare among different people.
//!
//! Those for poor pictures were measured on photographs that were made worse, with the kind of degradation that needs the
//! largest discount.

use serde::{Deserialize, Serialize};

use crate::values::template::{Template, Traits};

/// The discount for pairs whose better picture, or older person, is within one range of quality, or of years.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// The quality or the years are below this, and not below that of the next discount.
    pub below: i32,
    /// Cosines of such pairs, each with the cosine of good pictures of adults that is as rare; both rise.
    pub cosines: Vec<[f64; 2]>,
}

/// The discounts of a pack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discounts {
    /// By the quality of the better picture.
    pub poor: Steps,
    /// By the years of the older person.
    pub young: Steps,
}

/// Discounts from the highest quality or age to the lowest.
///
/// A value that exists has passed the checks of [`Fault`]: the discounted cosine rises with the cosine, and never rises
/// as quality or age falls.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Vec<Discount>", into = "Vec<Discount>")]
pub struct Steps(Vec<Discount>);

/// The reasons why a list holds no discounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("discount {0} has no cosines, or cosines outside -1..1")]
    Range(usize),
    #[error("the cosines of discount {0} do not rise")]
    NotRising(usize),
    #[error("discount {0} reduces a cosine less than the one before it")]
    TooMuch(usize),
    #[error("discount {0} is not for a lower quality or age than the one before it")]
    Order(usize),
}

impl Discount {
    /// Interpolates linearly between the given cosines. Outside of them, the difference is that of the nearest one.
    fn of(&self, cosine: f64) -> f64 {
        let above = self.cosines.partition_point(|[own, _]| *own <= cosine);
        let (low, high) = (above.checked_sub(1).map(|at| self.cosines[at]), self.cosines.get(above));
        match (low, high) {
            (Some([from, left]), Some(&[to, next])) => left + (next - left) * (cosine - from) / (to - from),
            (Some([own, left]), None) | (None, Some(&[own, left])) => left + cosine - own,
            (None, None) => cosine,
        }
    }
}

impl TryFrom<Vec<Discount>> for Steps {
    type Error = Fault;

    fn try_from(discounts: Vec<Discount>) -> Result<Self, Fault> {
        for (at, discount) in discounts.iter().enumerate() {
            let good = |cosine: &f64| (-1.0..=1.0).contains(cosine);
            if discount.cosines.is_empty() || !discount.cosines.iter().flatten().all(good) {
                return Err(Fault::Range(at));
            }
            if discount.cosines.windows(2).any(|two| two[0][0] >= two[1][0] || two[0][1] >= two[1][1]) {
                return Err(Fault::NotRising(at));
            }
            let better = at.checked_sub(1).map(|before| &discounts[before]);
            if better.is_some_and(|better| better.below <= discount.below) {
                return Err(Fault::Order(at));
            }
            let left_by_better = |cosine: f64| better.map_or(cosine, |better| better.of(cosine));
            let places = discount.cosines.iter().chain(better.iter().flat_map(|better| &better.cosines));
            // Manifests round to six digits.
            if places.clone().any(|[own, _]| discount.of(*own) > left_by_better(*own) + 1e-6) {
                return Err(Fault::TooMuch(at));
            }
        }
        Ok(Self(discounts))
    }
}

impl From<Steps> for Vec<Discount> {
    fn from(steps: Steps) -> Self {
        steps.0
    }
}

impl Steps {
    /// Returns the discounted cosine of two pictures or people, of which the higher value counts. There is no discount if
    /// one is not known.
    fn left(&self, cosine: f64, values: [Option<i32>; 2]) -> f64 {
        let [Some(one), Some(other)] = values else { return cosine };
        let discount = self.0.iter().rev().find(|discount| one.max(other) < discount.below);
        discount.map_or(cosine, |discount| discount.of(cosine))
    }

    pub fn all(&self) -> &[Discount] {
        &self.0
    }
}

impl Discounts {
    /// Returns the discounted cosine of two pictures with these traits.
    pub fn left(&self, cosine: f64, traits: [Traits; 2]) -> f64 {
        self.young.left(self.left_by_quality(cosine, traits), traits.map(Traits::years))
    }

    fn left_by_quality(&self, cosine: f64, traits: [Traits; 2]) -> f64 {
        self.poor.left(cosine, traits.map(Traits::quality))
    }

    /// Returns the discounted cosine of two templates.
    pub fn cosine(&self, one: &Template, other: &Template) -> f64 {
        self.left(one.cosine(other), [one.traits(), other.traits()])
    }

    /// Returns the cosine of two templates, discounted for poor pictures alone.
    pub fn cosine_as_adults(&self, one: &Template, other: &Template) -> f64 {
        self.left_by_quality(one.cosine(other), [one.traits(), other.traits()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discount(below: i32, cosines: &[[f64; 2]]) -> Discount {
        Discount { below, cosines: cosines.to_vec() }
    }

    fn toy() -> Steps {
        let some = discount(100, &[[0.3, 0.2], [0.5, 0.3], [0.7, 0.6]]);
        vec![some, discount(0, &[[0.6, 0.1]])].try_into().expect("they fall")
    }

    #[test]
    fn the_better_picture_decides() {
        let toy = toy();
        let left = |cosine: f64, one, other| (1e6 * toy.left(cosine, [one, other])).round() / 1e6;
        assert_eq!(left(0.4, Some(100), Some(-500)), 0.4);
        assert_eq!(left(0.4, None, Some(-500)), 0.4);
        assert_eq!(left(0.4, Some(99), Some(-500)), 0.25);
        assert_eq!([0.2, 0.3, 0.9].map(|cosine| left(cosine, Some(0), Some(0))), [0.1, 0.2, 0.8]);
        assert_eq!([0.2, 1.0].map(|cosine| left(cosine, Some(-1), Some(-9))), [-0.3, 0.5]);
    }

    #[test]
    fn the_older_person_decides() {
        let young: Steps = vec![discount(13, &[[0.6, 0.4]]), discount(5, &[[0.6, 0.2]])].try_into().expect("they fall");
        let discounts = Discounts { poor: toy(), young };
        let left = |one: (i32, Option<f32>), other: (i32, Option<f32>)| {
            let traits = [one, other].map(|(quality, years)| Traits::new(quality, years));
            (1e6 * discounts.left(0.5, traits)).round() / 1e6
        };
        assert_eq!(left((200, Some(3.0)), (200, Some(40.0))), 0.5);
        assert_eq!(left((200, Some(3.0)), (200, None)), 0.5);
        assert_eq!(left((200, Some(3.0)), (200, Some(12.4))), 0.3);
        assert_eq!(left((200, Some(3.0)), (200, Some(4.4))), 0.1);
        assert_eq!(left((99, Some(3.0)), (99, Some(4.4))), -0.1);
    }

    #[test]
    fn what_would_not_fall_is_refused() {
        let refused = |list: &[Discount]| Steps::try_from(list.to_vec()).expect_err("it is wrong");
        assert_eq!(refused(&[discount(1, &[])]), Fault::Range(0));
        assert_eq!(refused(&[discount(1, &[[0.1, f64::NAN]])]), Fault::Range(0));
        assert_eq!(refused(&[discount(1, &[[0.1, 0.1], [0.2, 0.1]])]), Fault::NotRising(0));
        assert_eq!(refused(&[discount(1, &[[0.1, 0.2]])]), Fault::TooMuch(0));
        let some = discount(100, &[[0.3, 0.2]]);
        assert_eq!(refused(&[some.clone(), discount(0, &[[0.3, 0.25]])]), Fault::TooMuch(1));
        assert_eq!(refused(&[some.clone(), some]), Fault::Order(1));
    }

    #[test]
    fn they_survive_the_manifest() {
        let text = toml::to_string(&toml::Table::from_iter([(
            "discount".to_owned(),
            toml::Value::try_from(toy()).expect("it is a value"),
        )]));
        let table: toml::Table = text.expect("it is a table").parse().expect("it is a table");
        assert_eq!(table["discount"].clone().try_into::<Steps>().expect("they are discounts"), toy());
    }
}

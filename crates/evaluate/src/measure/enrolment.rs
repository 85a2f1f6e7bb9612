//! The failure to enrol: pictures that give no template.

use serde::{Deserialize, Serialize};

use crate::input::collection::Collection;
use crate::input::descriptions::Descriptions;
use crate::measure::interval::{self, Interval};
use crate::measure::rates;

/// The failure-to-enrol rate, as a share of the pictures.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolment {
    pub pictures: usize,
    pub failures: usize,
    pub rate: f64,
    /// The interval under the assumption that pictures are independent.
    pub rate_by_pictures: Option<Interval>,
    /// `None` if people are unknown, or if nothing failed.
    pub rate_by_people: Option<Interval>,
}

impl Enrolment {
    pub fn new(collection: &Collection, descriptions: &Descriptions) -> Self {
        let mut people: Vec<[u32; 2]> = Vec::new();
        let mut last = None;
        for (picture, face) in collection.pictures.iter().zip(&descriptions.faces) {
            if last != Some(&picture.person) {
                people.push([0; 2]);
                last = Some(&picture.person);
            }
            if let Some([pictures, failures]) = people.last_mut() {
                *pictures += 1;
                *failures += u32::from(face.is_err());
            }
        }
        let rate = |weights: &[u32]| {
            let sums = people.iter().zip(weights).fold([0, 0], |[pictures, failures], (own, weight)| {
                [pictures + own[0] * weight, failures + own[1] * weight]
            });
            (sums[0] > 0).then(|| f64::from(sums[1]) / f64::from(sums[0]))
        };
        let (pictures, failures) =
            (descriptions.faces.len(), descriptions.faces.iter().filter(|face| face.is_err()).count());
        let drawn = if failures > 0 && collection.people().is_some() { people.len() } else { 0 };
        Self {
            pictures,
            failures,
            rate: rate(&vec![1; people.len()]).unwrap_or_default(),
            rate_by_pictures: interval::of_rate(failures as u64, pictures as u64),
            rate_by_people: rates::bootstrap(drawn, rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use face::discount::Discounts;
    use face::values::template::Template;

    use super::*;
    use crate::input::collection::{Labelled, Trials};
    use crate::input::descriptions::Described;

    /// Fifty people with four pictures each; every tenth person has no template.
    fn toy() -> (Collection, Descriptions) {
        let picture = |at: usize| Labelled { person: format!("{:02}", at / 4), ..Labelled::default() };
        let face = |at: usize| {
            let template = Template::new(1, &[1.0]).filter(|_| !(at / 4).is_multiple_of(10));
            Ok(Described { template: template.ok_or(face::Error::NoFace)?, quality: 0 })
        };
        let collection = Collection { pictures: (0..200).map(picture).collect(), ..Collection::default() };
        (
            collection,
            Descriptions {
                faces: (0..200).map(face).collect(),
                took: Duration::ZERO,
                threads: 1,
                discounts: Discounts::default(),
            },
        )
    }

    #[test]
    fn failures_of_few_people_are_less_certain_than_of_many() {
        let (mut collection, descriptions) = toy();
        let found = Enrolment::new(&collection, &descriptions);
        assert_eq!((found.pictures, found.failures, found.rate), (200, 20, 0.1));
        assert_eq!(found.rate_by_pictures, interval::of_rate(20, 200));
        let (pictures, people) = (found.rate_by_pictures.expect("some"), found.rate_by_people.expect("some"));
        assert!(people.high - people.low > 1.3 * (pictures.high - pictures.low), "{people:?} {pictures:?}");
        collection.trials = Trials::Listed(Vec::new());
        assert_eq!(Enrolment::new(&collection, &descriptions).rate_by_people, None);
    }

    #[test]
    fn without_failures_a_bound_remains() {
        let (collection, mut descriptions) = toy();
        let whole = descriptions.faces[5].clone();
        descriptions.faces.fill(whole);
        let found = Enrolment::new(&collection, &descriptions);
        assert_eq!((found.failures, found.rate, found.rate_by_people), (0, 0.0, None));
        assert!(found.rate_by_pictures.is_some_and(|interval| interval.high < 0.02 && interval.high > 0.01));
    }
}

//! Error rates by group of people, at the thresholds of all people together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::input::collection::Collection;
use crate::input::descriptions::Descriptions;
use crate::measure::figures::{AtFar, Errors};
use crate::measure::part::{self, Part};

/// The groups of one column, in the order of their names.
///
/// False matches are counted among pairs of two people of the same group, which are the hardest to tell apart, as in
/// Grother, Ngan and Hanaoka, "Face recognition vendor test part 3: demographic effects", NISTIR 8280 (2019).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    pub name: String,
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub value: String,
    /// People with at least one template, if people are known.
    pub people: Option<usize>,
    pub templates: usize,
    pub genuine_pairs: usize,
    pub impostor_pairs: u64,
    pub at_far: Vec<AtFarOfAll>,
}

/// The errors at the threshold where all people together keep to one FAR.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtFarOfAll {
    pub far: f64,
    #[serde(flatten)]
    pub errors: Errors,
}

/// Returns the columns of a collection. `of_all` has the threshold of the whole collection for each FAR; rows without a
/// threshold are skipped. Pictures, or listed pairs, with an empty value in a column belong to none of its groups.
pub fn columns(collection: &Collection, descriptions: &Descriptions, of_all: &[AtFar]) -> Vec<Column> {
    let marks: Vec<(f64, f64)> = of_all.iter().filter_map(|row| Some((row.far, row.cosine?))).collect();
    let column = |(at, name): (usize, &String)| {
        let groups =
            values(collection, at).into_iter().map(|value| group(collection, descriptions, (at, value), &marks));
        Column { name: name.clone(), groups: groups.collect() }
    };
    collection.columns.iter().enumerate().map(column).collect()
}

fn values(collection: &Collection, column: usize) -> BTreeSet<&str> {
    let pictures = collection.pictures.iter().map(|picture| &picture.groups);
    let trials = collection.listed().unwrap_or_default().iter().map(|trial| &trial.groups);
    let values = pictures.chain(trials).filter_map(|groups| groups.get(column));
    values.map(String::as_str).filter(|value| !value.is_empty()).collect()
}

fn group(collection: &Collection, descriptions: &Descriptions, group: (usize, &str), marks: &[(f64, f64)]) -> Group {
    let comparison = part::compare(collection, descriptions, Part { group: Some(group), ..Part::default() });
    let cosines: Vec<f64> = marks.iter().map(|(_, cosine)| *cosine).collect();
    let at_far = marks.iter().zip(Errors::at(&comparison, &cosines));
    Group {
        value: group.1.to_owned(),
        people: comparison.people(),
        templates: comparison.pictures(),
        genuine_pairs: comparison.genuine.len(),
        impostor_pairs: comparison.impostors.pairs,
        at_far: at_far.map(|((far, _), errors)| AtFarOfAll { far: *far, errors }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use face::discount::Discounts;
    use face::values::template::Template;

    use super::*;
    use crate::input::collection::Labelled;
    use crate::input::descriptions::Described;

    /// Twenty people with two pictures each. Neighbours in the group "near" are a degree apart, those in "far" fifteen.
    /// A person's second picture is half a degree from the first, but thirty degrees for four people of "far". One more
    /// person is in no group.
    fn toy() -> (Collection, Descriptions) {
        let labelled = |at: usize| Labelled {
            person: format!("{:02}", at / 2),
            groups: vec![
                if at / 2 == 20 {
                    ""
                } else if at < 20 {
                    "near"
                } else {
                    "far"
                }
                .into(),
            ],
            ..Labelled::default()
        };
        let face = |at: usize| {
            let person = at / 2;
            let place = if person < 10 { person as f32 } else { 40.0 + 15.0 * (person - 10) as f32 };
            let off = if (10..14).contains(&person) { 30.0 } else { 0.5 };
            let angle = (place + if at % 2 == 1 { off } else { 0.0 }).to_radians();
            let template = Template::new(1, &[angle.cos(), angle.sin()]).ok_or(face::Error::NoFace)?;
            Ok(Described { template, quality: 0 })
        };
        let collection = Collection {
            columns: vec!["distance".into()],
            pictures: (0..42).map(labelled).collect(),
            ..Collection::default()
        };
        (
            collection,
            Descriptions {
                faces: (0..42).map(face).collect(),
                took: Duration::ZERO,
                threads: 1,
                discounts: Discounts::default(),
            },
        )
    }

    #[test]
    fn each_group_has_its_own_errors_at_the_threshold_of_all() {
        let (collection, descriptions) = toy();
        let row = |far, cosine| AtFar { far, cosine, tar: None, tar_by_pairs: None, tar_by_people: None };
        let of_all = [row(1e-2, Some(10f64.to_radians().cos())), row(1e-3, None)];
        let columns = columns(&collection, &descriptions, &of_all);
        assert_eq!((columns.len(), columns[0].name.as_str()), (1, "distance"));
        let [far, near] = &columns[0].groups[..] else { panic!("{columns:?}") };
        assert_eq!((far.value.as_str(), far.people, far.genuine_pairs, far.impostor_pairs), ("far", Some(10), 10, 180));
        assert_eq!((near.value.as_str(), near.templates, near.at_far.len()), ("near", 20, 1));
        let (far, near) = (&far.at_far[0].errors, &near.at_far[0].errors);
        assert_eq!((near.fmr, near.fnmr), (Some(1.0), Some(0.0)));
        assert_eq!(far.fnmr, Some(0.4));
        assert!(far.fnmr_by_people.is_some_and(|interval| interval.low < 0.4 && interval.high > 0.4));
        assert!(far.fmr.is_some_and(|fmr| fmr < 0.1), "{far:?}");
    }
}

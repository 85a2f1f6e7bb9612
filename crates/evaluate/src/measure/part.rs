//! Selects the faces of a collection that are compared with each other.

use std::collections::BTreeSet;

use face::curves::Types;
use face::values::picture::ImageType;

use crate::input::collection::{Collection, Half, Labelled, Trial};
use crate::input::descriptions::Descriptions;
use crate::measure::comparison::{Comparison, Listed, Pairing, Sample};

/// A part of a collection; the default is the whole collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part<'a> {
    /// Only these people.
    pub half: Option<Half>,
    /// Only pictures, or listed pairs, that have this value in the column with this index.
    pub group: Option<(usize, &'a str)>,
    /// Only pairs of these two image types.
    pub types: Option<Types>,
}

/// Compares the pairs of a part.
pub fn compare(collection: &Collection, descriptions: &Descriptions, part: Part) -> Comparison {
    if let Some(trials) = collection.listed() {
        return listed(descriptions, trials.iter().filter(|trial| in_group(part, &trial.groups)));
    }
    let pairing = match part.types {
        Some(types) if types.differ() => Pairing::Across,
        _ => Pairing::All,
    };
    Comparison::discounted(&samples(collection, descriptions, part), pairing, &descriptions.discounts)
}

/// Returns the pairs of image types that occur among a collection's pictures.
pub fn types(collection: &Collection) -> Vec<Types> {
    let known: BTreeSet<ImageType> = collection.pictures.iter().filter_map(|picture| picture.image_type).collect();
    let pairs: BTreeSet<Types> = known.iter().flat_map(|a| known.iter().map(|b| Types::new(*a, *b))).collect();
    pairs.into_iter().collect()
}

fn in_group(part: Part, groups: &[String]) -> bool {
    part.group.is_none_or(|(column, value)| groups.get(column).is_some_and(|own| own == value))
}

/// Returns the samples of a part; people are renumbered from 0.
fn samples(collection: &Collection, descriptions: &Descriptions, part: Part) -> Vec<Sample> {
    let side = |picture: &Labelled| match part.types {
        None => Some(0),
        Some(types) => picture.image_type.and_then(|image_type| types.side(image_type)),
    };
    let mut samples: Vec<Sample> = Vec::new();
    let mut last: Option<&str> = None;
    for (picture, face) in collection.pictures.iter().zip(&descriptions.faces) {
        let Some(side) = side(picture) else { continue };
        if part.half.is_some_and(|half| Half::of(&picture.person) != half) || !in_group(part, &picture.groups) {
            continue;
        }
        // Pictures are sorted by person.
        let new = last != Some(&picture.person);
        let person = samples.last().map_or(0, |sample| sample.person + usize::from(new));
        last = Some(&picture.person);
        samples.push(Sample {
            person,
            template: face.as_ref().ok().map(|face| face.template.clone()),
            quality: face.as_ref().map_or(0, |face| face.quality),
            side,
        });
    }
    samples
}

fn listed<'a>(descriptions: &Descriptions, trials: impl Iterator<Item = &'a Trial>) -> Comparison {
    let mut seen = BTreeSet::new();
    let pair = |trial: &Trial| {
        let faces = trial.pictures.map(|place| descriptions.faces[place].as_ref().ok());
        let described = trial.pictures.iter().filter(|place| descriptions.faces[**place].is_ok());
        seen.extend(described.copied());
        match faces {
            [Some(a), Some(b)] => Listed {
                same: trial.same,
                cosine: descriptions.cosine(trial.pictures).map(|cosine| cosine as f32),
                quality: a.quality.min(b.quality),
            },
            _ => Listed { same: trial.same, cosine: None, quality: 0 },
        }
    };
    let pairs: Vec<Listed> = trials.map(pair).collect();
    Comparison::listed(&pairs, seen.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use face::discount::Discounts;
    use face::values::template::Template;

    use super::*;
    use crate::input::collection::Trials;
    use crate::input::descriptions::Described;

    /// Pictures ten degrees apart, of the given people and types; the quality is the angle in degrees.
    fn toy(pictures: &[(&str, Option<ImageType>, &str)]) -> (Collection, Descriptions) {
        let labelled = |(at, (person, image_type, group)): (usize, &(&str, Option<ImageType>, &str))| Labelled {
            person: (*person).into(),
            name: at.to_string(),
            image_type: *image_type,
            groups: vec![(*group).into()],
            ..Labelled::default()
        };
        let face = |at: usize| {
            let angle = (10.0 * at as f32).to_radians();
            let template = Template::new(1, &[angle.cos(), angle.sin()]).ok_or(face::Error::NoFace)?;
            Ok(Described { template, quality: 10 * at as i32 })
        };
        let collection = Collection {
            columns: vec!["light".into()],
            pictures: pictures.iter().enumerate().map(labelled).collect(),
            ..Collection::default()
        };
        let faces = (0..pictures.len()).map(face).collect();
        (collection, Descriptions { faces, took: Duration::from_secs(1), threads: 1, discounts: Discounts::default() })
    }

    const TOY: [(&str, Option<ImageType>, &str); 6] = [
        ("a", Some(ImageType::Selfie), "dim"),
        ("a", Some(ImageType::IdDocument), "dim"),
        ("b", Some(ImageType::Selfie), "dim"),
        ("b", None, "lit"),
        ("c", Some(ImageType::IdDocument), "lit"),
        ("c", Some(ImageType::Selfie), ""),
    ];

    fn counts(found: &Comparison) -> (usize, u64) {
        (found.genuine.len(), found.impostors.pairs)
    }

    #[test]
    fn parts_hold_the_pairs_they_name() {
        let (collection, descriptions) = toy(&TOY);
        let compare = |part| compare(&collection, &descriptions, part);
        assert_eq!(counts(&compare(Part::default())), (3, 12));
        let dim = Part { group: Some((0, "dim")), ..Part::default() };
        assert_eq!(counts(&compare(dim)), (1, 2));
        let both = |half| counts(&compare(Part { half: Some(half), ..Part::default() }));
        assert_eq!(both(Half::Fitted).0 + both(Half::HeldOut).0, 3);
        let typed = |a, b| compare(Part { types: Some(Types::new(a, b)), ..Part::default() });
        assert_eq!(counts(&typed(ImageType::Selfie, ImageType::Selfie)), (0, 3));
        let across = typed(ImageType::Selfie, ImageType::IdDocument);
        assert_eq!(counts(&across), (2, 4));
        assert_eq!(across.genuine[0].quality, 0);
    }

    #[test]
    fn types_that_occur_are_paired_once() {
        let (collection, _) = toy(&TOY);
        let names: Vec<String> = types(&collection).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["ID_DOCUMENT ID_DOCUMENT", "ID_DOCUMENT SELFIE", "SELFIE SELFIE"]);
        assert!(types(&Collection::default()).is_empty());
    }

    #[test]
    fn only_listed_pairs_are_compared() {
        let (mut collection, mut descriptions) = toy(&TOY);
        let trial = |a, b, same, group: &str| Trial { fold: 0, pictures: [a, b], same, groups: vec![group.into()] };
        descriptions.faces[4] = Err(face::Error::NoFace);
        collection.trials = Trials::Listed(vec![
            trial(0, 1, true, "x"),
            trial(0, 2, false, "x"),
            trial(1, 4, true, "y"),
            trial(2, 4, false, "y"),
        ]);
        let all = compare(&collection, &descriptions, Part::default());
        assert_eq!((counts(&all), all.pictures(), all.people()), ((2, 1), 3, None));
        assert_eq!(
            counts(&compare(&collection, &descriptions, Part { group: Some((0, "y")), ..Part::default() })),
            (1, 0)
        );
    }
}

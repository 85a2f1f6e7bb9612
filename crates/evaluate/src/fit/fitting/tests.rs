use std::time::Duration;

use face::discount::Discounts;
use face::values::picture::ImageType;
use face::values::template::Template;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::input::collection::Labelled;
use crate::input::descriptions::Described;

/// A selfie and a document for each of `people` people. All documents have a component in common, so they are closer to
/// each other than selfies are. Ten more people have a video frame.
pub fn typed(people: usize) -> (Collection, Descriptions) {
    let mut random = StdRng::seed_from_u64(11);
    let mut number = || (0..4).map(|_| random.random_range(-1.0..1.0f32)).sum::<f32>();
    let (mut pictures, mut faces) = (Vec::new(), Vec::new());
    for person in 0..people + 10 {
        let own: Vec<f32> = (0..24).map(|_| number()).collect();
        let types = [(ImageType::IdDocument, 4.0), (ImageType::Selfie, 0.0)];
        let types = if person < people { &types[..] } else { &[(ImageType::VideoFrame, 0.0)] };
        for (image_type, drawn) in types {
            let mut values: Vec<f32> = own.iter().map(|value| value + 0.3 * number()).collect();
            values[0] += drawn;
            let template = Template::new(1, &values).ok_or(face::Error::NoFace);
            faces.push(template.map(|template| Described { template, quality: 100 }));
            pictures.push(Labelled {
                person: format!("{person:04}"),
                name: image_type.to_string(),
                image_type: Some(*image_type),
                ..Labelled::default()
            });
        }
    }
    let collection = Collection { data: "typed toys".into(), pictures, ..Collection::default() };
    (collection, Descriptions { faces, took: Duration::from_secs(1), threads: 1, discounts: Discounts::default() })
}

#[test]
fn pairs_of_types_get_curves_of_their_own() {
    let (collection, descriptions) = typed(300);
    let fitting = Fitting::new(&collection, &descriptions, &[]).expect("there are enough");
    let curves = fitting.curves();
    let names: Vec<String> = curves.by_types.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["ID_DOCUMENT ID_DOCUMENT", "ID_DOCUMENT SELFIE", "SELFIE SELFIE"]);
    let score = |a, b| curves.of(Types::new(a, b)).score(0.6).0;
    let documents = score(ImageType::IdDocument, ImageType::IdDocument);
    let selfies = score(ImageType::Selfie, ImageType::Selfie);
    assert!(documents + 150.0 < selfies, "documents are alike by themselves: {documents} {selfies}");
    assert!((documents..selfies).contains(&curves.general.score(0.6).0));
    let frames = Types::new(ImageType::VideoFrame, ImageType::VideoFrame);
    assert_eq!(curves.of(frames), &curves.general);
    let text = fitting.to_string();
    assert!(text.contains("VIDEO_FRAME VIDEO_FRAME: no separate curve"), "{text}");
    assert!(text.contains("half of the people") || curves.general.origin().data.starts_with("typed toys; half"));
    assert!(curves.by_types.values().all(|curve| curve.origin().data.contains("pairs of ")));
}

#[test]
fn a_curve_of_types_means_its_rate_on_other_people_of_these_types() {
    let (collection, descriptions) = typed(900);
    let fitting = Fitting::new(&collection, &descriptions, &[]).expect("there are enough");
    for (types, fitted) in &fitting.by_types {
        let Ok(fitted) = fitted else { continue };
        let at_2500 = &fitted.held_out.at_score[0];
        let ratio = at_2500.errors.fmr.expect("there are pairs") / at_2500.stated_fmr;
        assert!((0.7..1.4).contains(&ratio), "{types}: {ratio}");
    }
    assert!(fitting.by_types.iter().filter(|(_, fitted)| fitted.is_ok()).count() >= 3);
}

#[test]
fn quantiles_lie_within_their_intervals() {
    let (collection, descriptions) = typed(300);
    let fitted = Fitting::new(&collection, &descriptions, &[]).expect("there are enough").general;
    let shares: Vec<f64> = fitted.quantiles.iter().map(|quantile| quantile.share).collect();
    assert_eq!(shares, SHARES[..shares.len()]);
    assert!(shares.len() >= 5);
    for Quantile { share, cosine, by_people } in &fitted.quantiles[..4] {
        let Interval { low, high } = by_people.expect("every pair is known");
        assert!(low <= *cosine && *cosine <= high && high - low < 0.1, "{share}: {low} {cosine} {high}");
    }
    assert!(fitted.quantiles.windows(2).all(|pair| pair[0].cosine < pair[1].cosine));
    assert!(fitted.tail().contains("generalised Pareto") && !fitted.reliability.is_empty());
}

//! The report of a recognition evaluation, with the names of its JSON.

use face::calibration::Calibration;
use serde::{Deserialize, Serialize};

use crate::input::collection::{Collection, Half, Labelled, Trial};
use crate::input::descriptions::{Described, Descriptions};
use crate::measure::comparison::Comparison;
use crate::measure::degraded::Degraded;
use crate::measure::det::{self, Curve};
use crate::measure::discard::Discard;
use crate::measure::enrolment::Enrolment;
use crate::measure::figures::Figures;
use crate::measure::folds::{self, Accuracy, Compared};
use crate::measure::groups::{self, Column};
use crate::measure::histogram::Histogram;
use crate::measure::part::{self, Part};
use crate::measure::reliability::{self, Point};

pub mod charts;
pub mod html;
pub mod made;
pub mod plot;
pub mod profile;
pub mod text;

/// Marks the JSON of these reports.
pub const KIND: &str = "recognition";

/// The pack that is evaluated.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The pack's name.
    pub pack: String,
    pub template_version: u16,
    pub calibration: Option<Calibration>,
}

/// The results of an evaluation. Later versions may add members to its JSON, but do not rename one or change its
/// meaning.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`KIND`]
    pub kind: String,
    pub pack: String,
    pub template_version: u16,
    /// Describes the calibration data, in the words of the pack.
    pub calibration: Option<String>,
    /// The lowest false acceptance rate that the calibration was measured at, as a share.
    pub calibration_measured_to: Option<f64>,
    /// Describes the pictures in words.
    pub data: String,
    /// Caveats for a reader of the figures, one sentence each.
    pub caveats: Vec<String>,
    pub pictures: usize,
    /// The number of people on the pictures; `None` if only pairs are labelled.
    pub people: Option<usize>,
    /// Pictures without a template.
    pub failures: Vec<Failure>,
    pub enrolment: Enrolment,
    pub time: Time,
    /// `None` if the data names no pairs in folds.
    pub folds: Option<Accuracy>,
    pub all: Figures,
    /// The people that `calibrate` fits on, and those that it holds out; `None` if people are unknown.
    pub fitted: Option<Figures>,
    pub held_out: Option<Figures>,
    /// Error versus discard over all pairs.
    pub discard: Option<Discard>,
    pub groups: Vec<Column>,
    /// Measured on people that `calibrate` holds out; empty unless it was requested.
    #[serde(default)]
    pub degraded: Vec<Degraded>,
    /// Measured on the people that `calibrate` holds out, or on all pairs if people are unknown.
    pub reliability: Vec<Point>,
    /// Not in the JSON: they have a file of their own.
    #[serde(skip)]
    pub curves: Vec<Curve>,
    /// The histogram of all pairs; only drawn.
    #[serde(skip)]
    pub histogram: Option<Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub picture: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Time {
    /// The mean time that one thread spends on a picture.
    pub ms_per_picture: f64,
    pub threads: usize,
    pub seconds: f64,
}

impl Report {
    /// Compares all described faces: all people, and each half of them.
    pub fn new(collection: &Collection, descriptions: &Descriptions, tested: Tested) -> Self {
        let Tested { pack, template_version, calibration } = tested;
        let curve = calibration.as_ref();
        let mut curves = Vec::new();
        let mut figures = |name, comparison: &Comparison| {
            curves.push(Curve { name, points: det::points(comparison, curve) });
            Figures::new(comparison, curve)
        };
        let whole = part::compare(collection, descriptions, Part::default());
        let half = |half| {
            let known = collection.people().is_some();
            known.then(|| part::compare(collection, descriptions, Part { half: Some(half), ..Part::default() }))
        };
        let all = figures("all", &whole);
        let fitted = half(Half::Fitted).map(|people| figures("fitted", &people));
        let held_back = half(Half::HeldOut);
        let held_out = held_back.as_ref().map(|people| figures("heldOut", people));
        let checked = held_back.as_ref().unwrap_or(&whole);
        let origin = curve.map(Calibration::origin);
        Self {
            kind: KIND.to_owned(),
            pack,
            template_version,
            calibration: origin.map(|origin| origin.data.clone()),
            calibration_measured_to: origin.map(|origin| origin.measured_to_percent / 100.0),
            data: collection.data.clone(),
            caveats: caveats(collection, curve),
            pictures: collection.pictures.len(),
            people: collection.people(),
            failures: failures(collection, &descriptions.faces),
            enrolment: Enrolment::new(collection, descriptions),
            time: Time {
                ms_per_picture: descriptions.ms_per_picture(),
                threads: descriptions.threads,
                seconds: descriptions.took.as_secs_f64(),
            },
            folds: folds::accuracy(&compared(collection, descriptions)),
            discard: Discard::new(&whole),
            groups: groups::columns(collection, descriptions, &all.at_far),
            degraded: Vec::new(),
            reliability: curve.map_or_else(Vec::new, |calibration| reliability::points(checked, calibration)),
            histogram: Some(Histogram::new(&whole, curve)),
            all,
            fitted,
            held_out,
            curves,
        }
    }
}

/// Returns the caveats of the data, and those from its relation to the calibration.
fn caveats(collection: &Collection, calibration: Option<&Calibration>) -> Vec<String> {
    let mut caveats = collection.caveats.clone();
    if calibration.is_some_and(|calibration| calibration.origin().data.starts_with(&collection.data)) {
        caveats.push(
            "The scores were calibrated on half of these people; only the other half shows the accuracy of the calibration."
                .into(),
        );
    }
    caveats
}

type Face = Result<Described, face::Error>;

fn failures(collection: &Collection, faces: &[Face]) -> Vec<Failure> {
    let failure = |(picture, face): (&Labelled, &Face)| {
        let reason = face.as_ref().err()?.to_string();
        Some(Failure { picture: picture.name.clone(), reason })
    };
    collection.pictures.iter().zip(faces).filter_map(failure).collect()
}

fn compared(collection: &Collection, descriptions: &Descriptions) -> Vec<Compared> {
    let compared = |trial: &Trial| Compared {
        fold: trial.fold,
        same: trial.same,
        cosine: descriptions.cosine(trial.pictures).unwrap_or(f64::NEG_INFINITY),
    };
    collection.folds().iter().map(compared).collect()
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use face::calibration::{Knot, Origin, Tail};
    use face::discount::Discounts;
    use face::values::template::Template;

    use super::*;
    use crate::input::collection::Trials;

    /// Forty people with two pictures each, turned by at least 8 degrees from person to person; the last has only one
    /// template.
    pub fn toy() -> (Collection, Descriptions) {
        let picture = |at: usize| Labelled {
            person: format!("P{:02}", at / 2),
            name: format!("P{:02}_{}", at / 2, at % 2),
            groups: vec![if at < 40 { "low" } else { "high" }.into()],
            ..Labelled::default()
        };
        let face = |at: usize| {
            let angle = ((at / 2) as f32 * (8.0 + 0.02 * (at / 2) as f32) + (at % 2) as f32 * 3.0).to_radians();
            let template = Template::new(1, &[angle.cos(), angle.sin()]).ok_or(face::Error::NoFace)?;
            Ok(Described { template, quality: at as i32 })
        };
        let mut faces: Vec<Face> = (0..80).map(face).collect();
        faces[79] = Err(face::Error::NoFace);
        let trial = |at: usize| Trial {
            fold: at % 4,
            pictures: [2 * at, if at < 20 { 2 * at + 1 } else { 2 * at - 1 }],
            same: at < 20,
            groups: Vec::new(),
        };
        let collection = Collection {
            data: "a toy".into(),
            caveats: vec!["It is a toy.".into()],
            columns: vec!["number".into()],
            pictures: (0..80).map(picture).collect(),
            trials: Trials::Folds((0..40).map(trial).collect()),
        };
        (collection, Descriptions { faces, took: Duration::from_secs(4), threads: 2, discounts: Discounts::default() })
    }

    pub fn tested() -> Tested {
        let origin = Origin {
            data: "a toy".into(),
            people: 20,
            templates: 40,
            impostor_pairs: 760,
            measured_to_percent: 0.39,
            tail: Tail { cosine: 0.9, shape: 0.0, scale: 0.01 },
        };
        let knots = [(-1.0, 1500.0), (1.0, 4100.0)].map(|(cosine, score)| Knot { cosine, score });
        let calibration = Calibration::new(knots.into(), origin).ok();
        Tested { pack: "toy".into(), template_version: 1, calibration }
    }

    #[test]
    fn a_report_counts_everyone_once() {
        let (collection, descriptions) = toy();
        let report = Report::new(&collection, &descriptions, tested());
        assert_eq!((report.pictures, report.people, report.time.ms_per_picture), (80, Some(40), 100.0));
        assert_eq!(report.failures.len(), 1);
        assert_eq!(report.failures[0].picture, "P39_1");
        assert_eq!(
            (report.all.templates, report.all.genuine_pairs, report.all.impostor_pairs),
            (79, 40, 79 * 78 / 2 - 39)
        );
        let (fitted, held_out) = (report.fitted.expect("people are known"), report.held_out.expect("people are known"));
        assert_eq!(fitted.people.zip(held_out.people).map(|(a, b)| a + b), Some(40));
        assert_eq!(fitted.genuine_pairs + held_out.genuine_pairs, 40);
        assert_eq!((report.caveats.len(), report.groups[0].groups.len()), (2, 2));
        assert!(!report.reliability.is_empty());
        assert_eq!(report.folds.map(|folds| folds.folds), Some(4));
        // One of forty pairs lacks a template; all others are closer than any two people.
        assert!(report.all.at_score[0].errors.fnmr.is_some_and(|fnmr| (fnmr - 1.0 / 40.0).abs() < 1e-12));
        assert_eq!(report.all.at_far[3].tar, None);
    }

    #[test]
    fn its_json_keeps_its_names() {
        let (collection, descriptions) = toy();
        let json = serde_json::to_value(Report::new(&collection, &descriptions, tested())).expect("it is JSON");
        let names = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().expect("it is an object").keys().cloned().collect()
        };
        let same = |value: &serde_json::Value, expected: &str| assert_eq!(names(value).join(" "), expected);
        same(
            &json,
            "kind pack templateVersion calibration calibrationMeasuredTo data caveats pictures people failures enrolment \
             time folds all fitted heldOut discard groups degraded reliability",
        );
        assert_eq!(json["kind"], "recognition");
        let all = &json["all"];
        same(all, "people templates genuinePairs impostorPairs atFar atScore");
        same(&all["atFar"][0], "far cosine tar tarByPairs tarByPeople");
        let errors = "cosine falseMatches fmr fmrByPairs fmrByPeople fnmr fnmrByPairs fnmrByPeople";
        same(&all["atScore"][0], &["score statedFmr", errors].join(" "));
        same(&json["folds"], "folds mean deviation");
        same(&json["time"], "msPerPicture threads seconds");
        same(&json["enrolment"], "pictures failures rate rateByPictures rateByPeople");
        same(&json["discard"], "far cosine pairs points fallAtTenth fallAtTenthByPeople");
        same(&json["discard"]["points"][0], "rejected fnmr");
        let group = &json["groups"][0]["groups"][0];
        same(group, "value people templates genuinePairs impostorPairs atFar");
        same(&group["atFar"][0], &["far", errors].join(" "));
        same(&json["reliability"][0], "score stated pairs observed observedByPeople");
        same(&all["atScore"][0]["fmrByPairs"], "low high");
    }

    #[test]
    fn its_json_is_read_again() {
        let (collection, descriptions) = toy();
        let report = Report::new(&collection, &descriptions, tested());
        let json = serde_json::to_string(&report).expect("it is JSON");
        let again: Report = serde_json::from_str(&json).expect("it is a report");
        assert_eq!(again.to_string(), report.to_string());
        assert_eq!((again.all, again.groups), (report.all, report.groups));
    }

    #[test]
    fn listed_pairs_say_nothing_of_halves() {
        let (mut collection, descriptions) = toy();
        collection.trials = Trials::Listed(collection.folds().to_vec());
        let report = Report::new(&collection, &descriptions, tested());
        assert_eq!((report.people, report.all.genuine_pairs, report.all.impostor_pairs), (None, 20, 20));
        assert!(report.fitted.is_none() && report.held_out.is_none() && report.folds.is_none());
        assert!(report.intervals().contains("unknown"));
    }

    #[test]
    fn its_text_says_when_scores_mean_nothing() {
        let (collection, descriptions) = toy();
        let with = Report::new(&collection, &descriptions, tested()).to_string();
        assert!(
            with.contains("calibrated on: a toy") && with.contains("holds back") && with.contains("Note: It is a toy."),
            "{with}"
        );
        let without = Report::new(&collection, &descriptions, Tested { calibration: None, ..tested() });
        assert!(without.all.at_score.is_empty() && without.to_string().contains("no calibration"));
    }
}

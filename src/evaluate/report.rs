//! The figures of an evaluation, as JSON names them.

use serde::Serialize;

use crate::domain::template::Template;
use crate::evaluate::coding::Coding;
use crate::evaluate::collection::Collection;
use crate::evaluate::collection::Half;
use crate::evaluate::collection::Labelled;
use crate::evaluate::collection::Trial;
use crate::evaluate::comparison::Comparison;
use crate::evaluate::comparison::Sample;
use crate::evaluate::det;
use crate::evaluate::det::Curve;
use crate::evaluate::figures::Figures;
use crate::evaluate::folds;
use crate::evaluate::folds::Accuracy;
use crate::evaluate::folds::Compared;
use crate::face;
use crate::face::score::Calibration;

/// What is evaluated.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The pack's name.
    pub pack: String,
    pub template_version: u16,
    pub calibration: Option<Calibration>,
}

/// Everything that an evaluation found. Its JSON gains members, but none changes its name or meaning.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub pack: String,
    pub template_version: u16,
    /// What the scores were calibrated on, in the words of the pack.
    pub calibration: Option<String>,
    /// The lowest false acceptance rate that was measured for it, as a share.
    pub calibration_measured_to: Option<f64>,
    pub pictures: usize,
    /// Whom the pictures show.
    pub people: usize,
    /// Pictures without a template.
    pub failures: Vec<Failure>,
    pub time: Time,
    /// Missing where the data names no pairs in folds.
    pub folds: Option<Accuracy>,
    pub all: Figures,
    /// The people whom `calibrate` fits on, and those whom it holds back.
    pub fitted: Figures,
    pub held_out: Figures,
    /// Not in the JSON: a file of their own.
    #[serde(skip)]
    pub curves: Vec<Curve>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub picture: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Time {
    /// What one thread spends on a picture.
    pub ms_per_picture: f64,
    pub threads: usize,
    pub seconds: f64,
}

impl Report {
    /// Compares everything that was coded: all people, and each half of them.
    pub fn new(collection: &Collection, coding: &Coding, tested: Tested) -> Self {
        let Tested { pack, template_version, calibration } = tested;
        let mut curves = Vec::new();
        let mut figures = |name, half| {
            let comparison = Comparison::new(&samples(collection, &coding.templates, half));
            curves.push(Curve { name, points: det::points(&comparison, calibration.as_ref()) });
            Figures::new(&comparison, calibration.as_ref())
        };
        let all = figures("all", None);
        let fitted = figures("fitted", Some(Half::Fitted));
        let held_out = figures("heldOut", Some(Half::HeldOut));
        let origin = calibration.as_ref().map(Calibration::origin);
        Self {
            pack,
            template_version,
            calibration: origin.map(|origin| origin.data.clone()),
            calibration_measured_to: origin.map(|origin| origin.measured_to_percent / 100.0),
            pictures: collection.pictures.len(),
            people: collection.people(),
            failures: failures(collection, &coding.templates),
            time: Time {
                ms_per_picture: coding.ms_per_picture(),
                threads: coding.threads,
                seconds: coding.took.as_secs_f64(),
            },
            folds: folds::accuracy(&compared(collection, &coding.templates)),
            all,
            fitted,
            held_out,
            curves,
        }
    }
}

type Coded = Result<Template, face::Error>;

/// The pictures of all people or of half of them, with their templates; people are numbered anew.
pub fn samples(collection: &Collection, templates: &[Coded], half: Option<Half>) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut last: Option<&str> = None;
    for (picture, template) in collection.pictures.iter().zip(templates) {
        if half.is_some_and(|half| Half::of(&picture.person) != half) {
            continue;
        }
        // Pictures are in the order of their people.
        let new = last != Some(&picture.person);
        let person = samples.last().map_or(0, |sample| sample.person + usize::from(new));
        last = Some(&picture.person);
        samples.push(Sample { person, template: template.as_ref().ok().cloned() });
    }
    samples
}

fn failures(collection: &Collection, templates: &[Coded]) -> Vec<Failure> {
    let failure = |(picture, template): (&Labelled, &Coded)| {
        let reason = template.as_ref().err()?.to_string();
        Some(Failure { picture: picture.name.clone(), reason })
    };
    collection.pictures.iter().zip(templates).filter_map(failure).collect()
}

fn compared(collection: &Collection, templates: &[Coded]) -> Vec<Compared> {
    let cosine = |[a, b]: [usize; 2]| Some(templates[a].as_ref().ok()?.cosine(templates[b].as_ref().ok()?));
    let compared = |trial: &Trial| Compared {
        fold: trial.fold,
        same: collection.same(trial),
        cosine: cosine(trial.pictures).unwrap_or(f64::NEG_INFINITY),
    };
    collection.trials.iter().map(compared).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::face::score::Knot;
    use crate::face::score::Origin;
    use crate::face::score::Tail;

    /// Forty people with two pictures each, turned by 9 degrees from person to person; the last has one template only.
    fn toy() -> (Collection, Coding) {
        let picture = |at: usize| Labelled {
            person: format!("P{:02}", at / 2),
            name: format!("P{:02}_{}", at / 2, at % 2),
            path: PathBuf::new(),
        };
        let template = |at: usize| {
            let angle = ((at / 2) as f32 * 9.0 + (at % 2) as f32 * 4.0).to_radians();
            Template::new(1, &[angle.cos(), angle.sin()]).ok_or(face::Error::NoFace)
        };
        let mut templates: Vec<Coded> = (0..80).map(template).collect();
        templates[79] = Err(face::Error::NoFace);
        let trial =
            |at: usize| Trial { fold: at % 4, pictures: [2 * at, if at < 20 { 2 * at + 1 } else { 2 * at - 1 }] };
        let collection = Collection { pictures: (0..80).map(picture).collect(), trials: (0..40).map(trial).collect() };
        (collection, Coding { templates, took: Duration::from_secs(4), threads: 2 })
    }

    fn tested() -> Tested {
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
        let (collection, coding) = toy();
        let report = Report::new(&collection, &coding, tested());
        assert_eq!((report.pictures, report.people, report.time.ms_per_picture), (80, 40, 100.0));
        assert_eq!(report.failures.len(), 1);
        assert_eq!(report.failures[0].picture, "P39_1");
        assert_eq!(
            (report.all.templates, report.all.genuine_pairs, report.all.impostor_pairs),
            (79, 40, 79 * 78 / 2 - 39)
        );
        assert_eq!(report.fitted.people + report.held_out.people, 40);
        assert_eq!(report.fitted.genuine_pairs + report.held_out.genuine_pairs, 40);
        assert_eq!(report.folds.map(|folds| folds.folds), Some(4));
        // One of forty pairs lacks a template; all others are nearer than any two people.
        assert!(report.all.at_score[0].fnmr.is_some_and(|fnmr| (fnmr - 1.0 / 40.0).abs() < 1e-12));
        assert_eq!(report.all.at_far[3].tar, None);
    }

    #[test]
    fn its_json_keeps_its_names() {
        let (collection, coding) = toy();
        let json = serde_json::to_value(Report::new(&collection, &coding, tested())).expect("it is JSON");
        let names = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().expect("it is an object").keys().cloned().collect()
        };
        assert_eq!(
            names(&json).join(" "),
            "pack templateVersion calibration calibrationMeasuredTo pictures people failures time folds all fitted heldOut"
        );
        let all = &json["all"];
        assert_eq!(names(all).join(" "), "people templates genuinePairs impostorPairs atFar atScore");
        assert_eq!(names(&all["atFar"][0]).join(" "), "far cosine tar tarByPeople");
        assert_eq!(
            names(&all["atScore"][0]).join(" "),
            "score cosine statedFmr falseMatches fmr fmrByPairs fmrByPeople fnmr fnmrByPeople"
        );
        assert_eq!(names(&json["folds"]).join(" "), "folds mean deviation");
        assert_eq!(names(&json["time"]).join(" "), "msPerPicture threads seconds");
        assert_eq!(names(&all["atScore"][0]["fmrByPairs"]).join(" "), "low high");
    }

    #[test]
    fn its_text_says_when_scores_mean_nothing() {
        let (collection, coding) = toy();
        let with = Report::new(&collection, &coding, tested()).to_string();
        assert!(with.contains("calibrated on: a toy") && with.contains("holds back"), "{with}");
        let without = Report::new(&collection, &coding, Tested { calibration: None, ..tested() });
        assert!(without.all.at_score.is_empty() && without.to_string().contains("no calibration"));
    }
}

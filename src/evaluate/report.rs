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

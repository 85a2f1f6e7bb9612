//! Evaluates age estimates: how large their errors are, and who passes an age threshold.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use face::{AgeEstimate, AgedFace, age};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::input::pictures::Looked;
use crate::measure::interval::{self, Interval};
use crate::report::{Failure, Time};

pub mod text;

/// Extensions of picture files; other files in the folder are skipped.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
const YEARS_MAX: i32 = 120;
/// The age limit of the rates, in years: a younger person must not pass.
pub const THRESHOLD: i32 = 18;
/// Estimated ages, in years, that are tried as the condition for passing.
const REQUIRED: [i32; 4] = [18, 20, 23, 25];
/// The years just below the threshold, where a mistake is easiest.
const YEARS_BEFORE: Range<i32> = 13..THRESHOLD;
const DECADE: i32 = 10;
/// Marks the JSON of these reports.
pub const KIND: &str = "ages";
/// Sentences that a reader must know before trusting a figure.
const CAVEATS: [&str; 3] = [
    "UTKFace overlaps the training data of the built-in age network: on other pictures its errors are larger.",
    "The ages that UTKFace states are themselves estimates, checked by people.",
    "Intervals have 95 % confidence, as if each picture showed another person.",
];

/// A picture file and the age of the person on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    pub years: i32,
    /// The picture's name in reports.
    pub name: String,
    pub path: PathBuf,
}

/// Lists the pictures of a folder, sorted by name. Their files are named like those of UTKFace, with the age first:
/// `AGE_SEX_RACE_stamp.jpg`.
pub fn read(folder: &Path) -> Result<Vec<Portrait>, Error> {
    let unread = |source| Error::Read { path: folder.to_owned(), source };
    let mut portraits = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        if extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str())) {
            portraits.push(portrait(path)?);
        }
    }
    if portraits.is_empty() {
        let fault = format!("has no pictures ({})", EXTENSIONS.join(", "));
        return Err(Error::Data { path: folder.to_owned(), fault });
    }
    portraits.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(portraits)
}

fn portrait(path: PathBuf) -> Result<Portrait, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let years = name.split_once('_').and_then(|(years, _)| years.parse().ok());
    if let Some(years) = years.filter(|years| (0..=YEARS_MAX).contains(years)) {
        return Ok(Portrait { years, name, path });
    }
    let fault = format!("its name must begin with an age from 0 to {YEARS_MAX} and an underscore");
    Err(Error::Data { path, fault })
}

/// The pack and the data of an evaluation.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The pack's name.
    pub pack: String,
    /// The name of the data.
    pub data: String,
}

/// The results of an evaluation of ages. Later versions may add members to its JSON, but do not rename one or change
/// its meaning. Ages are in years, rates are shares, intervals are at 95 %.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`KIND`]
    pub kind: String,
    pub data: String,
    pub caveats: Vec<String>,
    pub pack: String,
    pub pictures: usize,
    /// Pictures in which a face was found.
    pub found: usize,
    /// Pictures of good enough quality for the server to state an age.
    pub answered: usize,
    /// Pictures without an answer.
    pub failures: Vec<Failure>,
    pub time: Time,
    /// Errors of the ages that the server states.
    pub errors: Errors,
    /// Errors over all faces found, whatever their quality.
    pub errors_of_found: Errors,
    /// Errors of the ages that the server states, by decade of true age; decades without a picture are left out.
    pub by_decade: Vec<Decade>,
    pub threshold: Threshold,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Errors {
    pub pictures: usize,
    /// Mean absolute error.
    pub mae: Option<f64>,
    pub mae_interval: Option<Interval>,
    /// Mean of estimate minus truth.
    pub bias: Option<f64>,
    pub bias_interval: Option<Interval>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decade {
    /// The youngest and the oldest age, in years.
    pub from: i32,
    pub to: i32,
    #[serde(flatten)]
    pub errors: Errors,
}

/// The people whom a threshold accepts, among those whose age the server states.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    pub years: i32,
    /// People below the threshold, and people at or above it.
    pub younger: usize,
    pub older: usize,
    /// The same counts for pictures without an answer.
    pub younger_unanswered: usize,
    pub older_unanswered: usize,
    pub buffers: Vec<Buffer>,
}

/// The rates when a person passes only with an estimated age of at least `required`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Buffer {
    pub required: i32,
    /// Younger people who pass.
    pub false_accepts: Rate,
    /// The younger people who pass, among those who are 13 to 17 years old.
    pub false_accepts_of_13_to_17: Rate,
    /// People at or above the threshold who do not pass.
    pub false_rejects: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    pub count: usize,
    pub of: usize,
    pub rate: Option<f64>,
    pub interval: Option<Interval>,
}

impl Rate {
    fn new(count: usize, of: usize) -> Self {
        let rate = (of > 0).then(|| count as f64 / of as f64);
        Self { count, of, rate, interval: interval::of_rate(count as u64, of as u64) }
    }
}

/// A person's true age and estimated age, in years.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    truth: i32,
    /// The estimate as the server states it.
    years: f32,
}

type Found = Result<AgeEstimate, face::Error>;

impl Report {
    pub fn new(portraits: &[Portrait], looked: &Looked<AgeEstimate>, tested: Tested) -> Self {
        let faces =
            || portraits.iter().zip(&looked.found).filter_map(|(portrait, found)| Some((portrait, face(found)?)));
        let found: Vec<Estimate> = faces().map(|(portrait, face)| estimate(portrait, face)).collect();
        let seen = faces().filter(|(_, face)| age::is_enough(&face.quality));
        let answered: Vec<Estimate> = seen.map(|(portrait, face)| estimate(portrait, face)).collect();
        let seconds = looked.took.as_secs_f64();
        Self {
            kind: KIND.to_owned(),
            data: tested.data,
            caveats: CAVEATS.map(String::from).into(),
            pack: tested.pack,
            pictures: portraits.len(),
            found: found.len(),
            answered: answered.len(),
            failures: portraits.iter().zip(&looked.found).filter_map(|(p, found)| failure(p, found)).collect(),
            time: Time {
                ms_per_picture: 1e3 * seconds * looked.threads as f64 / portraits.len().max(1) as f64,
                threads: looked.threads,
                seconds,
            },
            errors: errors(&answered),
            errors_of_found: errors(&found),
            by_decade: by_decade(&answered),
            threshold: threshold(portraits, &answered),
        }
    }
}

fn face(found: &Found) -> Option<&AgedFace> {
    found.as_ref().ok()?.face.as_ref()
}

fn estimate(portrait: &Portrait, face: &AgedFace) -> Estimate {
    Estimate { truth: portrait.years, years: age::stated(face.years) }
}

fn failure(portrait: &Portrait, found: &Found) -> Option<Failure> {
    let reason = match found.as_ref().map(|aged| aged.face.as_ref()) {
        Err(error) => error.to_string(),
        Ok(None) => face::Error::NoFace.to_string(),
        Ok(Some(face)) if age::is_enough(&face.quality) => return None,
        Ok(Some(face)) => format!("its quality is {}", face.quality.value),
    };
    Some(Failure { picture: portrait.name.clone(), reason })
}

fn errors(estimates: &[Estimate]) -> Errors {
    let off: Vec<f64> = estimates.iter().map(|one| f64::from(one.years) - f64::from(one.truth)).collect();
    let absolute: Vec<f64> = off.iter().map(|years| years.abs()).collect();
    Errors {
        pictures: estimates.len(),
        mae: interval::mean(&absolute),
        mae_interval: interval::of_mean(&absolute),
        bias: interval::mean(&off),
        bias_interval: interval::of_mean(&off),
    }
}

fn by_decade(estimates: &[Estimate]) -> Vec<Decade> {
    let decade = |from: i32| {
        let own = |one: &&Estimate| (from..from + DECADE).contains(&one.truth);
        let own: Vec<Estimate> = estimates.iter().filter(own).copied().collect();
        (!own.is_empty()).then(|| Decade { from, to: from + DECADE - 1, errors: errors(&own) })
    };
    (0..=YEARS_MAX).step_by(DECADE as usize).filter_map(decade).collect()
}

fn threshold(portraits: &[Portrait], answered: &[Estimate]) -> Threshold {
    let all_younger = portraits.iter().filter(|portrait| portrait.years < THRESHOLD).count();
    let (younger, older): (Vec<Estimate>, Vec<Estimate>) = answered.iter().partition(|one| one.truth < THRESHOLD);
    let before: Vec<Estimate> = younger.iter().filter(|one| YEARS_BEFORE.contains(&one.truth)).copied().collect();
    let buffer = |required: i32| {
        let passes = |one: &&Estimate| one.years >= required as f32;
        let accepts = |people: &[Estimate]| Rate::new(people.iter().filter(passes).count(), people.len());
        Buffer {
            required,
            false_accepts: accepts(&younger),
            false_accepts_of_13_to_17: accepts(&before),
            false_rejects: Rate::new(older.len() - accepts(&older).count, older.len()),
        }
    };
    Threshold {
        years: THRESHOLD,
        younger: younger.len(),
        older: older.len(),
        younger_unanswered: all_younger - younger.len(),
        older_unanswered: portraits.len() - all_younger - older.len(),
        buffers: REQUIRED.map(buffer).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use face::values::picture::Quality;

    use super::*;

    /// Everyone looks 3 years older. Every third picture is too blurred, the last but one is truncated, the last shows
    /// no face.
    fn toy() -> Report {
        let truths: Vec<i32> = (6..36).collect();
        let portrait =
            |years: &i32| Portrait { years: *years, name: format!("{years}_0_0_1.jpg"), path: PathBuf::new() };
        let portraits: Vec<Portrait> = truths.iter().map(portrait).collect();
        let aged = |years: &i32| {
            let value = if years % 3 == 0 { -5 } else { 200 };
            let face = AgedFace { quality: Quality { value, reasons: vec![] }, years: *years as f32 + 3.04 };
            Ok(AgeEstimate { digest: String::new(), face: Some(face) })
        };
        let mut found: Vec<Found> = truths.iter().map(aged).collect();
        found[29] = Ok(AgeEstimate { digest: String::new(), face: None });
        found[28] = Err(face::Error::Undecodable("it is cut short".into()));
        let looked = Looked { found, took: Duration::from_secs(3), threads: 2 };
        Report::new(&portraits, &looked, Tested { pack: "toy".into(), data: "a toy".into() })
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-4)
    }

    #[test]
    fn errors_are_of_what_is_stated() {
        let report = toy();
        // The pictures of 34 and 35 give no face; every third of the others, from 6 to 33, is too blurred.
        assert_eq!((report.pictures, report.found, report.answered), (30, 28, 18));
        assert!(near(report.errors.mae, 3.0) && near(report.errors.bias, 3.0), "{:?}", report.errors);
        assert_eq!(report.errors_of_found.pictures, 28);
        let decades: Vec<_> = report.by_decade.iter().map(|d| (d.from, d.to, d.errors.pictures)).collect();
        assert_eq!(decades, [(0, 9, 2), (10, 19, 7), (20, 29, 7), (30, 39, 2)]);
        assert_eq!(report.time.ms_per_picture, 200.0);
        let reasons: Vec<&str> = report.failures.iter().map(|failure| failure.reason.as_str()).collect();
        assert_eq!(reasons.len(), 12);
        assert_eq!(reasons[0], "its quality is -5");
        assert_eq!(reasons[10..], ["the image cannot be decoded: it is cut short", "no face was found in the image"]);
    }

    #[test]
    fn a_buffer_keeps_out_more_of_the_young_and_of_the_old() {
        let Threshold { younger, older, younger_unanswered, older_unanswered, buffers, .. } = toy().threshold;
        // 6 to 17 without 6, 9, 12 and 15; 18 to 35 without 18, 21, 24, 27, 30, 33, 34 and 35.
        assert_eq!((younger, younger_unanswered, older, older_unanswered), (8, 4, 10, 8));
        let rows = buffers.iter().map(|row| {
            let Buffer { required, false_accepts, false_accepts_of_13_to_17: before, false_rejects } = row;
            (*required, false_accepts.count, before.count, before.of, false_rejects.count)
        });
        // 16 and 17 look 19 and 20; 19 and 20 look 22 and 23.
        let expected = [(18, 2, 2, 4, 0), (20, 1, 1, 4, 0), (23, 0, 0, 4, 1), (25, 0, 0, 4, 2)];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        assert_eq!(buffers[0].false_accepts.rate, Some(0.25));
        assert!(buffers[0].false_accepts.interval.is_some_and(|i| i.low < 0.25 && i.high > 0.25));
    }

    #[test]
    fn its_json_keeps_its_names() {
        let json = serde_json::to_value(toy()).expect("it is JSON");
        let names = |value: &serde_json::Value| -> String {
            value.as_object().expect("it is an object").keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            names(&json),
            "kind data caveats pack pictures found answered failures time errors errorsOfFound byDecade threshold"
        );
        assert_eq!(json["kind"], "ages");
        assert!(json["caveats"][0].as_str().is_some_and(|text| text.contains("UTKFace overlaps the training data")));
        assert_eq!(names(&json["errors"]), "pictures mae maeInterval bias biasInterval");
        assert_eq!(names(&json["byDecade"][0]), "from to pictures mae maeInterval bias biasInterval");
        let threshold = &json["threshold"];
        assert_eq!(names(threshold), "years younger older youngerUnanswered olderUnanswered buffers");
        assert_eq!(names(&threshold["buffers"][0]), "required falseAccepts falseAcceptsOf13To17 falseRejects");
        assert_eq!(names(&threshold["buffers"][0]["falseAccepts"]), "count of rate interval");
    }

    #[test]
    fn nothing_answered_has_no_errors() {
        let none = errors(&[]);
        assert_eq!((none.pictures, none.mae, none.mae_interval), (0, None, None));
        assert!(by_decade(&[]).is_empty());
        assert_eq!(threshold(&[], &[]).buffers[0].false_accepts.rate, None);
    }

    #[test]
    fn names_say_ages() {
        let years = |name: &str| portrait(PathBuf::from("/faces").join(name)).map(|portrait| portrait.years);
        assert_eq!(years("100_0_0_20170112213500903.jpg.chip.jpg").ok(), Some(100));
        assert_eq!(years("7_1.png").ok(), Some(7));
        for wrong in ["portrait.jpg", "121_0_0_1.jpg", "-3_0_0_1.jpg", "x_1.jpg", "17.jpg"] {
            let error = years(wrong).expect_err(wrong).to_string();
            assert!(error.contains(wrong) && error.contains("an age from 0 to 120"), "{error}");
        }
    }
}

//! Ages: how far off estimates are, and whom a threshold lets through.

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

/// Files that are pictures; others in the folder are not looked at.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
const YEARS_MAX: i32 = 120;
/// Of the rates: whoever is younger must not pass.
pub const THRESHOLD: i32 = 18;
/// How old somebody may have to look to pass.
const REQUIRED: [i32; 4] = [18, 20, 23, 25];
/// The years before the threshold, in which a mistake is easiest.
const YEARS_BEFORE: Range<i32> = 13..THRESHOLD;
const DECADE: i32 = 10;
/// What tells these reports from others.
pub const KIND: &str = "ages";
/// What must be known before a figure is believed.
const CAVEATS: [&str; 3] = [
    "UTKFace overlaps the training data of the built-in age network: on other pictures its errors are larger.",
    "The ages that UTKFace states are themselves estimates, checked by people.",
    "Intervals hold 95 % as if each picture showed another person.",
];

/// A picture file and how old the person on it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    pub years: i32,
    /// What reports call it.
    pub name: String,
    pub path: PathBuf,
}

/// The pictures of a folder whose files are named as UTKFace names them, age first:
/// `AGE_SEX_RACE_stamp.jpg`. In the order of their names.
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

/// What is evaluated, and on what.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The pack's name.
    pub pack: String,
    /// The name of the data.
    pub data: String,
}

/// Everything that an evaluation of ages found. Its JSON gains members, but none changes its name or meaning.
/// Ages are in years, rates are shares, intervals hold 95 %.
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
    /// Those of them that show enough for the server to state an age.
    pub answered: usize,
    /// Pictures without an answer.
    pub failures: Vec<Failure>,
    pub time: Time,
    /// Of the ages that the server states.
    pub errors: Errors,
    /// Of all faces that were found, however poor.
    pub errors_of_found: Errors,
    /// Of the ages that the server states, by the true ones; decades without a picture are left out.
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
    /// Mean of estimate less truth.
    pub bias: Option<f64>,
    pub bias_interval: Option<Interval>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decade {
    /// The youngest and the oldest.
    pub from: i32,
    pub to: i32,
    #[serde(flatten)]
    pub errors: Errors,
}

/// Whom a threshold takes for old enough, of those whose age the server states.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    pub years: i32,
    /// People who are younger, and those who are as old or older.
    pub younger: usize,
    pub older: usize,
    /// How many more there were of both, in pictures without an answer.
    pub younger_unanswered: usize,
    pub older_unanswered: usize,
    pub buffers: Vec<Buffer>,
}

/// What becomes of people who have to look so old.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Buffer {
    pub required: i32,
    /// Younger people who pass.
    pub false_accepts: Rate,
    /// The same, of those who are 13 to 17 years old.
    pub false_accepts_of_13_to_17: Rate,
    /// Older people who do not pass.
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

/// How old somebody is, and how old they look.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    truth: i32,
    /// As it is stated.
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

    /// Each of an age looks 3 years older, every third one is too blurred, and nobody is found on the last picture.
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
        // 34 and 35 have no face; of the others each third one, from 6 to 33, is too blurred.
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
        // 6 to 17 less 6, 9, 12, 15; and 18 to 35 less 18, 21, 24, 27, 30, 33 and the last two.
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

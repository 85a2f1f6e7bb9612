//! Evaluates real photographs with the built-in pack.
//!
//! They are read from `../shared`, or from the folder that `BIOSERVER_SHARED` names. All of LFW takes minutes:
//! `cargo run --release -- evaluate --lfw ../shared/faces/lfw`.

mod worse;

use std::path::Path;
use std::thread;

use evaluate::ages;
use evaluate::input::collection::{Collection, Labelled, Trial, Trials};
use evaluate::input::descriptions::{self, Descriptions};
use evaluate::input::{lfw, pictures};
use evaluate::page::{self, Evaluation};
use evaluate::report::{Report, Tested};
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::score::Score;
use face::values::template::Template;

/// Trials of each kind in each of the ten folds: 3 pairs of one person and 3 of two.
const TRIALS_PER_KIND: usize = 3;

fn code(pack: &Pack, pictures: &[Labelled]) -> Descriptions {
    let compiled = Compiled::new(pack, Settings::default()).expect("the built-in networks compile");
    let engine = |_| {
        let mut networks = Networks::new(&compiled);
        move |picture: &_| networks.describe(picture)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    descriptions::all(pictures, (0..threads).map(engine).collect(), &|| ()).expect("the pictures can be read")
}

/// Returns the first trials of each kind in each fold, and the pictures that they name.
fn part(whole: &Collection) -> Collection {
    let folds = whole.folds().chunk_by(|a, b| a.fold == b.fold && a.same == b.same);
    let trials: Vec<Trial> = folds.flat_map(|kind| kind.iter().take(TRIALS_PER_KIND)).cloned().collect();
    let mut named: Vec<usize> = trials.iter().flat_map(|trial| trial.pictures).collect();
    named.sort_unstable();
    named.dedup();
    let place = |picture: usize| named.binary_search(&picture).expect("it is named");
    let moved = |trial: Trial| Trial { pictures: trial.pictures.map(place), ..trial };
    Collection {
        trials: Trials::Folds(trials.into_iter().map(moved).collect()),
        pictures: named.iter().map(|picture| whole.pictures[*picture].clone()).collect(),
        ..Collection::default()
    }
}

#[test]
fn a_part_of_lfw_is_told_apart() {
    let Some(folder) = testkit::shared::folder("faces/lfw") else { return };
    let whole = lfw::read(&folder).expect("it is in the layout");
    assert_eq!((whole.pictures.len(), whole.folds().len(), whole.people()), (7_701, 6_000, Some(4_281)));

    let part = part(&whole);
    let pack = Pack::built_in().expect("it is whole");
    let descriptions = code(&pack, &part.pictures);
    let tested = Tested {
        pack: pack.name.clone(),
        template_version: pack.template_version,
        calibration: pack.calibration.clone(),
    };
    let report = Report::new(&part, &descriptions, tested);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let folds = report.folds.expect("there are ten folds");
    assert!(folds.folds == 10 && folds.mean > 0.95, "{folds:?}");
    let tar = report.all.at_far[0].tar.expect("there are enough pairs");
    assert!(tar > 0.95, "{tar}");
    let at_2500 = &report.all.at_score[0];
    assert!(
        at_2500.errors.fmr.expect("there are pairs") < 0.03 && at_2500.errors.fnmr.expect("there are pairs") < 0.1,
        "{at_2500:?}"
    );
    assert!(report.to_string().contains("score"));

    // A page of this report and of a copy under another name compares the two.
    let json = serde_json::to_string(&report).expect("it is JSON");
    let other = json.replacen("\"standard\"", "\"other\"", 1);
    let parsed = |json: &str| Evaluation::parse(Path::new("lfw.json"), json).expect("it is an evaluation");
    let page = page::markdown(&[parsed(&json), parsed(&other)]).expect("memory takes it");
    let rows = page.lines().filter(|line| line.starts_with("| standard |") || line.starts_with("| other |"));
    assert_eq!(rows.count(), 2, "{page}");
    for part in ["## Recognition: pack standard", "## Recognition: pack other", "Rejecting a tenth", "Failure to enrol"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_part_of_utkface_looks_as_old_as_it_is() {
    let Some(folder) = testkit::shared::folder("faces/utkface") else { return };
    let whole = ages::read(&folder).expect("its names are in the layout");
    assert_eq!(whole.len(), 9_000);
    let part: Vec<ages::Portrait> = whole.into_iter().step_by(100).collect();

    let pack = Pack::built_in().expect("it is whole");
    let compiled = Compiled::new(&pack, Settings::default()).expect("the built-in networks compile");
    let engine = |_| {
        let mut networks = Networks::new(&compiled);
        move |picture: &_| networks.estimate_age(picture)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let paths: Vec<&Path> = part.iter().map(|portrait| portrait.path.as_path()).collect();
    let looked = pictures::each(&paths, (0..threads).map(engine).collect(), &|| ()).expect("they can be read");
    let tested = ages::Tested { pack: pack.name.clone(), data: "a part of UTKFace".to_owned() };
    let report = ages::Report::new(&part, &looked, tested);
    assert!(report.found >= 85, "{} of 90 faces are found", report.found);
    let mae = report.errors_of_found.mae.expect("there are pictures");
    assert!(mae < 6.5, "{mae}");
    let buffers = &report.threshold.buffers;
    assert!(buffers[3].false_accepts.count <= buffers[0].false_accepts.count, "{buffers:?}");
    let text = report.to_string();
    assert!(text.contains("UTKFace overlaps the training data") && text.contains("must look"), "{text}");
    let json = serde_json::to_string(&report).expect("it is JSON");
    let parsed = Evaluation::parse(Path::new("ages.json"), &json).expect("it is an evaluation");
    let page = page::markdown(&[parsed]).expect("memory takes it");
    let figures = text.lines().skip(2);
    assert!(figures.clone().count() > 10 && figures.clone().all(|line| page.contains(line)), "{page}");
}

#[test]
fn small_children_are_told_apart_as_often_as_scores_state() {
    let Some(folder) = testkit::shared::folder("faces/utkface") else { return };
    let children = ages::read(&folder).expect("its names are in the layout").into_iter().filter(|one| one.years < 6);
    let labelled = |portrait: ages::Portrait| {
        let name = portrait.path.display().to_string();
        Labelled { person: name.clone(), name, path: portrait.path, ..Labelled::default() }
    };
    let part: Vec<Labelled> = children.step_by(14).map(labelled).collect();
    let pack = Pack::built_in().expect("it is whole");
    let descriptions = code(&pack, &part);
    let calibration = pack.calibration.as_ref().expect("the built-in pack has one");
    let templates: Vec<&Template> =
        descriptions.faces.iter().filter_map(|face| Some(&face.as_ref().ok()?.template)).collect();
    let pairs = || templates.iter().enumerate().flat_map(|(at, one)| templates[..at].iter().map(move |b| (*one, *b)));
    let share = |cosine: &dyn Fn(&Template, &Template) -> f64| {
        let reach = |(a, b): &(&Template, &Template)| calibration.score(cosine(a, b)) >= Score(2500.0);
        pairs().filter(reach).count() as f64 / pairs().count() as f64
    };
    assert!(pairs().count() > 1_500, "{} children", templates.len());
    // A score of 2500 states 1 %.
    let (discounted, as_it_is) = (share(&|a, b| pack.discounts.cosine(a, b)), share(&Template::cosine));
    assert!(discounted < 0.03, "{discounted}");
    assert!(as_it_is > 0.5, "without a discount they are not: {as_it_is}");
}

#[test]
fn the_samples_score_as_people_expect() {
    let pack = Pack::built_in().expect("it is whole");
    let calibration = pack.calibration.clone().expect("the built-in pack has one");
    let samples = testkit::project::path("tests/samples");
    let labelled = |name: &str| Labelled {
        person: name.to_owned(),
        name: name.to_owned(),
        path: samples.join(format!("{name}.jpg")),
        ..Labelled::default()
    };
    let descriptions = code(&pack, &["obama", "obama2", "obama3", "biden"].map(labelled));
    let templates: Vec<Template> =
        descriptions.faces.into_iter().map(|face| face.expect("it shows a face").template).collect();
    let score = |other: usize| calibration.score(templates[0].cosine(&templates[other]));
    for same in [1, 2] {
        assert!(score(same) > Score(3500.0), "{:?}", score(same));
    }
    assert!(score(3) < Score(2500.0), "{:?}", score(3));
    assert!(score(0) > Score(6000.0), "{:?}", score(0));
    let stated = calibration.score(1.0).false_acceptance_rate_percent();
    assert!(stated < calibration.origin().measured_to_percent);
}

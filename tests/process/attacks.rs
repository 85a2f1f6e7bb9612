//! Runs `evaluate --attacks` on a small set of recordings that the test makes, and `evaluate --liveness` on too few
//! pictures.

use std::fs;
use std::path::Path;

use evaluate::performer::attack::{Attack, attack};
use evaluate::performer::{self, FRAME_MS, Performance};
use face::values::liveness::{Frame, LivenessType};
use face::{Asked, samples};
use serde_json::Value;

use crate::axe::VIEWS;
use crate::browser::Browser;
use crate::commands::{bioserver, refused, succeeded};
use crate::provider;

/// Writes a recording as a folder of frames.
fn film(folder: &Path, frames: &[Frame]) {
    fs::create_dir_all(folder).expect("there is room");
    for (number, frame) in frames.iter().enumerate() {
        fs::write(folder.join(format!("{number:03}.jpg")), &frame.jpeg).expect("there is room");
    }
}

/// Returns the size of the smallest letters on the page as displayed, including those of drawings, in pixels.
const SMALLEST: &str = "
const height = (element) => {
  const drawing = element.ownerSVGElement;
  const scale = drawing ? drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width : 1;
  return scale * parseFloat(getComputedStyle(element).fontSize);
};
return Math.min(...[...document.querySelectorAll('p, th, td, li, caption, figcaption, svg text')].map(height));
";

#[tokio::test]
async fn recordings_are_counted_by_type_and_species() {
    let data = tempfile::tempdir().expect("there is room");
    let recordings = data.path().join("recordings");
    let portrait = provider::portrait();
    let asked = Asked::passive(LivenessType::PassiveVideo);
    let asked = Performance { asked, seed: 3, frame_ms: FRAME_MS };
    film(&recordings.join("bonafide/one"), &performer::perform(&portrait, &asked));
    let stills = attack(Attack::Still, &portrait, &portrait, &asked);
    film(&recordings.join("injected/two"), &stills);
    fs::write(recordings.join("injected/two.reference.jpg"), samples::ONE[0].1).expect("there is room");
    fs::write(recordings.join("injected/three.jpg"), &stills[0].jpeg).expect("there is room");
    fs::create_dir(recordings.join("print")).expect("there is room");
    let print = attack(Attack::Print, &portrait, &portrait, &asked);
    let bytes: Vec<u8> = print.iter().flat_map(|frame| frame.jpeg.to_vec()).collect();
    fs::write(recordings.join("print/four.mjpeg"), bytes).expect("there is room");

    let path = |name: &str| data.path().join(name).to_str().expect("it is UTF-8").to_owned();
    let (folder, json, report) = (path("recordings"), path("figures.json"), path("report"));
    let arguments = ["evaluate", "--attacks", &folder, "--fps", "10", "--json", &json, "--report", &report];
    let told = succeeded(&bioserver(data.path(), &arguments));
    assert!(told.contains("recordings of recordings") && told.contains("IAPMR"), "{told}");

    let figures: Value = serde_json::from_slice(&fs::read(json).expect("it was written")).expect("it is JSON");
    let rows = figures["rows"].as_array().expect("a list");
    let row = |liveness_type: &str, species: &str| {
        let is_it = |row: &&Value| row["livenessType"] == liveness_type && row["species"] == species;
        rows.iter().find(is_it).unwrap_or_else(|| panic!("{liveness_type} {species}: {told}"))
    };
    assert_eq!(rows.len(), 6, "{told}");
    let person = row("LIVENESS_PASSIVE_VIDEO", "bonafide");
    assert_eq!((&person["trials"], &person["refused"]), (&1.into(), &vec![0, 0, 0].into()), "{told}");
    // A single picture is not a film.
    let [looks, films] = ["LIVENESS_PASSIVE", "LIVENESS_PASSIVE_VIDEO"].map(|kind| row(kind, "injected"));
    assert_eq!((&looks["trials"], &films["trials"]), (&2.into(), &1.into()), "{told}");
    assert_eq!(films["reasons"][0][0], "FROZEN", "{told}");
    assert_eq!(films["impostors"]["trials"], 1, "{told}");
    assert_eq!(row("LIVENESS_PASSIVE_VIDEO", "print")["trials"], 1, "{told}");

    let page = Path::new(&report).join("index.html");
    let written = fs::read_to_string(&page).expect("it was written");
    for told in ["<svg", "Version: ", "evaluate --attacks", "SHA-256 of the pack: "] {
        assert!(written.contains(told), "{told}");
    }
    let browser = Browser::open(&format!("file://{}", page.display())).await;
    browser.assert_accessible("the report").await;
    for view in VIEWS {
        browser.view(view).await;
        let smallest = browser.page.execute(SMALLEST, vec![]).await.expect("it is a number");
        assert!(smallest.as_f64().is_some_and(|pixels| pixels >= 12.0), "{view:?}: {smallest}");
    }
    browser.page.clone().close().await.expect("it closes");
}

#[test]
fn films_need_an_adult_who_looks_into_the_camera() {
    let data = tempfile::tempdir().expect("there is room");
    let folder = data.path().join("children");
    fs::create_dir(&folder).expect("there is room");
    fs::write(folder.join("7_0_0_1.jpg"), samples::PORTRAIT).expect("there is room");
    let arguments = ["evaluate", "--liveness", folder.to_str().expect("it is UTF-8")];
    let told = refused(&bioserver(data.path(), &arguments));
    assert!(told.contains("no picture shows somebody of 18 to 80 years"), "{told}");
}

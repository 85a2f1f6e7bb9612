//! Tests each operation that processes faces once from end to end, with real photographs and the built-in networks.

use std::io::Cursor;
use std::sync::Arc;

use face::pack::Pack;
use face::workers::{Settings, Workers};
use image::{ImageFormat, RgbImage};
use reqwest::multipart::Form;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::ages;
use crate::app::TestApp;
use crate::faces::{file, upload};
use crate::session_faces::add;
use crate::sessions::open;
use crate::shape::assert_shape;

/// Loaded once for all tests.
async fn workers() -> Arc<Workers> {
    static WORKERS: OnceCell<Arc<Workers>> = OnceCell::const_new();
    let start = async || {
        let pack = Pack::built_in().expect("the built-in pack is whole");
        Arc::new(Workers::start(&pack, &Settings::default()).expect("it runs"))
    };
    WORKERS.get_or_init(start).await.clone()
}

fn photograph(name: &str) -> Vec<u8> {
    std::fs::read(testkit::project::path("tests/samples").join(name)).expect(name)
}

fn two(reference: &str, candidate: &str) -> Form {
    crate::matches::two(&photograph(reference), &photograph(candidate))
}

#[tokio::test]
async fn a_photograph_becomes_a_face() {
    let app = TestApp::with(workers().await).await;
    let face = app.post("/v2/faces").form(upload(&photograph("obama.jpg"))).await.ok();
    assert!(face["quality"].as_i64().expect("a number") > 100, "{face}");
    let eyes = |member: &str| face["landmarks"]["eyes"][member].as_f64().expect("a number");
    assert!(eyes("x1") < eyes("x2"), "the first eye is the one on the left of the picture");
    let reply = app.post("/v2/faces").form(upload(b"no picture")).await;
    assert_shape(&app, "undecodable-file", &reply);
}

#[tokio::test]
async fn capabilities_say_what_scores_were_measured_on() {
    let app = TestApp::with(workers().await).await;
    let found = app.get("/v2/capabilities").send().await.ok();
    assert_eq!(found["pack"], "standard");
    let calibration = Pack::built_in().expect("it is whole").calibration.expect("it has one");
    let origin = calibration.origin();
    let expected = json!({
        "data": origin.data,
        "people": origin.people,
        "impostorPairs": origin.impostor_pairs,
        "measuredTo": origin.measured_to_percent,
    });
    assert_eq!(found["calibration"], expected);
}

#[tokio::test]
async fn two_photographs_give_a_score_that_tells_people_apart() {
    let app = TestApp::with(workers().await).await;
    let score = async |reference, candidate| {
        let found = app.post("/v2/match/images").form(two(reference, candidate)).await.ok();
        found["score"].as_f64().expect("a number")
    };
    assert!(score("obama.jpg", "obama2.jpg").await > 3500.0);
    assert!(score("obama.jpg", "obama3.jpg").await > 3500.0);
    assert!(score("obama.jpg", "biden.jpg").await < 2500.0);
}

#[tokio::test]
async fn a_former_face_scores_as_its_photograph_does() {
    let app = TestApp::with(workers().await).await;
    let face = app.post("/v2/faces").form(upload(&photograph("obama.jpg"))).await.ok();
    let form = Form::new()
        .text("referenceFace", face.to_string())
        .part("candidateImage", file(&photograph("obama2.jpg")))
        .text("candidateImageType", "SELFIE");
    let found = app.post("/v2/match").form(form).await.ok();
    let images = app.post("/v2/match/images").form(two("obama.jpg", "obama2.jpg")).await.ok();
    assert_eq!(found["score"], images["score"]);
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).expect("memory takes it");
    file.into_inner()
}

#[tokio::test]
async fn a_photograph_tells_an_age() {
    let app = TestApp::with(workers().await).await;
    let ask = async |image: &[u8], about| app.post("/v2/ages").form(ages::upload_as(image, &about)).await.ok();
    let age = ask(&photograph("obama.jpg"), json!({ "threshold": 18 })).await;
    let years = age["ageEstimated"].as_f64().expect("a number");
    assert!((30.0..60.0).contains(&years), "{age}");
    assert!((10.0 * years).fract().abs() < 1e-6 && age["quality"].as_i64() > Some(100), "{age}");
    assert_eq!(age["aboveThreshold"], true);
    assert_eq!(ask(&photograph("obama.jpg"), json!({ "threshold": 90 })).await["aboveThreshold"], false);

    let decoded = image::load_from_memory(&photograph("obama2.jpg")).expect("it is a picture").into_rgb8();
    let turned = png(&image::imageops::rotate180(&decoded));
    let upright = ask(&photograph("obama2.jpg"), json!({ "threshold": 18 })).await;
    let found = ask(&turned, json!({ "threshold": 18, "imageRotationEnabled": true })).await;
    let apart = upright["ageEstimated"].as_f64().expect("a number") - found["ageEstimated"].as_f64().expect("a number");
    assert!(apart.abs() < 2.0, "{upright} {found}");

    let wall = png(&RgbImage::from_pixel(300, 200, image::Rgb([120, 120, 120])));
    let nobody = ask(&wall, json!({ "threshold": 18, "imageRotationEnabled": true })).await;
    assert_eq!((&nobody["quality"], nobody.get("ageEstimated")), (&json!(-10000), None), "{nobody}");
    assert!(nobody.get("aboveThreshold").is_none() && nobody.get("signature").is_some(), "{nobody}");
    let refused = app.post("/v2/ages").form(ages::upload(b"no picture")).await;
    assert_shape(&app, "undecodable-file", &refused);
}

#[tokio::test]
async fn a_session_finds_the_person_of_one_photograph_among_others() {
    let app = TestApp::with(workers().await).await;
    let session = open(&app, &json!({ "imageStorageEnabled": true, "correlationId": "c-1" })).await;
    let mut faces = Vec::new();
    for name in ["obama.jpg", "biden.jpg", "obama2.jpg"] {
        faces.push(add(&app, &session, &photograph(name)).await);
    }
    let matches = app.get(&format!("{}/matches", faces[0])).send().await.ok();
    let score = |index: usize| matches[index]["score"].as_f64().expect("a number");
    let is = |index: usize, face: &str| face.ends_with(matches[index]["candidate"]["id"].as_str().expect("an id"));
    assert!(is(0, &faces[2]) && score(0) > 3500.0, "the same person comes first: {matches}");
    assert!(is(1, &faces[1]) && score(1) < 2500.0, "another one comes last: {matches}");
    // The face that the server answered for a photograph scores the same as the photograph.
    let known = app.get(&faces[2]).send().await.ok();
    let reply = app.post(&format!("{session}/faces")).json(&known).await;
    assert_eq!(reply.status, 201);
    let again = app.get(&format!("{}/matches", faces[0])).send().await.ok();
    assert_eq!(again[0]["score"], again[1]["score"]);
    let image = app.get(&format!("{}/image?compression=true", faces[0])).send().await;
    assert_shape(&app, "face-image-compressed", &image);
    assert_eq!(app.delete(&session).send().await.status, 204);
    assert_eq!(app.get(&faces[0]).send().await.refusal().1, "SESSION_NOT_FOUND");
}

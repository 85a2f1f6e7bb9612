//! Tests the scripts of the capture page without a browser.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bioserver::capture::key::Algorithm;
use bioserver::capture::{self, Capture};
use bioserver::domain::liveness::{DeviceInfo, SdkInfo};
use bytes::Bytes;
use face::image::{Image, PIXELS_MAX};
use face::liveness::track;
use face::memory::Memory;
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::challenges::challenges;
use face::values::lights::lights;
use face::values::liveness::Frame;
use face::{resample, samples};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::node;

use crate::capture::{Filed, talk};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/capture_page");

#[test]
fn the_script_for_encryption_is_what_the_pinned_packages_give() {
    let mut bundle = node::command("tools/page/bundle.mjs");
    let made = talk::answer(bundle.arg(node::modules()), b"");
    let kept = std::fs::read(Path::new(FOLDER).join("jose.js")).expect("it is there");
    assert!(made == kept, "tools/page/bundle.mjs says how to make it anew");
}

/// Copies these scripts of the page into a folder. Node treats scripts as modules only if a package says so.
fn scripts(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    std::fs::write(folder.path().join("package.json"), r#"{"type":"module"}"#).expect("there is room");
    for name in names {
        std::fs::copy(Path::new(FOLDER).join(name), folder.path().join(name)).expect("it is there");
    }
    folder
}

#[test]
fn the_page_derives_and_seals_as_this_server_does() {
    let key = Filed::new(Algorithm::EcdhEs);
    let folder = scripts(&["capture.js", "jose.js"]);
    let expected = crate::capture::capture();
    for (seed, count) in [(0, 1), (1_150_867_590, 8), (i32::MAX, 8), (-5, 80)] {
        let parameters = json!({
            "id": expected.id,
            "type": expected.liveness_type.name(),
            "seed": seed,
            "serverRandom": STANDARD.encode(expected.server_random),
            "certificates": [STANDARD.encode(&key.copy().certificates()[0])],
        });
        let frames: Vec<Value> = expected
            .frames
            .iter()
            .map(|frame| json!({ "t_ms": frame.t_ms, "jpeg": STANDARD.encode(&frame.jpeg) }))
            .collect();
        let shown: Vec<u32> = if count == 1 { vec![] } else { (500..4500).step_by(500).collect() };
        let given = json!({
            "parameters": parameters, "count": count, "frames": frames, "shown": shown, "camera": "A camera",
            "consentVersion": expected.consent_version,
        })
        .to_string();
        let answer = talk::answer(node::command("tests/server/capture/page.mjs").arg(folder.path()), given.as_bytes());
        let answer: Value = serde_json::from_slice(&answer).expect("it is JSON");
        let names: Vec<&str> =
            challenges(seed, &expected.server_random, count).iter().map(|challenge| challenge.name()).collect();
        assert_eq!(answer["challenges"], json!(names));
        let names: Vec<&str> = lights(seed, &expected.server_random).iter().map(|light| light.name()).collect();
        assert_eq!(answer["lights"], json!(names));
        let sealed = answer["sealed"].as_str().expect("it is text");
        let sdk = Some(SdkInfo { sdk_version: Some("capture page".to_owned()) });
        let device = Some(DeviceInfo { camera: Some("A camera".to_owned()), ..DeviceInfo::default() });
        let expected = Capture { sdk, device, attestation: None, lights: shown, ..expected.clone() };
        assert_eq!(capture::open(&key.copy(), sealed.as_bytes()), Ok(expected));
    }
}

/// The lengths of a passive film, an active one with one movement, and the longest one.
const FILMS_MS: [u32; 3] = [3000, 6200, 29_000];

#[test]
fn the_page_films_as_often_as_this_server_looks() {
    let folder = scripts(&["camera.js"]);
    for (frames_a_second, filmed) in
        [(15, [45, 93, 149]), (20, [30, 62, 149]), (25, [38, 78, 149]), (30, [45, 93, 149])]
    {
        let films =
            FILMS_MS.map(|duration| json!({ "durationMs": duration, "everyMs": 1000.0 / f64::from(frames_a_second) }));
        let mut page = node::command("tests/server/capture/film.mjs");
        let answer = talk::answer(page.arg(folder.path()), json!(films).to_string().as_bytes());
        let times: Vec<Vec<u32>> = serde_json::from_slice(&answer).expect("it is JSON");
        for times in &times {
            let frames: Vec<Frame> = times.iter().map(|t_ms| Frame { t_ms: *t_ms, jpeg: Bytes::new() }).collect();
            assert_eq!(track::looked_at(&frames).len(), frames.len(), "{frames_a_second} frames a second: {times:?}");
        }
        let counts: Vec<usize> = times.iter().map(Vec::len).collect();
        assert_eq!(counts, filmed, "{frames_a_second} frames a second");
    }
}

/// The side of the detector's input on the page, in pixels.
const SIDE: usize = 128;

/// Centres the picture in a black square.
fn squared(jpeg: &[u8]) -> Image {
    let image = Image::decode(jpeg, PIXELS_MAX, &Memory::new(u64::MAX)).expect("it can be read");
    let small = resample::resized(&image, SIDE);
    let (width, height) = small.stored_size();
    let mut pixels = vec![0; 3 * SIDE * SIDE];
    for y in 0..height {
        let from = 3 * ((y + (SIDE - height) / 2) * SIDE + (SIDE - width) / 2);
        pixels[from..from + 3 * width].copy_from_slice(small.stored_row(y));
    }
    small.like(SIDE, SIDE, pixels)
}

#[test]
fn the_page_finds_faces_as_this_server_does() {
    let pack = Pack::built_in().expect("the pack is whole");
    let mut networks = Networks::new(&Compiled::new(&pack, Settings::default()).expect("its networks compile"));
    let mut pictures: Vec<Image> = samples::ONE.iter().map(|(_, jpeg)| squared(jpeg)).collect();
    pictures.push(pictures[0].like(SIDE, SIDE, vec![90; 3 * SIDE * SIDE]));
    let encoded = |image: &Image| {
        let opaque =
            (0..SIDE).flat_map(|y| image.stored_row(y).chunks(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]));
        STANDARD.encode(opaque.collect::<Vec<u8>>())
    };
    let network = STANDARD.encode(Pack::built_in_file("blazeface.onnx").expect("it is there"));
    let encoded: Vec<String> = pictures.iter().map(encoded).collect();
    let given = json!({ "network": network, "side": SIDE, "pictures": encoded }).to_string();
    let folder = scripts(&["detector.js", "network.js"]);
    let mut page = node::command("tests/server/capture/detector.mjs");
    let found = talk::answer(page.arg(folder.path()), given.as_bytes());
    let found: Vec<Vec<Value>> = serde_json::from_slice(&found).expect("it is JSON");
    let mut faces = 0;
    for (image, found) in pictures.iter().zip(&found) {
        let planes = resample::window(image.view(), (0, 0), (SIDE, SIDE));
        let expected = networks.detect(&planes).expect("it runs").faces;
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let face::values::picture::FaceBox { x, y, width, height } = expected.face_box;
            for (name, value) in [("x", x), ("y", y), ("width", width), ("height", height)] {
                let seen = found[name].as_f64().expect("it is a number");
                assert!((seen - f64::from(value)).abs() < 0.05, "{name}: {seen}, {value}");
            }
            faces += 1;
        }
    }
    assert!(faces >= 3, "{faces}");
}

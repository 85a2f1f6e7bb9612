//! The scripts of the capture page, without a browser.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bioserver::capture::key::Algorithm;
use bioserver::capture::{self, Capture};
use bioserver::domain::liveness::{DeviceInfo, SdkInfo};
use face::values::challenges::challenges;
use face::values::lights::lights;
use serde_json::{Value, json};
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

#[test]
fn the_page_derives_and_seals_as_this_server_does() {
    let key = Filed::new(Algorithm::EcdhEs);
    // Node takes scripts for modules where a package says so.
    let folder = key.folder.path().join("page");
    std::fs::create_dir(&folder).expect("a folder can be made");
    std::fs::write(folder.join("package.json"), r#"{"type":"module"}"#).expect("there is room");
    for script in ["capture.js", "jose.js"] {
        std::fs::copy(Path::new(FOLDER).join(script), folder.join(script)).expect("it is there");
    }
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
        let given =
            json!({ "parameters": parameters, "count": count, "frames": frames, "shown": shown, "camera": "A camera" })
                .to_string();
        let answer = talk::answer(node::command("tests/server/capture/page.mjs").arg(&folder), given.as_bytes());
        let answer: Value = serde_json::from_slice(&answer).expect("it is JSON");
        let names: Vec<&str> =
            challenges(seed, &expected.server_random, count).iter().map(|challenge| challenge.name()).collect();
        assert_eq!(answer["challenges"], json!(names));
        let names: Vec<&str> = lights(seed, &expected.server_random).iter().map(|light| light.name()).collect();
        assert_eq!(answer["lights"], json!(names));
        let sealed = answer["sealed"].as_str().expect("it is text");
        let sdk = Some(SdkInfo { sdk_version: Some("capture page".to_owned()) });
        let device = Some(DeviceInfo { camera: Some("A camera".to_owned()), ..DeviceInfo::default() });
        let expected = Capture { sdk, device, lights: shown, ..expected.clone() };
        assert_eq!(capture::open(&key.copy(), sealed.as_bytes()), Ok(expected));
    }
}

//! Compares every network, on both executors, with references for inputs made by a formula; then the pipeline on six
//! photographs.

use face::find::{self, Turns};
use face::geometry::Similarity;
use face::pack::{Network, Pack};
use face::resample::{Planes, warp};
use face::{Picture, WantedFace};
use onnx::graph::Graph;
use onnx::{Engine, Executable, Runner};
use serde_json::Value;
use testkit::project;

use crate::networks;
use crate::shared::{Reference, number};

const ENGINES: [Engine; 2] = [Engine::Burn, Engine::Packed];

fn planes(side: usize, value: impl Fn(usize, usize, usize) -> usize) -> Planes {
    let value = &value;
    let rows = |channel| (0..side).flat_map(move |y| (0..side).map(move |x| (value(channel, y, x) % 256) as f32));
    Planes { width: side, height: side, values: (0..3).flat_map(rows).collect() }
}

/// Makes the input of the entries "synthetic".
fn synthetic(side: usize) -> Planes {
    planes(side, |channel, y, x| 7 * y + 13 * x + 29 * channel + (y * x) % 31)
}

/// Makes the input of `recognizer.json`; `tools/reference/recognizer.py` has the same formula.
fn drawn(seed: usize) -> Planes {
    planes(112, |channel, y, x| {
        let stripes = 7 * y + 13 * x + 29 * channel + (y * x) % 31;
        let inside = x.abs_diff(56).pow(2) + y.abs_diff(45 + 8 * seed).pow(2) < 1400;
        stripes * (seed + 1) + if inside { 90 + 40 * seed } else { 0 }
    })
}

/// Runs a network, and returns its outputs by name.
fn run(network: &Network, engine: Engine, planes: &Planes) -> impl Fn(&str) -> Vec<f32> + use<> {
    let graph = Graph::from_bytes(network.onnx.clone()).expect("it is ONNX");
    let shape = [1, 3, planes.height, planes.width];
    let executable = Executable::new(&graph, engine, &[(&graph.inputs[0].name, &shape)]).expect("it compiles");
    let outputs = Runner::new(&executable).run(&[&network.input.fill(planes)]).expect("the size is right");
    let names: Vec<String> = executable.outputs().iter().map(|port| port.name.clone()).collect();
    move |name| outputs[names.iter().position(|known| known == name).expect("it is an output")].clone()
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: {worst} is more than {tolerance}");
}

#[test]
fn the_detector_agrees_with_its_reference() {
    let Some(reference) = Reference::read() else { return };
    let pack = Pack::built_in().expect("it is whole");
    for engine in ENGINES {
        let output = run(&pack.detector, engine, &synthetic(256));
        assert_near(&output("scores"), reference.tensor("synthetic/blazeface.score"), 1e-4, "scores");
        // The reference's rows have their anchors added: two in each cell of 16 pixels, then six in each cell of 32.
        let anchor = |row: usize| match row {
            0..512 => (row / 2 % 16 * 16 + 8, row / 2 / 16 * 16 + 8),
            _ => ((row - 512) / 6 % 8 * 32 + 16, (row - 512) / 6 / 8 * 32 + 16),
        };
        let mut boxes = output("boxes");
        for (row, numbers) in boxes.chunks_mut(16).enumerate() {
            let (x, y) = anchor(row);
            numbers.iter_mut().enumerate().filter(|(at, _)| !(2..4).contains(at)).for_each(|(at, number)| {
                *number += if at % 2 == 0 { x as f32 } else { y as f32 };
            });
        }
        assert_near(&boxes, reference.tensor("synthetic/blazeface.rows"), 1e-2, "rows");
    }
}

#[test]
fn the_landmarks_agree_with_their_reference() {
    let Some(reference) = Reference::read() else { return };
    let pack = Pack::built_in().expect("it is whole");
    for engine in ENGINES {
        let output = run(&pack.landmarks, engine, &synthetic(192));
        assert_near(&output("points"), reference.tensor("synthetic/facemesh.points"), 1e-2, "points");
        let presence = number(&reference.index["synthetic"]["outputs"]["facemesh_flag"]);
        assert_near(&output("presence"), &[presence], 1e-5, "presence");
    }
}

#[test]
fn the_landmarks_of_films_agree_with_their_reference() {
    let file = |name: &str| {
        let file = project::path(format!("crates/face/tests/pipeline/attention_mesh.{name}"));
        std::fs::read(file).expect("it is in the project")
    };
    let picture = image::load_from_memory(&file("png")).expect("it is a picture").into_rgb8();
    let expected: Value = serde_json::from_slice(&file("json")).expect("it is JSON");
    let expected: Vec<f32> = expected["points"].as_array().expect("a list").iter().map(number).collect();
    let planes = planes(192, |channel, y, x| picture.get_pixel(x as u32, y as u32).0[channel].into());
    let pack = Pack::built_in().expect("it is whole");
    for engine in ENGINES {
        let output = run(&pack.film_landmarks, engine, &planes);
        assert_near(&output("points"), &expected, 1e-2, "points");
        assert_near(&output("presence"), &[1.0], 1e-5, "presence");
    }
}

#[test]
fn the_age_agrees_with_its_reference() {
    let Some(reference) = Reference::read() else { return };
    let pack = Pack::built_in().expect("it is whole");
    let expected = &reference.index["synthetic"]["outputs"]["age_gender"];
    for engine in ENGINES {
        let output = run(&pack.age, engine, &synthetic(112));
        assert_near(&output("age"), &[number(&expected["age"])], 0.05, "years");
        assert_near(&output("male"), &[number(&expected["male"])], 1e-3, "male");
    }
}

#[test]
fn the_recognizer_agrees_with_onnxruntime() {
    let text =
        std::fs::read(project::path("crates/face/tests/pipeline/recognizer.json")).expect("it is in the project");
    let expected: Value = serde_json::from_slice(&text).expect("it is JSON");
    let vectors = expected["vectors"].as_array().expect("a list");
    assert_eq!(vectors.len(), 3);
    for engine in ENGINES {
        let mut networks = networks(engine);
        for (seed, vector) in vectors.iter().enumerate() {
            let vector: Vec<f32> = vector.as_array().expect("a list").iter().map(number).collect();
            let [found] = networks.recognize(0, [&drawn(seed)]).expect("it runs");
            // The tolerance is a ten-thousandth of the range of the vector's numbers.
            let (low, high) = vector.iter().fold((0f32, 0f32), |(low, high), v| (low.min(*v), high.max(*v)));
            assert_near(&found, &vector, 1e-4 * (high - low), "vector");
        }
    }
}

#[test]
fn photographs_agree_with_the_reference_from_their_files_on() {
    let Some(reference) = Reference::read() else { return };
    let mut networks = networks(Engine::Auto);
    for (entry, bytes, name) in reference.pictures() {
        let image = crate::decoded(&networks, &bytes).expect("it is a picture");
        let found = find::largest(&mut networks, &image, Turns::None).expect("it runs").expect("it shows a face");

        let expected = &entry["detections_above_0.5"][0];
        let row: Vec<f32> = expected["box_and_points"].as_array().expect("a list").iter().map(number).collect();
        let face_box = found.detection.face_box;
        let corners =
            [face_box.x, face_box.y, face_box.x + face_box.width, face_box.y + face_box.height].map(|v| v * 1.024);
        assert_near(&corners, &row[..4].iter().map(|v| v * 1.024).collect::<Vec<_>>(), 1.0, name);
        assert_near(&[found.detection.confidence], &[number(&expected["score"])], 0.02, name);

        let mesh = reference.tensor(&format!("{name}/mesh_in_picture")).as_chunks::<3>().0;
        let off = |(a, b): (&[f32; 3], &[f32; 3])| (a[0] - b[0]).hypot(a[1] - b[1]);
        let mean = found.mesh.points.iter().zip(mesh).map(off).sum::<f32>() / mesh.len() as f32;
        assert!(mean < 0.4, "{name}: points are {mean} pixels off");

        let pose = found.mesh.pose().expect("it has one");
        let expected = ["yaw", "pitch", "roll"].map(|angle| number(&entry["pose_deg"][angle]));
        assert_near(&[pose.yaw, pose.pitch, pose.roll], &expected, 1.0, name);

        let picture = Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Largest };
        let described = networks.describe(&picture).expect("it shows a face");
        assert_eq!(described.digest, entry["file_sha256"].as_str().expect("a text"));
    }
}

/// Returns the map of the crop that the reference took, from the entry's matrix.
fn matrix(crop: &Value) -> Similarity {
    let at = |row: usize, column: usize| crop["matrix"][row][column].as_f64().expect("it is a number");
    Similarity { a: at(0, 0), b: at(1, 0), shift_x: at(0, 2), shift_y: at(1, 2) }
}

#[test]
fn ages_of_photographs_agree_with_the_reference() {
    let Some(reference) = Reference::read() else { return };
    let mut networks = networks(Engine::Auto);
    for (entry, bytes, name) in reference.pictures() {
        let image = crate::decoded(&networks, &bytes).expect("it is a picture");
        let crop = &entry["age112"];
        let mut planes = warp::warped_over_edges(image.view(), matrix(crop), 112);
        // The reference's pixels were whole numbers.
        planes.values.iter_mut().for_each(|value| *value = value.round());
        // The list begins at the middle of the middle row.
        for (at, value) in crop["input"]["middle_row_24"].as_array().expect("a list").iter().enumerate() {
            let own = planes.values[(at % 3 * 112 + 56) * 112 + 56 + at / 3];
            assert!((own - number(value)).abs() <= 2.0, "{name}: {own} is not {value}");
        }
        let expected = number(&entry["outputs"]["age_gender"]["age"]);
        // A pixel may differ by a level or two. Another test holds the network itself to 0.05 years.
        assert_near(&networks.years([&planes]).expect("it runs"), &[expected], 1.0, name);

        // With our own points the crop is nearly the same.
        let found = find::largest(&mut networks, &image, Turns::None).expect("it runs").expect("it shows a face");
        let planes = networks.age_crop(image.view(), found.mesh.square_of(1.0));
        assert_near(&networks.years([&planes]).expect("it runs"), &[expected], 1.5, name);

        // Ages are estimated on a larger one than the reference's.
        let planes = networks.age_crop(image.view(), found.mesh.square_of(1.07));
        let [plain, mirrored] = networks.years([&planes, &planes.mirrored()]).expect("it runs");
        let expected = f32::midpoint(plain, mirrored);
        let picture = Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Largest };
        let aged = networks.estimate_age(&picture).expect("it runs").face.expect("it shows a face");
        assert_near(&[aged.years], &[expected], 1e-4, name);
    }
}

//! Milliseconds of each stage on one core, and pictures and replays per second of all workers, on the sample
//! photographs.

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use evaluate::performer::portrait::Portrait;
use evaluate::performer::{self, FRAME_MS, Performance};
use face::find::{self, Turns};
use face::image::Image;
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::liveness::{Challenge, LivenessType, SecurityLevel};
use face::workers::{self, Workers};
use face::{Asked, FaceEngine, LivenessCapture, Picture, WantedFace, mesh, quality, recognize, resample};

#[path = "speed/nobody.rs"]
mod nobody;

const SAMPLES: [&str; 4] = ["biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"];

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let read = |name| (name, std::fs::read(folder.join(name)).expect("the sample is in the project"));
    SAMPLES.into_iter().map(read).collect()
}

fn picture(bytes: Vec<u8>) -> Picture {
    Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Only }
}

/// Measures each stage by itself: on `obama.jpg`, and decoding on every sample.
fn stages(criterion: &mut Criterion) {
    let pack = Pack::built_in().expect("it is whole");
    let compiled = Compiled::new(&pack, Settings::default()).expect("it compiles");
    let mut networks = Networks::new(&compiled);
    let mut group = criterion.benchmark_group("one core");
    let decode = |networks: &Networks, bytes: &[u8]| {
        Image::decode(bytes, networks.settings().pixels_max, networks.memory()).expect("it is a picture")
    };
    for (name, bytes) in samples() {
        group.bench_function(format!("decode {name}"), |b| b.iter(|| decode(&networks, &bytes)));
    }

    let (_, bytes) = &samples()[1];
    let image = decode(&networks, bytes);
    let found = find::largest(&mut networks, &image, Turns::None).expect("it runs").expect("it shows a face");
    group.bench_function("detect, whole pictures to 256 pixels", |b| {
        b.iter(|| {
            let small = resample::resized(&image, 256);
            let planes = resample::window(small.view(), (0, 0), (256, 256));
            networks.detect(&planes).expect("it runs")
        });
    });
    group.bench_function("landmarks, one pass", |b| {
        let square = mesh::square_of_detection(&found.detection);
        b.iter(|| networks.landmarks(image.view(), square).expect("it runs"));
    });
    group.bench_function("quality", |b| b.iter(|| quality::of(image.view(), &found, None)));
    group.bench_function("recognize, plain and mirrored", |b| {
        b.iter(|| recognize::recognize(&mut networks, image.view(), &found).expect("it runs"));
    });
    let whole = picture(bytes.clone());
    group.bench_function("everything", |b| b.iter(|| networks.describe(&whole).expect("it shows a face")));

    let photograph = image::load_from_memory(bytes).expect("it is a picture").to_rgb8();
    let nobody = Image::new(1600, 1200, nobody::nobody(&photograph).into_raw());
    group.bench_function("find nobody in 1600 x 1200", |b| {
        b.iter(|| find::largest(&mut networks, &nobody, Turns::None).expect("it runs"));
    });
    let scan = Image::new(3264, 2448, vec![128; 3 * 3264 * 2448]);
    group.bench_function("shrink 8 megapixels to 256 pixels", |b| b.iter(|| resample::resized(&scan, 256)));
    for replay in replays() {
        let name = format!("replay, {}, {} frames", replay.asked.liveness_type, replay.frames.len());
        group.bench_function(name, |b| b.iter(|| networks.check_liveness(&replay).expect("it runs")));
    }
    group.finish();
}

/// Films one replay of each type of liveness, for about three seconds; the passive type needs only one second.
fn replays() -> [LivenessCapture; 3] {
    let pack = Pack::built_in().expect("it is whole");
    let compiled = Compiled::new(&pack, Settings::default()).expect("it compiles");
    let portrait = Portrait::read(&mut Networks::new(&compiled), &samples()[0].1).expect("it shows a face");
    LivenessType::ALL.map(|liveness_type| {
        let challenges = if liveness_type == LivenessType::Active { vec![Challenge::TurnLeft] } else { vec![] };
        let asked = Asked { challenges, ..Asked::passive(liveness_type) };
        let performance = Performance { asked: asked.clone(), seed: 1, frame_ms: FRAME_MS };
        let frames = performer::perform(&portrait, &performance);
        LivenessCapture { asked, level: SecurityLevel::High, is_virtual: None, frames }
    })
}

/// Measures all workers at once, with each sample picture many times.
fn throughput(criterion: &mut Criterion) {
    const PICTURES: usize = 32;
    const REPLAYS: usize = 8;
    let pack = Pack::built_in().expect("it is whole");
    let pack = Pack { calibration: pack.calibration.or_else(|| Some(toy())), ..pack };
    let settings = workers::Settings { wait_max: Duration::from_mins(10), ..workers::Settings::default() };
    let workers = Workers::start(&pack, &settings).expect("it starts");
    let runtime = tokio::runtime::Runtime::new().expect("it starts");
    let samples = samples();
    let mut group = criterion.benchmark_group("all cores");
    group.throughput(Throughput::Elements(PICTURES as u64)).sample_size(10);
    group.bench_function("pictures", |b| {
        b.iter(|| {
            let pictures = samples.iter().cycle().take(PICTURES).map(|(_, bytes)| picture(bytes.clone()));
            let all = futures_util::future::join_all(pictures.map(|picture| workers.describe(picture)));
            runtime.block_on(all).into_iter().for_each(|described| drop(described.expect("it shows a face")));
        });
    });
    for replay in replays() {
        group.throughput(Throughput::Elements(REPLAYS as u64));
        group.bench_function(format!("replays, {}, {} frames", replay.asked.liveness_type, replay.frames.len()), |b| {
            b.iter(|| {
                let all = futures_util::future::join_all((0..REPLAYS).map(|_| workers.check_liveness(replay.clone())));
                runtime.block_on(all).into_iter().for_each(|verdict| drop(verdict.expect("it runs")));
            });
        });
    }
    group.finish();
}

/// A toy calibration: speed does not depend on the meaning of scores.
fn toy() -> face::calibration::Calibration {
    toml::from_str(
        "data = 'a toy'\npeople = 2\ntemplates = 2\nimpostor_pairs = 1\nmeasured_to_percent = 1.0
         tail_cosine = 0.8\ntail_shape = 0.0\ntail_scale = 0.01\nknots = [[-1.0, 1000.0], [1.0, 5000.0]]",
    )
    .expect("it is a calibration")
}

criterion_group!(benches, stages, throughput);
criterion_main!(benches);

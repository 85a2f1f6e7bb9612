//! Rates copies of a photograph that are degraded more and more: quality orders them as a person would.

use face::networks::Networks;
use face::values::picture::{Quality, QualityReason};
use face::{Picture, WantedFace};
use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops};
use onnx::Engine;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use testkit::project::{self, sample};

use crate::{networks, png, shared};

/// The sample photographs, each with its interocular distance in pixels.
const SAMPLES: [(&str, f32); 2] = [("obama.jpg", 106.0), ("biden.jpg", 121.0)];

fn quality(networks: &mut Networks, bytes: Vec<u8>) -> Quality {
    let picture = Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Largest };
    networks.describe(&picture).expect("it shows a face").quality
}

/// Fails unless quality falls from the untouched photograph on, over copies that `worse` degrades with rising strength.
/// The last copy must name the reason.
fn falls(what: &str, strengths: &[f32], reason: QualityReason, worse: impl Fn(&RgbImage, f32, f32) -> Vec<u8>) {
    let mut networks = networks(Engine::Auto);
    for (name, iod) in SAMPLES {
        let image = image::load_from_memory(&sample(name)).expect("it is a picture").into_rgb8();
        let mut found = vec![quality(&mut networks, png(&image))];
        found.extend(strengths.iter().map(|strength| quality(&mut networks, worse(&image, *strength, iod))));
        let values: Vec<i32> = found.iter().map(|quality| quality.value).collect();
        assert!(values.windows(2).all(|pair| pair[0] > pair[1]), "{what} of {name}: {values:?}");
        let last = found.last().expect("there are copies");
        assert!(last.reasons.contains(&reason), "{what} of {name}: {last:?}");
    }
}

fn each(image: &RgbImage, mut change: impl FnMut(f32) -> f32) -> Vec<u8> {
    let mut changed = image.clone();
    changed.iter_mut().for_each(|value| *value = change(f32::from(*value)).round().clamp(0.0, 255.0) as u8);
    png(&changed)
}

#[test]
fn blur_lowers_quality() {
    // The strength is a standard deviation in hundredths of the interocular distance.
    falls("blur", &[4.0, 8.0, 12.0], QualityReason::Blurred, |image, strength, iod| {
        png(&imageops::blur(image, strength / 100.0 * iod))
    });
}

#[test]
fn noise_lowers_quality() {
    falls("noise", &[20.0, 40.0, 80.0], QualityReason::Noisy, |image, deviation, _| {
        let mut random = StdRng::seed_from_u64(1);
        let mut normal = || (0..12).map(|_| random.random_range(0.0..1.0f32)).sum::<f32>() - 6.0;
        each(image, |value| value + deviation * normal())
    });
}

#[test]
fn compression_lowers_quality() {
    // The strength is JPEG's own quality with a minus sign.
    falls("compression", &[-20.0, -10.0, -5.0], QualityReason::Compressed, |image, quality, _| {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, -quality as u8).encode_image(image).expect("memory takes it");
        bytes
    });
}

#[test]
fn darkness_and_glare_lower_quality() {
    falls("darkness", &[4.0, 8.0, 16.0], QualityReason::TooDark, |image, strength, _| {
        each(image, |value| value / strength)
    });
    falls("glare", &[100.0, 140.0], QualityReason::TooBright, |image, strength, _| {
        each(image, |value| value + strength)
    });
}

#[test]
fn fewer_pixels_lower_quality() {
    falls("shrinking", &[2.0, 4.0, 8.0], QualityReason::EyesTooClose, |image, times, _| {
        let side = |side: u32| (side as f32 / times).round() as u32;
        let (width, height) = image.dimensions();
        png(&imageops::resize(image, side(width), side(height), imageops::FilterType::Triangle))
    });
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(project::path("crates/face/tests/pipeline/files").join(name)).expect("it is in the project")
}

#[test]
fn covered_eyes_and_mouth_are_named() {
    let covered = quality(&mut networks(Engine::Auto), file("mask_and_sunglasses.jpg"));
    assert!(covered.value < 0 && covered.reasons.contains(&QualityReason::Occluded), "{covered:?}");
}

#[test]
fn a_face_whose_eyes_lie_outside_is_none() {
    let picture =
        Picture { bytes: file("eyes_not_in_picture.jpg").into(), rotation: false, wanted: WantedFace::Largest };
    assert_eq!(networks(Engine::Auto).describe(&picture), Err(face::Error::NoFace));
}

#[test]
fn a_mosaic_is_no_photograph() {
    let image = image::load_from_memory(&sample("obama.jpg")).expect("it is a picture").into_rgb8();
    let (width, height) = image.dimensions();
    let tile = (width / 40).max(1);
    let small = imageops::resize(&image, width / tile, height / tile, imageops::FilterType::Triangle);
    let mosaic = imageops::resize(&small, width, height, imageops::FilterType::Nearest);
    let mut networks = networks(Engine::Auto);
    let picture = Picture { bytes: png(&mosaic).into(), rotation: false, wanted: WantedFace::Largest };
    let Ok(described) = networks.describe(&picture) else { return };
    let quality = described.quality;
    assert!(quality.value < 0 && quality.reasons.contains(&QualityReason::NotAPhotograph), "{quality:?}");
}

/// Photographs of one person each, looking at the camera, to its side, and further away from it.
const TURNED: [(&str, [u32; 3]); 3] =
    [("Mohammad_Khatami", [5, 3, 10]), ("Hamid_Karzai", [3, 13, 19]), ("Winona_Ryder", [13, 19, 22])];

#[test]
fn turned_heads_lower_quality() {
    let Some(folder) = shared::folder() else { return };
    let mut networks = networks(Engine::Auto);
    for (person, numbers) in TURNED {
        let found = numbers.map(|number| {
            let file = folder.join(format!("faces/lfw/{person}/{person}_{number:04}.jpg"));
            quality(&mut networks, std::fs::read(file).expect("it is there"))
        });
        let [ahead, aside, away] = found.each_ref().map(|quality| quality.value);
        assert!(ahead > aside && aside > away, "{person}: {found:?}");
        let turned = found.each_ref().map(|quality| quality.reasons.contains(&QualityReason::HeadTurned));
        assert!(!turned[0] && turned[2], "{person}: {found:?}");
    }
}

//! Runs the pipeline on faces of all sizes and in all positions.

use face::calibration::{Calibration, Knot};
use face::curves::Types;
use face::pack::Pack;
use face::values::picture::{ImageType, QualityReason};
use face::workers::{Settings, Workers};
use face::{ComparedFace, Error, FaceEngine, Picture, WantedFace};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use onnx::Engine;
use testkit::project::sample;

use crate::{code, eyes_apart, networks, picture, png};

fn photograph(name: &str) -> RgbImage {
    image::load_from_memory(&sample(name)).expect("it is a picture").into_rgb8()
}

/// Returns pseudo-random numbers from 0 to 255, which are always the same.
fn noise(seed: u32) -> impl Iterator<Item = u8> {
    let step = |state: u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(seed), move |state| step(*state)).map(|state| (state >> 24) as u8)
}

/// Makes what a network sees as a page of text: dark strokes in lines.
fn page(width: u32, height: u32) -> RgbImage {
    let mut ink = noise(7);
    let mut page = RgbImage::from_pixel(width, height, Rgb([244, 242, 236]));
    for top in (100..height.saturating_sub(100)).step_by(60) {
        for left in (100..width.saturating_sub(100)).step_by(14) {
            let (long, gap) = (ink.next().expect("it has no end"), ink.next().expect("it has no end"));
            for y in top..top + 8 + u32::from(long) / 12 {
                for x in left..left + if gap > 40 { 4 } else { 0 } {
                    page.put_pixel(x, y, Rgb([40, 40, 48]));
                }
            }
        }
    }
    page
}

#[test]
fn one_person_is_far_more_alike_than_two() {
    let mut networks = networks(Engine::Auto);
    let templates = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"].map(|name| {
        let described = networks.describe(&picture(sample(name))).expect("it shows one face");
        assert!((250..=350).contains(&described.quality.value), "{name}: {:?}", described.quality);
        described.template
    });
    let [obama, obama2, obama3, biden] = &templates;
    for (one, other) in [(obama, obama2), (obama, obama3), (obama2, obama3)] {
        assert!(one.cosine(other) > 0.6, "{}", one.cosine(other));
    }
    for other in [obama, obama2, obama3] {
        assert!(biden.cosine(other) < 0.3, "{}", biden.cosine(other));
    }
}

#[test]
fn people_look_about_as_old_as_they_were() {
    let mut networks = networks(Engine::Auto);
    // The truth is their age on the day of the photograph.
    for (name, truth) in [("obama.jpg", 51.0), ("obama2.jpg", 48.0), ("obama3.jpg", 48.0), ("biden.jpg", 67.0)] {
        let aged = networks.estimate_age(&picture(sample(name))).expect("it runs");
        let face = aged.face.expect("it shows a face");
        assert!((face.years - truth).abs() < 12.0, "{name}: {face:?}");
        assert!(face.quality.value >= 250, "{name}: {face:?}");
    }
}

#[test]
fn both_executors_give_one_template() {
    let [burn, packed] = [Engine::Burn, Engine::Packed]
        .map(|engine| networks(engine).describe(&picture(sample("obama2.jpg"))).expect("it shows a face"));
    assert!(burn.template.cosine(&packed.template) > 0.999_99);
    assert!(eyes_apart(&burn, &packed) < 1e-2);
}

#[test]
fn a_selfie_that_fills_the_picture() {
    let mut networks = networks(Engine::Auto);
    let whole = networks.describe(&picture(sample("obama.jpg"))).expect("it shows a face");
    let face = whole.landmarks.face_box.expect("it has a box");
    let photograph = photograph("obama.jpg");
    let [x, y, width, height] = [face.x, face.y, face.width, face.height].map(|value| value as u32);
    let tight = imageops::crop_imm(&photograph, x, y, width, height).to_image();
    for side in [width, 100, 2000] {
        let selfie = imageops::resize(&tight, side, side * height / width, FilterType::CatmullRom);
        let described = code(&mut networks, &selfie).expect("it shows a face");
        assert!(described.template.cosine(&whole.template) > 0.9, "{side}");
    }
}

#[test]
fn a_small_face_on_a_large_page() {
    let mut networks = networks(Engine::Auto);
    let whole = networks.describe(&picture(sample("biden.jpg"))).expect("it shows a face");
    let face = whole.landmarks.face_box.expect("it has a box");
    let photograph = photograph("biden.jpg");
    let scale = 60.0 / face.width;
    let [width, height] = [photograph.width(), photograph.height()].map(|side| (side as f32 * scale) as u32);
    let portrait = imageops::resize(&photograph, width, height, FilterType::Lanczos3);
    let mut scan = page(3264, 2448);
    imageops::replace(&mut scan, &portrait, 2100, 1500);
    let described = code(&mut networks, &scan).expect("it shows a face");
    let found = described.landmarks.face_box.expect("it has a box");
    assert!((45.0..75.0).contains(&found.width), "{found:?}");
    assert!((found.x - 2100.0 - face.x * scale).abs() < 15.0, "{found:?}");
    // 26 pixels between the eyes leave less to compare, but still the same person.
    assert!(described.template.cosine(&whole.template) > 0.8, "{}", described.template.cosine(&whole.template));
    assert!(described.quality.value < whole.quality.value - 50, "{:?}", described.quality);
    assert!(described.quality.reasons.contains(&QualityReason::EyesTooClose), "{:?}", described.quality);
}

#[test]
fn a_second_face_counts_from_a_quarter_of_the_first_on() {
    let mut networks = networks(Engine::Auto);
    let (obama, biden) = (photograph("obama.jpg"), photograph("biden.jpg"));
    let biden = imageops::crop_imm(&biden, 0, 0, 970, 1100).to_image();
    let mut beside = |scale: f32| {
        let small = |side: u32| (side as f32 * scale) as u32;
        let second = imageops::resize(&biden, small(970), small(1100), FilterType::Triangle);
        let mut both = RgbImage::from_pixel(1900, 1150, Rgb([90, 100, 110]));
        imageops::replace(&mut both, &obama, 0, 0);
        imageops::replace(&mut both, &second, 920, 0);
        let bytes = png(&both);
        let largest = Picture { wanted: WantedFace::Largest, ..picture(bytes.clone()) };
        let age = networks.estimate_age(&picture(bytes.clone())).map(|aged| aged.face.is_some());
        let (only, largest) = (networks.describe(&picture(bytes)), networks.describe(&largest));
        assert_eq!(age, only.as_ref().map(|_| true).map_err(Clone::clone), "an age needs the only person");
        (only, largest)
    };
    let (only, largest) = beside(0.75);
    assert_eq!(only, Err(Error::MultipleFaces(2)));
    let eyes = largest.expect("one is the largest").landmarks.eyes.expect("it has eyes");
    assert!(eyes.right.x < 910.0, "{eyes:?}");
    let (only, largest) = beside(0.35);
    assert_eq!(only, largest);
    assert!(only.is_ok());
}

/// Makes a card with a portrait, and a second one beside it, with this share of its width and this strength of print.
fn card(portrait: &RgbImage, second: &RgbImage, width_share: f32, strength: f32) -> Vec<u8> {
    let ground = [214, 222, 226];
    let mut card = RgbImage::from_pixel(1000, 640, Rgb(ground));
    let portrait = imageops::resize(portrait, 440, 550, FilterType::Triangle);
    imageops::replace(&mut card, &portrait, 40, 60);
    let [width, height] = [440.0, 550.0].map(|side: f32| (side * width_share) as u32);
    let mut second = imageops::resize(second, width, height, FilterType::Triangle);
    for pixel in second.pixels_mut() {
        for (value, ground) in pixel.0.iter_mut().zip(ground) {
            *value = (f32::from(*value) * strength + f32::from(ground) * (1.0 - strength)) as u8;
        }
    }
    imageops::replace(&mut card, &second, 520, 80);
    png(&card)
}

#[test]
fn a_document_may_show_its_person_twice() {
    let mut networks = networks(Engine::Auto);
    let cut = |name: &str, (x, y): (u32, u32)| imageops::crop_imm(&photograph(name), x, y, 720, 900).to_image();
    let (obama, biden) = (cut("obama.jpg", (90, 20)), cut("biden.jpg", (100, 60)));
    let mut faces = |bytes: &[u8], image_type| {
        let picture = Picture { wanted: WantedFace::of(image_type), ..picture(bytes.to_vec()) };
        let age = networks.estimate_age(&picture).map(drop);
        let described = networks.describe(&picture);
        assert_eq!(age, described.as_ref().map(drop).map_err(Clone::clone), "an age needs the only person, too");
        described
    };
    let alone = faces(&card(&obama, &obama, 0.2, 0.5), ImageType::IdDocument).expect("the second one is too small");
    for (width_share, strength) in [(0.6, 0.5), (0.6, 0.35), (0.55, 0.3), (0.6, 1.0), (0.9, 1.0)] {
        let card = card(&obama, &obama, width_share, strength);
        let described =
            faces(&card, ImageType::IdDocument).unwrap_or_else(|e| panic!("{width_share}, {strength}: {e}"));
        assert!(described.template.cosine(&alone.template) > 0.98, "{width_share}, {strength}");
        assert!(described.landmarks.eyes.expect("it has eyes").right.x < 480.0, "the larger one is meant");
        for image_type in [ImageType::Selfie, ImageType::VideoFrame] {
            assert_eq!(faces(&card, image_type), Err(Error::MultipleFaces(2)), "{width_share}, {strength}");
        }
    }
    // This second print is small, and too faint to be recognised.
    let faint = card(&obama, &biden, 0.5, 0.3);
    assert_eq!(faces(&faint, ImageType::Selfie), Err(Error::MultipleFaces(2)));
    assert!(faces(&faint, ImageType::IdDocument).is_ok());
    // Any other second face counts as another person.
    for (width_share, strength) in [(0.6, 1.0), (0.9, 1.0), (0.9, 0.5)] {
        let refused = faces(&card(&obama, &biden, width_share, strength), ImageType::IdDocument);
        assert_eq!(refused, Err(Error::MultipleFaces(2)), "{width_share}, {strength}");
    }
}

#[test]
fn no_face_is_no_face() {
    let mut networks = networks(Engine::Auto);
    let grey = RgbImage::from_pixel(300, 200, Rgb([120, 120, 120]));
    let noise = RgbImage::from_raw(640, 640, noise(1).take(3 * 640 * 640).collect()).expect("the size fits");
    let pixel = RgbImage::from_pixel(1, 1, Rgb([200, 160, 140]));
    let line = RgbImage::from_pixel(2000, 1, Rgb([200, 160, 140]));
    // A line is refused before any network runs.
    let narrow = Error::TooNarrow { width: 2000, height: 1 };
    let empty = [grey, noise, page(1240, 1754), pixel].map(|empty| (empty, Error::NoFace));
    for (empty, why) in empty.into_iter().chain([(line, narrow)]) {
        for rotation in [false, true] {
            let picture = Picture { rotation, ..picture(png(&empty)) };
            assert_eq!(networks.describe(&picture), Err(why.clone()), "{:?}", empty.dimensions());
            assert_eq!(networks.estimate_age(&picture).expect("it runs").face, None);
        }
    }
}

#[test]
fn a_picture_on_its_side_is_found_when_asked_for() {
    let mut networks = networks(Engine::Auto);
    let upright = photograph("obama.jpg");
    let upright = imageops::resize(&upright, 455, 568, FilterType::Triangle);
    let expected = code(&mut networks, &upright).expect("it shows a face");
    let (w, h) = (454.0, 567.0);
    for (quarter, turned) in
        [upright.clone(), imageops::rotate90(&upright), imageops::rotate180(&upright), imageops::rotate270(&upright)]
            .into_iter()
            .enumerate()
    {
        let described =
            networks.describe(&Picture { rotation: true, ..picture(png(&turned)) }).expect("it shows a face");
        let cosine = described.template.cosine(&expected.template);
        assert!(cosine > 0.98, "{quarter}: {cosine}");
        // The upright picture's eyes lie at these places in the turned one.
        let eyes = expected.landmarks.eyes.expect("it has eyes");
        let places = [eyes.left, eyes.right].map(|p| match quarter {
            0 => (p.x, p.y),
            1 => (h - p.y, p.x),
            2 => (w - p.x, h - p.y),
            _ => (p.y, w - p.x),
        });
        let found = described.landmarks.eyes.expect("it has eyes");
        let found = [(found.left.x, found.left.y), (found.right.x, found.right.y)];
        let near = |(a, b): &((f32, f32), (f32, f32))| (a.0 - b.0).hypot(a.1 - b.1) < 2.0;
        let swapped = [places[1], places[0]];
        let same = |places: [(f32, f32); 2]| found.into_iter().zip(places).all(|pair| near(&pair));
        assert!(same(places) || same(swapped), "{quarter}: {found:?}, expected {places:?}");
        assert!(found[0].0 <= found[1].0, "left is left: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_answer_as_the_networks_do() {
    let pack = Pack::built_in().expect("it is whole");
    let calibration = toml::from_str(
        "data = 'a toy'\npeople = 2\ntemplates = 2\nimpostor_pairs = 1\nmeasured_to_percent = 1.0
         tail_cosine = 0.8\ntail_shape = 0.0\ntail_scale = 0.01\nknots = [[-1.0, 1000.0], [1.0, 5000.0]]",
    );
    let uncalibrated = Pack { calibration: None, ..pack.clone() };
    let fault = Workers::start(&uncalibrated, &Settings::default()).err().expect("it cannot score");
    assert!(fault.to_string().contains("'standard' has no calibration"), "{fault}");

    let calibration: Calibration = calibration.expect("it is one");
    let knots = [(-1.0, 0.0), (1.0, 100.0)].map(|(cosine, score)| Knot { cosine, score });
    let of_videos = Calibration::new(knots.into(), calibration.origin().clone()).expect("it rises");
    let videos = Types::new(ImageType::VideoFrame, ImageType::VideoFrame);
    let pack = Pack { calibration: Some(calibration), calibration_by_types: [(videos, of_videos)].into(), ..pack };
    let pack_version = pack.template_version;
    let workers = Workers::start(&pack, &Settings { threads: Some(2), ..Settings::default() }).expect("it starts");
    let all = ["obama.jpg", "obama2.jpg"].map(|name| workers.describe(picture(sample(name))));
    let all = futures_util::future::join_all(all).await;
    let expected = networks(Engine::Auto).describe(&picture(sample("obama2.jpg")));
    assert_eq!(all[1], expected);
    let [one, other] = [&all[0], &all[1]].map(|described| &described.as_ref().expect("it shows a face").template);
    let score = |image_type| {
        let side = |template| ComparedFace { template, image_type };
        workers.score(side(one), side(other)).0
    };
    assert!((score(ImageType::Selfie) - (3000.0 + 2000.0 * one.cosine(other))).abs() < 1e-9);
    assert!((score(ImageType::VideoFrame) - (50.0 + 50.0 * one.cosine(other))).abs() < 1e-9);
    assert_eq!(workers.template_version(), pack_version);
    assert!(matches!(workers.describe(picture("no picture")).await, Err(Error::Undecodable(_))));
    let aged = workers.estimate_age(picture(sample("obama2.jpg"))).await;
    assert_eq!(aged, networks(Engine::Auto).estimate_age(&picture(sample("obama2.jpg"))));
    assert!(matches!(workers.estimate_age(picture("no picture")).await, Err(Error::Undecodable(_))));
}

#[test]
fn the_example_tells_people_apart() {
    let score = |other: &str| {
        let [one, other] = ["obama.jpg", other].map(|name| testkit::project::path("tests/samples").join(name));
        crate::example::score(&one, &other).expect("they show a face").0
    };
    assert!(score("obama2.jpg") > 3500.0 && score("biden.jpg") < 2500.0);
}

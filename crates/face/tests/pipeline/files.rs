//! Reads image files of every form, whole and damaged.

use face::image::Image;
use face::values::picture::Landmarks;
use face::{DescribedFace, Error};
use image::{DynamicImage, ImageFormat, imageops};
use onnx::Engine;
use testkit::project::{self, sample};

use crate::{decoded, eyes_apart, networks, picture};

/// The files that are cut and damaged.
const NAMES: [&str; 9] = [
    "baseline.jpg",
    "progressive.jpg",
    "scans.jpg",
    "arithmetic.jpg",
    "cmyk.jpg",
    "portrait.jp2",
    "portrait.j2c",
    "alpha.webp",
    "animated.webp",
];

fn file(name: &str) -> Vec<u8> {
    std::fs::read(project::path("crates/face/tests/pipeline/files").join(name)).expect("it is in the project")
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("memory takes it");
    bytes.into_inner()
}

/// Makes a TIFF header with one entry, the orientation, in either byte order.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    if big_endian {
        [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation], &[0; 6]].concat()
    } else {
        [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation], &[0; 7]].concat()
    }
}

/// Makes a JPEG with an EXIF segment before all others.
fn oriented_jpeg(jpeg: &[u8], exif: &[u8]) -> Vec<u8> {
    let segment = [b"Exif\0\0", exif].concat();
    let length = (segment.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &segment, &jpeg[2..]].concat()
}

/// Makes a PNG with an `eXIf` chunk after its header.
fn oriented_png(png: &[u8], exif: &[u8]) -> Vec<u8> {
    let body = [&b"eXIf"[..], exif].concat();
    let length = (body.len() as u32 - 4).to_be_bytes();
    let header_end = 8 + 25;
    [&png[..header_end], &length, &body, &crc32fast::hash(&body).to_be_bytes(), &png[header_end..]].concat()
}

/// Makes an ISO/IEC 19794-5 record of one face, with one point marked.
fn record(picture: &[u8]) -> Vec<u8> {
    let length = (20 + 8 + 12 + picture.len() as u32).to_be_bytes();
    let face = [&length[..], &[0, 1], &[0; 14 + 8 + 12], picture].concat();
    [b"FAC\x00010\0", &(14 + face.len() as u32).to_be_bytes()[..], &[0, 1], &face].concat()
}

#[test]
fn every_form_shows_the_same_face() {
    let mut networks = networks(Engine::Auto);
    let baseline = file("baseline.jpg");
    let image = image::load_from_memory(&baseline).expect("it is a picture");
    let expected = networks.describe(&picture(baseline.clone())).expect("it shows a face");
    let sixteen = DynamicImage::ImageRgb16(image.to_rgb16());
    let sixteen_alpha = DynamicImage::ImageRgba16(image.to_rgba16());
    let grey = DynamicImage::ImageLuma8(image.to_luma8());
    let grey_sixteen = DynamicImage::ImageLumaA16(image.to_luma_alpha16());
    let forms = [
        ("progressive.jpg", file("progressive.jpg"), 0.999),
        ("scans.jpg", file("scans.jpg"), 0.99),
        ("arithmetic.jpg", file("arithmetic.jpg"), 0.99),
        ("cmyk.jpg", file("cmyk.jpg"), 0.99),
        ("portrait.jp2", file("portrait.jp2"), 0.97),
        ("portrait.j2c", file("portrait.j2c"), 0.97),
        ("record of JPEG 2000", record(&file("portrait.jp2")), 0.97),
        ("record of JPEG", record(&baseline), 0.9999),
        ("lossy.webp", file("lossy.webp"), 0.97),
        ("alpha.webp", file("alpha.webp"), 0.97),
        ("animated.webp", file("animated.webp"), 0.97),
        ("palette.png", file("palette.png"), 0.97),
        ("lossless webp", written(&image, ImageFormat::WebP), 0.999),
        ("png", written(&image, ImageFormat::Png), 0.999),
        ("png of 16 bits", written(&sixteen, ImageFormat::Png), 0.999),
        ("png of 16 bits, alpha", written(&sixteen_alpha, ImageFormat::Png), 0.999),
        ("grey png", written(&grey, ImageFormat::Png), 0.9),
        ("grey png of 16 bits, alpha", written(&grey_sixteen, ImageFormat::Png), 0.9),
        ("grey jpeg", written(&grey, ImageFormat::Jpeg), 0.9),
    ];
    for (form, bytes, least) in forms {
        let described = networks.describe(&picture(bytes)).unwrap_or_else(|e| panic!("{form}: {e}"));
        let likeness = described.template.cosine(&expected.template);
        assert!(likeness > least, "{form}: {likeness}");
        assert!(eyes_apart(&described, &expected) < 1.5, "{form}");
    }
}

#[test]
fn exif_orientation_is_honoured() {
    let mut networks = networks(Engine::Auto);
    let upright = image::load_from_memory(&file("baseline.jpg")).expect("it is a picture").into_rgb8();
    let expected = networks.describe(&picture(crate::png(&upright))).expect("it shows a face");
    for orientation in 1..=8u8 {
        // A camera that states this orientation stores the upright picture like this.
        let stored = match orientation {
            1 => upright.clone(),
            2 => imageops::flip_horizontal(&upright),
            3 => imageops::rotate180(&upright),
            4 => imageops::flip_vertical(&upright),
            5 => imageops::rotate270(&imageops::flip_horizontal(&upright)),
            6 => imageops::rotate270(&upright),
            7 => imageops::rotate90(&imageops::flip_horizontal(&upright)),
            _ => imageops::rotate90(&upright),
        };
        let stored = DynamicImage::ImageRgb8(stored);
        let png = oriented_png(&written(&stored, ImageFormat::Png), &exif(orientation, true));
        let described = networks.describe(&picture(png)).expect("it shows a face");
        assert_same(&expected, &described, orientation, 1e-3);
        let jpeg =
            oriented_jpeg(&written(&stored, ImageFormat::Jpeg), &exif(orientation, orientation.is_multiple_of(2)));
        let described = networks.describe(&picture(jpeg)).expect("it shows a face");
        assert_same(&expected, &described, orientation, 2.0);
    }
}

/// A picture of 60 x 40 pixels is 40 x 60 once it is turned.
#[test]
fn exif_is_found_where_programs_put_it() {
    let networks = networks(Engine::Auto);
    let image = DynamicImage::new_rgb8(60, 40);
    let [jpeg, png, webp] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP].map(|form| written(&image, form));
    let prefixed = [b"Exif\0\0", &exif(6, true)[..]].concat();
    // The type of the value is a number of four bytes.
    let long = [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01"[..], &[0, 0, 0, 6], &[0; 4]].concat();
    let files = [
        ("JPEG", oriented_jpeg(&jpeg, &exif(6, false))),
        ("JPEG, long", oriented_jpeg(&jpeg, &long)),
        ("JPEG, the first of two", oriented_jpeg(&oriented_jpeg(&jpeg, &exif(1, true)), &exif(6, true))),
        ("PNG", oriented_png(&png, &exif(6, true))),
        ("PNG, long", oriented_png(&png, &long)),
        ("PNG, prefixed", oriented_png(&png, &prefixed)),
        ("WebP", oriented_webp(&webp, &exif(6, true))),
        ("WebP, prefixed", oriented_webp(&webp, &prefixed)),
    ];
    for (name, file) in files {
        let image = decoded(&networks, &file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((image.view().width, image.view().height), (40, 60), "{name}");
    }
}

/// Makes a WebP in its extended form, with an `EXIF` chunk after the picture.
fn oriented_webp(webp: &[u8], exif: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| [name, &(data.len() as u32).to_le_bytes(), data].concat();
    let head = chunk(b"VP8X", &[8, 0, 0, 0, 59, 0, 0, 39, 0, 0]);
    let body = [b"WEBP", &head[..], &webp[12..], &chunk(b"EXIF", exif)].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

#[test]
fn a_png_may_lack_its_last_chunk_but_nothing_else() {
    let networks = networks(Engine::Auto);
    let whole = written(&image::load_from_memory(&file("baseline.jpg")).expect("it is a picture"), ImageFormat::Png);
    let cut = whole.len() - 12;
    let expected = decoded(&networks, &whole).expect("it is whole");
    let found = decoded(&networks, &whole[..cut]).expect("its pixels are whole");
    assert!((0..240).all(|y| expected.stored_row(y) == found.stored_row(y)));
    for less in 1..40 {
        assert!(matches!(decoded(&networks, &whole[..cut - less]), Err(Error::Undecodable(_))), "{less}");
    }
    let apple = [&whole[..8], b"\0\0\0\x04CgBI\x50\0\x20\x06\x2b\xd5\xb3\x83", &whole[8..]].concat();
    let Err(Error::Undecodable(reason)) = decoded(&networks, &apple) else { panic!("it is no PNG") };
    assert!(reason.contains("CgBI"), "{reason}");
}

fn assert_same(expected: &DescribedFace, found: &DescribedFace, orientation: u8, pixels: f32) {
    assert!(eyes_apart(expected, found) < pixels, "{orientation}: {found:?}, expected {expected:?}");
    let [a, b] = [expected, found].map(|described| {
        let Landmarks { face_box, .. } = described.landmarks;
        face_box.expect("it has a box")
    });
    assert!((a.x - b.x).abs() < 2.0 * pixels && (a.height - b.height).abs() < 2.0 * pixels, "{orientation}");
    assert!(expected.template.cosine(&found.template) > 0.98, "{orientation}");
}

#[test]
fn what_is_no_picture_is_refused_with_a_reason() {
    let networks = networks(Engine::Auto);
    for (bytes, reason) in [
        (b"".to_vec(), "empty"),
        (b"GIF89a..........".to_vec(), "GIF picture"),
        (b"<svg/>".to_vec(), "SVG"),
        (b"no picture".to_vec(), "neither JPEG, PNG, WebP nor JPEG 2000"),
        (vec![0xff, 0xd8, 0xff], ""),
        (b"\x89PNG\r\n\x1a\n".to_vec(), ""),
        (b"RIFF\0\0\0\0WEBP".to_vec(), ""),
    ] {
        let Err(Error::Undecodable(found)) = decoded(&networks, &bytes) else { panic!("{bytes:?} is no picture") };
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn large_pictures_are_refused_before_they_are_decoded() {
    let networks = networks(Engine::Auto);
    let mut jpeg = file("baseline.jpg");
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("it is a baseline JPEG");
    jpeg[frame + 5..frame + 9].fill(0xfd);
    let too_many = Error::TooManyPixels { pixels: 65021 * 65021, pixels_max: 50_000_000 };
    assert_eq!(decoded(&networks, &jpeg).err(), Some(too_many));

    let mut png = crate::png(&image::RgbImage::new(2, 2));
    png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let check = crc32fast::hash(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&check);
    let refused = decoded(&networks, &png).err();
    assert!(matches!(refused, Some(Error::TooManyPixels { pixels: 268_435_456, .. })), "{refused:?}");

    let small = Image::decode(&file("lossy.webp"), 200 * 240 - 1, networks.memory()).err();
    assert_eq!(small, Some(Error::TooManyPixels { pixels: 48000, pixels_max: 47999 }));
    assert!(Image::decode(&file("lossy.webp"), 200 * 240, networks.memory()).is_ok());
}

#[test]
fn truncated_files_are_refused_or_read_but_never_half() {
    let networks = networks(Engine::Auto);
    let png = written(&image::load_from_memory(&file("baseline.jpg")).expect("it is a picture"), ImageFormat::Png);
    let names = NAMES.into_iter().chain(["lossy.webp"]);
    let files = names.map(|name| (name, file(name))).chain([("png", png)]);
    for (name, bytes) in files {
        for percent in (0..100).step_by(3) {
            let cut = &bytes[..bytes.len() * percent / 100];
            let result = decoded(&networks, cut).map(drop);
            // The first picture of an animation may be whole.
            if name != "animated.webp" && percent < 96 {
                assert!(matches!(result, Err(Error::Undecodable(_))), "{name}, {percent} %: {result:?}");
            }
        }
    }
}

#[test]
fn damaged_files_never_stop_the_server() {
    let networks = networks(Engine::Auto);
    let mut state = 1u64;
    for name in NAMES.into_iter().chain(["palette.png"]) {
        let whole = file(name);
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (at, flip) = ((state >> 33) as usize, (state >> 24) as u8);
                // Most damage is done in the first kilobyte.
                let range = if flip.is_multiple_of(2) { 1000 } else { bytes.len() };
                bytes[at % range] ^= flip | 1;
            }
            match decoded(&networks, &bytes) {
                Ok(_) | Err(Error::Undecodable(_) | Error::TooManyPixels { .. }) => {}
                Err(other) => panic!("{name}: {other}"),
            }
        }
    }
}

#[test]
fn the_samples_are_read_whatever_their_size() {
    let mut networks = networks(Engine::Auto);
    let image = image::load_from_memory(&sample("obama.jpg")).expect("it is a picture");
    for (width, height) in [(1, 1), (1, 900), (900, 1), (2, 3), (31, 17)] {
        let tiny = image.resize_exact(width, height, imageops::FilterType::Triangle);
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let file = written(&tiny.to_rgb8().into(), format);
            let described = networks.describe(&picture(file.clone()));
            let is_narrow = matches!(described, Err(Error::TooNarrow { .. }));
            assert!(is_narrow || matches!(described, Ok(_) | Err(Error::NoFace)), "{width} x {height}: {described:?}");
            assert_eq!(is_narrow, width.max(height) == 900);
            // An age estimate of a picture without a face is not an error, however narrow the picture is.
            assert!(networks.estimate_age(&picture(file)).is_ok());
        }
    }
}

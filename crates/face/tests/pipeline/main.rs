//! Compares the real networks with reference numbers, and runs the pipeline on photographs.

mod degraded;
#[path = "../../examples/match.rs"]
mod example;
mod files;
mod jpeg;
mod jpeg2000;
mod liveness;
mod packs;
mod photographs;
mod quality;
mod reference;
mod shared;

use face::image::Image;
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::picture::Point;
use face::{DescribedFace, Error, Picture, WantedFace};
use onnx::Engine;

/// Returns the built-in pack, ready to run.
fn networks(engine: Engine) -> Networks {
    let pack = Pack::built_in().expect("the pack is whole");
    let settings = Settings { engine, ..Settings::default() };
    Networks::new(&Compiled::new(&pack, settings).expect("its networks compile"))
}

fn picture(bytes: impl Into<bytes::Bytes>) -> Picture {
    Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Only }
}

/// Encodes an image without loss.
fn png(image: &image::RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("memory takes it");
    bytes.into_inner()
}

fn code(networks: &mut Networks, image: &image::RgbImage) -> Result<DescribedFace, Error> {
    networks.describe(&picture(png(image)))
}

fn decoded(networks: &Networks, bytes: &[u8]) -> Result<Image, Error> {
    Image::decode(bytes, networks.settings().pixels_max, networks.memory())
}

fn distance(a: Point, b: Point) -> f32 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// Returns the larger of the distances between the left eyes and the right eyes of two faces, in pixels.
fn eyes_apart(a: &DescribedFace, b: &DescribedFace) -> f32 {
    let (a, b) = (a.landmarks.eyes.expect("it has eyes"), b.landmarks.eyes.expect("it has eyes"));
    distance(a.left, b.left).max(distance(a.right, b.right))
}

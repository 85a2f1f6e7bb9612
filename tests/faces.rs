//! The real networks against reference numbers, and the pipeline against photographs.

#[path = "faces/files.rs"]
mod files;
#[path = "beside/folder.rs"]
mod folder;
#[path = "faces/liveness.rs"]
mod liveness;
#[path = "faces/packs.rs"]
mod packs;
#[path = "faces/photographs.rs"]
mod photographs;
#[path = "faces/quality.rs"]
mod quality;
#[path = "faces/reference.rs"]
mod reference;
#[path = "faces/shared.rs"]
mod shared;

use std::path::PathBuf;

use bioserver::domain::face::Point;
use bioserver::face::Coded;
use bioserver::face::Error;
use bioserver::face::Faces;
use bioserver::face::Picture;
use bioserver::face::image::Image;
use bioserver::face::networks::Compiled;
use bioserver::face::networks::Networks;
use bioserver::face::networks::Settings;
use bioserver::face::pack::Pack;
use bioserver::net::Engine;

/// The built-in pack, ready to run.
fn networks(engine: Engine) -> Networks {
    let pack = Pack::built_in().expect("the pack is whole");
    let settings = Settings { engine, ..Settings::default() };
    Networks::new(&Compiled::new(&pack, settings).expect("its networks compile"))
}

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(project("tests/samples").join(name)).expect("the sample is in the project")
}

fn picture(bytes: impl Into<bytes::Bytes>) -> Picture {
    Picture { bytes: bytes.into(), rotation: false, faces: Faces::Only }
}

/// An image as a file without loss.
fn png(image: &image::RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("memory takes it");
    bytes.into_inner()
}

fn code(networks: &mut Networks, image: &image::RgbImage) -> Result<Coded, Error> {
    networks.code(&picture(png(image)))
}

fn decoded(networks: &Networks, bytes: &[u8]) -> Result<Image, Error> {
    Image::decode(bytes, networks.settings().pixels_max, networks.memory())
}

fn distance(a: Point, b: Point) -> f32 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// How far both eyes of two faces are apart at most, in pixels.
fn eyes_apart(a: &Coded, b: &Coded) -> f32 {
    let (a, b) = (a.landmarks.eyes.expect("it has eyes"), b.landmarks.eyes.expect("it has eyes"));
    distance(a.left, b.left).max(distance(a.right, b.right))
}

//! Measures the time from the bytes of a picture to the template of its face on one thread, beside pipelines that people
//! build from OpenCV's face detector and a recognizer: here the built-in one, on the runtime of their choice.
//!
//! One more is face-api on Node, with networks of its own. The result goes to `target/speed/pictures.json`. `SPEED_YUNET`
//! names the file of OpenCV's detector, which is not part of the project; without it those pipelines do not run.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::{Error, Picture, WantedFace};
use image::DynamicImage;
use image::imageops::FilterType;
use serde_json::{Value, json};

use crate::rounds::{Peer, measure, timed};

#[path = "speed/nobody.rs"]
mod nobody;
#[path = "speed/rounds.rs"]
mod rounds;

/// Pipelines of `benches/speed/peer.py`: OpenCV decodes, finds and aligns; the runtime recognizes.
const PEERS: [&str; 3] = ["pipeline-opencv", "pipeline-onnxruntime", "pipeline-openvino"];
const DETECTOR: &str = "SPEED_YUNET";

/// The whole pipeline, with landmarks and quality, which the others lack.
struct Ours {
    networks: Networks,
    picture: Option<Picture>,
}

impl Peer for Ours {
    fn name(&self) -> String {
        "bioserver".to_owned()
    }

    fn load(&mut self, asked: &Value) -> Value {
        let file = asked["picture"].as_str().expect("it names a file");
        let bytes = std::fs::read(file).expect("it is there").into();
        let picture = Picture { bytes, rotation: false, wanted: WantedFace::Only };
        let template = self.networks.describe(&picture).ok().map(|described| described.template.values().to_vec());
        self.picture = Some(picture);
        json!({ "template": template })
    }

    fn run(&mut self, times: usize) -> Vec<f64> {
        let picture = self.picture.as_ref().expect("it is loaded");
        timed(times, || match self.networks.describe(picture) {
            Ok(_) | Err(Error::NoFace) => {}
            Err(error) => panic!("{error}"),
        })
    }
}

/// Writes the pictures that the sample is made into; returns them with their names.
fn pictures(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/obama.jpg");
    let decoded = image::open(&sample).expect("the sample is in the project");
    let write = |name: &'static str, picture: DynamicImage| {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).expect("it can be written");
        let path = folder.join(format!("{}.jpg", name.replace(' ', "-")));
        std::fs::write(&path, bytes.into_inner()).expect("there is room");
        (name, path)
    };
    let nobody = nobody::nobody(&decoded.to_rgb8());
    vec![
        ("one face in 1 megapixel", sample),
        write("one face in 12 megapixels", decoded.resize_exact(3098, 3871, FilterType::Triangle)),
        write("nobody in 2 megapixels", nobody.into()),
    ]
}

fn main() {
    let pack = Pack::built_in().expect("it is whole");
    let compiled = Compiled::new(&pack, Settings::default()).expect("it compiles");
    let ours = Box::new(Ours { networks: Networks::new(&compiled), picture: None });
    let detector = std::env::var_os(DETECTOR).map(PathBuf::from);
    let opencv = if detector.is_some() { &PEERS[..] } else { &[] };
    let mut peers = rounds::peers(ours, &[opencv, &[rounds::FACE_API]].concat());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let recognizer = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/recognizer.onnx");
    let asked = |path: &Path| json!({ "picture": path, "detector": detector, "recognizer": recognizer });
    let one = |(name, path): &(&str, PathBuf)| measure(&mut peers, name, &asked(path));
    let measured: Vec<Value> = pictures(folder.path()).iter().map(one).collect();
    rounds::write("pictures", &measured);
}

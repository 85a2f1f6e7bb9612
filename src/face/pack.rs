//! A pack: a folder of networks, and the manifest `pack.toml` that says what each of them is.
//!
//! ```toml
//! name = "mine"
//!
//! [detector]                    # likewise [landmarks], [recognizer] and, if there is one, [age]
//! file = "detector.onnx"        # in the same folder
//! sha256 = "…"                  # of the file, in lower-case hex
//! licence = "…"                 # in words
//! licence_files = ["…"]         # its texts, in the same folder or below
//! origin = "…"                  # who made it, from what
//! read_out = "blazeface"        # what its numbers mean: blazeface, facemesh, unit-vector, age
//! input = { width = 256, height = 256, colours = "rgb", mean = […], scale = […] }    # (colour - mean) / scale
//!
//! [recognizer]                  # has, besides
//! template_version = 1          # another one for every network whose templates cannot be compared with these
//! dimension = 512               # numbers in a template
//! alignment = { vertices = […], points = […] }    # where points of the landmarks lie in its input, in pixels
//! calibration = { … }           # what its cosines mean; without it, no scores
//!
//! [calibration_by_types."ID_DOCUMENT SELFIE"]    # if there are any: what the cosines of pairs of these types mean
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Component;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use sha2::Digest;
use sha2::Sha256;

use crate::face::align::Alignment;
use crate::face::curves::Curves;
use crate::face::curves::Types;
use crate::face::resample::Planes;
use crate::face::score::Calibration;
use crate::net;

pub const MANIFEST: &str = "pack.toml";
/// Sides of a network's input, in pixels.
const SIDES: std::ops::RangeInclusive<usize> = 16..=1024;
/// Numbers in a template: what [`crate::domain::template::Template`] can hold.
const DIMENSION_MAX: usize = 4096;

/// The files of the pack inside of the program.
const BUILT_IN: [(&str, &[u8]); 8] = [
    (MANIFEST, include_bytes!("../../models/pack.toml")),
    ("blazeface.onnx", include_bytes!("../../models/blazeface.onnx")),
    ("facemesh.onnx", include_bytes!("../../models/facemesh.onnx")),
    ("age_gender.onnx", include_bytes!("../../models/age_gender.onnx")),
    ("recognizer.onnx", include_bytes!("../../models/recognizer.onnx")),
    ("licences/Apache-2.0.txt", include_bytes!("../../models/licences/Apache-2.0.txt")),
    ("licences/MIT-human.txt", include_bytes!("../../models/licences/MIT-human.txt")),
    ("licences/MIT-face-api.txt", include_bytes!("../../models/licences/MIT-face-api.txt")),
];

/// Networks that belong together, as their manifest describes them; files checked, not yet compiled.
#[derive(Clone)]
pub struct Pack {
    pub name: String,
    pub detector: Network,
    pub landmarks: Network,
    pub age: Option<Network>,
    pub recognizer: Network,
    /// Templates of different versions cannot be compared.
    pub template_version: u16,
    /// Numbers in a template.
    pub dimension: usize,
    pub alignment: Alignment,
    /// Without it the pack makes templates, but no scores.
    pub calibration: Option<Calibration>,
    /// Takes its place for pictures of these types.
    pub calibration_by_types: BTreeMap<Types, Calibration>,
}

/// One network of a pack.
#[derive(Clone)]
pub struct Network {
    pub file: String,
    /// Of the file, in lower-case hex.
    pub sha256: String,
    pub licence: String,
    /// The licence's texts, by the files' names.
    pub licence_files: Vec<String>,
    pub origin: String,
    pub input: Input,
    pub onnx: Bytes,
}

/// How a network wants its picture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub width: usize,
    pub height: usize,
    pub colours: Colours,
    /// Taken from each colour's value, 0..255, in the order of `colours`.
    pub mean: [f32; 3],
    /// What is left is divided by this.
    pub scale: [f32; 3],
}

/// The order of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    Rgb,
    Bgr,
}

/// What a network's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReadOut {
    /// `boxes` and `scores`: see [`crate::face::detect`].
    Blazeface,
    /// `points` and `presence`: see [`crate::face::mesh`].
    Facemesh,
    /// `age` in years, and `male`, 0..1.
    Age,
    /// One output: a vector whose direction describes the face.
    UnitVector,
}

/// Why a folder is no usable pack.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("cannot read {file}: {source}")]
    Read { file: String, source: io::Error },
    #[error("{file}: {reason}")]
    Manifest { file: String, reason: String },
    #[error("{file}: its sha256 is {found}, the manifest states {stated}")]
    Sha256 { file: String, stated: String, found: String },
    #[error("{file}: {source}")]
    Network { file: String, source: net::error::Error },
    #[error("{file}: {reason}")]
    Ports { file: String, reason: String },
    #[error("the pack '{0}' has no calibration: it cannot give scores until `calibrate` has made one")]
    NoCalibration(String),
}

impl Pack {
    /// The pack in `folder`, or the built-in one.
    pub fn open(folder: Option<&Path>) -> Result<Self, Fault> {
        folder.map_or_else(Self::built_in, Self::read)
    }

    /// The pack inside of the program.
    pub fn built_in() -> Result<Self, Fault> {
        let read = |name: &str| {
            let found = BUILT_IN.iter().find(|(known, _)| *known == name);
            found.map(|(_, bytes)| Bytes::from_static(bytes)).ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        Self::from_files("the built-in pack", &read)
    }

    /// The pack in a folder.
    pub fn read(folder: &Path) -> Result<Self, Fault> {
        let read = |name: &str| fs::read(folder.join(name)).map(Bytes::from);
        Self::from_files(&folder.display().to_string(), &read)
    }

    fn from_files(place: &str, read: &dyn Fn(&str) -> io::Result<Bytes>) -> Result<Self, Fault> {
        let files = Files { place, read };
        let text = files.get(MANIFEST)?;
        let text = std::str::from_utf8(&text).map_err(|e| files.manifest(e))?;
        let manifest: Manifest = toml::from_str(text).map_err(|e| files.manifest(e))?;
        let Manifest { name, detector, landmarks, age, recognizer, calibration_by_types } = manifest;
        let RecognizerEntry { template_version, dimension, alignment, calibration, .. } = recognizer;
        if !(1..=DIMENSION_MAX).contains(&dimension) {
            return Err(files.manifest(format!("the recognizer's dimension must lie within 1..={DIMENSION_MAX}")));
        }
        let own = recognizer.network;
        Ok(Self {
            name,
            detector: files.network("detector", detector, ReadOut::Blazeface)?,
            landmarks: files.network("landmarks", landmarks, ReadOut::Facemesh)?,
            age: age.map(|age| files.network("age", age, ReadOut::Age)).transpose()?,
            recognizer: files.network("recognizer", own, ReadOut::UnitVector)?,
            template_version,
            dimension,
            alignment,
            calibration,
            calibration_by_types,
        })
    }

    /// How its cosines are scored; `None` for a pack without calibration.
    pub fn curves(&self) -> Option<Curves> {
        Some(Curves { general: self.calibration.clone()?, by_types: self.calibration_by_types.clone() })
    }

    /// The networks, each with its role.
    pub fn networks(&self) -> impl Iterator<Item = (&'static str, &Network)> {
        let always = [("detector", &self.detector), ("landmarks", &self.landmarks), ("recognizer", &self.recognizer)];
        always.into_iter().chain(self.age.as_ref().map(|age| ("age", age)))
    }
}

/// Where a pack's files come from.
struct Files<'a> {
    /// For messages.
    place: &'a str,
    read: &'a dyn Fn(&str) -> io::Result<Bytes>,
}

impl Files<'_> {
    fn get(&self, name: &str) -> Result<Bytes, Fault> {
        (self.read)(name).map_err(|source| Fault::Read { file: self.named(name), source })
    }

    fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    fn manifest(&self, reason: impl fmt::Display) -> Fault {
        Fault::Manifest { file: self.named(MANIFEST), reason: reason.to_string() }
    }

    fn network(&self, role: &str, entry: NetworkEntry, read_out: ReadOut) -> Result<Network, Fault> {
        let NetworkEntry { file, sha256, licence, licence_files, origin, input, .. } = entry;
        if entry.read_out != read_out {
            return Err(self.manifest(format!("{role}: its read-out must be {read_out:?}, not {:?}", entry.read_out)));
        }
        input.check().map_err(|reason| self.manifest(format!("{role}: {reason}")))?;
        for name in licence_files.iter().chain([&file]) {
            if !stays_inside(name) {
                return Err(self.manifest(format!("{role}: '{name}' is not a file of the pack's folder")));
            }
        }
        licence_files.iter().try_for_each(|name| self.get(name).map(drop))?;
        let onnx = self.get(&file)?;
        let found = format!("{:x}", Sha256::digest(&onnx));
        if found != sha256 {
            return Err(Fault::Sha256 { file: self.named(&file), stated: sha256, found });
        }
        Ok(Network { file, sha256, licence, licence_files, origin, input, onnx })
    }
}

fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

impl Input {
    fn check(&self) -> Result<(), String> {
        if self.width != self.height || !SIDES.contains(&self.width) {
            return Err(format!("its input must be a square of {} to {} pixels", SIDES.start(), SIDES.end()));
        }
        let fits = |mean: f32, scale: f32| mean.is_finite() && scale.is_normal();
        if !self.mean.into_iter().zip(self.scale).all(|(mean, scale)| fits(mean, scale)) {
            return Err("mean and scale must be finite, and no scale zero".into());
        }
        Ok(())
    }

    /// The numbers that go into the network: `(colour - mean) / scale`, plane after plane.
    pub fn fill(&self, planes: &Planes) -> Vec<f32> {
        let plane = planes.width * planes.height;
        let order = match self.colours {
            Colours::Rgb => [0, 1, 2],
            Colours::Bgr => [2, 1, 0],
        };
        let mut filled = Vec::with_capacity(3 * plane);
        for ((channel, mean), scale) in order.into_iter().zip(self.mean).zip(self.scale) {
            filled.extend(planes.values[channel * plane..][..plane].iter().map(|value| (value - mean) / scale));
        }
        filled
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    detector: NetworkEntry,
    landmarks: NetworkEntry,
    age: Option<NetworkEntry>,
    recognizer: RecognizerEntry,
    #[serde(default)]
    calibration_by_types: BTreeMap<Types, Calibration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkEntry {
    file: String,
    sha256: String,
    licence: String,
    licence_files: Vec<String>,
    origin: String,
    read_out: ReadOut,
    input: Input,
}

/// A network's entry and what only a recognizer has.
#[derive(Deserialize)]
#[serde(try_from = "toml::Table")]
struct RecognizerEntry {
    network: NetworkEntry,
    template_version: u16,
    dimension: usize,
    alignment: Alignment,
    calibration: Option<Calibration>,
}

impl TryFrom<toml::Table> for RecognizerEntry {
    type Error = String;

    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        fn read<'de, T: Deserialize<'de>>(name: &str, value: Option<toml::Value>) -> Result<T, String> {
            let value = value.ok_or_else(|| format!("missing field `{name}`"))?;
            T::deserialize(value).map_err(|e| format!("{name}: {e}"))
        }
        let own = ["template_version", "dimension", "alignment", "calibration"].map(|name| table.remove(name));
        let [template_version, dimension, alignment, calibration] = own;
        Ok(Self {
            template_version: read("template_version", template_version)?,
            dimension: read("dimension", dimension)?,
            alignment: read("alignment", alignment)?,
            calibration: calibration.map(|value| read("calibration", Some(value))).transpose()?,
            network: NetworkEntry::deserialize(toml::Value::Table(table)).map_err(|e| e.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        String::from_utf8(BUILT_IN[0].1.to_vec()).expect("it is text")
    }

    /// The built-in pack with another manifest.
    fn with(text: &str) -> Result<Pack, Fault> {
        let read = |name: &str| match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((MANIFEST, _)) => Ok(Bytes::from(text.to_owned())),
            Some((_, bytes)) => Ok(Bytes::from_static(bytes)),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        Pack::from_files("mine", &read)
    }

    #[test]
    fn the_built_in_pack_is_whole() {
        let pack = Pack::built_in().expect("it is whole");
        assert_eq!((pack.name.as_str(), pack.template_version, pack.dimension), ("builtin", 1, 512));
        assert_eq!(pack.networks().count(), 4);
        assert!(pack.networks().all(|(_, network)| !network.licence.is_empty() && !network.onnx.is_empty()));
    }

    #[test]
    fn faults_name_the_file_and_the_reason() {
        let refused = |from: &str, to: &str| {
            let changed = text().replacen(from, to, 1);
            assert_ne!(changed, text(), "{from}");
            with(&changed).err().expect(to).to_string()
        };
        for (from, to, reasons) in [
            ("blazeface.onnx", "other.onnx", ["mine/other.onnx", "cannot read"]),
            ("blazeface.onnx", "../blazeface.onnx", ["mine/pack.toml", "'../blazeface.onnx'"]),
            ("licences/MIT-human.txt", "licences/none.txt", ["mine/licences/none.txt", "cannot read"]),
            ("99bf75", "99bf76", ["mine/blazeface.onnx", "the manifest states 99bf76"]),
            ("read_out = \"blazeface\"", "read_out = \"yolo\"", ["mine/pack.toml", "unknown variant `yolo`"]),
            ("read_out = \"blazeface\"", "read_out = \"age\"", ["detector", "must be Blazeface, not Age"]),
            ("[landmarks]", "[landmark]", ["mine/pack.toml", "unknown field `landmark`"]),
            ("licence = ", "license = ", ["mine/pack.toml", "unknown field `license`"]),
            ("dimension = 512", "dimensions = 512", ["mine/pack.toml", "missing field `dimension`"]),
            ("dimension = 512", "dimension = 512\nextra = 1", ["mine/pack.toml", "unknown field `extra`"]),
            ("dimension = 512", "dimension = 0", ["mine/pack.toml", "dimension"]),
            ("width = 150", "width = 151", ["recognizer", "must be a square"]),
            ("scale = [1.0, 1.0, 1.0]", "scale = [1.0, 0.0, 1.0]", ["recognizer", "no scale zero"]),
            ("168, 6, 195", "6, 195", ["mine/pack.toml", "32 vertices and 33 points"]),
        ] {
            let message = refused(from, to);
            assert!(reasons.iter().all(|reason| message.contains(reason)), "{to}: {message}");
        }
    }

    #[test]
    fn inputs_are_filled_as_the_manifest_says() {
        let planes = Planes { width: 1, height: 1, values: vec![10.0, 20.0, 30.0] };
        let input = Input { width: 1, height: 1, colours: Colours::Bgr, mean: [1.0, 2.0, 3.0], scale: [1.0, 2.0, 0.5] };
        assert_eq!(input.fill(&planes), [29.0, 9.0, 14.0]);
    }
}

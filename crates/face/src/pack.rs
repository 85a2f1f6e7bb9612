//! A pack: a folder of networks, and the manifest `pack.toml` that describes each of them.
//!
//! ```toml
//! name = "mine"
//! template_version = 40000      # a new one for every set of recognizers: only templates of one version are compared
//!
//! [[recognizer]]                # one or several: a template joins their vectors, and its cosine is the mean of theirs
//! file = "recognizer.onnx"      # in the same folder
//! sha256 = "…"                  # the digest of the file, in lower-case hex
//! licence = "…"                 # in words
//! licence_files = ["…"]         # its texts, in the same folder or below; may be left out
//! origin = "…"                  # its author and its source
//! read_out = "unit-vector"      # the meaning of its outputs: see `manifest::ReadOut`
//! input = { width = 112, height = 112, colours = "rgb", mean = […], scale = […] }    # (colour - mean) / scale
//! dimension = 512               # the length of its output
//! alignment = { five = […] }    # the places of the face's points in its input, in pixels: see `align`
//! length = 8.1                  # the length of a good picture's vector, if poor pictures give shorter ones
//!
//! [detector]                    # likewise [landmarks], [film_landmarks] (for films, where lids and lips count), [age];
//!                               # the built-in pack lends those that are left out
//!
//! [[spoof]]                     # one or several whose mean counts; left out: the built-in pack's; `spoof = []`: none
//! crop = 2.7                    # the sides of its crop, as multiples of those of the face's box
//!
//! [liveness]                    # the thresholds of liveness checks: see `liveness`
//!
//! [calibration]                 # the curve from cosine to score; without it, no scores
//!
//! [calibration_by_types."ID_DOCUMENT SELFIE"]    # another curve for pictures of these types
//!
//! [[discount]]                  # the discount of cosines if both pictures are poor: see `discount`
//! [[young]]                     # the same if both people are young; without any, those of the built-in pack
//! ```

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::{fmt, fs, io};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::align::Alignment;
use crate::calibration::Calibration;
use crate::curves::{Curves, Types};
use crate::discount::Discounts;
use crate::pack::input::Input;
use crate::pack::liveness::Liveness;
use crate::pack::manifest::{Manifest, NetworkEntry, ReadOut, RecognizerEntry, SpoofEntry};

pub mod input;
pub mod liveness;
pub mod manifest;

pub const MANIFEST: &str = "pack.toml";
/// The most numbers in a template: as many as [`crate::values::template::Template`] can hold.
const DIMENSION_MAX: usize = 4096;
/// The crops that a network against spoofs may have: sides as multiples of those of the face's box.
const CROPS: std::ops::RangeInclusive<f32> = 1.0..=8.0;

/// The files of the built-in pack.
const BUILT_IN: [(&str, &[u8]); 11] = [
    (MANIFEST, include_bytes!("../../../models/pack.toml")),
    ("blazeface.onnx", include_bytes!("../../../models/blazeface.onnx")),
    ("facemesh.onnx", include_bytes!("../../../models/facemesh.onnx")),
    ("attention_mesh.onnx", include_bytes!("../../../models/attention_mesh.onnx")),
    ("age_gender.onnx", include_bytes!("../../../models/age_gender.onnx")),
    ("recognizer.onnx", include_bytes!("../../../models/recognizer.onnx")),
    ("spoof.onnx", include_bytes!("../../../models/spoof.onnx")),
    ("licences/Apache-2.0.txt", include_bytes!("../../../models/licences/Apache-2.0.txt")),
    ("licences/MIT-human.txt", include_bytes!("../../../models/licences/MIT-human.txt")),
    ("licences/MIT-human-models.txt", include_bytes!("../../../models/licences/MIT-human-models.txt")),
    ("licences/MIT-face-api.txt", include_bytes!("../../../models/licences/MIT-face-api.txt")),
];

/// Networks that belong together, as their manifest describes them. Their files are checked, but not yet compiled.
#[derive(Clone)]
pub struct Pack {
    pub name: String,
    /// Templates of different versions cannot be compared.
    pub template_version: u16,
    pub detector: Network,
    pub landmarks: Network,
    /// Replaces `landmarks` in films, where the opening of lids and lips counts.
    pub film_landmarks: Network,
    pub age: Network,
    /// At least one.
    pub recognizers: Vec<Recognizer>,
    pub spoofs: Vec<Spoof>,
    pub liveness: Liveness,
    /// Without it the pack makes templates, but no scores.
    pub calibration: Option<Calibration>,
    /// Curves that replace `calibration` for pictures of these types.
    pub calibration_by_types: BTreeMap<Types, Calibration>,
    /// The discounts for pairs of poor pictures and of young people.
    pub discounts: Discounts,
}

/// One network of a pack.
#[derive(Clone)]
pub struct Network {
    pub file: String,
    /// The SHA-256 of the file, in lower-case hex.
    pub sha256: String,
    pub licence: String,
    /// The file names of the licence's texts.
    pub licence_files: Vec<String>,
    pub origin: String,
    pub read_out: ReadOut,
    pub input: Input,
    pub onnx: Bytes,
}

/// A network that describes an aligned face.
#[derive(Clone)]
pub struct Recognizer {
    pub network: Network,
    /// The length of its output.
    pub dimension: usize,
    pub alignment: Alignment,
    /// The length of a good picture's vector; shorter ones are less certain. `None` if the length says nothing.
    pub length: Option<f32>,
}

/// A network that tells a face from a picture of one.
#[derive(Clone)]
pub struct Spoof {
    pub network: Network,
    /// The sides of its crop, as multiples of those of the face's box.
    pub crop: f32,
}

/// The reasons why a folder is not a usable pack.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("cannot read {file}: {source}")]
    Read { file: String, source: io::Error },
    #[error("{file}: {reason}")]
    Manifest { file: String, reason: String },
    #[error("{file}: its sha256 is {found}, the manifest states {stated}")]
    Sha256 { file: String, stated: String, found: String },
    #[error("{file}: {source}")]
    Network { file: String, source: onnx::error::Error },
    #[error("{file}: {reason}")]
    Ports { file: String, reason: String },
    #[error("the pack '{0}' has no calibration, so it gives no scores: run `bioserver calibrate`")]
    NoCalibration(String),
}

impl Pack {
    /// Opens the pack in `folder`, or the built-in one.
    pub fn open(folder: Option<&Path>) -> Result<Self, Fault> {
        folder.map_or_else(Self::built_in, Self::read)
    }

    /// Opens the pack inside the program.
    pub fn built_in() -> Result<Self, Fault> {
        let read = |name: &str| Self::built_in_file(name).ok_or_else(|| io::ErrorKind::NotFound.into());
        Self::from_files("the built-in pack", &read)
    }

    /// Returns a file of the built-in pack.
    pub fn built_in_file(name: &str) -> Option<Bytes> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, bytes)| Bytes::from_static(bytes))
    }

    /// Opens the pack in a folder.
    pub fn read(folder: &Path) -> Result<Self, Fault> {
        let read = |name: &str| fs::read(folder.join(name)).map(Bytes::from);
        Self::from_files(&folder.display().to_string(), &read)
    }

    fn from_files(place: &str, read: &dyn Fn(&str) -> io::Result<Bytes>) -> Result<Self, Fault> {
        let files = Files { place, read };
        let text = files.get(MANIFEST)?;
        let text = std::str::from_utf8(&text).map_err(|e| files.manifest(e))?;
        let manifest: Manifest = toml::from_str(text).map_err(|e| files.manifest(e))?;
        let Manifest { name, template_version, detector, landmarks, film_landmarks, age, .. } = manifest;
        let whole = [&detector, &landmarks, &film_landmarks, &age].iter().all(|entry| entry.is_some());
        let whole = whole && manifest.spoof.is_some() && manifest.young.is_some();
        let lender = if whole { None } else { Some(Self::built_in()?) };
        let or_lent =
            |role: &str, entry: Option<NetworkEntry>, read_outs: &[ReadOut], lent: fn(&Self) -> &Network| match (
                entry, &lender,
            ) {
                (Some(entry), _) => files.network(role, entry, read_outs),
                (None, Some(lender)) => Ok(lent(lender).clone()),
                (None, None) => Err(files.manifest(format!("missing field `{role}`"))),
            };
        let detectors = [ReadOut::Blazeface, ReadOut::Yunet];
        let (spoofs, thresholds) = match (manifest.spoof, &lender) {
            // The error rates were measured on the whole check, with the lender's recognizer, so they are left out.
            (None, Some(lender)) => (lender.spoofs.clone(), Liveness { measured: None, ..lender.liveness.clone() }),
            (entries, _) => {
                let spoofs = entries.into_iter().flatten().map(|entry| files.spoof(entry));
                (spoofs.collect::<Result<_, _>>()?, Liveness::default())
            }
        };
        let lent_young = lender.as_ref().map(|lender| lender.discounts.young.clone());
        let young = manifest.young.or(lent_young).unwrap_or_default();
        Ok(Self {
            name,
            template_version,
            detector: or_lent("detector", detector, &detectors, |pack| &pack.detector)?,
            landmarks: or_lent("landmarks", landmarks, &[ReadOut::Facemesh], |pack| &pack.landmarks)?,
            film_landmarks: or_lent("film_landmarks", film_landmarks, &[ReadOut::Facemesh], |pack| {
                &pack.film_landmarks
            })?,
            age: or_lent("age", age, &[ReadOut::Age], |pack| &pack.age)?,
            recognizers: files.recognizers(manifest.recognizer)?,
            spoofs,
            liveness: manifest.liveness.unwrap_or(thresholds),
            calibration: manifest.calibration,
            calibration_by_types: manifest.calibration_by_types,
            discounts: Discounts { poor: manifest.discount, young },
        })
    }

    /// Returns the curves by which its cosines are scored; `None` for a pack without calibration.
    pub fn curves(&self) -> Option<Curves> {
        Some(Curves {
            general: self.calibration.clone()?,
            by_types: self.calibration_by_types.clone(),
            discounts: self.discounts.clone(),
        })
    }

    /// Returns the length of a template.
    pub fn dimension(&self) -> usize {
        self.recognizers.iter().map(|recognizer| recognizer.dimension).sum()
    }

    /// Returns the SHA-256 of its networks' roles and digests, in lower-case hex: packs of other networks have another.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (role, network) in self.networks() {
            digest.update(format!("{role} {}\n", network.sha256));
        }
        format!("{:x}", digest.finalize())
    }

    /// Returns the networks, each with its role.
    pub fn networks(&self) -> impl Iterator<Item = (&'static str, &Network)> {
        let single = [
            ("detector", &self.detector),
            ("landmarks", &self.landmarks),
            ("film_landmarks", &self.film_landmarks),
            ("age", &self.age),
        ];
        let recognizers = self.recognizers.iter().map(|recognizer| ("recognizer", &recognizer.network));
        let spoofs = self.spoofs.iter().map(|spoof| ("spoof", &spoof.network));
        single.into_iter().chain(recognizers).chain(spoofs)
    }
}

/// The source of a pack's files.
struct Files<'a> {
    /// Names the source in messages.
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

    fn recognizers(&self, entries: Vec<RecognizerEntry>) -> Result<Vec<Recognizer>, Fault> {
        let sum: usize = entries.iter().map(|entry| entry.dimension).fold(0, usize::saturating_add);
        if entries.iter().any(|entry| entry.dimension == 0) || !(1..=DIMENSION_MAX).contains(&sum) {
            let reason = format!("the dimensions of its recognizers must be 1 to {DIMENSION_MAX} in all");
            return Err(self.manifest(reason));
        }
        if entries.iter().filter_map(|entry| entry.length).any(|length| !length.is_normal() || length < 0.0) {
            return Err(self.manifest("recognizer: its length must be above zero"));
        }
        let recognizer = |RecognizerEntry { network, dimension, alignment, length }| {
            let network = self.network("recognizer", network, &[ReadOut::UnitVector])?;
            Ok(Recognizer { network, dimension, alignment, length })
        };
        entries.into_iter().map(recognizer).collect()
    }

    fn spoof(&self, SpoofEntry { network, crop }: SpoofEntry) -> Result<Spoof, Fault> {
        if !CROPS.contains(&crop) {
            return Err(self.manifest(format!("spoof: its crop must lie within {} to {}", CROPS.start(), CROPS.end())));
        }
        Ok(Spoof { network: self.network("spoof", network, &[ReadOut::PrintedRealShown])?, crop })
    }

    fn network(&self, role: &str, entry: NetworkEntry, read_outs: &[ReadOut]) -> Result<Network, Fault> {
        let NetworkEntry { file, sha256, licence, licence_files, origin, read_out, input } = entry;
        if !read_outs.contains(&read_out) {
            return Err(self.manifest(format!("{role}: its read-out must be one of {read_outs:?}, not {read_out:?}")));
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
        Ok(Network { file, sha256, licence, licence_files, origin, read_out, input, onnx })
    }
}

/// Returns true if a name leads to a file below the folder that it is read from.
pub fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        String::from_utf8(BUILT_IN[0].1.to_vec()).expect("it is text")
    }

    /// Opens the built-in pack with another manifest.
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
        assert_eq!((pack.name.as_str(), pack.template_version, pack.dimension()), ("standard", 4, 192));
        // The network against spoofs is in it twice, with two crops.
        assert_eq!(pack.networks().count(), 7);
        assert!(pack.networks().all(|(_, network)| !network.licence.is_empty() && !network.onnx.is_empty()));
    }

    #[test]
    fn what_a_pack_leaves_out_is_lent() {
        let alone = |top: &str| {
            let (start, end) = (text().find("[[recognizer]]"), text().find("[[spoof]]"));
            let recognizers = text()[start.expect("there is one")..end.expect("there is one")].to_owned();
            with(&format!("name = \"mine\"\ntemplate_version = 40000\n{top}\n{recognizers}")).expect("the rest is lent")
        };
        let (built_in, mine) = (Pack::built_in().expect("it is whole"), alone(""));
        assert_eq!(mine.networks().count(), built_in.networks().count());
        assert_eq!(mine.liveness, Liveness { measured: None, ..built_in.liveness.clone() });
        let without = alone("spoof = []");
        assert_eq!((without.spoofs.len(), without.liveness), (0, Liveness::default()));
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
            ("read_out = \"blazeface\"", "read_out = \"age\"", ["detector", "one of [Blazeface, Yunet], not Age"]),
            ("template_version = 4", "", ["mine/pack.toml", "missing field `template_version`"]),
            ("[landmarks]", "[landmark]", ["mine/pack.toml", "unknown field `landmark`"]),
            ("licence = ", "license = ", ["mine/pack.toml", "unknown field `license`"]),
            ("dimension = 192", "dimensions = 192", ["mine/pack.toml", "missing field `dimension`"]),
            ("dimension = 192", "dimension = 192\nextra = 1", ["mine/pack.toml", "unknown field `extra`"]),
            ("dimension = 192", "dimension = 0", ["mine/pack.toml", "dimension"]),
            (
                "width = 112, height = 112, colours = \"rgb\", mean = [127.5",
                "width = 112, height = 113, colours = \"rgb\", mean = [127.5",
                ["recognizer", "must be a square"],
            ),
            ("scale = [128.0, 128.0, 128.0]", "scale = [128.0, 0.0, 128.0]", ["recognizer", "no scale may be zero"]),
            ("[37.4343, 50.0961], ", "", ["mine/pack.toml", "five points, not 4"]),
        ] {
            let message = refused(from, to);
            assert!(reasons.iter().all(|reason| message.contains(reason)), "{to}: {message}");
        }
    }
}

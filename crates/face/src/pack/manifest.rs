//! The form of `pack.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::align::Alignment;
use crate::calibration::Calibration;
use crate::curves::Types;
use crate::discount::Steps;
use crate::pack::input::Input;
use crate::pack::liveness::Liveness;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: String,
    pub template_version: u16,
    pub detector: Option<NetworkEntry>,
    pub landmarks: Option<NetworkEntry>,
    pub film_landmarks: Option<NetworkEntry>,
    pub age: Option<NetworkEntry>,
    pub recognizer: Vec<RecognizerEntry>,
    pub spoof: Option<Vec<SpoofEntry>>,
    pub liveness: Option<Liveness>,
    pub calibration: Option<Calibration>,
    #[serde(default)]
    pub calibration_by_types: BTreeMap<Types, Calibration>,
    #[serde(default)]
    pub discount: Steps,
    pub young: Option<Steps>,
}

impl Manifest {
    /// Returns the entries of the pack's own networks, each with its role.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &NetworkEntry)> {
        let single = [
            ("detector", &self.detector),
            ("landmarks", &self.landmarks),
            ("film_landmarks", &self.film_landmarks),
            ("age", &self.age),
        ];
        let single = single.into_iter().filter_map(|(role, entry)| Some((role, entry.as_ref()?)));
        let recognizers = self.recognizer.iter().map(|recognizer| ("recognizer", &recognizer.network));
        single.chain(recognizers).chain(self.spoof.iter().flatten().map(|spoof| ("spoof", &spoof.network)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkEntry {
    pub file: String,
    pub sha256: String,
    pub licence: String,
    #[serde(default)]
    pub licence_files: Vec<String>,
    pub origin: String,
    pub read_out: ReadOut,
    pub input: Input,
}

/// The meaning of a network's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadOut {
    /// See [`crate::detect::blazeface`].
    Blazeface,
    /// See [`crate::detect::yunet`].
    Yunet,
    /// `points` and `presence`: see [`crate::mesh`].
    Facemesh,
    /// `age`, in years; other outputs are not read.
    Age,
    /// One output: a vector whose direction describes the face.
    UnitVector,
    /// One output of three logits: a printed face, a real one, one shown on a screen.
    PrintedRealShown,
}

/// A network's entry, with what only a recognizer has.
#[derive(Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct RecognizerEntry {
    pub network: NetworkEntry,
    pub dimension: usize,
    pub alignment: Alignment,
    /// The length of a good picture's vector; shorter ones are less certain. `None` if the length says nothing.
    pub length: Option<f32>,
}

impl TryFrom<toml::Table> for RecognizerEntry {
    type Error = String;

    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let [dimension, alignment, length] = ["dimension", "alignment", "length"].map(|name| table.remove(name));
        Ok(Self {
            length: length.map(|length| read("length", Some(length))).transpose()?,
            dimension: read("dimension", dimension)?,
            alignment: read("alignment", alignment)?,
            network: network(table)?,
        })
    }
}

/// A network's entry, with what only a network against spoofs has.
#[derive(Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct SpoofEntry {
    pub network: NetworkEntry,
    pub crop: f32,
}

impl TryFrom<toml::Table> for SpoofEntry {
    type Error = String;

    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let crop = table.remove("crop");
        Ok(Self { crop: read("crop", crop)?, network: network(table)? })
    }
}

fn network(table: toml::Table) -> Result<NetworkEntry, String> {
    NetworkEntry::deserialize(toml::Value::Table(table)).map_err(|e| e.to_string())
}

fn read<'de, T: Deserialize<'de>>(name: &str, value: Option<toml::Value>) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("missing field `{name}`"))?;
    T::deserialize(value).map_err(|e| format!("{name}: {e}"))
}

//! Reads reference numbers and pictures that lie beside the project.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use testkit::shared;

/// Returns the folder of pictures and reference numbers; `None` if it is absent.
pub fn folder() -> Option<PathBuf> {
    shared::folder("research/reference")?.ancestors().nth(2).map(PathBuf::from)
}

/// Outputs of the networks as other programs computed them.
pub struct Reference {
    pub index: Value,
    tensors: HashMap<String, Vec<f32>>,
}

impl Reference {
    pub fn read() -> Option<Self> {
        let folder = folder()?.join("research/reference");
        let index = std::fs::read(folder.join("index.json")).expect("it is there");
        let tensors = std::fs::read(folder.join("outputs.safetensors")).expect("it lies beside the index");
        Some(Self { index: serde_json::from_slice(&index).expect("it is JSON"), tensors: safetensors(&tensors) })
    }

    pub fn tensor(&self, name: &str) -> &[f32] {
        self.tensors.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// Returns the entry of each picture, its file, and its name in the tensors.
    pub fn pictures(&self) -> impl Iterator<Item = (&Value, Vec<u8>, &str)> {
        let faces = folder().expect("this was read from it").join("faces/lfw");
        let pictures = self.index["pictures"].as_object().expect("it lists pictures");
        pictures.iter().map(move |(path, entry)| {
            let name = path.split('/').next_back().and_then(|file| file.strip_suffix(".jpg"));
            let bytes = std::fs::read(faces.join(path)).expect("the picture is there");
            (entry, bytes, name.expect("it is a JPEG"))
        })
    }
}

/// Reads the 32-bit floats of a safetensors file: the length of a JSON header, the header, the data.
fn safetensors(bytes: &[u8]) -> HashMap<String, Vec<f32>> {
    let (length, rest) = bytes.split_first_chunk::<8>().expect("it has a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: HashMap<String, Value> = serde_json::from_slice(header).expect("it is JSON");
    let tensor = |(name, entry): (String, Value)| {
        let [start, end] = [0, 1].map(|side| entry["data_offsets"][side].as_u64());
        let values = data[start? as usize..end? as usize].as_chunks().0;
        Some((name, values.iter().map(|value| f32::from_le_bytes(*value)).collect()))
    };
    header.into_iter().filter_map(tensor).collect()
}

pub fn number(value: &Value) -> f32 {
    value.as_f64().expect("it is a number") as f32
}

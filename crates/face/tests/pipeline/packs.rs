//! Packs that cannot be used are refused at load, by file and reason.

use std::path::Path;

use face::networks::{Compiled, Settings};
use face::pack::Pack;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::project;

/// A copy of the built-in pack's folder, which is removed at the end.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let models = project::path("models");
        std::fs::create_dir_all(folder.path().join("licences")).expect("there is room");
        for part in ["", "licences"] {
            for file in std::fs::read_dir(models.join(part)).expect("it is there").flatten() {
                if file.path().is_file() {
                    let copy = folder.path().join(part).join(file.file_name());
                    std::fs::copy(file.path(), copy).expect("there is room");
                }
            }
        }
        Self(folder)
    }

    /// Changes the manifest.
    pub fn replace(&self, from: &str, to: &str) {
        let file = self.0.path().join("pack.toml");
        let text = std::fs::read_to_string(&file).expect("it is there");
        assert!(text.contains(from), "{from}");
        std::fs::write(file, text.replacen(from, to, 1)).expect("there is room");
    }

    /// Changes a network, and its SHA-256 in the manifest.
    fn patch(&self, file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        let path = self.0.path().join(file);
        let before = std::fs::read(&path).expect("it is there");
        let after = change(before.clone());
        assert_ne!(before, after);
        self.replace(&sha256(&before), &sha256(&after));
        std::fs::write(path, after).expect("there is room");
    }

    fn fault(&self) -> String {
        let compiled = Pack::read(self.0.path()).and_then(|pack| Compiled::new(&pack, Settings::default()));
        compiled.err().expect("it cannot be used").to_string()
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Replaces every `from` by `to`, which must be as long.
fn renamed(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn a_folder_is_as_good_as_the_built_in_pack() {
    let folder = Folder::new();
    let pack = Pack::read(folder.0.path()).expect("it is whole");
    assert_eq!(pack.name, "standard");
    assert!(Compiled::new(&pack, Settings::default()).is_ok());
    assert!(Pack::read(Path::new("/nowhere")).err().expect("there is none").to_string().contains("/nowhere/pack.toml"));
}

#[test]
fn an_unknown_operator_is_refused_with_its_node() {
    let folder = Folder::new();
    folder.patch("blazeface.onnx", |bytes| renamed(bytes, b"MaxPool", b"MixPool"));
    let fault = folder.fault();
    assert!(fault.contains("blazeface.onnx") && fault.contains("operator MixPool"), "{fault}");
    assert!(fault.contains("block."), "{fault}");
}

#[test]
fn a_network_of_another_kind_is_refused() {
    let folder = Folder::new();
    let age = std::fs::read(project::path("models/age_gender.onnx")).expect("it is there");
    folder.patch("facemesh.onnx", |_| age.clone());
    let fault = folder.fault();
    assert!(fault.contains("facemesh.onnx"), "{fault}");

    let folder = Folder::new();
    folder.replace("dimension = 192", "dimension = 256");
    let fault = folder.fault();
    assert!(fault.contains("recognizer.onnx") && fault.contains("[1, 192], not [1, 256]"), "{fault}");
}

#[test]
fn damaged_networks_are_refused() {
    let folder = Folder::new();
    folder.patch("facemesh.onnx", |mut bytes| {
        bytes.truncate(bytes.len() / 2);
        bytes
    });
    assert!(folder.fault().contains("facemesh.onnx"), "{}", folder.fault());

    let folder = Folder::new();
    let file = folder.0.path().join("recognizer.onnx");
    let mut bytes = std::fs::read(&file).expect("it is there");
    bytes[1_000_000] ^= 1;
    std::fs::write(file, bytes).expect("there is room");
    assert!(folder.fault().contains("sha256"), "{}", folder.fault());

    let folder = Folder::new();
    folder.patch("age_gender.onnx", |bytes| renamed(bytes, b"AveragePool", b"AveregePool"));
    assert!(folder.fault().contains("age_gender.onnx"), "a network that faces do not need is checked too");
}

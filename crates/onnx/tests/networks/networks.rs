//! Compares whole networks: both engines with onnxruntime and with each other.
//!
//! They are those of `models/`, and published ones that lie outside the project, in `../shared` or `BIOSERVER_SHARED`.

use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use onnx::graph::{Graph, Input};
use onnx::kernels::isa::Isa;
use onnx::{Engine, Executable, Port, Runner};
use sha2::{Digest, Sha256};
use testkit::{project, python, shared};

use crate::agreement;

/// Largest difference allowed, relative to the range of an output.
const TOLERANCE: f32 = 1e-3;
/// The outputs of the built-in networks, by [`digest`]: AVX2, AVX-512 and NEON give the same. A change of the kernels
/// that adds in another order changes the list, and templates in their last bits.
const DIGESTS: [&str; 6] = [
    "age_gender 136b602100957bfc",
    "attention_mesh fdcfe99df94cc331",
    "blazeface 2e8cfda98300ee99",
    "facemesh ffafad2504174f07",
    "recognizer 6a8784d6c0693ddb",
    "spoof 6ad7c849c15c0350",
];
/// The sides of a picture if the file leaves them open.
const SIDE: usize = 256;

#[test]
fn the_built_in_networks_agree_on_every_engine() {
    let files = files(&project::path("models"));
    assert_eq!(files.len(), 6, "the built-in pack has six networks: {files:?}");
    agree(&files);
}

#[test]
fn published_networks_agree_on_every_engine() {
    let folders = ["models-builtin", "models-upstream"].map(shared::folder);
    if folders.iter().any(Option::is_none) {
        return;
    }
    let files: Vec<PathBuf> = folders.iter().flatten().flat_map(|folder| files(folder)).collect();
    assert!(files.len() >= 10, "some networks are missing: {files:?}");
    agree(&files);
}

#[test]
#[cfg_attr(not(target_env = "gnu"), ignore = "another C library may round the exponential function differently")]
fn every_processor_that_fuses_gives_the_same_bits() {
    let files = files(&project::path("models"));
    for isa in Isa::available().into_iter().filter(|isa| isa.is_fused()) {
        let found: Vec<String> = files.iter().map(|file| digest(file, isa)).collect();
        assert_eq!(found, DIGESTS, "{isa:?}");
    }
}

#[test]
fn inputs_of_the_wrong_number_or_size_are_refused() {
    let graph = Graph::read(&project::path("models/facemesh.onnx")).unwrap();
    for engine in [Engine::Burn, Engine::Packed] {
        let executable = Executable::new(&graph, engine, &[]).unwrap();
        let mut runner = Runner::new(&executable);
        let right = vec![0.5; 3 * 192 * 192];
        let error = runner.run(&[&right[1..]]).unwrap_err().to_string();
        assert_eq!(error, "input 'image': 110591 values for shape [1, 3, 192, 192]");
        assert!(runner.run(&[]).is_err());
        assert!(runner.run(&[&right, &right]).is_err(), "{engine} takes one input too many");
        assert!(runner.run(&[&right]).is_ok(), "a refusal leaves the runner as it was");
    }
}

/// Returns the network's name and the start of the SHA-256 of its outputs for a photograph, by the packed kernels.
fn digest(file: &Path, isa: Isa) -> String {
    let graph = Graph::read(file).unwrap();
    let shape = closed(&graph.inputs[0]);
    let executable = Executable::for_isa(&graph, isa, &[(graph.inputs[0].name.as_str(), &shape)]).unwrap();
    let outputs = Runner::new(&executable).run(&[&picture(&shape, 127.5, 1.0)]).unwrap();
    let bytes: Vec<u8> = outputs.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let digest = format!("{:x}", Sha256::digest(bytes));
    format!("{} {}", file.file_stem().unwrap().to_string_lossy(), &digest[..16])
}

/// Returns the ONNX files of a folder and of the folders in it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    found.sort();
    found
}

/// Fails unless both engines and onnxruntime agree on each network of one input.
pub fn agree(files: &[PathBuf]) {
    let faults: Vec<String> = files.iter().flat_map(|file| faults(file)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Returns the differences between the engines, onnxruntime and repeated runs on one network.
fn faults(file: &Path) -> Vec<String> {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let graph = Graph::read(file).unwrap();
    let [input] = graph.inputs.as_slice() else { panic!("{name} has {} inputs", graph.inputs.len()) };
    let shape = closed(input);
    let shapes = [(input.name.as_str(), shape.as_slice())];
    let burn = Executable::new(&graph, Engine::Burn, &shapes).unwrap();
    let packed = Executable::new(&graph, Engine::Packed, &shapes).unwrap();
    assert_eq!((burn.inputs(), burn.outputs()), (packed.inputs(), packed.outputs()));
    let (mut burn, mut packed, outputs) = (Runner::new(&burn), Runner::new(&packed), packed.outputs().to_vec());

    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    let pictures = [("wide", picture(&shape, 1.0, 0.0)), ("narrow", picture(&shape, 127.5, 1.0))];
    for (scale, values) in &pictures {
        agreement::write(&folder.path().join(scale).with_extension("in"), values);
    }
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    python::run("crates/onnx/tests/networks/reference.py", &[file, Path::new(&sizes.join("x")), folder.path()]);

    let mut faults = Vec::new();
    for (scale, values) in &pictures {
        let reference = split(&outputs, &agreement::read(&folder.path().join(scale).with_extension("out")));
        let by_burn = burn.run(&[values]).unwrap();
        let by_packed = packed.run(&[values]).unwrap();
        let again = packed.run(&[values]).unwrap();
        for (index, port) in outputs.iter().enumerate() {
            let mut compare = |what: &str, wanted: &[f32], found: &[f32]| {
                let difference = agreement::difference_of_range(wanted, found, TOLERANCE);
                faults.extend(difference.map(|d| format!("{name}, {scale}, '{}', {what}: {d}", port.name)));
            };
            compare("burn against onnxruntime", &reference[index], &by_burn[index]);
            compare("packed against onnxruntime", &reference[index], &by_packed[index]);
            compare("packed against burn", &by_burn[index], &by_packed[index]);
            if !agreement::same_bits(&by_packed[index], &again[index]) {
                faults.push(format!("{name}, {scale}, '{}': the second run differs", port.name));
            }
        }
    }
    faults
}

/// Returns the input's shape: one picture, and [`SIDE`] if the file leaves a side open.
pub fn closed(input: &Input) -> Vec<usize> {
    input.shape.iter().enumerate().map(|(axis, size)| size.unwrap_or(if axis == 0 { 1 } else { SIDE })).collect()
}

/// Returns a photograph of a face as planes of red, green and blue: `colour / divisor - shift`.
pub fn picture(shape: &[usize], divisor: f32, shift: f32) -> Vec<f32> {
    let &[1, 3, height, width] = shape else { panic!("{shape:?} is no colour picture") };
    let photograph = image::open(project::path("tests/samples/obama.jpg")).unwrap();
    let pixels = photograph.resize_to_fill(width as u32, height as u32, FilterType::Triangle).into_rgb8();
    let plane = |channel: usize| pixels.pixels().map(move |pixel| f32::from(pixel[channel]) / divisor - shift);
    (0..3).flat_map(plane).collect()
}

fn split(outputs: &[Port], values: &[f32]) -> Vec<Vec<f32>> {
    let mut rest = values;
    let lengths = outputs.iter().map(|port| port.shape.iter().product::<usize>());
    let parts = lengths.map(|len| rest.split_off(..len).expect("the reference has every output").to_vec()).collect();
    assert!(rest.is_empty(), "the reference has {} values more", rest.len());
    parts
}

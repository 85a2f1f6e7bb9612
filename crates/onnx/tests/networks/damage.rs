//! Damages files: spoils each node of the networks of `models/` in turn, cuts files short, flips bytes anywhere.

use std::fs;

use bytes::Bytes;
use onnx::graph::Graph;
use onnx::{Engine, Executable};
use prost::Message;
use testkit::project;

use crate::refusals;

const FILES: [&str; 5] =
    ["age_gender.onnx", "attention_mesh.onnx", "blazeface.onnx", "facemesh.onnx", "recognizer.onnx"];

fn bytes(file: &str) -> Bytes {
    fs::read(project::path("models").join(file)).unwrap().into()
}

/// Returns why the network is not loaded. The detector leaves the size of its picture open.
fn refusal(graph: &Graph) -> String {
    let open = graph.inputs[0].shape[2].is_none();
    let shapes: &[(&str, &[usize])] = if open { &[("image", &[1, 3, 256, 256])] } else { &[] };
    match Executable::new(graph, Engine::Auto, shapes) {
        Ok(_) => "it is accepted".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_undamaged_networks_are_accepted() {
    for file in FILES {
        assert_eq!(refusal(&Graph::from_bytes(bytes(file)).unwrap()), "it is accepted", "{file}");
    }
}

#[test]
fn a_spoilt_node_is_named_with_its_operator() {
    for file in FILES {
        let mut graph = Graph::from_bytes(bytes(file)).unwrap();
        assert!(graph.nodes.len() > 50, "{file} has lost its nodes");
        for index in 0..graph.nodes.len() {
            let (name, op) = (graph.nodes[index].name.clone(), graph.nodes[index].op.clone());
            graph.nodes[index].op = format!("{op}Twice");
            assert_eq!(refusal(&graph), format!("node '{name}': operator {op}Twice is not supported"), "{file}");
            graph.nodes[index].op.clone_from(&op);

            let input = std::mem::replace(&mut graph.nodes[index].inputs[0], "nowhere".into());
            let wanted = format!("node '{name}' ({op}): nothing produces its input 'nowhere'");
            assert_eq!(refusal(&graph), wanted, "{file}");
            graph.nodes[index].inputs[0] = input;
        }
    }
}

#[test]
fn a_truncated_file_is_refused() {
    for file in FILES {
        let bytes = bytes(file);
        for eighths in 1..8 {
            let error = Graph::from_bytes(bytes.slice(..bytes.len() * eighths / 8)).unwrap_err().to_string();
            assert!(error.starts_with("not an ONNX file: "), "{file}: {error}");
        }
    }
}

#[test]
fn no_damage_to_the_bytes_panics() {
    let bytes = refusals::model().encode_to_vec();
    for at in 0..bytes.len() {
        for change in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            let Ok(graph) = Graph::from_bytes(damaged.into()) else { continue };
            for engine in [Engine::Packed, Engine::Burn] {
                drop(Executable::new(&graph, engine, &[]));
            }
        }
    }
}

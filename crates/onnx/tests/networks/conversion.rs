//! Converts published networks, and compares them with the ONNX files that others made of them.

use std::fs;

use bytes::Bytes;
use onnx::graph::Graph;
use onnx::proto::{Dimension, ModelProto, TensorType, TypeProto, ValueInfoProto};
use onnx::{Engine, Executable, Port, Runner};
use onnx_convert::Structure;
use prost::Message;
use testkit::shared;

use crate::{agreement, networks};

/// Largest difference allowed, relative to the largest value of the output.
const TOLERANCE: f32 = 2e-6;

pub const RETAIL: &str = "intel0095/FP16/face-reidentification-retail-0095";
pub const V2: &str = "minifasnet/2.7_80x80_MiniFASNetV2";
pub const V1_SE: &str = "minifasnet/4_0_0_80x80_MiniFASNetV1SE";
const YUNET: &str = "yunet/yunet_n_320_320.onnx";

/// Returns both halves of Intel's network; `None` if they are absent.
pub fn retail() -> Option<[Vec<u8>; 2]> {
    Some([shared::published(&format!("{RETAIL}.xml"))?, shared::published(&format!("{RETAIL}.bin"))?])
}

fn compiled(onnx: &[u8], engine: Engine, shape: Option<&[usize]>) -> Executable {
    let graph = Graph::from_bytes(Bytes::copy_from_slice(onnx)).unwrap();
    let name = graph.inputs[0].name.clone();
    let shapes: Vec<(&str, &[usize])> = shape.map(|shape| (name.as_str(), shape)).into_iter().collect();
    Executable::new(&graph, engine, &shapes).unwrap()
}

/// Makes values over 0..255 by a formula without symmetry, so that no symmetry of a network hides a fault.
fn picture(len: usize, seed: usize) -> Vec<f32> {
    let value = |i: usize| {
        let x = (i * 7919 + seed * 104_729) % 65_521;
        let wave = ((i + 31 * seed) as f32 * 0.013).sin();
        (x as f32 / 65_521.0 * 90.0 + wave * 80.0 + 82.5).clamp(0.0, 255.0)
    };
    (0..len).map(value).collect()
}

fn run(executable: &Executable, input: &[f32]) -> Vec<Vec<f32>> {
    Runner::new(executable).run(&[input]).unwrap()
}

/// Fails unless the outputs of one engine differ by less than [`TOLERANCE`] of the largest.
#[track_caller]
fn assert_same(what: &str, wanted: &[Vec<f32>], found: &[Vec<f32>]) {
    assert_eq!(wanted.len(), found.len(), "{what}");
    for (wanted, found) in wanted.iter().zip(found) {
        let largest = wanted.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.0, "{what}: nothing comes out");
        let scaled = |values: &[f32]| values.iter().map(|value| value / largest).collect::<Vec<_>>();
        let (wanted, found) = (scaled(wanted), scaled(found));
        let off = wanted.iter().zip(&found).map(|(w, f)| (w - f).abs()).fold(0.0, f32::max);
        println!("{what}: off by {off:.1e} of the largest value, {largest}");
        assert_eq!(agreement::difference(&wanted, &found, TOLERANCE), None, "{what}");
    }
}

fn agrees(what: &str, reference: &str, onnx: &[u8], input: &[usize], output: (&str, &[usize])) {
    let Some(reference) = shared::published(reference) else { return };
    for engine in [Engine::Packed, Engine::Burn] {
        let converted = compiled(onnx, engine, None);
        let port = |name: &str, shape: &[usize]| Port { name: name.into(), shape: shape.to_vec() };
        assert_eq!(converted.inputs(), [port("input", input)]);
        assert_eq!(converted.outputs(), [port(output.0, output.1)]);
        let reference = compiled(&reference, engine, None);
        for seed in 1..4 {
            let picture = picture(input.iter().product(), seed);
            assert_same(&format!("{what}, {engine}"), &run(&reference, &picture), &run(&converted, &picture));
        }
    }
}

#[test]
fn the_network_of_openvino_agrees_with_its_reference() {
    let Some([xml, bin]) = retail() else { return };
    let onnx = onnx_convert::openvino(&xml, &bin).unwrap();
    assert_eq!(onnx, onnx_convert::openvino(&xml, &bin).unwrap(), "the same bytes make the same bytes");
    assert!(onnx.len() < 3_000_000, "weights stay in half precision: {} bytes", onnx.len());
    let output: (&str, &[usize]) = ("output", &[1, 256, 1, 1]);
    agrees("retail-0095", "intel0095/face-reidentification-retail-0095.fp32.onnx", &onnx, &[1, 3, 128, 128], output);
}

#[test]
fn the_networks_of_pytorch_agree_with_their_references() {
    for (file, structure) in [(V2, Structure::MiniFasNetV2), (V1_SE, Structure::MiniFasNetV1Se)] {
        let Some(pth) = shared::published(&format!("{file}.pth")) else { return };
        let onnx = onnx_convert::state_dict(&pth, structure).unwrap();
        assert_eq!(onnx, onnx_convert::state_dict(&pth, structure).unwrap(), "the same bytes make the same bytes");
        agrees(file, &format!("{file}.onnx"), &onnx, &[1, 3, 80, 80], ("logits", &[1, 3]));
    }
}

#[test]
fn onnxruntime_runs_what_is_converted() {
    let Some([xml, bin]) = retail() else { return };
    let dictionary = |file: &str, structure| {
        let pth = shared::published(&format!("{file}.pth")).unwrap();
        onnx_convert::state_dict(&pth, structure).unwrap()
    };
    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    let file = |name: &str, onnx: Vec<u8>| {
        let path = folder.path().join(name);
        fs::write(&path, onnx).unwrap();
        path
    };
    networks::agree(&[
        file("converted-retail.onnx", onnx_convert::openvino(&xml, &bin).unwrap()),
        file("converted-v2.onnx", dictionary(V2, Structure::MiniFasNetV2)),
        file("converted-v1se.onnx", dictionary(V1_SE, Structure::MiniFasNetV1Se)),
        file("opened-yunet.onnx", opened(&shared::published(YUNET).unwrap())),
    ]);
}

/// Returns the network with an open height and width.
fn opened(onnx: &[u8]) -> Vec<u8> {
    let mut model = ModelProto::decode(onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let tensor = |port: &mut ValueInfoProto| port.r#type.take().unwrap().tensor_type.unwrap();
    let mut input = tensor(&mut graph.input[0]);
    input.shape.as_mut().unwrap().dim[2..].fill(Dimension { dim_value: 0 });
    graph.input[0].r#type = Some(TypeProto { tensor_type: Some(input) });
    for output in &mut graph.output {
        let tensor_type = Some(TensorType { shape: None, ..tensor(output) });
        output.r#type = Some(TypeProto { tensor_type });
    }
    model.encode_to_vec()
}

/// The detector's file declares 320 x 320, but nothing in it depends on that.
#[test]
fn the_detector_of_yunet_takes_other_sizes_and_batches() {
    let Some(onnx) = shared::published(YUNET) else { return };
    for shape in [[1, 3, 32, 32], [1, 3, 480, 640], [1, 3, 320, 320], [2, 3, 96, 160]] {
        let [packed, burn] = [Engine::Packed, Engine::Burn].map(|engine| compiled(&onnx, engine, Some(&shape)));
        let outputs: Vec<(&str, &[usize])> =
            packed.outputs().iter().map(|port| (port.name.as_str(), port.shape.as_slice())).collect();
        let mut wanted = Vec::new();
        for (kind, values) in [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)] {
            for stride in [8, 16, 32] {
                wanted.push((format!("{kind}_{stride}"), [shape[0], shape[2] / stride * (shape[3] / stride), values]));
            }
        }
        let wanted: Vec<(&str, &[usize])> = wanted.iter().map(|(name, shape)| (name.as_str(), &shape[..])).collect();
        assert_eq!(outputs, wanted);
        let input = picture(shape.iter().product(), 5);
        for (by_burn, by_packed) in run(&burn, &input).iter().zip(run(&packed, &input)) {
            assert_eq!(agreement::difference(by_burn, &by_packed, 2e-5), None, "{shape:?}");
        }
    }
    rows_repeat(&onnx);
}

/// Fails unless the first rows of cells, for a picture with its own copy below it, are those for the picture alone.
fn rows_repeat(onnx: &[u8]) {
    let (width, height) = (320, 320);
    let small = picture(3 * width * height, 2);
    let plane = |channel: usize| &small[channel * width * height..(channel + 1) * width * height];
    let tall: Vec<f32> = (0..3).flat_map(|channel| [plane(channel), plane(channel)].concat()).collect();
    let by_small = run(&compiled(onnx, Engine::Packed, None), &small);
    let by_tall = run(&compiled(onnx, Engine::Packed, Some(&[1, 3, 2 * height, width])), &tall);
    // Outputs 0, 3, 6 and 9 are those of stride 8, forty cells a row. Four rows see no further than 320 pixels.
    for (at, values) in [(0, 1), (3, 1), (6, 4), (9, 10)] {
        let seen = 4 * (width / 8) * values;
        let difference = agreement::difference(&by_small[at][..seen], &by_tall[at][..seen], 2e-5);
        assert_eq!(difference, None, "output {at}");
        assert_eq!(by_tall[at].len(), 2 * by_small[at].len());
    }
}

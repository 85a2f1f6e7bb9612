//! Loads broken and foreign files: both engines refuse them, and name node and operator.

use std::fs;
use std::path::Path;

use onnx::error::Error;
use onnx::graph::Graph;
use onnx::proto::{
    AttributeProto, Dimension, GraphProto, LOCATION_EXTERNAL, ModelProto, NodeProto, OperatorSetId, StringEntry,
    TensorProto, TensorShape, TensorType, TypeProto, ValueInfoProto, data_type,
};
use onnx::{Engine, Executable, Runner};
use prost::Message;

/// Makes `x [1, 3, 4, 4] -> Conv(w [2, 3, 1, 1]) -> y`, for each test to damage.
pub fn model() -> ModelProto {
    let dim = [1, 3, 4, 4].map(|dim_value| Dimension { dim_value }).to_vec();
    let tensor_type = Some(TensorType { elem_type: data_type::FLOAT, shape: Some(TensorShape { dim }) });
    let weight = TensorProto {
        name: "w".into(),
        dims: vec![2, 3, 1, 1],
        data_type: data_type::FLOAT,
        float_data: vec![0.5; 6],
        ..Default::default()
    };
    let node = NodeProto {
        name: "first".into(),
        op_type: "Conv".into(),
        input: vec!["x".into(), "w".into()],
        output: vec!["y".into()],
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetId { domain: String::new(), version: 13 }],
        graph: Some(GraphProto {
            node: vec![node],
            initializer: vec![weight],
            input: vec![ValueInfoProto { name: "x".into(), r#type: Some(TypeProto { tensor_type }) }],
            output: vec![ValueInfoProto { name: "y".into(), r#type: None }],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn load(model: &ModelProto, engine: Engine) -> Result<Executable, Error> {
    Executable::new(&Graph::from_bytes(model.encode_to_vec().into())?, engine, &[])
}

/// Returns the error of a model changed by `damage`, which must be the same in both engines.
fn refusal(damage: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = model();
    damage(model.graph.as_mut().unwrap());
    said(&model)
}

fn said(model: &ModelProto) -> String {
    let [packed, burn] = [Engine::Packed, Engine::Burn].map(|engine| match load(model, engine) {
        Ok(_) => panic!("{engine} accepts it"),
        Err(error) => error.to_string(),
    });
    assert_eq!(packed, burn);
    packed
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: ints.to_vec(), ..Default::default() }
}

/// Fails unless a refusal names the node and its operator.
#[track_caller]
fn assert_names_node(error: &str) {
    assert!(error.starts_with("node 'first' (Conv): "), "{error}");
}

#[test]
fn the_undamaged_model_runs() {
    for engine in [Engine::Packed, Engine::Burn] {
        let mut runner = Runner::new(&load(&model(), engine).unwrap());
        assert_eq!(runner.run(&[&[1.0; 48]]).unwrap(), [vec![1.5; 32]]);
    }
}

#[test]
fn an_unknown_operator_is_named() {
    let error = refusal(|graph| graph.node[0].op_type = "Frobnicate".into());
    assert_eq!(error, "node 'first': operator Frobnicate is not supported");
    let error = refusal(|graph| graph.node[0].domain = "com.example".into());
    assert_eq!(error, "node 'first': operator com.example.Conv is not supported");
}

#[test]
fn a_node_without_a_name_is_told_by_its_place_and_output() {
    let error = refusal(|graph| {
        graph.node[0].name.clear();
        graph.node[0].op_type = "Frobnicate".into();
    });
    assert_eq!(error, "node '#0 -> y': operator Frobnicate is not supported");
}

#[test]
fn a_graph_that_does_not_hang_together_is_refused() {
    let error = refusal(|graph| graph.node[0].input[0] = "z".into());
    assert_eq!(error, "node 'first' (Conv): nothing produces its input 'z'");
    let error = refusal(|graph| graph.node[0].input.clear());
    assert_eq!(error, "node 'first' (Conv): input 0 is missing");
    let error = refusal(|graph| graph.output[0].name = "z".into());
    assert_eq!(error, "the model is broken: nothing produces output 'z'");
    let error = refusal(|graph| graph.input[0].r#type = None);
    assert_eq!(error, "input 'x': it is not a tensor of f32");
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let said = |bytes: &'static [u8]| Graph::from_bytes(bytes.into()).unwrap_err().to_string();
    assert_eq!(said(b""), "the model is broken: it has no graph");
    assert!(said(b"\xff\xd8\xff\xe0 a JPEG file").starts_with("not an ONNX file: "));
    let missing = Graph::read(Path::new("no/such/model.onnx")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read no/such/model.onnx: "), "{missing}");
    let mut old = model();
    old.opset_import[0].version = 6;
    assert_eq!(self::said(&old), "the model is broken: operator set 6 is not supported: 7 is the oldest");
}

#[test]
fn impossible_sizes_are_refused() {
    for pads in [&[i64::MAX; 4][..], &[-1; 4], &[0; 3]] {
        assert_names_node(&refusal(|graph| graph.node[0].attribute.push(ints("pads", pads))));
    }
    for name in ["strides", "dilations"] {
        assert_names_node(&refusal(|graph| graph.node[0].attribute.push(ints(name, &[0, 1]))));
        assert_names_node(&refusal(|graph| graph.node[0].attribute.push(ints(name, &[1]))));
    }
    let group = AttributeProto { name: "group".into(), i: 0, ..Default::default() };
    assert_names_node(&refusal(|graph| graph.node[0].attribute.push(group)));
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    for dims in [[2, 3, 0, 0], [0, 3, 1, 1], [2, 4, 1, 1], [i64::MAX, i64::MAX, 1, 1], [-1, 3, 1, 1]] {
        let error = refusal(|graph| graph.initializer[0].dims = dims.to_vec());
        assert!(error.contains("tensor 'w'") || error.starts_with("node 'first' (Conv): "), "{error}");
    }
    let error = refusal(|graph| graph.initializer[0].float_data.truncate(5));
    assert_eq!(error, "the model is broken: tensor 'w': 5 elements do not fill shape [2, 3, 1, 1]");
    let error = refusal(|graph| graph.initializer[0].data_type = 99);
    assert_eq!(error, "the model is broken: tensor 'w': unsupported element type 99");
}

/// Two small constants have a sum that is not small.
#[test]
fn constants_do_not_grow_without_end() {
    let error = refusal(|graph| {
        for (name, dims) in [("a", [65536, 1]), ("b", [1, 65536])] {
            let values = TensorProto { name: name.into(), dims: dims.to_vec(), ..graph.initializer[0].clone() };
            graph.initializer.push(TensorProto { float_data: vec![0.5; 65536], ..values });
        }
        let sum = NodeProto { op_type: "Add".into(), input: vec!["a".into(), "b".into()], ..graph.node[0].clone() };
        graph.node.push(NodeProto { name: "sum".into(), output: vec!["z".into()], ..sum });
    });
    assert_eq!(error, "node 'sum' (Add): its output would be [65536, 65536]");
}

#[test]
fn weights_outside_the_folder_are_refused() {
    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    let bytes: Vec<u8> = [0.5f32; 6].into_iter().flat_map(f32::to_le_bytes).collect();
    fs::write(folder.path().join("weights.bin"), bytes).unwrap();
    let load_with = |location: &str| {
        let mut model = model();
        let weight = &mut model.graph.as_mut().unwrap().initializer[0];
        weight.float_data.clear();
        weight.data_location = LOCATION_EXTERNAL;
        weight.external_data = vec![StringEntry { key: "location".into(), value: location.into() }];
        fs::write(folder.path().join("model.onnx"), model.encode_to_vec()).unwrap();
        Graph::read(&folder.path().join("model.onnx")).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load_with("weights.bin"), Ok(()));
    let back = Path::new("..").join(folder.path().file_name().unwrap()).join("weights.bin");
    for outside in [back.to_str().unwrap(), "/etc/passwd", "a/weights.bin", ".", ""] {
        let error = load_with(outside).unwrap_err();
        assert_eq!(error, format!("the model is broken: weight file '{outside}' is outside its folder"));
    }
    let error = load_with("missing.bin").unwrap_err();
    assert!(error.starts_with("cannot read ") && error.contains("missing.bin"), "{error}");
}

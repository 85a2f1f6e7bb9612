//! Networks in two files: what names the other file wrongly is refused, what is not known stays as it is.

use bioserver::net::convert;
use bioserver::net::graph::Graph;
use bioserver::net::proto::AttributeProto;
use bioserver::net::proto::LOCATION_EXTERNAL;
use bioserver::net::proto::ModelProto;
use bioserver::net::proto::NodeProto;
use bioserver::net::proto::StringEntry;
use bioserver::net::proto::TensorProto;
use prost::Message;

use crate::refusals;

/// The weights of [`refusals::model`]: six floats from byte 8 on.
const DATA: [u8; 32] = [7; 32];

fn entries(of: &[(&str, &str)]) -> Vec<StringEntry> {
    of.iter().map(|(key, value)| StringEntry { key: (*key).into(), value: (*value).into() }).collect()
}

fn model() -> ModelProto {
    let mut model = refusals::model();
    let weight = &mut model.graph.as_mut().unwrap().initializer[0];
    weight.float_data.clear();
    weight.data_location = LOCATION_EXTERNAL;
    weight.external_data = entries(&[("location", "w.data"), ("offset", "8"), ("length", "24")]);
    model
}

/// What is said of the model with its weight changed.
fn said(change: impl FnOnce(&mut TensorProto)) -> String {
    let mut model = model();
    change(&mut model.graph.as_mut().unwrap().initializer[0]);
    convert::joined(&model.encode_to_vec(), &DATA).unwrap_err().to_string()
}

#[test]
fn weights_are_moved_and_the_rest_stays() {
    let mut bytes = model().encode_to_vec();
    // Field 14, a note that the project does not know, and the version of the model, field 5.
    bytes.extend(b"\x72\x06\x0a\x01k\x12\x01v\x28\x07");
    let joined = convert::joined(&bytes, &DATA).unwrap();
    assert!(joined.ends_with(b"\x72\x06\x0a\x01k\x12\x01v\x28\x07"));
    let weight = ModelProto::decode(joined.as_slice()).unwrap().graph.unwrap().initializer.remove(0);
    assert_eq!((weight.raw_data.as_ref(), weight.data_location, weight.external_data.len()), (&DATA[8..], 0, 0));
    assert_eq!(
        Graph::from_bytes(joined.into()).unwrap().consts["w"].as_f32().unwrap(),
        [f32::from_le_bytes([7; 4]); 6]
    );
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    for (entries, wanted) in [
        (&[("location", "w"), ("offset", "9"), ("length", "24")][..], "24 bytes from 9 on: the other file has 32"),
        (
            &[("location", "w"), ("offset", "18446744073709551615")],
            "24 bytes from 18446744073709551615 on: the other file has 32",
        ),
        (&[("location", "w"), ("length", "20")], "20 bytes do not fill shape [2, 3, 1, 1], which takes 24"),
        (&[("location", "w"), ("offset", "-8")], "its offset is '-8', no number"),
        (&[("offset", "8")], "it lies in another file and does not say which"),
    ] {
        assert_eq!(said(|weight| weight.external_data = self::entries(entries)), format!("tensor 'w': {wanted}"));
    }
    let strings = said(|weight| weight.data_type = 8);
    assert_eq!(strings, "tensor 'w': element type 8 is not supported");
    let giant = said(|weight| weight.dims = vec![1 << 40, 1 << 40]);
    assert_eq!(giant, format!("tensor 'w': shape {:?} is impossible", [1i64 << 40; 2]));
    assert!(convert::joined(&refusals::model().encode_to_vec(), &DATA).is_err(), "nothing lies outside");
    assert!(convert::joined(b"\xff\xd8\xff\xe0 a JPEG file", &DATA).is_err());
    assert!(convert::joined(b"", &DATA).is_err());
}

#[test]
fn the_same_bytes_are_not_taken_again_and_again() {
    let mut model = model();
    let graph = model.graph.as_mut().unwrap();
    let other = TensorProto { name: "v".into(), ..graph.initializer[0].clone() };
    graph.initializer.push(other);
    let said = |model: &ModelProto| convert::joined(&model.encode_to_vec(), &DATA).unwrap_err().to_string();
    assert_eq!(said(&model), "tensor 'v': the tensors together take more than the other file has");
    model.graph.as_mut().unwrap().initializer[1].external_data = entries(&[("location", "v.data"), ("length", "24")]);
    assert_eq!(said(&model), "tensor 'v': it lies in 'v.data', others in another file: one is supported");
}

#[test]
fn constants_in_nodes_are_moved_too() {
    let mut model = model();
    let graph = model.graph.as_mut().unwrap();
    let weight = graph.initializer.remove(0);
    let value = AttributeProto { name: "value".into(), t: Some(weight), ..Default::default() };
    let node = NodeProto {
        op_type: "Constant".into(),
        output: vec!["w".into()],
        attribute: vec![value],
        ..Default::default()
    };
    graph.node.insert(0, node);
    let joined = convert::joined(&model.encode_to_vec(), &DATA).unwrap();
    assert_eq!(Graph::from_bytes(joined.into()).unwrap().consts["w"].shape, [2, 3, 1, 1]);
}

/// A message within a message.
fn field(tag: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(tag, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    [bytes, content.to_vec()].concat()
}

#[test]
fn hostile_files_are_refused() {
    // Graphs in attributes of nodes of graphs.
    let deep = (0..2000).fold(vec![], |graph, _| field(1, &field(5, &field(6, &graph))));
    let error = convert::joined(&field(7, &deep), &DATA).unwrap_err().to_string();
    assert_eq!(error, "not an ONNX file: its graphs lie too deep in each other");
    let bytes = model().encode_to_vec();
    for at in 0..bytes.len() {
        drop(convert::joined(&bytes[..at], &DATA));
        for change in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            drop(convert::joined(&damaged, &DATA));
        }
    }
}

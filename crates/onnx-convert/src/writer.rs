//! Writes an ONNX file: operator set 17, one input, weights as raw little-endian bytes.

use bytes::Bytes;
use onnx::proto::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetId, TensorProto, TensorShape, TensorType,
    TypeProto, ValueInfoProto, attribute_type, data_type,
};
use prost::Message;

use crate::INPUT;

/// Version of the file format that came with operator set 17.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// The precision of a weight's floats in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F16,
    F32,
}

impl Precision {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Callers choose the names, and may use each once. The file has the order of the calls.
#[derive(Default)]
pub struct Writer {
    graph: GraphProto,
}

/// A named output and its sizes; `None` for an open size.
pub struct Output {
    pub name: String,
    pub dims: Vec<Option<usize>>,
}

impl Writer {
    /// Adds a constant of floats. Returns the name under which it is read in single precision.
    pub fn weight(&mut self, name: &str, precision: Precision, dims: &[usize], raw: Bytes) -> String {
        let (stored, element) = match precision {
            Precision::F32 => (name.to_owned(), data_type::FLOAT),
            Precision::F16 => (format!("{name}.half"), data_type::FLOAT16),
        };
        self.initializer(&stored, element, dims, raw);
        if stored != name {
            self.node("Cast", name, &[&stored], vec![int("to", data_type::FLOAT.into())], name);
        }
        name.to_owned()
    }

    /// Adds a constant of floats in single precision. Returns its name.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.weight(name, Precision::F32, dims, raw.into())
    }

    /// Adds a constant of integers.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, data_type::INT64, &[values.len()], raw.into());
    }

    fn initializer(&mut self, name: &str, element: i32, dims: &[usize], raw: Bytes) {
        self.graph.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.iter().map(|&size| size as i64).collect(),
            data_type: element,
            raw_data: raw,
            ..Default::default()
        });
    }

    /// Adds a node of one output. Errors name it by `title`.
    pub fn node(&mut self, op: &str, title: &str, inputs: &[&str], attributes: Vec<AttributeProto>, output: &str) {
        self.graph.node.push(NodeProto {
            op_type: op.to_owned(),
            name: title.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes,
            ..Default::default()
        });
    }

    /// Returns the file, with [`INPUT`] of these sizes; `None` for an open size.
    pub fn finish(mut self, name: &str, input: &[Option<usize>], outputs: Vec<Output>) -> Vec<u8> {
        name.clone_into(&mut self.graph.name);
        self.graph.input = vec![port(INPUT.to_owned(), input)];
        self.graph.output = outputs.into_iter().map(|output| port(output.name, &output.dims)).collect();
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "bioserver".to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetId { domain: String::new(), version: OPSET }],
        };
        model.encode_to_vec()
    }
}

fn port(name: String, dims: &[Option<usize>]) -> ValueInfoProto {
    // A dimension without a value is an open one.
    let dim = dims.iter().map(|size| Dimension { dim_value: size.map_or(0, |size| size as i64) }).collect();
    let tensor_type = Some(TensorType { elem_type: data_type::FLOAT, shape: Some(TensorShape { dim }) });
    ValueInfoProto { name, r#type: Some(TypeProto { tensor_type }) }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: value, r#type: attribute_type::INT, ..Default::default() }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values.to_vec(), r#type: attribute_type::INTS, ..Default::default() }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: value, r#type: attribute_type::FLOAT, ..Default::default() }
}

pub fn text(name: &str, value: &'static str) -> AttributeProto {
    let s = Bytes::from_static(value.as_bytes());
    AttributeProto { name: name.to_owned(), s, r#type: attribute_type::STRING, ..Default::default() }
}

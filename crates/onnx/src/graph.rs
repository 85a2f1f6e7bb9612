//! A decoded ONNX file: named nodes with raw attributes, constants, inputs and outputs.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use crate::error::Error;
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, data_type};
use crate::tensor::{External, Tensor};

/// Oldest default operator set we read; older ones give `BatchNormalization` and `Reshape` other forms.
const OPSET_MIN: i64 = 7;

/// A decoded model, not yet checked against the operators we know: see [`crate::resolve`].
#[derive(Debug)]
pub struct Graph {
    pub nodes: Vec<RawNode>,
    pub consts: HashMap<String, Arc<Tensor>>,
    pub inputs: Vec<Input>,
    pub outputs: Vec<String>,
    /// Version of the default operator set.
    pub opset: i64,
}

/// A named input. A dimension is `None` if the file leaves it open, as it may for the batch.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub shape: Vec<Option<usize>>,
}

/// A node with its constants decoded. `name` is never empty.
#[derive(Debug)]
pub struct RawNode {
    pub name: String,
    pub op: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    attributes: Vec<AttributeProto>,
}

impl RawNode {
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|a| a.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    /// Returns a text attribute; invalid UTF-8 reads as `""`, which no operator accepts.
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.attribute(name).map_or(default, |a| std::str::from_utf8(&a.s).unwrap_or_default())
    }

    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::Node { node: self.name.clone(), op: self.op.clone(), reason: reason.into() }
    }
}

impl Graph {
    /// Reads a model and any external weights beside it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|source| io_error(path, source))?;
        Self::decode(bytes.into(), path.parent())
    }

    /// Reads a model that keeps all its weights inside.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, Error> {
        Self::decode(bytes, None)
    }

    fn decode(bytes: Bytes, folder: Option<&Path>) -> Result<Self, Error> {
        let model = ModelProto::decode(bytes)?;
        let opset = model.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx");
        let opset = opset.map(|o| o.version).unwrap_or_default();
        let graph = model.graph.ok_or_else(|| Error::Model("it has no graph".into()))?;
        if opset < OPSET_MIN {
            return Err(Error::Model(format!("operator set {opset} is not supported: {OPSET_MIN} is the oldest")));
        }
        let external = |location: &str, offset, length| match folder {
            Some(folder) => read_range(folder, location, offset, length),
            None => Err(Error::Model("its weights are in another file".into())),
        };
        let mut consts = HashMap::new();
        for proto in &graph.initializer {
            let tensor = Tensor::from_proto(proto, &external)?;
            consts.insert(proto.name.clone(), Arc::new(tensor));
        }
        let inputs = read_inputs(&graph, &consts)?;
        let outputs = graph.output.iter().map(|o| o.name.clone()).collect();
        let mut nodes = Vec::new();
        for (index, proto) in graph.node.into_iter().enumerate() {
            if proto.op_type == "Constant" {
                let tensor = constant(&proto, &external)?;
                consts.insert(proto.output.first().cloned().unwrap_or_default(), Arc::new(tensor));
            } else {
                nodes.push(raw_node(index, proto));
            }
        }
        Ok(Self { nodes, consts, inputs, outputs, opset })
    }
}

fn raw_node(index: usize, proto: NodeProto) -> RawNode {
    let name = if proto.name.is_empty() {
        format!("#{index} -> {}", proto.output.first().map_or("?", |o| o))
    } else {
        proto.name
    };
    // The same name in a foreign domain is another operator.
    let op = match proto.domain.as_str() {
        "" | "ai.onnx" => proto.op_type,
        domain => format!("{domain}.{}", proto.op_type),
    };
    RawNode { name, op, inputs: proto.input, outputs: proto.output, attributes: proto.attribute }
}

/// Returns the value of a Constant node, in any of the dense forms that the standard allows.
fn constant(node: &NodeProto, external: &External) -> Result<Tensor, Error> {
    let attribute = node.attribute.first();
    let scalar = |mut tensor: Tensor| {
        tensor.shape.clear();
        tensor
    };
    Ok(match attribute.map(|a| (a.name.as_str(), a)) {
        Some(("value", AttributeProto { t: Some(proto), .. })) => Tensor::from_proto(proto, external)?,
        Some(("value_float", a)) => scalar(Tensor::f32(&[1], vec![a.f])),
        Some(("value_floats", a)) => Tensor::f32(&[a.floats.len()], a.floats.clone()),
        Some(("value_int", a)) => scalar(Tensor::i64(vec![a.i])),
        Some(("value_ints", a)) => Tensor::i64(a.ints.clone()),
        _ => return Err(Error::Model(format!("Constant '{}': no dense value", node.name))),
    })
}

/// Returns the inputs without the initialisers, which old files list among them.
fn read_inputs(graph: &GraphProto, consts: &HashMap<String, Arc<Tensor>>) -> Result<Vec<Input>, Error> {
    let real = graph.input.iter().filter(|info| !consts.contains_key(&info.name));
    real.map(|info| {
        let shape = declared_shape(info)
            .ok_or_else(|| Error::Input { name: info.name.clone(), reason: "it is not a tensor of f32".into() })?;
        Ok(Input { name: info.name.clone(), shape })
    })
    .collect()
}

/// Returns the shape of a float tensor; `None` for anything else.
fn declared_shape(info: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let tensor = info.r#type.as_ref()?.tensor_type.as_ref()?;
    let dims = tensor.shape.as_ref().map(|s| s.dim.as_slice()).unwrap_or_default();
    let size = |value: i64| usize::try_from(value).ok().filter(|&size| size > 0);
    (tensor.elem_type == data_type::FLOAT).then(|| dims.iter().map(|d| size(d.dim_value)).collect())
}

/// Reads part of a weight file, which must lie in `folder` itself: a model may not name any other file.
fn read_range(folder: &Path, location: &str, offset: u64, length: Option<u64>) -> Result<Vec<u8>, Error> {
    let mut parts = Path::new(location).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(Error::Model(format!("weight file '{location}' is outside its folder")));
    }
    let path = folder.join(location);
    let read = || {
        let mut file = fs::File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length.unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| io_error(&path, source))
}

fn io_error(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}

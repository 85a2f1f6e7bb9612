//! The weights of an ONNX file that lie in another file, moved into it.
//!
//! Works on the fields of the messages as they stand, so that what is not known here stays as it was.

use prost::Message;
use prost::encoding;
use prost::encoding::DecodeContext;
use prost::encoding::WireType;

use crate::net::convert::Error;
use crate::net::proto::LOCATION_EXTERNAL;
use crate::net::proto::TensorProto;
use crate::net::proto::data_type;
use crate::net::tensor;

/// Graphs lie in attributes of nodes of graphs; no published face network has even one within another.
const DEPTH_MAX: usize = 16;

/// The messages on the way from a model to its tensors.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
}

impl Kind {
    /// What the field `tag` holds, if tensors may lie in it.
    fn field(self, tag: u32) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Node, 5) => Self::Attribute,
            _ => return None,
        })
    }
}

struct Joining<'a> {
    data: &'a [u8],
    /// The file that the tensors name.
    location: Option<String>,
    /// Bytes of `data` taken so far.
    taken: usize,
}

/// The model with every tensor inside.
pub fn join(onnx: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut joining = Joining { data, location: None, taken: 0 };
    let joined = joining.message(Kind::Model, onnx, 0)?;
    match joining.location {
        Some(_) => Ok(joined),
        None => Err(Error::Onnx("none of its tensors lies in another file: it is whole as it stands".into())),
    }
}

impl Joining<'_> {
    fn message(&mut self, kind: Kind, bytes: &[u8], depth: usize) -> Result<Vec<u8>, Error> {
        if depth > DEPTH_MAX {
            return Err(Error::Onnx("its graphs lie too deep in each other".into()));
        }
        let mut rest = bytes;
        let mut joined = Vec::with_capacity(bytes.len());
        while !rest.is_empty() {
            let field = rest;
            let (tag, wire) = encoding::decode_key(&mut rest).map_err(|error| broken(&error))?;
            match kind.field(tag) {
                Some(inner) if wire == WireType::LengthDelimited => {
                    let len = encoding::decode_varint(&mut rest).map_err(|error| broken(&error))?;
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    let content = rest.split_off(..len).ok_or_else(|| Error::Onnx("it ends too soon".into()))?;
                    let content = match inner {
                        Kind::Tensor => self.tensor(content)?,
                        inner => self.message(inner, content, depth + 1)?,
                    };
                    encoding::encode_key(tag, wire, &mut joined);
                    encoding::encode_varint(content.len() as u64, &mut joined);
                    joined.extend_from_slice(&content);
                }
                _ => {
                    encoding::skip_field(wire, tag, &mut rest, DecodeContext::default())
                        .map_err(|error| broken(&error))?;
                    joined.extend_from_slice(&field[..field.len() - rest.len()]);
                }
            }
        }
        Ok(joined)
    }

    fn tensor(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut tensor = TensorProto::decode(bytes).map_err(|error| broken(&error))?;
        if tensor.data_location != LOCATION_EXTERNAL {
            return Ok(bytes.to_vec());
        }
        let raw = self.range(&tensor).map_err(|reason| Error::Tensor { name: tensor.name.clone(), reason })?;
        tensor.raw_data = raw.to_vec().into();
        tensor.data_location = 0;
        tensor.external_data.clear();
        Ok(tensor.encode_to_vec())
    }

    /// Where a tensor lies in the other file, or why it cannot.
    fn range(&mut self, tensor: &TensorProto) -> Result<&[u8], String> {
        let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let number = |key: &str| match entry(key) {
            Some(value) => value.parse().map(Some).map_err(|_| format!("its {key} is '{value}', no number")),
            None => Ok(None),
        };
        let location = entry("location").ok_or("it lies in another file and does not say which")?;
        if self.location.get_or_insert_with(|| location.clone()) != location {
            return Err(format!("it lies in '{location}', others in another file: one is supported"));
        }
        let size = match tensor.data_type {
            data_type::FLOAT | data_type::INT32 => 4,
            data_type::INT64 | data_type::DOUBLE => 8,
            data_type::FLOAT16 => 2,
            data_type::BOOL => 1,
            other => return Err(format!("element type {other} is not supported")),
        };
        let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
        let wanted = dims.and_then(|dims| tensor::checked_len(&dims)).map(|count| count * size);
        let wanted = wanted.ok_or_else(|| format!("shape {:?} is impossible", tensor.dims))?;
        let offset: usize = number("offset")?.unwrap_or(0);
        let len = number("length")?.unwrap_or(wanted);
        if len != wanted {
            return Err(format!("{len} bytes do not fill shape {:?}, which takes {wanted}", tensor.dims));
        }
        let end = offset.checked_add(len).filter(|&end| end <= self.data.len());
        let end = end.ok_or_else(|| format!("{len} bytes from {offset} on: the other file has {}", self.data.len()))?;
        // Else a small file could ask for any amount of memory, by naming the same bytes again and again.
        self.taken += len;
        if self.taken > self.data.len() {
            return Err("the tensors together take more than the other file has".into());
        }
        Ok(&self.data[offset..end])
    }
}

fn broken(error: &prost::DecodeError) -> Error {
    Error::Onnx(error.to_string())
}

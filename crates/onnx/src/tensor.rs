//! A constant of the network: weights, and the small integers that shapes are computed from.

use half::f16;

use crate::error::Error;
use crate::proto::{LOCATION_EXTERNAL, TensorProto, data_type};

/// Largest tensor accepted, in elements (512 MiB of f32): a broken header must not exhaust memory.
const ELEMENTS_MAX: usize = 1 << 27;

/// Reads `(location, offset, length)` of a file beside the model.
pub type External<'a> = dyn Fn(&str, u64, Option<u64>) -> Result<Vec<u8>, Error> + 'a;

/// Row-major tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

impl Tensor {
    pub fn f32(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "shape and data agree");
        Self { shape: shape.to_vec(), data: Data::F32(data) }
    }

    pub fn i64(data: Vec<i64>) -> Self {
        Self { shape: vec![data.len()], data: Data::I64(data) }
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the values; `None` for an integer tensor.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(values) => Some(values),
            Data::I64(_) => None,
        }
    }

    /// Returns the values; `None` for a float tensor.
    pub fn as_i64(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(values) => Some(values),
            Data::F32(_) => None,
        }
    }

    /// Decodes an initialiser, whose values may lie in another file.
    pub fn from_proto(proto: &TensorProto, external: &External) -> Result<Self, Error> {
        let broken = |what: &str| Error::Model(format!("tensor '{}': {what}", proto.name));
        let shape = checked_shape(&proto.dims).ok_or_else(|| broken("impossible dimensions"))?;
        let loaded;
        let raw: &[u8] = if proto.data_location == LOCATION_EXTERNAL {
            loaded = read_external(proto, external)?;
            &loaded
        } else {
            &proto.raw_data
        };
        let data =
            decode(proto, raw).ok_or_else(|| broken(&format!("unsupported element type {}", proto.data_type)))?;
        let found = match &data {
            Data::F32(values) => values.len(),
            Data::I64(values) => values.len(),
        };
        if found != shape.iter().product::<usize>() {
            return Err(broken(&format!("{found} elements do not fill shape {shape:?}")));
        }
        Ok(Self { shape, data })
    }
}

fn checked_shape(dims: &[i64]) -> Option<Vec<usize>> {
    let shape: Vec<usize> = dims.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<_>>()?;
    checked_len(&shape).map(|_| shape)
}

/// Returns the number of elements; `None` if it is above `ELEMENTS_MAX`.
pub fn checked_len(shape: &[usize]) -> Option<usize> {
    let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    (len <= ELEMENTS_MAX).then_some(len)
}

fn read_external(proto: &TensorProto, external: &External) -> Result<Vec<u8>, Error> {
    let entry = |key: &str| proto.external_data.iter().find(|e| e.key == key).map(|e| &e.value);
    let number = |key: &str| entry(key).and_then(|v| v.parse().ok());
    let location = entry("location").ok_or_else(|| Error::Model(format!("tensor '{}': no location", proto.name)))?;
    external(location, number("offset").unwrap_or(0), number("length"))
}

/// Decodes the elements from `raw` (little-endian) or, if that is empty, from the typed field of the message. Returns
/// `None` for an unsupported element type.
fn decode(proto: &TensorProto, raw: &[u8]) -> Option<Data> {
    let is_raw = !raw.is_empty();
    Some(match proto.data_type {
        data_type::FLOAT if is_raw => Data::F32(words(raw, f32::from_le_bytes)),
        data_type::FLOAT => Data::F32(proto.float_data.clone()),
        data_type::DOUBLE if is_raw => Data::F32(words(raw, |b| f64::from_le_bytes(b) as f32)),
        data_type::DOUBLE => Data::F32(proto.double_data.iter().map(|&v| v as f32).collect()),
        data_type::FLOAT16 if is_raw => Data::F32(words(raw, |b| f16::from_le_bytes(b).to_f32())),
        data_type::FLOAT16 => Data::F32(proto.int32_data.iter().map(|&v| f16::from_bits(v as u16).to_f32()).collect()),
        data_type::INT64 if is_raw => Data::I64(words(raw, i64::from_le_bytes)),
        data_type::INT64 => Data::I64(proto.int64_data.clone()),
        data_type::INT32 if is_raw => Data::I64(words(raw, |b| i32::from_le_bytes(b).into())),
        data_type::BOOL if is_raw => Data::I64(words(raw, |b: [u8; 1]| b[0].into())),
        data_type::INT32 | data_type::BOOL => Data::I64(proto.int32_data.iter().map(|&v| v.into()).collect()),
        _ => return None,
    })
}

fn words<T, const N: usize>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.as_chunks().0.iter().map(|&word| read(word)).collect()
}

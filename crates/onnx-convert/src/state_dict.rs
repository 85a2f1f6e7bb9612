//! Reads named tensors from a PyTorch file from before version 1.6.
//!
//! Such a file is five pickles (a magic number, a version, sizes of types, the dictionary, the keys of its storages),
//! then each storage: its number of elements in eight bytes, and the elements, little-endian.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use onnx::tensor;

use crate::Error;
use crate::pickle::{self, Global, Machine, Reader, Value, fault};

/// A pickle of `torch.serialization.MAGIC_NUMBER`, with which every file of this format begins.
const MAGIC: [u8; 15] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
const ZIP: &[u8] = b"PK\x03\x04";
const VERSION: Value = Value::Int(1001);
const RANK_MAX: usize = 8;

/// Networks that were trained on several devices have this before every name.
const PREFIX: &str = "module.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Float,
    Long,
}

/// A tensor in row-major order, still in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor<'a> {
    pub element: Element,
    pub shape: Vec<usize>,
    /// Little-endian elements, as many as the shape needs.
    pub raw: &'a [u8],
}

/// The tensors of a file by name, without the prefix `module.` if all names have it.
pub type Tensors<'a> = BTreeMap<String, Tensor<'a>>;

pub fn read(pth: &[u8]) -> Result<Tensors<'_>, Error> {
    if pth.starts_with(ZIP) {
        return Err(fault(
            "it is a zip archive, the format since PyTorch 1.6; \
             save it again with torch.save(.., _use_new_zipfile_serialization=False)",
        ));
    }
    let Some(rest) = pth.strip_prefix(&MAGIC) else { return Err(fault("it does not begin as one")) };
    let mut reader = Reader { rest };
    if pickle::read(&mut reader)?.0 != VERSION {
        return Err(fault("it is of another version than 1001"));
    }
    check_system(&mut reader)?;
    let (value, machine) = pickle::read(&mut reader)?;
    let Value::Dict(dictionary) = value else { return Err(fault("it does not contain a dictionary")) };
    let storages = storages(&mut reader, &machine)?;
    let mut tensors = Tensors::new();
    let named = machine.dicts[dictionary].iter().map(|(name, value)| match (name, value) {
        (Value::Text(name), Value::Tensor(tensor)) => Ok((name, *tensor)),
        (Value::Text(name), _) => Err(wrong(name, "it is not a tensor")),
        _ => Err(fault("an entry in it has no name")),
    });
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let prefixed = named.iter().all(|(name, _)| name.starts_with(PREFIX));
    for (name, at) in named {
        let name = if prefixed { &name[PREFIX.len()..] } else { name };
        let tensor = tensor(name, &machine, at, &storages)?;
        if tensors.insert(name.to_owned(), tensor).is_some() {
            return Err(wrong(name, "it is there twice"));
        }
    }
    Ok(tensors)
}

pub fn wrong(name: &str, reason: impl Into<String>) -> Error {
    Error::Tensor { name: name.to_owned(), reason: reason.into() }
}

/// Checks the pickle about the machine that wrote the file. Only the byte order matters.
fn check_system(reader: &mut Reader) -> Result<(), Error> {
    let (value, machine) = pickle::read(reader)?;
    let Value::Dict(system) = value else {
        return Err(fault("it does not state the byte order of the machine that wrote it"));
    };
    let wanted = (Value::Text("little_endian".into()), Value::Bool(true));
    let found = machine.dicts[system].contains(&wanted);
    found.then_some(()).ok_or_else(|| fault("its numbers are not little-endian"))
}

/// Returns the data of each storage that the dictionary names, in the order of `machine.storages`.
fn storages<'a>(reader: &mut Reader<'a>, machine: &Machine) -> Result<Vec<(Element, &'a [u8])>, Error> {
    let mut declared: HashMap<Rc<str>, (Global, i64)> = HashMap::new();
    for storage in &machine.storages {
        let said = (storage.kind, storage.len);
        if *declared.entry(storage.key.clone()).or_insert(said) != said {
            return Err(fault(format!("it describes storage '{}' in two different ways", storage.key)));
        }
    }
    let (value, keys) = pickle::read(reader)?;
    let Value::List(list) = value else { return Err(fault("it has no list of storages")) };
    let mut found: HashMap<Rc<str>, (Element, &[u8])> = HashMap::new();
    for key in &keys.lists[list] {
        let Value::Text(key) = key else { return Err(fault("the key of a storage in it is not text")) };
        let known = declared.get(key).copied();
        let (kind, len) = known.ok_or_else(|| fault(format!("no tensor in it uses storage '{key}'")))?;
        if i64::from_le_bytes(reader.array()?) != len {
            return Err(fault(format!("storage '{key}' has another length than {len}")));
        }
        let (element, size) = match kind {
            Global::LongStorage => (Element::Long, 8),
            _ => (Element::Float, 4),
        };
        let bytes = usize::try_from(len).ok().and_then(|len| len.checked_mul(size));
        let bytes = bytes.ok_or_else(|| fault(format!("storage '{key}' cannot have {len} elements")))?;
        if found.insert(key.clone(), (element, reader.take(bytes)?)).is_some() {
            return Err(fault(format!("storage '{key}' is there twice")));
        }
    }
    if !reader.rest.is_empty() {
        return Err(fault(format!("{} bytes follow its last storage", reader.rest.len())));
    }
    let place = |key: &Rc<str>| found.get(key).copied().ok_or_else(|| fault(format!("storage '{key}' is missing")));
    machine.storages.iter().map(|storage| place(&storage.key)).collect()
}

fn tensor<'a>(name: &str, machine: &Machine, at: usize, storages: &[(Element, &'a [u8])]) -> Result<Tensor<'a>, Error> {
    let made = &machine.tensors[at];
    let (shape, strides) = (sizes(&machine.tuples[made.size]), sizes(&machine.tuples[made.stride]));
    let (Some(shape), Some(strides)) = (shape, strides) else { return Err(wrong(name, "its shape is impossible")) };
    let len = tensor::checked_len(&shape).filter(|&len| len > 0 && shape.len() == strides.len());
    let len = len.ok_or_else(|| wrong(name, format!("shape {shape:?} with strides {strides:?} is impossible")))?;
    let mut wanted = 1;
    for (&size, &stride) in shape.iter().zip(&strides).rev() {
        if size != 1 && stride != wanted {
            return Err(wrong(name, format!("shape {shape:?} with strides {strides:?} is not row by row")));
        }
        wanted *= size;
    }
    let (element, storage) = storages[made.storage];
    let size = if element == Element::Long { 8 } else { 4 };
    let start = usize::try_from(made.offset).ok().and_then(|offset| offset.checked_mul(size));
    let range = start.and_then(|start| Some(start..start.checked_add(len * size)?));
    let raw = range.and_then(|range| storage.get(range));
    let raw = raw.ok_or_else(|| wrong(name, "it does not lie within its storage"))?;
    Ok(Tensor { element, shape, raw })
}

fn sizes(values: &[Value]) -> Option<Vec<usize>> {
    let size = |value: &Value| match value {
        Value::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    };
    if values.len() > RANK_MAX { None } else { values.iter().map(size).collect() }
}

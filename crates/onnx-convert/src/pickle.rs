//! Reads the pickles of PyTorch's state dictionaries, and refuses everything else.
//!
//! A pickle is a program for a small stack machine that may call any function of Python. This reader calls nothing: it
//! knows four names and the opcodes of protocol 2 that dictionaries, lists, tuples, texts and integers need, and
//! refuses all others by name. It makes at most one object for each byte read. `pickletools` of Python's standard
//! library describes the opcodes.

use std::collections::HashMap;
use std::rc::Rc;

use crate::Error;

/// A part of a pickle. A container is an index into [`Machine`], since lists and dictionaries change after they are
/// named; so no value nests deeply.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
    Tuple(usize),
    List(usize),
    Dict(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

/// The names that a pickle may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Global {
    OrderedDict,
    RebuildTensor,
    FloatStorage,
    LongStorage,
}

impl Global {
    fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch", "FloatStorage") => Self::FloatStorage,
            ("torch", "LongStorage") => Self::LongStorage,
            _ => return None,
        })
    }
}

/// The arguments of `torch._utils._rebuild_tensor_v2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub storage: usize,
    pub offset: i64,
    /// Indices of tuples.
    pub size: usize,
    pub stride: usize,
}

/// Elements of one type, which follow the pickles under this key.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    pub kind: Global,
    pub key: Rc<str>,
    pub len: i64,
}

/// Bytes that are consumed from the front.
pub struct Reader<'a> {
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        self.rest.split_off(..count).ok_or_else(|| fault("it ends too soon"))
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.take(N)?.try_into().expect("as many were taken"))
    }

    fn line(&mut self) -> Result<&'a str, Error> {
        let end = self.rest.iter().take(256).position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| fault("a name in it has no end"))?;
        let line = &self.take(end + 1)?[..end];
        std::str::from_utf8(line).map_err(|_| fault("a name in it is not text"))
    }

    fn text(&mut self) -> Result<Rc<str>, Error> {
        let len = u32::from_le_bytes(self.array()?) as usize;
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| fault("a text in it is not UTF-8"))?;
        Ok(text.into())
    }
}

pub fn fault(reason: impl Into<String>) -> Error {
    Error::StateDict(reason.into())
}

/// The stack machine, and the objects that a pickle made on it.
#[derive(Default)]
pub struct Machine {
    stack: Vec<Value>,
    /// Heights of the stack at which marked items begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    pub tuples: Vec<Vec<Value>>,
    pub lists: Vec<Vec<Value>>,
    pub dicts: Vec<Vec<(Value, Value)>>,
    pub storages: Vec<Storage>,
    pub tensors: Vec<Tensor>,
}

/// Reads one pickle from the front of `reader`. Returns its value, and the machine that the value refers to.
pub fn read(reader: &mut Reader) -> Result<(Value, Machine), Error> {
    let mut machine = Machine::default();
    if reader.array()? != [0x80, 2] {
        return Err(fault("it has no pickle of protocol 2 where one must be"));
    }
    loop {
        let [opcode] = reader.array()?;
        if opcode == b'.' {
            let value = machine.pop()?;
            let done = machine.stack.is_empty() && machine.marks.is_empty();
            return if done { Ok((value, machine)) } else { Err(fault("a pickle in it leaves values behind")) };
        }
        machine.step(opcode, reader)?;
    }
}

impl Machine {
    fn step(&mut self, opcode: u8, reader: &mut Reader) -> Result<(), Error> {
        let value = match opcode {
            b'(' => {
                self.marks.push(self.stack.len());
                return Ok(());
            }
            b'q' => return self.remember(u8::from_le_bytes(reader.array()?).into()),
            b'r' => return self.remember(u32::from_le_bytes(reader.array()?)),
            b's' | b'u' => return self.set_items(opcode == b'u'),
            b'a' | b'e' => return self.append(opcode == b'e'),
            b'b' => return self.build(),
            b'h' => self.recall(u8::from_le_bytes(reader.array()?).into())?,
            b'j' => self.recall(u32::from_le_bytes(reader.array()?))?,
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(u8::from_le_bytes(reader.array()?).into()),
            b'M' => Value::Int(u16::from_le_bytes(reader.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(reader.array()?).into()),
            0x8a => Value::Int(long(reader)?),
            b'X' => Value::Text(reader.text()?),
            b'}' => self.new_dict(),
            b']' => {
                self.lists.push(vec![]);
                Value::List(self.lists.len() - 1)
            }
            b')' => self.new_tuple(vec![]),
            0x85..=0x87 => self.tuple_of(usize::from(opcode) - 0x84)?,
            b't' => {
                let items = self.pop_marked()?;
                self.new_tuple(items)
            }
            b'c' => {
                let (module, name) = (reader.line()?, reader.line()?);
                let known = Global::named(module, name);
                Value::Global(known.ok_or_else(|| fault(format!("it names {module}.{name}, which is refused")))?)
            }
            b'R' => self.reduce()?,
            b'Q' => self.storage()?,
            other => return Err(refused(other)),
        };
        self.stack.push(value);
        Ok(())
    }

    /// Takes the topmost value. A value below a mark cannot be taken before the mark.
    fn pop(&mut self) -> Result<Value, Error> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(fault("a pickle in it takes a value that is not there"));
        }
        Ok(self.stack.pop().expect("it is higher than its floor"))
    }

    /// Takes all values above the last mark, and the mark.
    fn pop_marked(&mut self) -> Result<Vec<Value>, Error> {
        let mark = self.marks.pop().ok_or_else(|| fault("a pickle in it lacks a mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<&Value, Error> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack[floor..].last().ok_or_else(|| fault("a pickle in it looks for a value that is not there"))
    }

    fn remember(&mut self, at: u32) -> Result<(), Error> {
        let value = self.top()?.clone();
        self.memo.insert(at, value);
        Ok(())
    }

    fn recall(&self, at: u32) -> Result<Value, Error> {
        self.memo
            .get(&at)
            .cloned()
            .ok_or_else(|| fault(format!("a pickle in it recalls entry {at}, which is not there")))
    }

    fn new_dict(&mut self) -> Value {
        self.dicts.push(vec![]);
        Value::Dict(self.dicts.len() - 1)
    }

    fn new_tuple(&mut self, items: Vec<Value>) -> Value {
        self.tuples.push(items);
        Value::Tuple(self.tuples.len() - 1)
    }

    fn tuple_of(&mut self, len: usize) -> Result<Value, Error> {
        let mut items = (0..len).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Ok(self.new_tuple(items))
    }

    fn set_items(&mut self, marked: bool) -> Result<(), Error> {
        let items = if marked {
            self.pop_marked()?
        } else {
            let value = self.pop()?;
            vec![self.pop()?, value]
        };
        let &Value::Dict(at) = self.top()? else { return Err(fault("a pickle in it sets items of no dictionary")) };
        let (pairs, left) = items.as_chunks();
        if !left.is_empty() {
            return Err(fault("a pickle in it sets a key without a value"));
        }
        self.dicts[at].extend(pairs.iter().map(|[key, value]| (key.clone(), value.clone())));
        Ok(())
    }

    fn append(&mut self, marked: bool) -> Result<(), Error> {
        let items = if marked { self.pop_marked()? } else { vec![self.pop()?] };
        let &Value::List(at) = self.top()? else { return Err(fault("a pickle in it appends to no list")) };
        self.lists[at].extend(items);
        Ok(())
    }

    /// Sets attributes of a dictionary. They are only notes on versions, which are not kept.
    fn build(&mut self) -> Result<(), Error> {
        match (self.pop()?, self.top()?) {
            (Value::Dict(_), Value::Dict(_)) => Ok(()),
            _ => Err(fault("a pickle in it sets attributes of what is no dictionary")),
        }
    }

    fn reduce(&mut self) -> Result<Value, Error> {
        let (Value::Tuple(arguments), called) = (self.pop()?, self.pop()?) else {
            return Err(fault("a pickle in it calls something without arguments"));
        };
        match (called, &self.tuples[arguments][..]) {
            (Value::Global(Global::OrderedDict), []) => Ok(self.new_dict()),
            (
                Value::Global(Global::RebuildTensor),
                &[
                    Value::Storage(storage),
                    Value::Int(offset),
                    Value::Tuple(size),
                    Value::Tuple(stride),
                    Value::Bool(_),
                    _,
                ],
            ) => {
                self.tensors.push(Tensor { storage, offset, size, stride });
                Ok(Value::Tensor(self.tensors.len() - 1))
            }
            (Value::Global(global), _) => Err(fault(format!("it calls {global:?} with other arguments than known"))),
            _ => Err(fault("a pickle in it calls what cannot be called")),
        }
    }

    /// Reads a reference to data outside the pickle: `("storage", type, key, device, elements, None)`.
    fn storage(&mut self) -> Result<Value, Error> {
        let Value::Tuple(parts) = self.pop()? else { return Err(fault("a reference in it is not a tuple")) };
        let [
            Value::Text(what),
            Value::Global(kind @ (Global::FloatStorage | Global::LongStorage)),
            Value::Text(key),
            Value::Text(_),
            Value::Int(len),
            Value::None,
        ] = &self.tuples[parts][..]
        else {
            return Err(fault("a reference in it is not to a storage of floats or integers"));
        };
        if &**what != "storage" {
            return Err(fault(format!("a reference in it is to '{what}', not to a storage")));
        }
        self.storages.push(Storage { kind: *kind, key: key.clone(), len: *len });
        Ok(Value::Storage(self.storages.len() - 1))
    }
}

/// Reads a number of up to eight bytes, in two's complement.
fn long(reader: &mut Reader) -> Result<i64, Error> {
    let [len] = reader.array()?;
    let bytes = reader.take(len.into())?;
    let Some(last) = bytes.last() else { return Ok(0) };
    if bytes.len() > 8 {
        return Err(fault("a number in it has more than eight bytes"));
    }
    let mut padded = [if last & 0x80 == 0 { 0 } else { 0xff }; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    Ok(i64::from_le_bytes(padded))
}

/// The opcodes of all protocols that state dictionaries do not need.
const REFUSED: [(u8, &str); 39] = [
    (b'0', "POP"),
    (b'1', "POP_MARK"),
    (b'2', "DUP"),
    (b'B', "BINBYTES"),
    (b'C', "SHORT_BINBYTES"),
    (b'd', "DICT"),
    (b'F', "FLOAT"),
    (b'G', "BINFLOAT"),
    (b'g', "GET"),
    (b'I', "INT"),
    (b'i', "INST"),
    (b'L', "LONG"),
    (b'l', "LIST"),
    (b'o', "OBJ"),
    (b'P', "PERSID"),
    (b'p', "PUT"),
    (b'S', "STRING"),
    (b'T', "BINSTRING"),
    (b'U', "SHORT_BINSTRING"),
    (b'V', "UNICODE"),
    (0x80, "PROTO"),
    (0x81, "NEWOBJ"),
    (0x82, "EXT1"),
    (0x83, "EXT2"),
    (0x84, "EXT4"),
    (0x8b, "LONG4"),
    (0x8c, "SHORT_BINUNICODE"),
    (0x8d, "BINUNICODE8"),
    (0x8e, "BINBYTES8"),
    (0x8f, "EMPTY_SET"),
    (0x90, "ADDITEMS"),
    (0x91, "FROZENSET"),
    (0x92, "NEWOBJ_EX"),
    (0x93, "STACK_GLOBAL"),
    (0x94, "MEMOIZE"),
    (0x95, "FRAME"),
    (0x96, "BYTEARRAY8"),
    (0x97, "NEXT_BUFFER"),
    (0x98, "READONLY_BUFFER"),
];

fn refused(opcode: u8) -> Error {
    match REFUSED.iter().find(|(code, _)| *code == opcode) {
        Some((_, name)) => fault(format!("it uses the pickle opcode {name}, which is refused")),
        None => fault(format!("it uses the pickle opcode {opcode:#04x}, which is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(body: &[u8]) -> Value {
        let pickle = [b"\x80\x02", body, b"."].concat();
        let mut reader = Reader { rest: &pickle };
        let (value, _) = read(&mut reader).unwrap();
        assert!(reader.rest.is_empty());
        value
    }

    #[test]
    fn integers_are_read_in_every_width() {
        for (body, wanted) in [
            (&b"K\xff"[..], 255),
            (b"M\xff\xff", 65535),
            (b"J\xfe\xff\xff\xff", -2),
            (b"\x8a\x00", 0),
            (b"\x8a\x01\xff", -1),
            (b"\x8a\x02\xff\x00", 255),
            (b"\x8a\x05\x00\x00\x00\x00\x01", 1 << 32),
        ] {
            assert_eq!(value(body), Value::Int(wanted));
        }
    }

    #[test]
    fn a_list_may_hold_itself() {
        let (value, machine) = read(&mut Reader { rest: b"\x80\x02]q\x05(K\x01h\x05e." }).unwrap();
        assert_eq!((value, &machine.lists), (Value::List(0), &vec![vec![Value::Int(1), Value::List(0)]]));
    }
}

//! The members of a CBOR map, each taken once and of the kind that is wanted.

use bytes::Bytes;
use ciborium::Value;

use crate::capture::Error;

/// A capture's map has lists of maps, and no deeper ones.
const DEPTH_MAX: usize = 8;

/// Reads one CBOR value, and nothing after it.
pub fn read(mut encoded: &[u8]) -> Result<Value, Error> {
    let broken = || Error::NotCapture("it is not CBOR".to_owned());
    let value = ciborium::de::from_reader_with_recursion_limit(&mut encoded, DEPTH_MAX).map_err(|_| broken())?;
    if encoded.is_empty() { Ok(value) } else { Err(Error::NotCapture("something follows the map".to_owned())) }
}

/// Members that are not asked for do not matter.
pub struct Fields {
    whose: &'static str,
    members: Vec<(Value, Value)>,
}

impl Fields {
    pub fn of(whose: &'static str, value: Value) -> Result<Self, Error> {
        match value {
            Value::Map(members) => Ok(Self { whose, members }),
            _ => Err(Error::NotCapture(format!("{whose} is no map"))),
        }
    }

    /// A member that is null counts as left out.
    fn optional(&mut self, name: &str) -> Option<Value> {
        let place = self.members.iter().position(|(key, _)| key.as_text() == Some(name))?;
        Some(self.members.swap_remove(place).1).filter(|value| !value.is_null())
    }

    pub fn required(&mut self, name: &str) -> Result<Value, Error> {
        let whose = self.whose;
        self.optional(name).ok_or_else(|| Error::NotCapture(format!("{whose} has no '{name}'")))
    }

    pub fn integer(&mut self, name: &str) -> Result<i128, Error> {
        let integer = self.required(name)?.as_integer().map(i128::from);
        integer.ok_or_else(|| Error::NotCapture(format!("'{name}' is no integer")))
    }

    pub fn text(&mut self, name: &str) -> Result<String, Error> {
        text(name, self.required(name)?)
    }

    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.optional(name).map(|value| text(name, value)).transpose()
    }

    pub fn bytes(&mut self, name: &str) -> Result<Bytes, Error> {
        match self.required(name)? {
            Value::Bytes(bytes) => Ok(bytes.into()),
            _ => Err(Error::NotCapture(format!("'{name}' is not bytes"))),
        }
    }

    /// A list of milliseconds; none where it is left out.
    pub fn times(&mut self, name: &str) -> Result<Vec<u32>, Error> {
        let wrong = || Error::NotCapture(format!("'{name}' is no list of milliseconds"));
        let Some(value) = self.optional(name) else { return Ok(vec![]) };
        let items = value.into_array().map_err(|_| wrong())?;
        items.into_iter().map(|item| item.as_integer().and_then(|ms| ms.try_into().ok()).ok_or_else(wrong)).collect()
    }

    pub fn map(&mut self, name: &'static str) -> Result<Option<Self>, Error> {
        self.optional(name).map(|value| Self::of(name, value)).transpose()
    }
}

fn text(name: &str, value: Value) -> Result<String, Error> {
    match value {
        Value::Text(text) if text.contains('\0') => Err(Error::NotCapture(format!("'{name}' has a zero in it"))),
        Value::Text(text) => Ok(text),
        _ => Err(Error::NotCapture(format!("'{name}' is no text"))),
    }
}

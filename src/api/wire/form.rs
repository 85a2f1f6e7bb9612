//! Reads forms: bodies of multipart requests, split by the names of their parts.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use poem_openapi::types::Type;
use serde_json::Value;

use crate::api::wire::{self, File, Invalid, Limit, Wire};

/// The content of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    File,
    Json,
    /// A word, a number or a text.
    Text,
}

/// The body of a multipart request, by the names of its parts.
pub trait Form: Type + Sized {
    const PARTS: &[(&str, PartKind)];

    fn read(parts: Parts) -> Result<Self, Invalid>;
}

/// The parts of a body that its operation knows.
#[derive(Default)]
pub struct Parts {
    pub files: HashMap<&'static str, Bytes>,
    pub values: HashMap<&'static str, Value>,
}

/// Shows the names alone: the parts hold personal data.
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files.keys()).entries(self.values.keys()).finish()
    }
}

impl Parts {
    pub fn required<T: Wire>(&mut self, name: &str, limits: &[Limit]) -> Result<T, Invalid> {
        let value = self.values.remove(name);
        let missing = value.is_none();
        wire::read::<T>(name, value.unwrap_or_default(), limits)
            .map_err(|invalid| if missing { invalid.missing() } else { invalid })
    }

    pub fn optional<T: Wire>(&mut self, name: &str, limits: &[Limit]) -> Result<Option<T>, Invalid> {
        self.values.remove(name).map(|value| wire::read(name, value, limits)).transpose()
    }

    pub fn file(&mut self, name: &str) -> Result<File, Invalid> {
        let missing = || Invalid::new("is required: send the image as this part").within(name);
        self.optional_file(name)?.ok_or_else(missing)
    }

    pub fn optional_file(&mut self, name: &str) -> Result<Option<File>, Invalid> {
        match self.files.remove(name) {
            Some(bytes) if bytes.is_empty() => Err(Invalid::new("is empty: send the bytes of the image").within(name)),
            bytes => Ok(bytes.map(File)),
        }
    }
}

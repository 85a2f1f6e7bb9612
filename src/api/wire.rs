//! Reads and writes values of JSON and forms.
//!
//! Reading is lenient where real clients differ: booleans and numbers may be strings, an optional member may be null or
//! empty, and unknown members are ignored. It is strict where the meaning differs: a string is a string, and a word is
//! one of those named. A refusal names the place and the value that is expected there.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;
use chrono::DateTime;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use regex::Regex;
use reqwest::Url;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::Moment;

pub mod form;
mod numbers;

/// A value that is not valid, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The place as a path: `face.imageType`, `keys[2]`. Empty for the value itself.
    pub at: String,
    /// The expected value, as the end of a sentence: "must be a string".
    pub expected: String,
    /// The code of the refusal, if the document gives this value one of its own.
    pub code: Option<&'static str>,
}

impl Invalid {
    pub fn new(expected: impl Into<String>) -> Self {
        Self { at: String::new(), expected: expected.into(), code: None }
    }

    pub fn not_one_of(words: &[&str]) -> Self {
        Self::new(format!("must be one of {}", words.join(", ")))
    }

    /// Returns the same refusal for a value that is missing.
    #[must_use]
    pub fn missing(self) -> Self {
        Self { expected: format!("is required and {}", self.expected), ..self }
    }

    #[must_use]
    pub fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Returns the same refusal, seen from the value that holds this one as `name`.
    #[must_use]
    pub fn within(self, name: &str) -> Self {
        let at = match self.at.chars().next() {
            None => name.to_owned(),
            Some('[') => format!("{name}{}", self.at),
            Some(_) => format!("{name}.{}", self.at),
        };
        Self { at, ..self }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "the body" } else { &self.at };
        write!(f, "{at}: {}.", self.expected)
    }
}

/// A value that can be read from JSON and written to it.
pub trait Wire: Type {
    fn read(value: Value) -> Result<Self, Invalid>
    where
        Self: Sized;
    fn write(&self) -> Value;
}

/// An answer that can carry its own signature.
pub trait Signable: Wire {
    fn set_signature(&mut self, signature: Option<String>);
}

/// Returns the bytes that the signature of `answer` covers: its compact JSON without the signature.
pub fn signed_payload<T: Signable>(answer: &mut T) -> Vec<u8> {
    answer.set_signature(None);
    answer.write().to_string().into_bytes()
}

/// A schema of the document, and its name there.
pub trait Named {
    const NAME: &str;
    fn schema(registry: &mut Registry) -> MetaSchema;
}

/// Makes a [`Named`] type known to the framework. `Debug` never shows its values: they are personal data.
macro_rules! named {
    ($type:ty) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> std::borrow::Cow<'static, str> {
                <Self as wire::Named>::NAME.into()
            }
            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Reference(<Self as wire::Named>::NAME.into())
            }
            fn register(registry: &mut poem_openapi::registry::Registry) {
                registry.create_schema::<Self, _>(<Self as wire::Named>::NAME.into(), <Self as wire::Named>::schema);
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(<Self as wire::Named>::NAME).finish_non_exhaustive()
            }
        }
    };
}
pub(super) use named;

/// Parses a JSON literal that the generator wrote.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the generator wrote it")
}

/// Returns the schema of a property: that of its type, with the notes of the document. A reference with notes is
/// wrapped in `allOf`, beside which OpenAPI 3.0 allows other keywords.
pub fn property<T: Type>(registry: &mut Registry, notes: MetaSchema) -> MetaSchemaRef {
    T::register(registry);
    match T::schema_ref() {
        MetaSchemaRef::Reference(name) if !notes.is_empty() => {
            let all_of = vec![MetaSchemaRef::Reference(name)];
            MetaSchemaRef::Inline(Box::new(MetaSchema { all_of, ..notes }))
        }
        reference => reference.merge(notes),
    }
}

/// Returns a regular expression of the document, which is compiled at its first use.
macro_rules! pattern {
    ($text:literal) => {{
        static PATTERN: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| regex::Regex::new($text).expect("the generator checked it"));
        &PATTERN
    }};
}
pub(super) use pattern;

/// A limit that the document sets for a value besides its type.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    Minimum(f64),
    Maximum(f64),
    /// Counted in characters.
    LengthMin(usize),
    LengthMax(usize),
    /// The expression must match somewhere in the text.
    Pattern(&'static LazyLock<Regex>),
    ItemsMin(usize),
    ItemsMax(usize),
}

impl Limit {
    fn check(self, value: &Value) -> Result<(), Invalid> {
        let number = || value.as_f64().unwrap_or_default();
        let text = || value.as_str().unwrap_or_default();
        let length = || text().chars().count();
        let items = || value.as_array().map_or(0, Vec::len);
        let (fine, expected) = match self {
            Self::Minimum(limit) => (number() >= limit, format!("must be at least {limit}")),
            Self::Maximum(limit) => (number() <= limit, format!("must be at most {limit}")),
            Self::LengthMin(limit) => (length() >= limit, format!("must have at least {limit} characters")),
            Self::LengthMax(limit) => (length() <= limit, format!("must have at most {limit} characters")),
            Self::Pattern(pattern) => {
                (pattern.is_match(text()), format!("must match the pattern {}", pattern.as_str()))
            }
            Self::ItemsMin(limit) => (items() >= limit, format!("must have at least {limit} items")),
            Self::ItemsMax(limit) => (items() <= limit, format!("must have at most {limit} items")),
        };
        if fine { Ok(()) } else { Err(Invalid::new(expected)) }
    }
}

/// Reads `value` as the member or part `name`.
pub(super) fn read<T: Wire>(name: &str, value: Value, limits: &[Limit]) -> Result<T, Invalid> {
    limited(value, limits).map_err(|invalid| invalid.within(name))
}

/// Reads a value within the limits of the document.
pub(super) fn limited<T: Wire>(value: Value, limits: &[Limit]) -> Result<T, Invalid> {
    let read = T::read(value)?;
    if !limits.is_empty() {
        let normal = read.write();
        limits.iter().try_for_each(|limit| limit.check(&normal))?;
    }
    Ok(read)
}

/// The members of an object.
#[derive(Debug, Default)]
pub struct Members(Map<String, Value>);

impl Members {
    pub fn of(value: Value) -> Result<Self, Invalid> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(Invalid::new("must be an object")),
        }
    }

    pub fn required<T: Wire>(&mut self, name: &str, limits: &[Limit]) -> Result<T, Invalid> {
        let value = self.0.remove(name);
        let missing = value.is_none();
        // A missing member is read as null, so that the refusal names the expected value.
        read::<T>(name, value.unwrap_or_default(), limits)
            .map_err(|invalid| if missing { invalid.missing() } else { invalid })
    }

    /// Reads an optional member; null and the empty text count as left out.
    pub fn optional<T: Wire>(&mut self, name: &str, limits: &[Limit]) -> Result<Option<T>, Invalid> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if str::is_empty(&text) => Ok(None),
            Some(value) => read(name, value, limits).map(Some),
        }
    }

    pub fn put<T: Wire>(&mut self, name: &str, value: &T) {
        self.0.insert(name.to_owned(), value.write());
    }

    pub fn put_some<T: Wire>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

impl Wire for String {
    fn read(value: Value) -> Result<Self, Invalid> {
        match value {
            // Neither Postgres nor the log can hold this character.
            Value::String(text) if text.contains('\0') => Err(Invalid::new("must not contain the character U+0000")),
            Value::String(text) => Ok(text),
            _ => Err(Invalid::new("must be a string")),
        }
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

impl Wire for Uuid {
    fn read(value: Value) -> Result<Self, Invalid> {
        let id = value.as_str().and_then(|text| text.parse().ok());
        id.ok_or_else(|| Invalid::new("must be a UUID"))
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(value: Value) -> Result<Self, Invalid> {
        let Value::Array(items) = value else { return Err(Invalid::new("must be a list")) };
        let read = |(index, item)| T::read(item).map_err(|invalid| invalid.within(&format!("[{index}]")));
        items.into_iter().enumerate().map(read).collect()
    }

    fn write(&self) -> Value {
        self.iter().map(Wire::write).collect()
    }
}

/// A time, written as `2017-11-14T14:31:42.228Z`; any RFC 3339 text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Moment);

impl Wire for Timestamp {
    fn read(value: Value) -> Result<Self, Invalid> {
        let time = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let time = time.ok_or_else(|| Invalid::new("must be a time such as 2017-11-14T14:31:42.228Z"))?;
        Ok(Self(Moment::new(time.into())))
    }

    fn write(&self) -> Value {
        self.0.to_string().into()
    }
}

/// An absolute URI, kept as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri(pub String);

impl Wire for Uri {
    fn read(value: Value) -> Result<Self, Invalid> {
        let text = value.as_str().filter(|text| Url::parse(text).is_ok());
        text.map(|text| Self(text.to_owned())).ok_or_else(|| Invalid::new("must be an absolute URL"))
    }

    fn write(&self) -> Value {
        self.0.as_str().into()
    }
}

/// The bytes of a part. `Debug` never shows them: they are a person's face.
#[derive(Clone, PartialEq, Eq)]
pub struct File(pub Bytes);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({} bytes)", self.0.len())
    }
}

macro_rules! inline {
    ($type:ty, $format:literal) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> Cow<'static, str> {
                concat!("string_", $format).into()
            }
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", $format)))
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}
inline!(Timestamp, "date-time");
inline!(Uri, "uri");
inline!(File, "binary");

#[cfg(test)]
mod tests;

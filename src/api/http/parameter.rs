//! Takes a parameter of a path, a query or a header from the framework before it is read.
//!
//! The framework passes the text on unchanged, so that the rules of bodies read it and word its refusals.

use std::borrow::Cow;
use std::marker::PhantomData;

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;

use crate::api::http::problem::Problem;
use crate::api::wire::{self, Limit, Wire};

/// The text of a parameter whose value is a `T`.
pub struct Sent<T> {
    value: Value,
    of: PhantomData<fn() -> T>,
}

impl<T> Sent<T> {
    /// Makes the default of a parameter that was not sent.
    pub fn default(value: Value) -> Self {
        Self { value, of: PhantomData }
    }
}

impl<T: Wire> Sent<T> {
    /// Reads the value of the parameter `name`.
    ///
    /// # Errors
    /// The refusal names the parameter and the value that is expected.
    pub fn read(self, name: &str, limits: &[Limit]) -> Result<T, Problem> {
        wire::read(name, self.value, limits).map_err(|invalid| Problem::invalid(&invalid))
    }
}

impl<T: Wire> Type for Sent<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    /// `None`, so that the framework checks nothing.
    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        None
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::empty())
    }
}

impl<T: Wire> ParseFromParameter for Sent<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self { value: text.into(), of: PhantomData })
    }
}

impl<T: Wire> ToJSON for Sent<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.value.clone())
    }
}

//! Reads the text of a document and resolves its references.

use openapiv3::{Components, Header, OpenAPI, Parameter, ReferenceOr, Response};

use super::Refusal;

/// Returns the document as JSON text and as a structure.
pub fn read(yaml: &str) -> Result<(String, OpenAPI), Refusal> {
    let mut value: serde_norway::Value = serde_norway::from_str(yaml).map_err(|error| format!("not YAML: {error}"))?;
    value.apply_merge().map_err(|error| format!("not YAML: {error}"))?;
    let value = serde_json::to_value(&value).map_err(|error| format!("not JSON: {error}"))?;
    let json = serde_json::to_string_pretty(&value).map_err(|error| format!("not JSON: {error}"))?;
    let document: OpenAPI = serde_json::from_value(value).map_err(|error| format!("not OpenAPI 3.0: {error}"))?;
    if document.openapi != "3.0.3" {
        return Err(format!("openapi: is {}, must be 3.0.3", document.openapi));
    }
    Ok((json, document))
}

pub fn components(document: &OpenAPI) -> Result<&Components, Refusal> {
    document.components.as_ref().ok_or_else(|| "components: missing".to_owned())
}

/// Returns the last step of a reference into `components`.
pub fn referred<'a>(reference: &'a str, section: &str) -> Result<&'a str, Refusal> {
    reference
        .strip_prefix("#/components/")
        .and_then(|rest| rest.strip_prefix(section)?.strip_prefix('/'))
        .ok_or_else(|| format!("{reference} does not point into #/components/{section}/"))
}

macro_rules! resolver {
    ($function:ident, $type:ty, $section:ident, $name:literal) => {
        pub fn $function<'a>(document: &'a OpenAPI, item: &'a ReferenceOr<$type>) -> Result<&'a $type, Refusal> {
            match item {
                ReferenceOr::Item(item) => Ok(item),
                ReferenceOr::Reference { reference } => {
                    let name = referred(reference, $name)?;
                    let found = components(document)?.$section.get(name).and_then(ReferenceOr::as_item);
                    found.ok_or_else(|| format!("{reference} is not defined, or is a reference itself"))
                }
            }
        }
    };
}

resolver!(response, Response, responses, "responses");
resolver!(parameter, Parameter, parameters, "parameters");
resolver!(header, Header, headers, "headers");

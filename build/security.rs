//! Reads who may call an operation.

use openapiv3::{APIKeyLocation, OpenAPI, Operation, ReferenceOr, SecurityRequirement, SecurityScheme as Authored};

use super::model::{Access, SecurityKind, SecurityScheme};
use super::{Refusal, document};

pub fn schemes(document: &OpenAPI) -> Result<Vec<SecurityScheme>, Refusal> {
    let schemes = &document::components(document)?.security_schemes;
    schemes.iter().map(|(name, scheme)| self::scheme(name, scheme)).collect()
}

fn scheme(name: &str, scheme: &ReferenceOr<Authored>) -> Result<SecurityScheme, Refusal> {
    let (kind, description) = match scheme.as_item() {
        Some(Authored::APIKey { location: APIKeyLocation::Header, name: header, description, .. }) => {
            (SecurityKind::Header(header.clone()), description)
        }
        Some(Authored::HTTP { scheme, bearer_format: None, description, .. }) => {
            (SecurityKind::Http(scheme.clone()), description)
        }
        _ => return Err(format!("security scheme {name}: only header keys and HTTP schemes are supported")),
    };
    let description = description.clone().ok_or_else(|| format!("security scheme {name}: has no description"))?;
    Ok(SecurityScheme { name: name.to_owned(), description, kind })
}

/// An operation needs no key, accepts every scheme of the document, or accepts every scheme and needs none.
pub fn access(document: &OpenAPI, operation: &Operation) -> Result<Access, Refusal> {
    let default = document.security.as_deref().unwrap_or_default();
    let own = operation.security.as_deref().unwrap_or(default);
    if own.is_empty() {
        return Ok(Access::Open);
    }
    let known = &document::components(document)?.security_schemes;
    let alone = |name: &String| own.iter().any(|one| one.len() == 1 && one.get(name).is_some_and(Vec::is_empty));
    let none_needed = own.iter().any(SecurityRequirement::is_empty);
    let expected = known.len() + usize::from(none_needed);
    if known.keys().all(alone) && own.len() == expected {
        Ok(if none_needed { Access::Optional } else { Access::Secured })
    } else {
        Err("security must name each scheme once, without scopes, or be []".to_owned())
    }
}

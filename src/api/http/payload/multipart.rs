//! Reads forms that are sent as `multipart/form-data` or `multipart/mixed`.
//!
//! Clients differ: curl and scripts send `multipart/mixed` with `attachment` parts and JSON as octet-stream, browsers
//! name every file `blob`, files end in a newline, and words come in quotes. So the server tells parts apart by their
//! name alone, in any order, and ignores their types and file names.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use poem::{Request, RequestBody};

use crate::api::http::payload::incoming::Incoming;
use crate::api::http::payload::{self, Limits, extractor, json};
use crate::api::http::problem::Problem;
use crate::api::wire::Invalid;
use crate::api::wire::form::{Form, PartKind, Parts};
use crate::service::turns::Place;

pub(super) const FORM_DATA: &str = "multipart/form-data";
pub(super) const MIXED: &str = "multipart/mixed";
/// The longest boundary: RFC 2046 allows 70 characters.
const BOUNDARY_LEN_MAX: usize = 70;

/// A form, and the place that its request holds.
#[derive(Debug)]
pub struct Multipart<T>(pub T, pub Arc<Place>);

impl<T: Form> Multipart<T> {
    pub(super) async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if ![FORM_DATA, MIXED].iter().any(|expected| payload::has_type(request, expected)) {
            return Err(Problem::unsupported(&[FORM_DATA, MIXED]));
        }
        let boundary = boundary(request.content_type().unwrap_or_default())
            .ok_or_else(|| Problem::malformed("The Content-Type must have a boundary of 1 to 70 characters."))?;
        let limits = payload::limits(request);
        let pictures = T::PARTS.iter().filter(|(_, kind)| matches!(kind, PartKind::File)).count();
        let incoming = Incoming::admit(request, body, limits.body_bytes, pictures)?;
        let place = incoming.place();
        let parts = read_parts(boundary, incoming.pieces(), T::PARTS, limits).await?;
        T::read(parts).map(|form| Self(form, place)).map_err(|invalid| Problem::invalid(&invalid))
    }
}

extractor!([T: Form] Multipart<T>, required: true, [FORM_DATA: T, MIXED: T]);

/// Reads a multipart body and keeps the parts in `known`.
///
/// # Errors
/// The body is too large (413), is not multipart, is cut short, or has a known part twice (400).
pub async fn read_parts<S, E>(
    boundary: String,
    body: S,
    known: &'static [(&'static str, PartKind)],
    limits: Limits,
) -> Result<Parts, Problem>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let whole = multer::SizeLimit::new().whole_stream(limits.body_bytes as u64);
    let constraints = multer::Constraints::new().size_limit(whole);
    let mut multipart = multer::Multipart::with_constraints(body, boundary, constraints);
    let mut parts = Parts::default();
    let mut count = 0;
    while let Some(mut field) = multipart.next_field().await.map_err(|error| broken(error, limits))? {
        count += 1;
        if count > limits.parts {
            return Err(Problem::malformed(format!("The body has more than {} parts. Send fewer.", limits.parts)));
        }
        let Some(name) = field.name() else {
            return Err(Problem::malformed("Each part must have a name in its Content-Disposition."));
        };
        // The next call of `next_field` skips an unknown part.
        let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else { continue };
        let bytes_max = match kind {
            PartKind::File => limits.image_bytes,
            PartKind::Json => limits.json_bytes,
            PartKind::Text => limits.text_bytes,
        };
        let bytes = read_part(&mut field, name, bytes_max, limits).await?;
        add(&mut parts, name, *kind, bytes)?;
    }
    Ok(parts)
}

async fn read_part(
    field: &mut multer::Field<'_>,
    name: &str,
    bytes_max: usize,
    limits: Limits,
) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(error, limits))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Problem::too_large(name, bytes_max));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(payload::fitted(bytes))
}

fn broken(error: multer::Error, limits: Limits) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } => Problem::too_large("the body", limits.body_bytes),
        multer::Error::StreamReadFailed(cause) => match cause.downcast() {
            Ok(problem) => *problem,
            Err(_) => Problem::malformed("The body ended too early. Send it whole."),
        },
        error => Problem::malformed(format!("The body cannot be read as multipart: {error}.")),
    }
}

fn add(parts: &mut Parts, name: &'static str, kind: PartKind, bytes: Bytes) -> Result<(), Problem> {
    if parts.files.contains_key(name) || parts.values.contains_key(name) {
        return Err(Problem::invalid(&Invalid::new("was sent twice").within(name)));
    }
    match kind {
        PartKind::File => {
            parts.files.insert(name, bytes);
        }
        PartKind::Json => {
            parts.values.insert(name, json::parse(name, &bytes)?);
        }
        PartKind::Text => {
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Problem::invalid(&Invalid::new("must be text in UTF-8").within(name)))?;
            // A form field that is empty was not filled in.
            if let Some(text) = unquoted(text) {
                parts.values.insert(name, text.into());
            }
        }
    }
    Ok(())
}

/// Removes white space at both ends, and then one pair of quotes; `None` if nothing is left.
fn unquoted(text: &str) -> Option<&str> {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    // `text.is_empty()` would call a method of the framework that means something else.
    Some(inner.unwrap_or(text)).filter(|text| !str::is_empty(text))
}

/// Returns the boundary of a multipart content type, without quotes.
pub fn boundary(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, boundary) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let boundary = unquoted(boundary)?;
    (boundary.len() <= BOUNDARY_LEN_MAX && boundary.is_ascii()).then(|| boundary.to_owned())
}

#[cfg(test)]
mod tests;

//! Bodies as clients really send them: JSON, form-data, mixed.
//!
//! What is known about them: curl and scripts send `multipart/mixed` with `attachment` parts and JSON as
//! octet-stream, browsers name every file `blob`, files end in a newline, words come in quotes. So parts are
//! told apart by their name alone, in any order, and their types and file names are not looked at.

use bytes::Bytes;
use bytes::BytesMut;
use futures_util::Stream;
use poem::IntoResponse;
use poem::Request;
use poem::RequestBody;
use poem::Response;
use poem::http::header;
use poem_openapi::ApiExtractor;
use poem_openapi::ApiExtractorType;
use poem_openapi::ExtractParamOptions;
use poem_openapi::payload::Payload;
use poem_openapi::registry::MetaMediaType;
use poem_openapi::registry::MetaRequest;
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::registry::Registry;
use serde_json::Value;

use crate::api::problem::Problem;
use crate::api::wire::Invalid;
use crate::api::wire::Wire;
use crate::api::wire::form::Form;
use crate::api::wire::form::PartKind;
use crate::api::wire::form::Parts;

pub mod either;
pub mod jose;

const JSON: &str = "application/json";
const FORM_DATA: &str = "multipart/form-data";
const MIXED: &str = "multipart/mixed";
/// RFC 2046 allows 70 characters.
const BOUNDARY_LEN_MAX: usize = 70;

/// How much of a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a whole multipart body.
    pub body_bytes: usize,
    /// Of one image.
    pub image_bytes: usize,
    /// Of one JSON part, or of a JSON body: a face with its template has a few thousand.
    pub json_bytes: usize,
    /// Of one part that is a word or a number.
    pub text_bytes: usize,
    /// Parts of a body, unknown ones included.
    pub parts: usize,
}

impl Limits {
    /// For images of at most `image_bytes`: no operation takes more than two.
    pub fn of_images(image_bytes: usize) -> Self {
        let json_bytes = 256 * 1024;
        let body_bytes = image_bytes.saturating_mul(2).saturating_add(4 * json_bytes);
        Self { body_bytes, image_bytes, json_bytes, text_bytes: 4 * 1024, parts: 32 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of_images(10 * 1024 * 1024)
    }
}

/// Reads a multipart body; `known` are the parts to keep.
///
/// # Errors
/// Each as the client gets it: too large (413), not multipart, cut short or sent twice (400).
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
    while let Some(mut field) = multipart.next_field().await.map_err(|error| broken(&error, limits))? {
        count += 1;
        if count > limits.parts {
            return Err(Problem::malformed(format!("The body has more than {} parts.", limits.parts)));
        }
        let Some(name) = field.name() else {
            return Err(Problem::malformed("A part has no name in its Content-Disposition."));
        };
        // Unknown parts are passed over by asking for the next one.
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
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error, limits))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Problem::too_large(name, bytes_max));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn broken(error: &multer::Error, limits: Limits) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } => Problem::too_large("the body", limits.body_bytes),
        multer::Error::StreamReadFailed(_) => Problem::malformed("The body ended before its time."),
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
            parts.values.insert(name, parse(name, &bytes)?);
        }
        PartKind::Text => {
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Problem::invalid(&Invalid::new("must be text in UTF-8").within(name)))?;
            // An empty field of a form is one that was not filled in.
            if let Some(text) = unquoted(text) {
                parts.values.insert(name, text.into());
            }
        }
    }
    Ok(())
}

/// Without white space around, and then without one pair of quotes; `None` if nothing is left.
fn unquoted(text: &str) -> Option<&str> {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    // Not `text.is_empty()`: that is the framework's, which means something else.
    Some(inner.unwrap_or(text)).filter(|text| !str::is_empty(text))
}

/// JSON, with or without the byte order mark that some editors put before it.
fn parse(name: &str, bytes: &[u8]) -> Result<Value, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| Problem::malformed(format!("{name}: is not JSON: {error}.")))
}

/// Whether a content type is `expected`, whatever its parameters and case.
fn is_type(content_type: &str, expected: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

fn has_type(request: &Request, expected: &str) -> bool {
    request.content_type().is_some_and(|content_type| is_type(content_type, expected))
}

/// The boundary of a multipart content type, quoted or not.
pub fn boundary(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, boundary) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let boundary = unquoted(boundary)?;
    (boundary.len() <= BOUNDARY_LEN_MAX && boundary.is_ascii()).then(|| boundary.to_owned())
}

fn limits(request: &Request) -> Limits {
    request.data().copied().unwrap_or_default()
}

/// Refuses a body that says itself that it is too large, before any of it is read.
fn check_length(request: &Request, bytes_max: usize) -> Result<(), Problem> {
    let length = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > bytes_max) {
        return Err(Problem::too_large("the body", bytes_max));
    }
    Ok(())
}

/// A JSON body, of a request or of an answer.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Wire> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = JSON;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Wire> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(JSON).body(self.0.write().to_string())
    }
}

impl<T: Wire> Json<T> {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if !has_type(request, JSON) {
            return Err(Problem::unsupported(&[JSON]));
        }
        Self::of(&json_bytes(request, body).await?)
    }

    fn of(bytes: &[u8]) -> Result<Self, Problem> {
        T::read(parse("the body", bytes)?).map(Self).map_err(|invalid| Problem::invalid(&invalid))
    }
}

/// A JSON body, as it came.
async fn json_bytes(request: &Request, body: &mut RequestBody) -> Result<Bytes, Problem> {
    whole(request, body, limits(request).json_bytes).await
}

/// A body of at most `bytes_max`.
async fn whole(request: &Request, body: &mut RequestBody, bytes_max: usize) -> Result<Bytes, Problem> {
    check_length(request, bytes_max)?;
    let body = body.take().map_err(|error| Problem::internal(error.to_string()))?;
    body.into_bytes_limit(bytes_max).await.map_err(|error| match error {
        poem::error::ReadBodyError::PayloadTooLarge => Problem::too_large("the body", bytes_max),
        _ => Problem::malformed("The body ended before its time."),
    })
}

/// A form, as `multipart/form-data` or `multipart/mixed`.
#[derive(Debug)]
pub struct Multipart<T>(pub T);

impl<T: Form> Multipart<T> {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if ![FORM_DATA, MIXED].iter().any(|expected| has_type(request, expected)) {
            return Err(Problem::unsupported(&[FORM_DATA, MIXED]));
        }
        let boundary = boundary(request.content_type().unwrap_or_default()).ok_or_else(|| {
            Problem::malformed("The Content-Type names no boundary, or not one of 1 to 70 characters.")
        })?;
        let limits = limits(request);
        check_length(request, limits.body_bytes)?;
        let body = body.take().map_err(|error| Problem::internal(error.to_string()))?;
        let parts = read_parts(boundary, body.into_bytes_stream(), T::PARTS, limits).await?;
        T::read(parts).map(Self).map_err(|invalid| Problem::invalid(&invalid))
    }
}

/// Lets a handler ask for `$payload`, whose schemas depend on its content type.
macro_rules! extractor {
    ([$($generic:ident: $bound:ident),*] $payload:ty, required: $required:literal, [$($content_type:ident: $schema:ty),*]) => {
        impl<'a, $($generic: $bound),*> ApiExtractor<'a> for $payload {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                let _ = &registry;
                $(<$generic>::register(registry);)*
            }

            fn request_meta() -> Option<MetaRequest> {
                let content =
                    vec![$(MetaMediaType { content_type: $content_type, schema: <$schema>::schema_ref() }),*];
                Some(MetaRequest { description: None, required: $required, content })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self::read(request, body).await?)
            }
        }
    };
}
pub(crate) use extractor;
extractor!([T: Wire] Json<T>, required: true, [JSON: T]);
extractor!([T: Form] Multipart<T>, required: true, [FORM_DATA: T, MIXED: T]);

#[cfg(test)]
mod tests;

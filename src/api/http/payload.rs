//! Reads bodies as clients really send them, within limits.

use std::time::Duration;

use bytes::Bytes;
use poem::Request;

pub mod either;
pub mod incoming;
pub mod jose;
pub mod json;
pub mod multipart;

/// The longest pause within a body: a mobile device may need this long to change from one cell to the next.
pub const PAUSE: Duration = Duration::from_secs(20);

/// Limits for the size of a body and for the time that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a whole multipart body.
    pub body_bytes: usize,
    /// The most bytes of one image.
    pub image_bytes: usize,
    /// The most bytes of one JSON part or of a JSON body. A face with its template has a few thousand.
    pub json_bytes: usize,
    /// The most bytes of one part that is a word or a number.
    pub text_bytes: usize,
    /// The most parts of a body, unknown ones included.
    pub parts: usize,
    /// The longest time in which no byte of a body arrives.
    pub pause: Duration,
}

impl Limits {
    /// Returns limits for images of at most `image_bytes`. No operation takes more than two images.
    pub fn of_images(image_bytes: usize) -> Self {
        let json_bytes = 256 * 1024;
        let body_bytes = image_bytes.saturating_mul(2).saturating_add(4 * json_bytes);
        Self { body_bytes, image_bytes, json_bytes, text_bytes: 4 * 1024, parts: 32, pause: PAUSE }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of_images(10 * 1024 * 1024)
    }
}

/// True if a content type is `expected`, whatever its parameters and its case.
fn is_type(content_type: &str, expected: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

fn has_type(request: &Request, expected: &str) -> bool {
    request.content_type().is_some_and(|content_type| is_type(content_type, expected))
}

fn limits(request: &Request) -> Limits {
    request.data().copied().unwrap_or_default()
}

/// Returns what was received without the room for as much again that a growing list has: it may wait for a long time.
fn fitted(mut received: Vec<u8>) -> Bytes {
    received.shrink_to_fit();
    received.into()
}

/// Makes `$payload` an extractor that a handler may ask for; its schemas depend on the content type.
macro_rules! extractor {
    ([$($generic:ident: $bound:ident),*] $payload:ty, required: $required:literal, [$($content_type:ident: $schema:ty),*]) => {
        impl<'a, $($generic: $bound),*> poem_openapi::ApiExtractor<'a> for $payload {
            const TYPES: &'static [poem_openapi::ApiExtractorType] = &[poem_openapi::ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut poem_openapi::registry::Registry) {
                let _ = &registry;
                $(<$generic>::register(registry);)*
            }

            fn request_meta() -> Option<poem_openapi::registry::MetaRequest> {
                let content = vec![$(poem_openapi::registry::MetaMediaType {
                    content_type: $content_type,
                    schema: <$schema>::schema_ref(),
                }),*];
                Some(poem_openapi::registry::MetaRequest { description: None, required: $required, content })
            }

            async fn from_request(
                request: &'a poem::Request,
                body: &mut poem::RequestBody,
                _: poem_openapi::ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self::read(request, body).await?)
            }
        }
    };
}
pub(crate) use extractor;

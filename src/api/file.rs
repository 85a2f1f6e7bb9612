//! Files that the server gives to browsers: compressed if the client accepts that, and cached by the client until they
//! change.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, Endpoint, Request, Response};
use sha2::{Digest as _, Sha256};

/// Clients may keep the file, and must ask each time if it is still current.
const CACHED: HeaderValue = HeaderValue::from_static("no-cache");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
/// The number of hexadecimal digits of the digest that go into the tag.
const TAG_LEN: usize = 24;

/// A body that does not change while the server runs, with its headers.
#[derive(Debug, Clone)]
pub struct File {
    headers: HeaderMap,
    tag: HeaderValue,
    plain: Bytes,
    /// `None` if compression would not make it smaller.
    packed: Option<Bytes>,
}

impl File {
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let plain: Bytes = body.into();
        let packed = packed(&plain).filter(|packed| packed.len() < plain.len());
        let digest = format!("{:x}", Sha256::digest(&plain));
        // The tag is weak, since it is the same with and without compression.
        let tag = HeaderValue::try_from(format!("W/\"{}\"", &digest[..TAG_LEN])).expect("it is ASCII");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, CACHED);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::ETAG, tag.clone());
        Self { headers, tag, plain, packed }
    }

    /// Sets a header, which replaces one of the same name.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub fn answer(&self, request: &Request) -> Response {
        let mut response = Response::default();
        *response.headers_mut() = self.headers.clone();
        if names(request, header::IF_NONE_MATCH, |tag| tag == self.tag || tag == "*") {
            response.set_status(StatusCode::NOT_MODIFIED);
            return response;
        }
        let packed = self.packed.as_ref().filter(|_| names(request, header::ACCEPT_ENCODING, takes_gzip));
        if packed.is_some() {
            response.headers_mut().insert(header::CONTENT_ENCODING, GZIP);
        }
        response.set_body(Body::from_bytes(packed.unwrap_or(&self.plain).clone()));
        response
    }
}

impl Endpoint for File {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        Ok(self.answer(&request))
    }
}

fn packed(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// True if a header lists a value for which `fits` is true.
fn names(request: &Request, name: HeaderName, fits: impl Fn(&str) -> bool) -> bool {
    let values = request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| fits(part.trim()))
}

fn takes_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
    is_gzip && weight.is_ok_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn asked(name: HeaderName, value: &str) -> Request {
        Request::builder().header(name, value).finish()
    }

    #[tokio::test]
    async fn it_is_compressed_for_those_who_take_that() {
        let text = "The same again. ".repeat(100);
        let file = File::new("text/plain", text.clone());
        for takes in ["gzip", "br, GZIP;q=0.5", "deflate, gzip; q=1"] {
            let response = file.answer(&asked(header::ACCEPT_ENCODING, takes));
            assert_eq!(response.header("content-encoding"), Some("gzip"), "{takes}");
            let bytes = response.into_body().into_bytes().await.expect("it is there");
            assert!(bytes.len() < text.len() / 2);
            let mut read = String::new();
            GzDecoder::new(&bytes[..]).read_to_string(&mut read).expect("it is gzip");
            assert_eq!(read, text);
        }
        for refuses in ["br", "gzip;q=0", ""] {
            let response = file.answer(&asked(header::ACCEPT_ENCODING, refuses));
            assert_eq!(response.header("content-encoding"), None, "{refuses}");
            assert_eq!(response.into_body().into_string().await.expect("it is text"), text);
        }
    }

    #[tokio::test]
    async fn who_has_it_gets_it_once() {
        let (file, other) = (File::new("text/plain", "one"), File::new("text/plain", "two"));
        let tag = file.answer(&Request::default()).header("etag").expect("it has one").to_owned();
        let again = file.answer(&asked(header::IF_NONE_MATCH, &format!("W/\"0\", {tag}")));
        assert_eq!((again.status(), again.header("etag")), (StatusCode::NOT_MODIFIED, Some(tag.as_str())));
        assert!(again.into_body().into_bytes().await.expect("it ends").is_empty());
        assert_eq!(other.answer(&asked(header::IF_NONE_MATCH, &tag)).status(), StatusCode::OK);
    }
}

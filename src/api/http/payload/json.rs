//! JSON, as the body of a request or of an answer.

use bytes::Bytes;
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use serde_json::Value;

use crate::api::http::payload::incoming::Incoming;
use crate::api::http::payload::{self, extractor};
use crate::api::http::problem::Problem;
use crate::api::wire::Wire;

pub(super) const JSON: &str = "application/json";

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
    pub(super) async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if !payload::has_type(request, JSON) {
            return Err(Problem::unsupported(&[JSON]));
        }
        Self::of(&bytes(request, body).await?)
    }

    pub(super) fn of(bytes: &[u8]) -> Result<Self, Problem> {
        T::read(parse("the body", bytes)?).map(Self).map_err(|invalid| Problem::invalid(&invalid))
    }
}

extractor!([T: Wire] Json<T>, required: true, [JSON: T]);

/// A JSON body, as it came.
pub(super) async fn bytes(request: &Request, body: &mut RequestBody) -> Result<Bytes, Problem> {
    Incoming::admit(request, body, payload::limits(request).json_bytes, 0)?.whole().await
}

/// JSON, with or without the byte order mark that some editors put before it.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Value, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| Problem::malformed(format!("{name}: is not JSON: {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::FaceOptions;

    #[tokio::test]
    async fn a_json_body_may_name_its_charset() {
        let request = |content_type: &str, body: &'static str| {
            Request::builder().header("content-type", content_type).body(body).split()
        };
        let (head, mut body) = request("application/json; charset=utf-8", r#"{"imageType":"SELFIE"}"#);
        assert!(Json::<FaceOptions>::read(&head, &mut body).await.is_ok());
        let (head, mut body) = request("application/json", "");
        let problem = Json::<FaceOptions>::read(&head, &mut body).await.expect_err("it is empty");
        assert_eq!((problem.status.as_u16(), problem.code), (400, "MALFORMED_BODY"));
        let (head, mut body) = request("text/json", "{}");
        let problem = Json::<FaceOptions>::read(&head, &mut body).await.expect_err("it has another type");
        assert_eq!(problem.status.as_u16(), 415);
    }
}

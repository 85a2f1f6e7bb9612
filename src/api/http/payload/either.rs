//! Reads bodies of two kinds: JSON or a form, and JSON or nothing.

use std::sync::Arc;

use poem::{Request, RequestBody};

use crate::api::http::payload::json::{self, JSON, Json};
use crate::api::http::payload::multipart::{FORM_DATA, MIXED, Multipart};
use crate::api::http::payload::{extractor, has_type};
use crate::api::http::problem::Problem;
use crate::api::wire::Wire;
use crate::api::wire::form::Form;
use crate::service::turns::Place;

/// A form, with the place that its request holds, or JSON. The content type decides.
#[derive(Debug)]
pub enum Upload<F, J> {
    Form(F, Arc<Place>),
    Json(J),
}

impl<F: Form, J: Wire> Upload<F, J> {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if has_type(request, JSON) {
            Json::read(request, body).await.map(|Json(json)| Self::Json(json))
        } else if has_type(request, FORM_DATA) || has_type(request, MIXED) {
            Multipart::read(request, body).await.map(|Multipart(form, place)| Self::Form(form, place))
        } else {
            Err(Problem::unsupported(&[FORM_DATA, MIXED, JSON]))
        }
    }
}

extractor!([F: Form, J: Wire] Upload<F, J>, required: true, [FORM_DATA: F, MIXED: F, JSON: J]);

/// JSON, or an empty body.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: Wire> OptionalJson<T> {
    /// Takes a body without a byte as none, whatever its type; only reading shows that it is empty. `null` is none,
    /// too: generated Java clients send it.
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        let bytes = json::bytes(request, body).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if !has_type(request, JSON) {
            return Err(Problem::unsupported(&[JSON]));
        }
        if bytes.trim_ascii() == b"null" {
            return Ok(Self(None));
        }
        Json::of(&bytes).map(|Json(json)| Self(Some(json)))
    }
}

extractor!([T: Wire] OptionalJson<T>, required: false, [JSON: T]);

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use poem::Body;

    use super::*;
    use crate::api::types::{DirectFaceUpload, NewBioSession};

    type Either = Upload<DirectFaceUpload, NewBioSession>;

    fn request(content_type: Option<&str>, body: impl Into<Body>) -> (Request, RequestBody) {
        let request = Request::builder();
        let request = content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
        request.body(body.into()).split()
    }

    async fn upload(content_type: Option<&str>, body: &'static str) -> Result<Either, Problem> {
        let (head, mut body) = request(content_type, body);
        Upload::read(&head, &mut body).await
    }

    async fn optional(content_type: Option<&str>, body: impl Into<Body>) -> Result<Option<NewBioSession>, Problem> {
        let (head, mut body) = request(content_type, body);
        OptionalJson::read(&head, &mut body).await.map(|OptionalJson(json)| json)
    }

    #[tokio::test]
    async fn the_content_type_says_which() {
        let json = upload(Some("application/json; charset=utf-8"), r#"{"correlationId":"a"}"#).await;
        assert!(matches!(json, Ok(Upload::Json(NewBioSession { correlation_id: Some(_), .. }))));
        let form = "--B\r\nContent-Disposition: form-data; name=\"face\"\r\n\r\n{\"imageType\":\"SELFIE\"}\r\n\
            --B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nJPEG\r\n--B--\r\n";
        for kind in ["multipart/form-data; boundary=B", "Multipart/Mixed; boundary=B"] {
            assert!(matches!(upload(Some(kind), form).await, Ok(Upload::Form(..))), "{kind}");
        }
        for other in [None, Some("text/json"), Some("multipart/related; boundary=B")] {
            let problem = upload(other, "{}").await.expect_err("it is neither");
            assert_eq!(problem.code, "UNSUPPORTED_MEDIA_TYPE");
            let all = "Content-Type must be one of multipart/form-data, multipart/mixed, application/json.";
            assert_eq!(problem.message, all);
        }
    }

    #[tokio::test]
    async fn no_body_is_none_whatever_type_it_claims() {
        for content_type in [None, Some("application/json"), Some("application/x-www-form-urlencoded")] {
            assert!(matches!(optional(content_type, "").await, Ok(None)));
            // A chunked body without any chunk.
            let nothing = Body::from_bytes_stream(stream::empty::<std::io::Result<bytes::Bytes>>());
            assert!(matches!(optional(content_type, nothing).await, Ok(None)));
        }
        assert!(matches!(optional(Some("application/json"), "{}").await, Ok(Some(_))));
        assert!(matches!(optional(Some("application/json"), "null\n").await, Ok(None)));
        assert_eq!(optional(None, "{}").await.map(drop).expect_err("it has no type").status.as_u16(), 415);
        let broken = optional(Some("application/json"), "{").await.map(drop).expect_err("it is no JSON");
        assert_eq!(broken.code, "MALFORMED_BODY");
    }
}

//! Reads and writes JSON bodies of requests and answers.

use std::sync::LazyLock;

use bytes::Bytes;
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use regex::{Captures, Regex};
use serde_json::Value;

use crate::api::http::payload::incoming::Incoming;
use crate::api::http::payload::{self, extractor};
use crate::api::http::problem::Problem;
use crate::api::wire::Wire;

pub(super) const JSON: &str = "application/json";

/// A JSON body of a request or of an answer.
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

/// Receives the bytes of a JSON body.
pub(super) async fn bytes(request: &Request, body: &mut RequestBody) -> Result<Bytes, Problem> {
    Incoming::admit(request, body, payload::limits(request).json_bytes, 0)?.whole().await
}

/// Parses JSON, with or without the byte order mark that some editors put before it.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Value, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let not_json = |error| Problem::malformed(format!("{name}: is not JSON: {error}."));
    serde_json::from_slice(bytes)
        .or_else(|error| {
            let mended = std::str::from_utf8(bytes).ok().map(mended).ok_or(error)?;
            serde_json::from_str(&mended)
        })
        .map_err(not_json)
}

const TEXT_OR_NUMBER: &str = r#"(?s)"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*"#;
const PAIR_OR_LONE_OR_OTHER: &str =
    r"\\u[dD][89abAB][[:xdigit:]]{2}\\u[dD][c-fC-F][[:xdigit:]]{2}|(?<lone>\\u[dD][89a-fA-F][[:xdigit:]]{2})|\\.";
/// Stands for a value that cannot be held: a member that is read refuses it.
const NOTHING: &str = r"\u0000";

/// Replaces texts and numbers that JSON allows and no value can hold: lone surrogates, and numbers beyond double
/// precision. Members that nobody reads may contain either.
fn mended(json: &str) -> String {
    const ONE: &str = "it is a regular expression";
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(TEXT_OR_NUMBER).expect(ONE));
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(PAIR_OR_LONE_OR_OTHER).expect(ONE));
    let whole = |escape: &Captures| if escape.name("lone").is_some() { NOTHING } else { &escape[0] }.to_owned();
    TOKEN
        .replace_all(json, |token: &Captures| {
            let token = &token[0];
            if token.starts_with('"') {
                ESCAPE.replace_all(token, whole).into_owned()
            } else if token.parse::<f64>().is_ok_and(f64::is_infinite) {
                format!("\"{NOTHING}\"")
            } else {
                token.to_owned()
            }
        })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn what_no_value_can_hold_harms_only_the_member_that_has_it() {
        let read = |text: &str| parse("the body", text.as_bytes());
        let odd = r#"{"a":"\ud800","b":-1e999,"c":"\\ud800 \ud83d\ude00","d":"1e999","e":[1.5e3,"\uDC00x"]}"#;
        let nothing = "\0";
        let wanted = json!({"a": nothing, "b": nothing, "c": "\\ud800 \u{1f600}", "d": "1e999", "e": [1500.0, "\0x"]});
        assert_eq!(read(odd).expect("it is JSON"), wanted);
        for broken in ["{\"a\":1e999", r#"{"a":"\ud8"}"#, r#"{"a":"\ud800}"#, "1e9999e", "\"\\x\""] {
            assert_eq!(read(broken).expect_err("it is no JSON").code, "MALFORMED_BODY", "{broken}");
        }
    }
}

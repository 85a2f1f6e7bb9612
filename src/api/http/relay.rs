//! Receives requests whole and answers them whole, whatever they ask for. This serves a program between a client and a
//! server.

use std::sync::Arc;

use bytes::Bytes;
use poem::endpoint::make;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, Request, Response};

/// A request with its body.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    /// The path with its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer with its body.
#[derive(Debug, Clone)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Replies with the result of `answer`; with 502 if there is none, and with 413 for a body of more than
/// `body_bytes_max` bytes.
pub fn endpoint<F, A>(body_bytes_max: usize, answer: F) -> impl Endpoint<Output = Response>
where
    F: Fn(Asked) -> A + Send + Sync + 'static,
    A: Future<Output = Option<Told>> + Send,
{
    let answer = Arc::new(answer);
    make(move |request: Request| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            let Ok(body) = body.into_bytes_limit(body_bytes_max).await else {
                return Response::builder().status(StatusCode::PAYLOAD_TOO_LARGE).finish();
            };
            let asked = Asked { method: head.method, path, headers: head.headers, body };
            let Some(told) = answer(asked).await else {
                return Response::builder().status(StatusCode::BAD_GATEWAY).finish();
            };
            let mut response = Response::builder().status(told.status).body(told.body);
            response.headers_mut().extend(told.headers);
            response
        }
    })
}

//! Lets pages of other hosts call the contract from a browser (CORS,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>), if a provider has named their origin.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::api::http::middleware::methods::Methods;
use crate::domain::ProviderId;
use crate::service::{Deps, origins};

/// A page may send these headers besides those that every page may.
const HEADERS_SENT: HeaderValue =
    HeaderValue::from_static("apikey, authorization, content-type, idempotency-key, prefer, traceparent, x-request-id");
/// A page may read these headers besides those that every page may.
const HEADERS_READ: HeaderValue =
    HeaderValue::from_static("location, preference-applied, retry-after, traceparent, x-request-id");
/// A browser asks again after this many seconds. By then it learns that an origin has been removed.
const ASKED_EVERY: HeaderValue = HeaderValue::from_static("600");

/// Returns the origin of the page that sends a request, if the request names it.
pub fn of(request: &Request) -> Option<HeaderValue> {
    request.headers().get(header::ORIGIN).cloned()
}

/// Answers a browser that asks if a page may send a request; `None` if this is no such question, or the page may not.
///
/// The question carries no key, so the page of any provider may ask.
pub async fn preflight(deps: &Deps, request: &Request, path: Option<&Methods>) -> Option<Response> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let (path, origin) = (path?, of(request)?);
    is_open(deps, &origin, None).await.then(|| {
        Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, path.allow)
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS_SENT)
            .header(header::ACCESS_CONTROL_MAX_AGE, ASKED_EVERY)
            .finish()
    })
}

/// Lets the page at `origin` read an answer to `provider`, if the provider has named that origin. An answer to an
/// unknown caller, such as 401, may be read by the pages of every provider.
pub async fn open(deps: &Deps, origin: Option<HeaderValue>, provider: Option<ProviderId>, response: &mut Response) {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return };
    if is_open(deps, &origin, provider).await {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HEADERS_READ);
    }
}

/// While the database is away, no page may read an answer.
async fn is_open(deps: &Deps, origin: &HeaderValue, provider: Option<ProviderId>) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    origins::is_named(&deps.store, origin, provider).await.unwrap_or(false)
}

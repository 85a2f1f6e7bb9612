//! Surrounds every request: it gives refusals one form, catches panics, and sets the headers of every answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use crate::api::http::auth::UnderWay;
use crate::api::http::middleware::line::Line;
use crate::api::http::middleware::methods::{METHODS, Methods};
use crate::api::http::middleware::record::Record;
use crate::api::http::problem::Problem;
use crate::api::http::proxies::Proxies;
use crate::api::{capture_page, docs, home};
use crate::service::Deps;
use crate::service::vitals::panic_text;

mod draining;
mod head;
pub mod line;
mod methods;
mod origins;
pub mod record;

/// Headers of every answer that does not set them itself. Answers may be about a person, and no browser needs to render
/// them.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
/// Sent with answers over TLS: a browser then uses TLS alone for a year (RFC 6797).
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The middleware around all operations.
pub struct Surroundings {
    pub prefix: String,
    pub proxies: Proxies,
    pub deps: Deps,
}

impl Surroundings {
    /// Calls `next`, and gives every refusal the form of the contract.
    pub async fn around<E: Endpoint>(&self, next: Arc<E>, mut request: Request) -> Response {
        let prefix = self.prefix.as_str();
        draining::drain(&mut request);
        let under_way = UnderWay::default();
        request.set_data(under_way.clone());
        let path = request.uri().path().to_owned();
        let client = self.proxies.client(&request);
        let methods = found(prefix, &path);
        let line = Line::begin(&request, client.address, methods.map(|methods| methods.path));
        if let Some(record) = methods.and_then(|methods| Record::begin(&request, methods, line.name())) {
            request.set_data(record.request().clone());
            request.set_data(record);
        }
        let origin = origins::of(&request);
        let answer = async {
            if let Err(problem) = head::check(&request) {
                return problem.into_response();
            }
            if let Some(answer) = origins::preflight(&self.deps, &request, methods).await {
                return answer;
            }
            answered(prefix, &path, next, request).await
        };
        let mut response = answer.instrument(line.span.clone()).await;
        origins::open(&self.deps, origin, under_way.provider(), &mut response).await;
        line.end(&mut response, under_way.provider());
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if client.is_secure {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
        // The response holds the permit until it is sent.
        response.set_data(under_way);
        response
    }
}

async fn answered<E: Endpoint>(prefix: &str, path: &str, next: Arc<E>, request: Request) -> Response {
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => ours(prefix, path, response.into_response()).await,
        Ok(Err(error)) => refused(prefix, path, Problem::of_framework(error)).into_response(),
        Err(panic) => Problem::internal(format!("panic: {}", panic_text(&*panic))).into_response(),
    }
}

/// Converts a refusal that the framework made, which has a text as its body, into the form of the contract.
async fn ours(prefix: &str, path: &str, response: Response) -> Response {
    let status = response.status();
    let is_json = response.content_type().is_some_and(|content_type| content_type.starts_with("application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let cause = response.into_body().into_string().await.unwrap_or_default();
    refused(prefix, path, Problem::of_status(status, &cause)).into_response()
}

fn refused(prefix: &str, path: &str, problem: Problem) -> Problem {
    match allow(prefix, path) {
        Some(allow) if problem.status == StatusCode::METHOD_NOT_ALLOWED => Problem::method_not_allowed(allow),
        _ => problem,
    }
}

/// Returns the document's entry for a path.
fn found(prefix: &str, path: &str) -> Option<&'static Methods> {
    let under = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
    METHODS.iter().find(|methods| {
        let path = if methods.root { Some(path) } else { under };
        path.is_some_and(|path| fits(methods.path, path))
    })
}

/// Returns the methods that a path takes; `None` if there is no such path.
fn allow(prefix: &str, path: &str) -> Option<&'static str> {
    let is_page = || docs::PATHS.contains(&path) || capture_page::serves(path) || home::serves(path);
    found(prefix, path).map_or_else(|| is_page().then_some("GET, HEAD"), |methods| Some(methods.allow))
}

fn fits(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(|(step, taken)| step.starts_with('{') || step == taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(allow("/bioserver-app", "/bioserver-app/v2/faces"), Some("POST"));
        assert_eq!(allow("/bioserver-app", "/bioserver-app/v2/capabilities"), Some("GET, HEAD"));
        assert_eq!(allow("/bioserver-app", "/health/live"), Some("GET, HEAD"));
        assert_eq!(allow("/bioserver-app", "/docs"), Some("GET, HEAD"));
        for page in ["/", "/style.css", "/capture/page.js", "/capture/texts/ar.json"] {
            assert_eq!(allow("/bioserver-app", page), Some("GET, HEAD"), "{page}");
        }
        assert_eq!(allow("/bioserver-app", "/v2/faces"), None);
        assert_eq!(allow("/other", "/bioserver-app/v2/faces"), None);
        assert!(fits("/v2/bio-sessions/{id}/faces", "/v2/bio-sessions/7/faces"));
        assert!(!fits("/v2/bio-sessions/{id}", "/v2/bio-sessions/7/faces"));
    }
}

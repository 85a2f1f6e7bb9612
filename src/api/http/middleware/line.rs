//! Logs one line for every request, names the request, and counts it.

use std::net::IpAddr;
use std::time::Instant;

use poem::http::{HeaderName, HeaderValue, Method};
use poem::{Request, Response};
use tracing::Span;
use uuid::Uuid;

use crate::api::http::problem::Refused;
use crate::domain::ProviderId;
use crate::telemetry;
use crate::telemetry::otlp::RequestSpan;

/// The header that names a request, in the request and in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header with which a caller's tracing names a request (W3C Trace Context).
const TRACE_PARENT: &str = "traceparent";
/// A longer name, or one with anything but visible ASCII, is replaced.
const ID_LEN_MAX: usize = 128;
/// Stands for every path that is not in the document.
const ELSEWHERE: &str = "other";

/// A request that is being answered.
pub struct Line {
    id: HeaderValue,
    /// The method and the path's template: the path itself could name a session.
    operation: String,
    is_probe: bool,
    client: Option<IpAddr>,
    begun: Instant,
    pub span: Span,
    /// The span for a trace collector; `None` for probes.
    sent: Option<RequestSpan>,
}

impl Line {
    /// Begins the line; `template` is the path as the document has it.
    pub fn begin(request: &Request, client: Option<IpAddr>, template: Option<&'static str>) -> Self {
        let sent = request.headers().get(REQUEST_ID).filter(|id| is_name(id));
        let id = sent
            .cloned()
            .unwrap_or_else(|| HeaderValue::from_str(&Uuid::now_v7().to_string()).expect("a UUID is visible ASCII"));
        let name = id.to_str().unwrap_or_default();
        let method = match request.method() {
            method @ (&Method::GET | &Method::HEAD | &Method::POST | &Method::DELETE | &Method::OPTIONS) => {
                method.as_str()
            }
            _ => "OTHER",
        };
        let template = template.unwrap_or(ELSEWHERE);
        let is_probe = template.starts_with("/health/");
        let operation = format!("{method} {template}");
        let sent = (!is_probe).then(|| RequestSpan::begin(&operation, name, request.headers()));
        let trace = request.headers().get(TRACE_PARENT).and_then(|parent| trace_id(parent.to_str().ok()?));
        let trace = trace.map(str::to_owned).or_else(|| sent.as_ref()?.trace_id());
        let span = tracing::info_span!("request", id = name, trace);
        Self { operation, id, is_probe, client, begun: Instant::now(), span, sent }
    }

    /// Returns the name of the request.
    pub fn name(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// Logs and counts the request, and writes its name into the answer.
    pub fn end(self, response: &mut Response, provider: Option<ProviderId>) {
        let (status, took) = (response.status().as_u16(), self.begun.elapsed());
        let code = response.data::<Refused>().map(|refused| refused.0);
        let (operation, ms) = (self.operation.as_str(), took.as_micros() as f64 / 1000.0);
        telemetry::request(operation, status, took);
        if let Some(code) = code {
            telemetry::refusal(code);
        }
        let provider = provider.map(|provider| provider.0.to_string());
        // The address may identify a person: it is logged only for refused requests, where it helps against attacks.
        let client = code.and(self.client).map(tracing::field::display);
        self.span.in_scope(|| {
            if self.is_probe {
                tracing::debug!(operation, status, ms, "answered");
            } else {
                tracing::info!(operation, status, code, provider = provider.as_deref(), client, ms, "answered");
            }
        });
        if let Some(sent) = self.sent {
            sent.end(status, code, provider.as_deref());
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
    }
}

fn is_name(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    !bytes.is_empty() && bytes.len() <= ID_LEN_MAX && bytes.iter().all(u8::is_ascii_graphic)
}

/// Returns the id of the trace in `00-<trace>-<span>-<flags>`; `None` for any other text.
fn trace_id(parent: &str) -> Option<&str> {
    let mut parts = parent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex(version, 2) && is_hex(trace, 32)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_and_nothing_else() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{trace}-00f067aa0ba902b7-01")), Some(trace));
        for wrong in ["", "00", "00-xyz-1-1", "00-4bf9-00f0-01", trace] {
            assert_eq!(trace_id(wrong), None, "{wrong}");
        }
        assert!(is_name(&HeaderValue::from_static("order-7")));
        assert!(!is_name(&HeaderValue::from_static("two words")) && !is_name(&HeaderValue::from_static("")));
    }
}

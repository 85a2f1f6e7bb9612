//! Sends spans of requests to a collector by OTLP over HTTP: each in the trace that its caller has begun, or in a new
//! one.
//!
//! Without a collector no span is made. A span contains the same as the log line of the request, and nothing else that
//! was sent.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span as SdkSpan};
use reqwest::header::HeaderMap;
use reqwest::{Client, redirect};
use uuid::Uuid;

/// The path at which a collector takes spans.
const PATH: &str = "/v1/traces";
/// The longest time to send a batch, after which it is lost: no request waits for it.
const SEND_MAX: Duration = Duration::from_secs(5);
const NAME: &str = "bioserver";

/// The provider of this process's spans, once a collector is configured.
static SENT: OnceLock<SdkTracerProvider> = OnceLock::new();

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("spans cannot be sent: {0}")]
    Exporter(#[from] ExporterBuildError),
    #[error("spans cannot be sent: {0}")]
    Client(#[from] reqwest::Error),
}

/// The span of a request that is being answered; empty without a collector.
pub struct RequestSpan(Option<SdkSpan>);

/// Returns the URL for the spans of a collector such as `http://collector:4318`.
pub fn place(endpoint: &str) -> String {
    format!("{endpoint}{PATH}")
}

/// Returns the client that sends the spans.
pub fn client() -> Result<Client, reqwest::Error> {
    Client::builder().timeout(SEND_MAX).redirect(redirect::Policy::none()).build()
}

/// Sends spans to a collector from now on. Only the first call in a process has an effect.
pub fn start(endpoint: &str) -> Result<(), Error> {
    let exporter = SpanExporter::builder().with_http().with_http_client(client()?).with_endpoint(place(endpoint));
    let exporter = exporter.with_timeout(SEND_MAX).build()?;
    let about = [
        KeyValue::new("service.name", NAME),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
    ];
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().with_attributes(about).build())
        .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
        .build();
    // A second provider is dropped before it has sent anything.
    let _ = SENT.set(provider);
    Ok(())
}

/// Sends the remaining spans. Blocks until that is done or given up.
pub fn stop() {
    if let Some(sent) = SENT.get()
        && let Err(error) = sent.shutdown_with_timeout(SEND_MAX)
    {
        tracing::warn!(%error, "the last spans were lost");
    }
}

impl RequestSpan {
    /// Begins a span; `operation` is a method and a path of the document, and `id` is the request's name.
    pub fn begin(operation: &str, id: &str, headers: &HeaderMap) -> Self {
        let begun = SENT.get().map(|sent| {
            let (method, route) = operation.split_once(' ').unwrap_or((operation, ""));
            let attributes = [("http.request.method", method), ("http.route", route), ("bioserver.request_id", id)];
            let attributes = attributes.map(|(name, value)| KeyValue::new(name, value.to_owned()));
            let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
            let tracer = sent.tracer(NAME);
            let builder = tracer.span_builder(operation.to_owned());
            tracer.build_with_context(builder.with_kind(SpanKind::Server).with_attributes(attributes), &parent)
        });
        Self(begun)
    }

    /// Returns the id of its trace.
    pub fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|span| span.span_context().trace_id().to_string())
    }

    /// Ends the span: the request was answered, or refused for the reason that `code` names.
    pub fn end(self, status: u16, code: Option<&'static str>, provider: Option<&str>) {
        let Some(mut span) = self.0 else { return };
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if let Some(provider) = provider {
            span.set_attribute(KeyValue::new("bioserver.provider", provider.to_owned()));
        }
        if let Some(code) = code {
            span.set_attribute(KeyValue::new("error.type", code));
        }
        if status >= 500 {
            span.set_status(Status::Error { description: Cow::Borrowed(code.unwrap_or_default()) });
        }
        span.end();
    }
}

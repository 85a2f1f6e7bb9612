//! Reports the work of a node: as metrics for Prometheus, and as spans of requests ([`otlp`]).
//!
//! If no address for metrics is configured, none are kept, and reporting costs almost nothing. No label contains
//! anything that a caller sent: operations, statuses and codes are those of the document.

use std::sync::OnceLock;
use std::time::Duration;

use face::networks::INFERENCE_SECONDS;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub mod otlp;

const REQUESTS: &str = "bioserver_requests_total";
const REQUEST_SECONDS: &str = "bioserver_request_seconds";
const REFUSALS: &str = "bioserver_refusals_total";
const VERDICTS: &str = "bioserver_liveness_verdicts_total";
const CALLBACKS: &str = "bioserver_callbacks_total";

/// Every metric with its help text; the end of its name gives its kind.
const DESCRIBED: [(&str, &str); 6] = [
    (REQUESTS, "The number of answered requests, by operation and status."),
    (REQUEST_SECONDS, "The time from the head of a request to its answer, by operation."),
    (INFERENCE_SECONDS, "The time that a network takes for one image, by role."),
    (REFUSALS, "The number of refused requests, by code."),
    (VERDICTS, "The number of ended liveness checks, by status."),
    (CALLBACKS, "The number of attempts to send a callback, by outcome."),
];
/// The upper bounds of the histogram buckets, in seconds: a read takes some milliseconds, a photograph some tens, a
/// film half a second.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of this process, once they are kept.
static KEPT: OnceLock<PrometheusHandle> = OnceLock::new();

/// The value of a gauge at the moment: its name, help text, label and value.
pub struct Gauge {
    pub name: &'static str,
    pub help: &'static str,
    pub label: Option<(&'static str, &'static str)>,
    pub value: f64,
}

/// Keeps metrics from now on. Only the first call in a process has an effect.
pub fn keep() {
    if KEPT.get().is_some() {
        return;
    }
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
    let recorder = builder.expect("there are classes").build_recorder();
    let handle = recorder.handle();
    if KEPT.set(handle).is_ok() && metrics::set_global_recorder(recorder).is_ok() {
        for (name, help) in DESCRIBED {
            if name.ends_with("_seconds") {
                metrics::describe_histogram!(name, help);
            } else {
                metrics::describe_counter!(name, help);
            }
        }
    }
}

/// Returns all metrics in the text format of Prometheus, with the current values of `gauges`; empty if none are kept.
pub fn text(gauges: Vec<Gauge>) -> String {
    let Some(kept) = KEPT.get() else { return String::new() };
    for Gauge { name, help, label, value } in gauges {
        metrics::describe_gauge!(name, help);
        match label {
            Some((key, label)) => gauge!(name, key => label).set(value),
            None => gauge!(name).set(value),
        }
    }
    kept.run_upkeep();
    kept.render()
}

/// Returns the number of refused requests since the start, by code; empty if no metrics are kept.
pub fn refusals() -> Vec<(String, u64)> {
    let text = KEPT.get().map(PrometheusHandle::render).unwrap_or_default();
    let line = |line: &str| {
        let (code, count) = line.strip_prefix(REFUSALS)?.strip_prefix("{code=\"")?.split_once("\"} ")?;
        Some((code.to_owned(), count.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// Counts a request that was answered, and its time.
pub fn request(operation: &str, status: u16, took: Duration) {
    counter!(REQUESTS, "operation" => operation.to_owned(), "status" => status.to_string()).increment(1);
    histogram!(REQUEST_SECONDS, "operation" => operation.to_owned()).record(took.as_secs_f64());
}

/// Counts a request that was refused.
pub fn refusal(code: &'static str) {
    counter!(REFUSALS, "code" => code).increment(1);
}

/// Counts a liveness check that has ended.
pub fn verdict(status: &'static str) {
    counter!(VERDICTS, "status" => status).increment(1);
}

/// Counts an attempt to send a callback.
pub fn callback(outcome: &'static str) {
    counter!(CALLBACKS, "outcome" => outcome).increment(1);
}

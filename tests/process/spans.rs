//! Each request has one span, in the trace of its caller.

use reqwest::{Client, Method, RequestBuilder};

use crate::collector::{Collector, attribute};
use crate::server::Server;
use crate::wait::until;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.expect("it answers").status().as_u16()
}

#[tokio::test]
async fn a_request_is_a_span_of_its_callers_trace() {
    let collector = Collector::start();
    let server = Server::configured(&[("BIOSERVER_OTLP_ENDPOINT", &collector.endpoint)]);
    let client = Client::new();
    let ask = |path: &str| server.request(&client, Method::GET, path);
    let traced = |flags: &str| format!("00-{TRACE}-{PARENT}-{flags}");
    assert_eq!(
        status(ask("/v2/capabilities").header("traceparent", traced("01")).header("x-request-id", "one")).await,
        200
    );
    assert_eq!(status(ask(&format!("/v2/bio-sessions/{TRACE}"))).await, 404);
    // The callers of these requests do not want spans.
    assert_eq!(status(ask("/v2/capabilities").header("traceparent", traced("00"))).await, 200);
    assert_eq!(status(client.get(format!("{}/health/live", server.url))).await, 200);
    server.signal("-TERM");
    until("it does not end", async || server.has_ended()).await;

    let spans = collector.spans();
    let [known, unknown] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((hex(&known.trace_id), hex(&known.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(known.name, "GET /v2/capabilities");
    let told = ["http.request.method", "http.route", "http.response.status_code", "bioserver.request_id"];
    assert_eq!(
        told.map(|name| attribute(known, name).unwrap_or_default()),
        ["GET", "/v2/capabilities", "200", "one"].map(str::to_owned)
    );
    assert!(known.end_time_unix_nano > known.start_time_unix_nano);
    assert_ne!(hex(&unknown.trace_id), TRACE);
    assert_eq!(unknown.name, "GET /v2/bio-sessions/{bioSessionId}", "no path as it was sent");
    assert_eq!(attribute(unknown, "error.type").as_deref(), Some("SESSION_NOT_FOUND"), "{unknown:#?}");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_no_request() {
    let server = Server::configured(&[("BIOSERVER_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    let client = Client::new();
    for _ in 0..100 {
        assert_eq!(status(server.request(&client, Method::GET, "/v2/capabilities")).await, 200);
    }
    server.signal("-TERM");
    until("it does not end", async || server.has_ended()).await;
}

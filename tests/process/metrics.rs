//! Tests the metrics of a running server in Prometheus' format, and the log line of each request.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::project;

use crate::nodes;
use crate::server::{Server, free_address};

async fn scraped(client: &Client, address: &str) -> BTreeMap<String, f64> {
    let reply = client.get(format!("http://{address}/metrics")).send().await.expect("it answers");
    assert_eq!(reply.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = reply.text().await.expect("it is text");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(value).collect()
}

/// Returns the queries of the dashboard in `deploy`.
pub fn queries_of_the_board() -> Vec<String> {
    let board = std::fs::read(project::path("deploy/grafana/bioserver.json")).expect("it is there");
    let board: Value = serde_json::from_slice(&board).expect("it is JSON");
    let panels = board["panels"].as_array().expect("it has panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("it shows something"));
    targets.map(|target| target["expr"].as_str().expect("it is text").to_owned()).collect()
}

/// Returns the metrics that the dashboard shows.
fn on_the_board() -> BTreeSet<String> {
    let queries = queries_of_the_board();
    let words = queries.iter().flat_map(|query| query.split(|char: char| !char.is_ascii_alphanumeric() && char != '_'));
    words.filter(|word| word.starts_with("bioserver_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn metrics_count_the_work() {
    let address = free_address().to_string();
    let server = Server::configured(&[("BIOSERVER_METRICS_LISTEN", &address)]);
    let client = Client::new();
    let session = nodes::open(&client, &server, &json!({})).await.expect("it answers");
    let face = nodes::add(&client, &server, &session, "obama.jpg").await;
    nodes::read(&client, &server, &face).await;
    let none = server.request(&client, Method::GET, "/v2/nothing").send().await.expect("it answers");
    assert_eq!(none.status(), 404);

    let numbers = scraped(&client, &address).await;
    let operation = |name: &str, status: u16| {
        numbers.get(&format!("bioserver_requests_total{{operation=\"{name}\",status=\"{status}\"}}")).copied()
    };
    assert_eq!(operation("POST /v2/bio-sessions", 201), Some(1.0), "{numbers:#?}");
    assert_eq!(operation("POST /v2/bio-sessions/{bioSessionId}/faces", 201), Some(1.0));
    assert_eq!(operation("GET /v2/bio-sessions/{bioSessionId}/faces/{faceId}", 200), Some(1.0));
    assert_eq!(operation("GET other", 404), Some(1.0));
    assert_eq!(numbers["bioserver_refusals_total{code=\"NOT_FOUND\"}"], 1.0);
    assert!(numbers["bioserver_inference_seconds_count{network=\"recognizer\"}"] >= 1.0);
    let request = "bioserver_request_seconds_bucket{operation=\"POST /v2/bio-sessions\",le=\"+Inf\"}";
    assert_eq!(numbers[request], 1.0);
    for part in ["database", "media", "sweep", "callbacks", "clock", "tasks", "workers", "inference"] {
        assert_eq!(numbers[&format!("bioserver_up{{part=\"{part}\"}}")], 1.0);
    }
    assert_eq!((numbers["bioserver_sessions"], numbers["bioserver_panics"]), (1.0, 0.0));
    // The dashboard shows only metrics that exist; some events have not happened in this test.
    let told = |name: &str| numbers.keys().any(|told| told.split('{').next() == Some(name));
    let not_yet = ["bioserver_liveness_verdicts_total", "bioserver_callbacks_total"];
    let shown = on_the_board();
    assert!(shown.len() > 12, "{shown:?}");
    for name in shown {
        assert!(told(&name) || not_yet.contains(&name.as_str()), "{name}");
    }
    // No label contains data from a caller.
    let id = session.rsplit('/').next().expect("it ends in an id");
    assert!(numbers.keys().all(|name| !name.contains(id) && !name.contains("nothing")));
    // The contract's own address does not serve metrics.
    let own = client.get(format!("{}/metrics", server.url)).send().await.expect("it answers");
    assert_eq!(own.status(), 404);
}

#[tokio::test]
async fn a_request_keeps_its_name() {
    let server = Server::start();
    let client = Client::new();
    let ask = async |id: Option<&str>| {
        let request = client.get(format!("{}/health/live", server.url));
        let request = if let Some(id) = id { request.header("x-request-id", id) } else { request };
        let reply = request.send().await.expect("it answers");
        reply.headers()["x-request-id"].to_str().expect("it is text").to_owned()
    };
    assert_eq!(ask(Some("order-7")).await, "order-7");
    let (made, other) = (ask(None).await, ask(Some("two words")).await);
    assert!(made.len() == 36 && other.len() == 36 && made != other);
}

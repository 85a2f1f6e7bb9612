//! Waiting for what a running server brings about in time.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use crate::server::Server;

/// Beyond this nothing comes any more, on a machine however busy.
const PATIENCE: Duration = Duration::from_mins(3);

/// Waits until something is so; `complaint` says what is wrong if it never is.
pub async fn until(complaint: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{complaint}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a node is ready, and the words it has for it.
pub async fn readiness(client: &Client, node: &Server) -> (bool, Value) {
    let reply = client.get(format!("{}/health/ready", node.url)).send().await.expect("it answers");
    (reply.status() == 200, reply.json().await.expect("it is JSON"))
}

pub async fn until_ready(client: &Client, node: &Server) {
    until("it is not said to be ready", async || readiness(client, node).await.0).await;
}

/// The names of the parts that are said to be down.
pub fn down(readiness: &Value) -> Vec<&str> {
    let checks = readiness["checks"].as_array().expect("it names each part");
    let down = checks.iter().filter(|check| check["status"] == "DOWN");
    down.map(|check| check["name"].as_str().expect("it is text")).collect()
}

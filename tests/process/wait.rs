//! Waits for effects of a running server.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use crate::server::Server;

/// Even on a busy machine, nothing takes longer than this.
const PATIENCE: Duration = Duration::from_mins(3);

/// Waits until a condition is true; `complaint` is the error message if it never is.
pub async fn until(complaint: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{complaint}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns whether a node is ready, and its answer.
pub async fn readiness(client: &Client, node: &Server) -> (bool, Value) {
    let reply = client.get(format!("{}/health/ready", node.url)).send().await.expect("it answers");
    (reply.status() == 200, reply.json().await.expect("it is JSON"))
}

pub async fn until_ready(client: &Client, node: &Server) {
    until("it is not said to be ready", async || readiness(client, node).await.0).await;
}

/// Lists the names of the parts that are down.
pub fn down(readiness: &Value) -> Vec<&str> {
    let checks = readiness["checks"].as_array().expect("it names each part");
    let down = checks.iter().filter(|check| check["status"] == "DOWN");
    down.map(|check| check["name"].as_str().expect("it is text")).collect()
}

//! A disk that is full: what cannot be kept is refused, readiness says so, and what is kept can be read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::faults::Row;
use crate::nodes::open;
use crate::server::Server;

/// Puts the data folder on a small disk of its own, which ends with the server: in a namespace of its own, where
/// everybody may mount.
const ON_A_SMALL_DISK: &str = r#"
kept=$(mktemp -d) && cp -a "$BIOSERVER_DATA/." "$kept" && mount -t tmpfs -o size=8m tmpfs "$BIOSERVER_DATA" &&
    cp -a "$kept/." "$BIOSERVER_DATA" && rm -r "$kept" && exec "$@"
"#;

async fn ready(client: &Client, node: &Server) -> (u16, Value) {
    let reply = client.get(format!("{}/health/ready", node.url)).send().await.expect("it answers");
    (reply.status().as_u16(), reply.json().await.expect("it is JSON"))
}

async fn is_ready(client: &Client, node: &Server) -> bool {
    ready(client, node).await.0 == 200
}

/// Waits until something is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_mins(1), "it never is");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes what room there is, also what the database has given back meanwhile.
fn fill(path: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("it can be made");
    let some = [0; 4096];
    loop {
        match file.write_all(&some) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full() {
    let node = Server::under(&["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"], &[]);
    let client = Client::new();
    until(async || is_ready(&client, &node).await).await;
    let session = open(&client, &node, &json!({})).await.expect("it answers");
    // The disk as the server sees it.
    let full = node.inside().join("full");
    until(async || {
        fill(&full);
        let (_, said) = ready(&client, &node).await;
        let checks = said["checks"].as_array().expect("it names each part");
        let down = checks.iter().filter(|check| check["status"] == "DOWN").map(|check| &check["name"]);
        down.collect::<Vec<_>>() == ["database", "media"]
    })
    .await;
    until(async || {
        fill(&full);
        let request = node.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({}));
        let reply = request.send().await.expect("it answers");
        // The log of the database may have had room for a session more.
        if reply.status() == 201 {
            return false;
        }
        assert_eq!(reply.status(), 503);
        let refusal: Value = reply.json().await.expect("it is JSON");
        assert_eq!(refusal["code"], "DATABASE_UNAVAILABLE", "{refusal}");
        true
    })
    .await;
    let read = node.request(&client, Method::GET, &session).send().await.expect("it answers");
    assert_eq!(read.status(), 200);
    std::fs::remove_file(&full).expect("it is there");
    until(async || is_ready(&client, &node).await).await;
    assert!(open(&client, &node, &json!({})).await.is_some());
    Row::harmless("a full disk", 1, 4, "writes got 503, reads 200; it recovered");
}

//! On a full disk, writes are refused, readiness reports it, and stored data can still be read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::faults::Row;
use crate::nodes::open;
use crate::server::Server;
use crate::wait::{down, readiness, until, until_ready};

/// Puts the data folder on a small disk of its own, which ends with the server. It does so in a namespace of its own,
/// where every user may mount.
const ON_A_SMALL_DISK: &str = r#"
kept=$(mktemp -d) && cp -a "$BIOSERVER_DATA/." "$kept" && mount -t tmpfs -o size=8m tmpfs "$BIOSERVER_DATA" &&
    cp -a "$kept/." "$BIOSERVER_DATA" && rm -r "$kept" && exec "$@"
"#;

/// Fills the remaining room, including the room that the database has freed in the meantime.
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
    until_ready(&client, &node).await;
    let session = open(&client, &node, &json!({})).await.expect("it answers");
    // The path on the disk as the server sees it.
    let full = node.inside().join("full");
    until("the disk is not said to be full", async || {
        fill(&full);
        down(&readiness(&client, &node).await.1) == ["database", "media"]
    })
    .await;
    until("sessions are opened on a full disk", async || {
        fill(&full);
        let request = node.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({}));
        let reply = request.send().await.expect("it answers");
        // The database's log may have had room for one more session.
        if reply.status() == 201 {
            return false;
        }
        assert_eq!(reply.status(), 503);
        let refusal: Value = reply.json().await.expect("it is JSON");
        assert_eq!(refusal["code"], "DATABASE_UNAVAILABLE", "{refusal}");
        true
    })
    .await;
    // Personal data is not read if the read cannot be recorded.
    until("what is read on a full disk is recorded", async || {
        fill(&full);
        let read = node.request(&client, Method::GET, &session).send().await.expect("it answers");
        assert!([200, 503].contains(&read.status().as_u16()), "{}", read.status());
        read.status() == 503
    })
    .await;
    std::fs::remove_file(&full).expect("it is there");
    until_ready(&client, &node).await;
    assert!(open(&client, &node, &json!({})).await.is_some());
    Row::harmless("a full disk", 1, 4, "writes and reads got 503; it recovered");
}

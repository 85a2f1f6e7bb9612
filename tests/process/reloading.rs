//! A server reloads its configuration: settings that may change do change, and the others are reported.

use std::fs;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::server::Server;
use crate::wait::until;

/// Returns the lifetime of a new session, in seconds, as its creator sees it.
async fn life(client: &Client, server: &Server) -> i64 {
    let made = server.request(client, Method::POST, "/v2/bio-sessions").send().await.expect("it answers");
    let session = made.headers()["location"].to_str().expect("it is text").to_owned();
    let reply = server.request(client, Method::GET, &session).send().await.expect("it answers");
    let session: Value = reply.json().await.expect("it is JSON");
    let at = |name: &str| {
        let time = session[name].as_str().expect("it is text");
        chrono::DateTime::parse_from_rfc3339(time).expect("it is a time")
    };
    (at("expires") - at("created")).num_seconds()
}

#[tokio::test]
async fn a_server_reloads_the_settings_that_may_change() {
    let folder = tempfile::tempdir().expect("there is room");
    let [file, log] = ["bioserver.toml", "log"].map(|name| folder.path().join(name));
    fs::write(&file, "session_ttl_seconds = 100\nlog_filter = \"warn\"\n").expect("there is room");
    let [named, logged] = [&file, &log].map(|path| path.to_str().expect("it is text"));
    let variables = [("BIOSERVER_CONFIG", named), ("LOG", logged)];
    let server = Server::under(&["sh", "-c", "exec \"$@\" 2>\"$LOG\"", "sh"], &variables);
    let client = Client::new();
    assert_eq!(life(&client, &server).await, 100);

    fs::write(&file, "session_ttl_seconds = 200\nlog_filter = \"info\"\nworkers = 7\n").expect("there is room");
    server.signal("-HUP");
    until("the new life is not in force", async || life(&client, &server).await == 200).await;
    let said = || fs::read_to_string(&log).expect("it is there");
    until("nothing is said", async || said().contains("the configuration was reloaded")).await;
    assert!(said().contains("has changed and is in force setting=\"session_ttl_seconds\""), "{}", said());
    assert!(said().contains("needs a restart setting=\"workers\""), "{}", said());

    fs::write(&file, "session_ttl_seconds = 300\nmode = \"NONE\"\n").expect("there is room");
    server.signal("-HUP");
    until("the fault is not told", async || {
        said().contains("the new configuration has faults; the old one stays in force")
    })
    .await;
    assert_eq!(life(&client, &server).await, 200);
}

//! A node whose clock is wrong does no harm, and reports it.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::postgres;
use uuid::Uuid;

use crate::faults::Row;
use crate::nodes::{MASTER_KEY, open, read};
use crate::server::Server;
use crate::wait::{readiness, until};

/// The offset of the wrong clock.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

fn libfaketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("a system has libraries").flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    found.find(|path| path.exists()).expect("these tests need the package 'libfaketime': run tools/setup-tests")
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("it is text").parse().expect("it is a time")
}

async fn clock(client: &Client, node: &Server) -> Value {
    let (_, ready) = readiness(client, node).await;
    let checks = ready["checks"].as_array().expect("it names each part");
    assert_eq!(ready["status"], "UP", "{ready}");
    checks.iter().find(|check| check["name"] == "clock").expect("it is named").clone()
}

async fn is_kept(database: &mut PgConnection, session: &str) -> bool {
    let id: Uuid = session.rsplit('/').next().expect("it ends in an id").parse().expect("it is an id");
    let found = sqlx::query("SELECT 1 FROM sessions WHERE id = $1").bind(id).fetch_optional(database).await;
    found.expect("it reads").is_some()
}

/// The node starts with the offset `before`, and is ten minutes ahead from the middle of its work on.
async fn a_node_ahead_ends_no_session(before: &str) {
    let url = postgres::database();
    let folder = tempfile::tempdir().expect("there is room");
    let shift = folder.path().join("shift");
    std::fs::write(&shift, before).expect("it can be written");
    let (library, file) = (libfaketime(), shift.to_str().expect("it is text"));
    let media = folder.path().join("media");
    let shared = [
        ("DATABASE_URL", url.as_str()),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY),
        ("BIOSERVER_MEDIA", media.to_str().expect("it is text")),
    ];
    let faked = [
        ("LD_PRELOAD", library.to_str().expect("it is text")),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let right = Server::configured(&shared);
    let wrong = Server::configured(&[&shared[..], &faked].concat());
    let client = Client::new();
    let mut database = PgConnection::connect(&url).await.expect("it is there");
    let long = open(&client, &right, &json!({ "ttlSeconds": 300 })).await.expect("it answers");
    std::fs::write(&shift, "+600").expect("it can be written");
    until("the clock is not said to be wrong", async || clock(&client, &wrong).await["status"] == "DEGRADED").await;
    assert_eq!(clock(&client, &right).await["status"], "UP");

    // Only the node that is ahead sweeps now: it ends what has expired, and nothing else.
    right.pause();
    let short = open(&client, &wrong, &json!({ "ttlSeconds": 1 })).await.expect("it answers");
    until("a session that is over stays", async || !is_kept(&mut database, &short).await).await;
    assert!(is_kept(&mut database, &long).await);
    assert_eq!(read(&client, &wrong, &long).await["id"], read_id(&long));
    let made = open(&client, &wrong, &json!({ "ttlSeconds": 300 })).await.expect("it answers");
    right.go_on();
    let made = read(&client, &right, &made).await;
    // This test's own clock is right.
    #[expect(clippy::disallowed_methods, reason = "the program's clock is what is tested")]
    let now = Utc::now();
    assert!(moment(&made["created"]) < now + AHEAD / 2, "{made}");
    assert_eq!(right.request(&client, Method::GET, &long).send().await.expect("it answers").status(), 200);
    let fault = format!("a node 10 minutes ahead, {before} s when it starts");
    Row::harmless(&fault, 1, 7, "no session of others has ended");
}

fn read_id(session: &str) -> &str {
    session.rsplit('/').next().expect("it ends in an id")
}

#[tokio::test]
async fn a_node_that_starts_with_its_clock_ahead_ends_no_session() {
    a_node_ahead_ends_no_session("+600").await;
}

#[tokio::test]
async fn a_node_whose_clock_is_set_ahead_ends_no_session() {
    a_node_ahead_ends_no_session("+0").await;
}

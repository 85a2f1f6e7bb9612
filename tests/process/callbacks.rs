//! Hosts that never answer a callback do not delay the callbacks of other hosts.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::faults::Row;
use crate::nodes::{MASTER_KEY, location};
use crate::server::Server;

const SILENT: usize = 64;
/// Formerly, a callback behind 64 others waited three times for a host that does not answer, for 15 seconds each.
const SOON: Duration = Duration::from_secs(12);

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}/", listener.local_addr().expect("it has an address"));
    (listener, url)
}

async fn open(client: &Client, node: &Server, key: &str, url: &str) -> Uuid {
    let about = json!({ "callbackURL": url, "ttlSeconds": 3600 });
    let request = client.request(Method::POST, format!("{}/bioserver-app/v2/bio-sessions", node.url));
    let reply = request.header("apikey", key).json(&about).send().await.expect("it answers");
    assert_eq!(reply.status(), 201);
    location(&reply).rsplit('/').next().expect("it ends in an id").parse().expect("it is an id")
}

/// Inserts a callback for the session, as the end of its liveness check does.
async fn owe(database: &mut PgConnection, session: Uuid) {
    let statement = "INSERT INTO callbacks (id, session, status, attempts, due, created)
        VALUES ($1, $2, 'OWED', 0, clock_timestamp(), clock_timestamp())";
    let owed = sqlx::query(statement).bind(Uuid::now_v7()).bind(session).execute(database).await;
    assert_eq!(owed.expect("it is written").rows_affected(), 1);
}

#[tokio::test]
async fn hosts_that_never_answer_hold_up_nobody_else() {
    let url = postgres::database();
    let node = Server::configured(&[
        ("DATABASE_URL", &url),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY),
        ("BIOSERVER_CALLBACK_ALLOW", "http://127.0.0.1"),
    ]);
    let other = node.key_of("other", &[("DATABASE_URL", &url), ("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    let client = Client::new();
    let mut database = PgConnection::connect(&url).await.expect("it is there");

    // The kernel accepts the connections, and nobody answers: on some hosts once, and on one host again and again.
    let mut silent = vec![];
    for _ in 0..SILENT / 2 {
        silent.push(listen().await);
    }
    let (first, _) = &silent[0];
    for number in 0..SILENT {
        let (_, url) = &silent[if number < SILENT / 2 { number } else { 0 }];
        let session = open(&client, &node, &node.key, url).await;
        owe(&mut database, session).await;
    }
    first.accept().await.expect("it is called");

    let (answering, url) = listen().await;
    for _ in 0..3 {
        let session = open(&client, &node, &other, &url).await;
        owe(&mut database, session).await;
        let called = tokio::time::timeout(SOON, answering.accept()).await.expect("it waits for the others");
        let (mut stream, _) = called.expect("it connects");
        let mut text = vec![];
        while !text.ends_with(b"}") {
            assert!(stream.read_buf(&mut text).await.expect("it reads") > 0, "the request is not whole");
        }
        assert!(String::from_utf8_lossy(&text).contains(&session.to_string()));
        stream.write_all(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n").await.expect("it writes");
    }
    let waiting = "SELECT COUNT(*) FROM callbacks WHERE status = 'OWED'";
    let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut database).await.expect("it counts");
    assert!(waiting >= SILENT as i64, "nothing that was not answered is given up");
    let measured = format!("{SILENT} calls to hosts that never answer; 3 of another provider came within {SOON:?}");
    Row::harmless("callbacks to hosts that never answer", 1, SILENT + 3, measured);
}

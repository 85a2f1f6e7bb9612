//! During an outage of the database or the bucket, or when a node hangs, clients get an answer soon, and no other node
//! is harmed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::postgres;
use testkit::project::sample;

use crate::bucket::Bucket;
use crate::faults::Row;
use crate::keeping::on_bucket;
use crate::nodes::{MASTER_KEY, add_to, location, open};
use crate::proxy::{Proxy, Way};
use crate::server::Server;
use crate::wait::{down, readiness, until, until_ready};

/// Half of the time that a request formerly waited for an unavailable database. The promise is two seconds on a machine
/// with nothing else to do.
const SOON: Duration = Duration::from_secs(5);
/// More requests than a pool has connections.
const AT_ONCE: usize = 24;

async fn get(client: &Client, node: &Server, path: &str) -> Response {
    node.request(client, Method::GET, path).send().await.expect("it answers")
}

async fn refused(reply: Response, code: &str) {
    assert_eq!(reply.status(), 503);
    let wait = reply.headers()["retry-after"].to_str().expect("it is text").parse::<u64>();
    assert!(wait.expect("it is a number of seconds") >= 1);
    let refusal: Value = reply.json().await.expect("it is JSON");
    assert_eq!(refusal["code"], code, "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_said_to_be_and_comes_back() {
    let proxy = Proxy::start();
    let node = Server::configured(&[("DATABASE_URL", &proxy.url), ("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    let client = Client::new();
    let session = open(&client, &node, &json!({})).await.expect("it answers");
    for way in [Way::Frozen, Way::Cut, Way::Frozen] {
        // The pool is full of connections, some busy and some idle when the outage begins.
        let read = || get(&client, &node, &session);
        tokio::join!(join_all((0..AT_ONCE).map(|_| read())), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            proxy.set(way);
        });
        let begun = Instant::now();
        for reply in join_all((0..AT_ONCE).map(|_| read())).await {
            refused(reply, "DATABASE_UNAVAILABLE").await;
        }
        assert!(begun.elapsed() < SOON, "{way:?}: {:?}", begun.elapsed());
        is_not_ready(&client, &node, "database").await;
        let about = node.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({}));
        refused(about.send().await.expect("it answers"), "DATABASE_UNAVAILABLE").await;
        proxy.set(Way::Open);
        until("it does not come back", async || get(&client, &node, &session).await.status() == 200).await;
        // All connections work again, not only one.
        for reply in join_all((0..AT_ONCE).map(|_| read())).await {
            assert_eq!(reply.status(), 200);
        }
    }
    Row::harmless("the database frozen or cut", 3, 3 * (3 * AT_ONCE + 1), "503 in time, all connections recovered");
}

/// Waits until readiness reports this part, and only this part, as down.
async fn is_not_ready(client: &Client, node: &Server, part: &str) {
    until("it is said to be ready", async || {
        let (is_ready, said) = readiness(client, node).await;
        assert!(is_ready || down(&said) == [part], "{said}");
        !is_ready
    })
    .await;
}

/// The same happens after a failover to a standby that was not promoted.
#[tokio::test]
async fn a_database_that_cannot_be_written_is_said_to_be_so() {
    let url = postgres::database();
    let node = Server::configured(&[("DATABASE_URL", &url), ("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    let client = Client::new();
    let session = open(&client, &node, &json!({})).await.expect("it answers");
    until_ready(&client, &node).await;
    let mut database = PgConnection::connect(&url).await.expect("it is there");
    let mut set = async |setting: &str| {
        for statement in [
            "SET default_transaction_read_only = off".to_owned(),
            format!("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {setting}', current_database()); END $$;"),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
                .to_owned(),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut database).await.expect("it is done");
        }
    };
    set("SET default_transaction_read_only = on").await;
    is_not_ready(&client, &node, "database").await;
    let about = node.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({}));
    refused(about.send().await.expect("it answers"), "DATABASE_UNAVAILABLE").await;
    // Personal data is not read if the read cannot be recorded.
    refused(get(&client, &node, &session).await, "DATABASE_UNAVAILABLE").await;
    set("RESET default_transaction_read_only").await;
    until_ready(&client, &node).await;
    assert!(open(&client, &node, &json!({})).await.is_some());
    Row::harmless("a database that cannot be written", 1, 4, "writes and reads got 503; it recovered");
}

/// Returns the counted requests of the provider.
async fn counted(database: &str) -> i64 {
    let mut database = PgConnection::connect(database).await.expect("it is there");
    let sum = "SELECT CAST(COALESCE((SELECT SUM(count) FROM usage WHERE operation = 'createBioSession'), 0)
        + (SELECT COUNT(*) FROM usage_events WHERE operation = 'createBioSession') AS BIGINT)";
    sqlx::query_scalar(sum).fetch_one(&mut database).await.expect("it counts")
}

/// Formerly, a node stopped in the middle of a request held a row that all requests of its provider need.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_at_work_harms_no_other() {
    const STOPS: usize = 6;
    let database = postgres::database();
    let media = tempfile::tempdir().expect("there is room");
    let variables = [
        ("DATABASE_URL", database.as_str()),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY),
        ("BIOSERVER_MEDIA", media.path().to_str().expect("it is text")),
    ];
    let [stopped, other] = [(); 2].map(|()| Server::configured(&variables));
    let client = Client::new();
    let mut opened = 0;
    for stop in 0..STOPS {
        let load = async {
            let many = (0..AT_ONCE).map(|_| open_or_not(&client, &stopped));
            join_all(many).await.into_iter().filter(|status| *status == 201).count()
        };
        let stop = async {
            tokio::time::sleep(Duration::from_millis(5 * (1 + stop as u64))).await;
            stopped.pause();
            for _ in 0..AT_ONCE {
                assert!(open(&client, &other, &json!({})).await.is_some());
            }
            stopped.go_on();
            AT_ONCE
        };
        let (before, after) = tokio::join!(load, stop);
        opened += before + after;
    }
    assert!(opened > STOPS * AT_ONCE, "nothing was at work when the node was stopped");
    assert_eq!(counted(&database).await, opened as i64, "each session that was accepted is counted once");
    Row::harmless(
        "a node stopped at work (SIGSTOP)",
        STOPS,
        2 * STOPS * AT_ONCE,
        "the other node answered all; usage adds up",
    );
}

async fn open_or_not(client: &Client, node: &Server) -> u16 {
    let request = node.request(client, Method::POST, "/v2/bio-sessions").json(&json!({}));
    request.send().await.expect("it answers").status().as_u16()
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_said_to_be_away() {
    let bucket = Bucket::new().await;
    let node = on_bucket(&bucket);
    let client = Client::new();
    let session = open(&client, &node, &json!({ "imageStorageEnabled": true })).await.expect("it answers");
    bucket.set(Way::Frozen);
    is_not_ready(&client, &node, "media").await;
    let begun = Instant::now();
    refused(add_to(&client, &node, &session, sample("obama.jpg")).await, "MEDIA_UNAVAILABLE").await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // Requests without images are served, since the node knows the key of the hour.
    let session = open(&client, &node, &json!({})).await.expect("it answers");
    let face = location(&add_to(&client, &node, &session, sample("obama.jpg")).await);
    assert_eq!(get(&client, &node, &face).await.status(), 200);
    Row::harmless("a bucket that does not answer", 1, 4, "images got 503, all else went on");
}

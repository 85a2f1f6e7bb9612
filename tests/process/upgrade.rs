//! A rolling upgrade under traffic: no request fails, and each program reads the data of the other.
//!
//! `UPGRADE_FROM` names the program of the previous version, as `tools/upgrade` builds it. Without it, this program
//! plays both parts, and the schema is changed as a later program may change it.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use testkit::postgres;

use crate::commands::succeeded;
use crate::nodes::{MASTER_KEY, add, location, open, read};
use crate::server::{Server, program};
use crate::wait::{until, until_ready};

/// Clients that send requests all the time.
const CLIENTS: usize = 4;
/// The fewest rounds of a client in each stage of the upgrade.
const ROUNDS: usize = 10;

/// Migrations that a later program may make: it adds columns, tables and versions, and removes nothing.
const LATER: [&str; 7] = [
    "ALTER TABLE providers ADD COLUMN of_a_later_program TEXT",
    "ALTER TABLE sessions ADD COLUMN of_a_later_program BIGINT NOT NULL DEFAULT 7",
    "ALTER TABLE faces ADD COLUMN of_a_later_program BYTEA",
    "ALTER TABLE replays ADD COLUMN of_a_later_program TEXT",
    "ALTER TABLE callbacks ADD COLUMN of_a_later_program TEXT",
    "CREATE TABLE of_a_later_program (id UUID PRIMARY KEY)",
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'of a later program', TRUE, '\\x00', 0)",
];

/// The nodes that a balancer sends requests to.
struct Balancer(Mutex<Vec<Node>>);

#[derive(Clone)]
struct Node {
    url: String,
    key: String,
}

impl Balancer {
    fn set(&self, nodes: &[&Server]) {
        let node = |server: &&Server| Node { url: server.url.clone(), key: server.key.clone() };
        *self.0.lock().expect("nobody panicked") = nodes.iter().map(node).collect();
    }

    async fn send(
        &self,
        client: &Client,
        turn: usize,
        (method, path): (Method, &str),
        body: Option<&Value>,
    ) -> (u16, Value) {
        let node = {
            let nodes = self.0.lock().expect("nobody panicked");
            nodes[turn % nodes.len()].clone()
        };
        let request = client.request(method, format!("{}/bioserver-app{path}", node.url)).header("apikey", node.key);
        let request = if let Some(body) = body { request.json(body) } else { request };
        let answer = request.send().await.expect("a node in service answers");
        let (status, place) = (answer.status().as_u16(), answer.headers().get("location").cloned());
        let place = place.map(|place| json!(place.to_str().expect("it is text")));
        (status, place.unwrap_or(answer.json().await.unwrap_or_default()))
    }

    /// Runs a session from its first to its last request; each request goes to the next node.
    async fn round(&self, client: &Client, turn: usize, face: &Value) {
        let (status, session) = self
            .send(client, turn, (Method::POST, "/v2/bio-sessions"), Some(&json!({ "correlationId": "upgrade" })))
            .await;
        assert_eq!(status, 201, "{session}");
        let session = session.as_str().expect("it is a place");
        let (status, made) = self.send(client, turn + 1, (Method::POST, &format!("{session}/faces")), Some(face)).await;
        assert_eq!(status, 201, "{made}");
        let made = made.as_str().expect("it is a place");
        let (status, again) = self.send(client, turn + 2, (Method::GET, made), None).await;
        assert_eq!((status, &again["verified"]), (200, &json!(true)), "{again}");
        let (status, about) = self.send(client, turn + 3, (Method::GET, session), None).await;
        assert_eq!((status, &about["correlationId"]), (200, &json!("upgrade")), "{about}");
        let (status, _) = self.send(client, turn + 4, (Method::DELETE, session), None).await;
        assert_eq!(status, 204);
    }
}

/// Formerly, requests queued behind a migration that waited for its locks, until they were refused.
#[tokio::test]
async fn a_migration_that_waits_for_a_lock_lets_others_pass() {
    let database = postgres::database();
    let variables = [("DATABASE_URL", database.as_str()), ("BIOSERVER_MASTER_KEY", MASTER_KEY)];
    let data = tempfile::tempdir().expect("there is room");
    let migrate =
        || program(data.path()).arg("migrate").envs(variables).stdout(Stdio::null()).spawn().expect("it runs");
    assert!(migrate().wait().expect("it ends").success());
    let mut holder = PgConnection::connect(&database).await.expect("it is open");
    let mut other = PgConnection::connect(&database).await.expect("it is open");
    holder.execute("BEGIN; LOCK TABLE _sqlx_migrations").await.expect("it is held");
    let mut migration = migrate();
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE NOT l.granted AND c.relname = '_sqlx_migrations')";
    let is_waiting = async |other: &mut PgConnection| -> bool {
        sqlx::query_scalar(waits).fetch_one(other).await.expect("it is told")
    };
    // The migration waits repeatedly, with pauses in between.
    for complaint in ["it does not wait", "it does not wait again"] {
        until(complaint, async || is_waiting(&mut other).await).await;
        until("it holds up others", async || !is_waiting(&mut other).await).await;
    }
    assert!(migration.try_wait().expect("it is ours").is_none(), "it has given up");
    holder.execute("ROLLBACK").await.expect("it is undone");
    assert!(migration.wait().expect("it ends").success());
}

/// Nodes read each other's sessions and faces.
async fn shared(client: &Client, one: &Server, other: &Server) {
    for (one, other) in [(one, other), (other, one)] {
        let session = open(client, one, &json!({ "imageStorageEnabled": true })).await.expect("it answers");
        let first = add(client, one, &session, "obama.jpg").await;
        let second = add(client, other, &session, "obama2.jpg").await;
        for (node, face) in [(other, &first), (one, &second)] {
            read(client, node, face).await;
        }
        let matches = read(client, other, &format!("{first}/matches")).await;
        assert!(matches[0]["score"].as_f64().expect("it is a number") > 3500.0, "{matches}");
        // Each node verifies what the other signed.
        let sent = other.request(client, Method::POST, &format!("{session}/faces"));
        let sent = sent.json(&read(client, one, &first).await).send().await.expect("it answers");
        assert_eq!(read(client, one, &location(&sent)).await["verified"], true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_traffic_fails_no_request() {
    let (database, media) = (postgres::database(), tempfile::tempdir().expect("there is room"));
    let variables = [
        ("DATABASE_URL", database.as_str()),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY),
        ("BIOSERVER_MEDIA", media.path().to_str().expect("it is text")),
    ];
    let before = env::var_os("UPGRADE_FROM").map(PathBuf::from);
    let old = before.as_deref().map_or_else(|| Server::configured(&variables), |path| Server::of(path, &variables));
    let client = Client::new();
    let session = open(&client, &old, &json!({})).await.expect("it answers");
    let face = add(&client, &old, &session, "obama.jpg").await;
    let face_as_received = read(&client, &old, &face).await;
    let balancer = Balancer(Mutex::default());
    balancer.set(&[&old]);

    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let traffic = async |from: usize| {
        let client = Client::new();
        for turn in from.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            balancer.round(&client, turn, &face_as_received).await;
            rounds.fetch_add(1, Ordering::Relaxed);
        }
    };
    let stage = async |name: &str| {
        let done = rounds.load(Ordering::Relaxed) + CLIENTS * ROUNDS;
        until(name, async || rounds.load(Ordering::Relaxed) >= done).await;
    };
    let upgrade = async {
        stage("the old node serves nobody").await;
        if before.is_some() {
            succeeded(&program(media.path()).arg("migrate").envs(variables).output().expect("it runs"));
        } else {
            let mut database = PgConnection::connect(&database).await.expect("it is open");
            database.execute("SET lock_timeout = 250").await.expect("it is set");
            for step in LATER {
                // It lets requests pass, as migrations do.
                until("it cannot be changed", async || database.execute(step).await.is_ok()).await;
            }
        }
        stage("the old node does not serve on with the new schema").await;
        let new = Server::configured(&variables);
        until_ready(&client, &new).await;
        balancer.set(&[&old, &new]);
        stage("both serve nobody").await;
        shared(&client, &old, &new).await;
        balancer.set(&[&new]);
        stage("the new node serves nobody").await;
        // By now, no requests are in flight to the old node.
        old.signal("-TERM");
        until("the old node does not end", async || old.has_ended()).await;
        stage("the new node does not serve on").await;
        read(&client, &new, &face).await;
        stop.store(true, Ordering::Relaxed);
        // The new node serves until the last round is over.
        new
    };
    tokio::join!(upgrade, traffic(0), traffic(1), traffic(2), traffic(3));
}

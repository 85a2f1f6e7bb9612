//! Several nodes behind one Postgres, each of which may crash at any moment.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use evaluate::performer::{self, FRAME_MS, Performance};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use testkit::postgres;
use testkit::project::sample;

use crate::provider::{Provider, portrait};
use crate::server::Server;
use crate::wait::until;

pub const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// The lease of a capture, longer than processing takes on a busy machine; then another node takes it over.
const LEASE_SECONDS: &str = "30";
/// Concurrent clients.
const CLIENTS: usize = 8;

/// Starts nodes that share a database, a master key and a folder of images; returns them and that folder.
fn nodes<const N: usize>() -> ([Server; N], TempDir) {
    nodes_on(&postgres::database())
}

pub fn nodes_on<const N: usize>(database: &str) -> ([Server; N], TempDir) {
    let media = tempfile::tempdir().expect("there is room");
    let path = media.path().to_str().expect("its name is text");
    let variables = [
        ("DATABASE_URL", database),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY),
        ("BIOSERVER_MEDIA", path),
        ("BIOSERVER_REPLAY_LEASE_SECONDS", LEASE_SECONDS),
    ];
    (std::array::from_fn(|_| Server::configured(&variables)), media)
}

/// Counts the images under a folder, without keys and the audit log's head.
fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let images = entries.filter(|entry| entry.file_name() != "keys" && entry.file_name() != "audit");
    images.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}

/// Waits until all images are erased.
async fn no_files(folder: &Path) {
    until("nobody erases them", async || count_files(folder) == 0).await;
}

pub async fn open(client: &Client, node: &Server, about: &Value) -> Option<String> {
    let reply = node.request(client, Method::POST, "/v2/bio-sessions").json(about).send().await.ok()?;
    assert_eq!(reply.status(), 201);
    Some(location(&reply))
}

pub fn location(reply: &reqwest::Response) -> String {
    reply.headers()["location"].to_str().expect("it is text").to_owned()
}

pub async fn add(client: &Client, node: &Server, session: &str, image: &str) -> String {
    let reply = add_to(client, node, session, sample(image)).await;
    assert_eq!(reply.status(), 201);
    location(&reply)
}

/// Adds a face from this image.
pub async fn add_to(client: &Client, node: &Server, session: &str, image: Vec<u8>) -> reqwest::Response {
    let part = Part::bytes(image).file_name("image.jpg");
    let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", part);
    let request = node.request(client, Method::POST, &format!("{session}/faces")).multipart(form);
    request.send().await.expect("it answers")
}

pub async fn read(client: &Client, node: &Server, path: &str) -> Value {
    let reply = node.request(client, Method::GET, path).send().await.expect("it answers");
    assert_eq!(reply.status(), 200, "{path}");
    reply.json().await.expect("it is JSON")
}

#[tokio::test]
async fn a_session_is_the_same_on_every_node() {
    let ([one, other], media) = nodes();
    let client = Client::new();
    let about = json!({ "imageStorageEnabled": true, "correlationId": "across" });
    let session = open(&client, &one, &about).await.expect("it answers");
    let first = add(&client, &one, &session, "obama.jpg").await;
    let second = add(&client, &other, &session, "obama2.jpg").await;

    for (node, reference, candidate) in [(&one, &first, &second), (&other, &first, &second), (&one, &second, &first)] {
        let matches = read(&client, node, &format!("{reference}/matches")).await;
        let [found] = matches.as_array().expect("a list").as_slice() else { panic!("{matches}") };
        assert!(found["score"].as_f64().expect("a number") > 3500.0);
        assert!(candidate.ends_with(found["candidate"]["id"].as_str().expect("it has an id")));
        assert_eq!(found["correlationId"], "across");
    }
    let image = other.request(&client, Method::GET, &format!("{first}/image")).send().await.expect("it answers");
    assert_eq!(image.bytes().await.expect("it is whole"), sample("obama.jpg"));
    // Each node's answers verify with the other's keys.
    let keys = async |node: &Server| -> Value {
        client.get(format!("{}/.well-known/jwks.json", node.url)).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(keys(&one).await, keys(&other).await);
    // A session deleted on one node is gone on the other.
    let deleted = other.request(&client, Method::DELETE, &session).send().await.expect("it answers");
    assert_eq!(deleted.status(), 204);
    let gone = one.request(&client, Method::GET, &session).send().await.expect("it answers");
    assert_eq!(gone.status().as_u16(), 404);
    no_files(media.path()).await;
}

/// Adds faces to its own sessions through both nodes until `stop` is set; returns the accepted ones.
async fn work(
    client: Client,
    nodes: Arc<[Server; 2]>,
    face: Arc<Value>,
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut made = Vec::new();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let node = &nodes[turn % 2];
        let Some(session) = open(&client, node, &json!({})).await else { continue };
        made.push(session.clone());
        accepted.fetch_add(1, Ordering::Relaxed);
        let request = nodes[(turn + 1) % 2].request(&client, Method::POST, &format!("{session}/faces"));
        let Ok(reply) = request.json(&*face).send().await else { continue };
        assert_eq!(reply.status(), 201);
        made.push(location(&reply));
        accepted.fetch_add(1, Ordering::Relaxed);
    }
    made
}

/// Waits until this many requests were accepted.
async fn wait_for(accepted: &AtomicUsize, count: usize) {
    until("the load does not get on", async || accepted.load(Ordering::Relaxed) >= count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_when_a_node_is_killed_under_load() {
    let ([survivor, victim], _media) = nodes();
    let client = Client::new();
    let session = open(&client, &survivor, &json!({})).await.expect("it answers");
    let face = add(&client, &survivor, &session, "obama.jpg").await;
    let face = Arc::new(read(&client, &survivor, &face).await);

    let (accepted, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let nodes = Arc::new([survivor, victim]);
    let workers: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let work = work(client.clone(), nodes.clone(), face.clone(), accepted.clone(), stop.clone());
            tokio::spawn(work)
        })
        .collect();
    wait_for(&accepted, 200).await;
    nodes[1].kill();
    let before = accepted.load(Ordering::Relaxed);
    wait_for(&accepted, before + 100).await;
    stop.store(true, Ordering::Relaxed);

    let mut made = Vec::new();
    for worker in workers {
        made.extend(worker.await.expect("nothing but 201 was answered"));
    }
    assert!(made.len() > 300);
    for path in made {
        read(&client, &nodes[0], &path).await;
    }
}

#[tokio::test]
async fn what_a_dead_node_began_is_erased_by_another() {
    let ([dead, alive], media) = nodes();
    let client = Client::new();
    let about = json!({ "imageStorageEnabled": true, "ttlSeconds": 2 });
    let session = open(&client, &dead, &about).await.expect("it answers");
    add(&client, &dead, &session, "obama.jpg").await;
    assert_eq!(count_files(media.path()), 1);
    dead.kill();
    no_files(media.path()).await;
    let gone = alive.request(&client, Method::GET, &session).send().await.expect("it answers");
    assert_eq!(gone.status(), 404);
}

#[tokio::test]
async fn a_capture_whose_node_is_killed_is_looked_at_by_another() {
    let database = postgres::database();
    let ([victim, survivor], _media) = nodes_on(&database);
    let (victim, survivor) = (Provider::of(victim), Provider::of(survivor));
    let (session, check) = victim.begin(&json!({ "type": "LIVENESS_PASSIVE_VIDEO" })).await;
    let performance = Performance { asked: check.asked.clone(), seed: 7, frame_ms: FRAME_MS };
    let capture = check.sealed(performer::perform(&portrait(), &performance)).expect("it can be sealed");
    let mut database = PgConnection::connect(&database).await.expect("it is there");
    let attempts = async |database: &mut PgConnection| -> i64 {
        sqlx::query_scalar("SELECT attempts FROM replays").fetch_one(database).await.expect("there is one")
    };

    // Only the victim can take the capture.
    survivor.server.pause();
    let client = Client::new();
    let request = victim.server.request(&client, Method::POST, &format!("{session}/replay-liveness"));
    let reply = request.header("content-type", "application/jose").body(capture).send().await.expect("it answers");
    assert_eq!(reply.status(), 202);
    while attempts(&mut database).await == 0 {}
    victim.server.kill();
    survivor.server.go_on();

    assert_eq!(survivor.status(&session).await, "IN_PROGRESS", "the victim was not killed in time");
    until("nobody looks at it", async || survivor.status(&session).await != "IN_PROGRESS").await;
    assert_eq!((survivor.status(&session).await.as_str(), attempts(&mut database).await), ("SUCCESS", 2));
}

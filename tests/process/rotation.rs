//! Keys are replaced under traffic: no request fails, and every answer verifies with the key set after the change.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bioserver::sign;
use evaluate::performer::{self, FRAME_MS, Performance};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::postgres;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::commands::{refused, succeeded};
use crate::nodes::{self, MASTER_KEY};
use crate::provider::{Provider, portrait};
use crate::server::Server;
use crate::wait::{until, until_ready};

const NEXT_MASTER_KEY: &str = "HB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs";
const CLIENTS: usize = 3;

fn rotate(node: &Server, arguments: &[&str]) -> String {
    succeeded(&node.program().arg("rotate").args(arguments).output().expect("it runs"))
}

async fn key_set(client: &Client, node: &Server) -> Value {
    let reply = client.get(format!("{}/.well-known/jwks.json", node.url)).send().await.expect("it answers");
    reply.json().await.expect("it is JSON")
}

/// Clients that open, read and end sessions through the nodes in turn.
struct Traffic {
    stop: Arc<AtomicBool>,
    turns: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Traffic {
    /// Starts the clients. A node that restarts is locked meanwhile, as a proxy would take it out of its list.
    fn begin(nodes: &Arc<[RwLock<Server>; 2]>) -> Self {
        let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |number: usize| {
            let (nodes, stop, turns) = (nodes.clone(), stop.clone(), turns.clone());
            tokio::spawn(async move {
                let (client, mut signatures) = (Client::new(), vec![]);
                for turn in number.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // Uses a node that is available.
                    let node = &nodes[turn % 2];
                    let Ok(one) = node.try_read() else {
                        tokio::task::yield_now().await;
                        continue;
                    };
                    let session = nodes::open(&client, &one, &json!({})).await.expect("it answers");
                    let read = nodes::read(&client, &one, &session).await;
                    signatures.push(read["signature"].as_str().expect("it is signed").to_owned());
                    let ended = one.request(&client, Method::DELETE, &session).send().await.expect("it answers");
                    assert_eq!(ended.status(), 204);
                    turns.fetch_add(1, Ordering::Relaxed);
                }
                signatures
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, turns, clients }
    }

    async fn goes_on(&self) {
        let before = self.turns.load(Ordering::Relaxed);
        until("no request gets through", async || self.turns.load(Ordering::Relaxed) > before + 20).await;
    }

    /// Stops the clients; returns the signatures of all answers, which were all successful.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut signatures = vec![];
        for client in self.clients {
            signatures.extend(client.await.expect("no request failed"));
        }
        signatures
    }
}

/// Verifies all signatures; returns the ids of the keys that made them.
fn signers(signatures: &[String], keys: &Value) -> BTreeSet<String> {
    for signature in signatures {
        sign::verify(signature, keys).expect("it verifies");
    }
    signatures.iter().map(|signature| sign::header(signature).expect("it is a JWS").kid).collect()
}

fn node(database: &str, media: &Path, keys: &[(&str, &str)]) -> Server {
    let media = media.to_str().expect("it is text");
    let mut variables = vec![("DATABASE_URL", database), ("BIOSERVER_MEDIA", media)];
    variables.extend_from_slice(keys);
    Server::configured(&variables)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_and_capture_keys_are_rotated_under_traffic() {
    let (database, media) = (postgres::database(), tempfile::tempdir().expect("there is room"));
    let start = || RwLock::new(node(&database, media.path(), &[("BIOSERVER_MASTER_KEY", MASTER_KEY)]));
    let nodes = Arc::new([start(), start()]);
    let client = Client::new();
    let before = key_set(&client, &*nodes[0].read().await).await;
    // A check that begins before the change, with a capture that follows after it.
    let provider = Provider::of(start().into_inner());
    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    let performance = Performance { asked: check.asked.clone(), seed: 7, frame_ms: FRAME_MS };
    let capture = check.sealed(performer::perform(&portrait(), &performance)).expect("it can be sealed");

    let traffic = Traffic::begin(&nodes);
    traffic.goes_on().await;
    let said = rotate(&*nodes[0].read().await, &["signing", "--announce", "15"]);
    assert!(said.contains("is announced and will sign from"), "{said}");
    let again = nodes[1].read().await.program().args(["rotate", "signing"]).output().expect("it runs");
    assert!(refused(&again).contains("is already announced"));
    rotate(&*nodes[1].read().await, &["capture", "--announce", "15"]);
    let certificates = async |node: &Server| -> Value {
        let session = nodes::open(&client, node, &json!({})).await.expect("it answers");
        let request = node.request(&client, Method::POST, &format!("{session}/init-liveness-parameters"));
        let asked = request.json(&json!({ "type": "LIVENESS_PASSIVE" })).send().await.expect("it answers");
        asked.json::<Value>().await.expect("it is JSON")["certificates"].clone()
    };
    let begun_with = certificates(&*nodes[0].read().await).await;
    for node in nodes.iter() {
        until("a node does not notice", async || {
            let node = &*node.read().await;
            key_set(&client, node).await["keys"][0] != before["keys"][0] && certificates(node).await != begun_with
        })
        .await;
    }
    traffic.goes_on().await;
    let signatures = traffic.end().await;
    let after = key_set(&client, &*nodes[1].read().await).await;
    assert_eq!(after["keys"].as_array().expect("a list").len(), 2);
    assert_eq!(signers(&signatures, &after).len(), 2, "both have signed");

    let request = provider.server.request(&client, Method::POST, &format!("{session}/replay-liveness"));
    let reply = request.header("content-type", "application/jose").body(capture).send().await.expect("it answers");
    assert_eq!(reply.status(), 202, "its key opens it still");
    until("nobody looks at it", async || provider.status(&session).await != "IN_PROGRESS").await;
    assert_eq!(provider.status(&session).await, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_key_is_replaced_under_traffic() {
    let (database, media) = (postgres::database(), tempfile::tempdir().expect("there is room"));
    let both = |first, other| [("BIOSERVER_MASTER_KEY", first), ("BIOSERVER_MASTER_KEY_OTHER", other)];
    let begun = both(MASTER_KEY, NEXT_MASTER_KEY);
    let nodes =
        Arc::new([(); 2].map(|()| RwLock::new(node(&database, media.path(), &[("BIOSERVER_MASTER_KEY", MASTER_KEY)]))));
    let client = Client::new();
    let kept =
        nodes::open(&client, &*nodes[0].read().await, &json!({ "correlationId": "kept" })).await.expect("it answers");
    let lonely = nodes[0].read().await.program().args(["rotate", "master"]).output().expect("it runs");
    assert!(refused(&lonely).contains("'master_key_other' is not set"));

    let traffic = Traffic::begin(&nodes);
    traffic.goes_on().await;
    // Each node restarts twice, in turn: first to know the new key, then to seal with it.
    for keys in [begun, both(NEXT_MASTER_KEY, MASTER_KEY)] {
        for place in nodes.iter() {
            let mut place = place.write().await;
            let started = node(&database, media.path(), &keys);
            until_ready(&client, &started).await;
            *place = started;
            drop(place);
            traffic.goes_on().await;
        }
    }
    let said = rotate(&*nodes[0].read().await, &["master"]);
    assert!(!said.starts_with("0 values") && said.contains("values were re-encrypted"), "{said}");
    traffic.goes_on().await;
    assert!(rotate(&*nodes[1].read().await, &["master"]).starts_with("0 values"), "it may be done again");
    for place in nodes.iter() {
        let mut place = place.write().await;
        let started = node(&database, media.path(), &[("BIOSERVER_MASTER_KEY", NEXT_MASTER_KEY)]);
        until_ready(&client, &started).await;
        *place = started;
        drop(place);
        traffic.goes_on().await;
    }
    let signatures = traffic.end().await;
    for place in nodes.iter() {
        let node = place.read().await;
        assert_eq!(signers(&signatures, &key_set(&client, &node).await).len(), 1, "the signing key is the same");
        assert_eq!(nodes::read(&client, &node, &kept).await["correlationId"], "kept");
    }
    let node = nodes[0].read().await;
    succeeded(&node.program().args(["audit", "verify"]).output().expect("it runs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_that_the_server_keeps_is_replaced_under_traffic() {
    let mut server = Server::start();
    let client = Client::new();
    let kept = nodes::open(&client, &server, &json!({ "correlationId": "kept" })).await.expect("it answers");
    let file = server.inside().join("master.key");
    let before = std::fs::read_to_string(&file).expect("it is kept");
    // The command can be repeated, however it ends.
    let mut broken = server.program().args(["rotate", "master"]).spawn().expect("it starts");
    until("the file is not changed", async || std::fs::read_to_string(&file).expect("it is kept") != before).await;
    broken.kill().expect("it runs");
    broken.wait().expect("it ends");
    let during = std::fs::read_to_string(&file).expect("it is kept");
    assert!(during.ends_with(&before) && during.lines().count() == 2);

    let replacing = tokio::task::spawn_blocking({
        let mut command = server.program();
        move || succeeded(&command.args(["rotate", "master"]).output().expect("it runs"))
    });
    while !replacing.is_finished() {
        let session = nodes::open(&client, &server, &json!({})).await.expect("it answers");
        nodes::read(&client, &server, &session).await;
        nodes::read(&client, &server, &kept).await;
    }
    let said = replacing.await.expect("it ends");
    assert!(said.starts_with("The master key was replaced"), "{said}");
    let after = std::fs::read_to_string(&file).expect("it is kept");
    assert!(during.starts_with(&after) && after != before && after.lines().count() == 1);
    nodes::read(&client, &server, &kept).await;
    server.kill();
    server.restart();
    assert_eq!(nodes::read(&client, &server, &kept).await["correlationId"], "kept");
}

//! Tests the audit log of two nodes behind one Postgres: it is complete, forms one chain, and reveals every change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bioserver::service::audit::check;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::postgres;

use crate::commands::{bioserver, refused, succeeded};
use crate::nodes::{self, MASTER_KEY};
use crate::server::Server;
use crate::wait::until;

/// Concurrent clients.
const CLIENTS: usize = 8;

fn export(node: &Server) -> String {
    succeeded(&node.program().args(["audit", "export"]).output().expect("it runs"))
}

fn verify(node: &Server, arguments: &[&str]) -> Output {
    node.program().args(["audit", "verify"]).args(arguments).output().expect("it runs")
}

/// Returns the output of a verification that failed.
fn found(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("NOT verified: "), "{text}");
    text
}

/// Returns the entries of an export.
fn entries(export: &str) -> Vec<Value> {
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    lines.filter(|line| line["audit"].is_null()).collect()
}

/// Returns the operations that need a key, by method and path.
async fn secured(client: &Client, node: &Server) -> BTreeMap<String, String> {
    let document = client.get(format!("{}/openapi.json", node.url)).send().await.expect("it answers");
    let document: Value = document.json().await.expect("it is JSON");
    let mut secured = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("it has paths") {
        for (method, operation) in item.as_object().expect("it has methods") {
            if operation["operationId"].is_string() && operation["security"].is_null() {
                let id = operation["operationId"].as_str().expect("it is text").to_owned();
                secured.insert(format!("{} {path}", method.to_uppercase()), id);
            }
        }
    }
    secured
}

/// Returns the requests in a log: the request's id, its operation, and its status.
fn logged(log: &Path) -> Vec<(String, String, u64)> {
    let text = std::fs::read_to_string(log).expect("it is written");
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let answered = lines.filter(|line| line["fields"]["message"] == "answered");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    answered
        .map(|line| {
            let status = line["fields"]["status"].as_u64().expect("it is a number");
            (text(&line["span"]["id"]), text(&line["fields"]["operation"]), status)
        })
        .collect()
}

/// Asserts that each request of an operation that needs a key has one entry with its outcome, and that each operation
/// was called.
fn assert_recorded_once(requests: &[(String, String, u64)], entries: &[Value], secured: &BTreeMap<String, String>) {
    let mut of_request = BTreeMap::<&str, Vec<&Value>>::new();
    for entry in entries {
        if let Some(request) = entry["request"].as_str() {
            of_request.entry(request).or_default().push(entry);
        }
    }
    let mut operations = BTreeSet::new();
    let mut count = 0;
    for (request, operation, status) in requests {
        let of_request = of_request.get(request.as_str()).map_or(&[][..], Vec::as_slice);
        let Some(id) = secured.get(operation).filter(|_| ![429, 503].contains(status)) else {
            assert!(of_request.is_empty(), "{operation} is not about a person");
            continue;
        };
        let [entry] = of_request else { panic!("{request} {operation} {status}: {of_request:?}") };
        let outcome = if *status < 400 { "done".to_owned() } else { status.to_string() };
        assert_eq!((&entry["operation"], &entry["outcome"]), (&json!(id), &json!(outcome)), "{operation}");
        let is_known = entry["key"].is_string() && entry["provider"].is_string() && entry["who"] != "unknown";
        assert_eq!(is_known, *status != 401, "{entry}");
        operations.insert(id.clone());
        count += 1;
    }
    assert_eq!(operations, secured.values().cloned().collect(), "each was sent");
    assert_eq!(count, of_request.len(), "nothing is recorded that was not asked for");
}

#[tokio::test]
async fn every_operation_is_recorded_once() {
    let database = postgres::database();
    let folder = tempfile::tempdir().expect("there is room");
    let media = folder.path().join("media");
    let logs = [folder.path().join("one"), folder.path().join("other")];
    let node = |log: &Path| {
        let variables = [
            ("DATABASE_URL", database.as_str()),
            ("BIOSERVER_MASTER_KEY", MASTER_KEY),
            ("BIOSERVER_MEDIA", media.to_str().expect("it is text")),
            ("BIOSERVER_LOG_FORMAT", "json"),
            ("LOG", log.to_str().expect("it is text")),
        ];
        Server::under(&["sh", "-c", "exec \"$@\" 2>\"$LOG\"", "sh"], &variables)
    };
    let nodes = [node(&logs[0]), node(&logs[1])];
    let client = Client::new();
    for node in &nodes {
        let url = format!("{}/bioserver-app", node.url);
        succeeded(&bioserver(folder.path(), &["conformance", "--url", &url, "--key", &node.key]));
    }
    // The conformance kit does not call these operations.
    let session = nodes::open(&client, &nodes[0], &json!({})).await.expect("it answers");
    for (method, path) in [
        (Method::DELETE, "/faces"),
        (Method::POST, "/capture-token"),
        (Method::POST, "/liveness-attempts"),
        (Method::GET, "/capture-page"),
        (Method::GET, "/liveness-challenge-result"),
        (Method::GET, "/liveness-challenge-result/LIVENESS_ACTIVE"),
    ] {
        let request = nodes[1].request(&client, method, &format!("{session}{path}"));
        request.send().await.expect("it answers");
    }
    let secured = secured(&client, &nodes[0]).await;
    assert!(secured.len() > 20, "{secured:?}");

    nodes::open(&client, &nodes[0], &json!({ "ttlSeconds": 1 })).await.expect("it answers");
    let has_expired = || entries(&export(&nodes[1])).iter().any(|entry| entry["operation"] == "sessionExpired");
    until("no session expires", async || has_expired()).await;
    let export = export(&nodes[0]);
    let entries = entries(&export);
    let requests = logs.iter().flat_map(|log| logged(log)).collect::<Vec<_>>();
    assert_recorded_once(&requests, &entries, &secured);
    let places: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().expect("it has a place")).collect();
    assert_eq!(places, (1..=entries.len() as i64).collect::<Vec<_>>());
    let of = |operation: &str, outcome: &str| {
        entries.iter().filter(|entry| entry["operation"] == operation && entry["outcome"] == outcome).count()
    };
    assert_eq!(of("sessionExpired", "erased"), 1);
    assert_eq!(of("keyCreated", "done"), 2);

    // A verifier needs only the export and the key set.
    let file = folder.path().join("export.jsonl");
    std::fs::write(&file, &export).expect("there is room");
    let (file, jwks) = (file.to_str().expect("it is text"), format!("{}/.well-known/jwks.json", nodes[1].url));
    let verified = succeeded(&bioserver(folder.path(), &["audit", "verify", file, "--jwks", &jwks]));
    assert!(verified.starts_with(&format!("Verified: {} entries, from 1 to", entries.len())), "{verified}");
}

#[tokio::test]
async fn a_log_that_was_changed_is_refused() {
    let database = postgres::database();
    let ([one, other], media) = nodes::nodes_on(&database);
    let client = Client::new();
    for node in [&one, &other, &one] {
        let session = nodes::open(&client, node, &json!({})).await.expect("it answers");
        nodes::read(&client, node, &session).await;
    }
    let export = export(&one);
    let jwks = client.get(format!("{}/.well-known/jwks.json", one.url)).send().await.expect("it answers");
    let jwks: Value = jwks.json().await.expect("it is JSON");
    assert!(check::export(export.as_bytes(), &jwks).is_ok());
    for place in 0..export.len() {
        let mut changed = export.clone().into_bytes();
        changed[place] ^= 1;
        assert!(check::export(changed.as_slice(), &jwks).is_err(), "byte {place}");
        assert!(check::export(&export.as_bytes()[..place], &jwks).is_err(), "{place} bytes");
    }
    let file = tempfile::NamedTempFile::new().expect("there is room");
    let mut changed = export.into_bytes();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(file.path(), changed).expect("there is room");
    found(&verify(&one, &[file.path().to_str().expect("it is text")]));

    // The head is copied to the media, where an attacker with access only to the database cannot change it.
    let copied = || walk(media.path()).into_iter().any(|path| path.ends_with("audit/head"));
    until("the head is not copied", async || copied()).await;
    let mut database = PgConnection::connect(&database).await.expect("it is there");
    let verified = verify(&other, &[]);
    succeeded(&verified);
    let changes = [
        ("UPDATE audit_entries SET entry = replace(entry, 'done', 'none') WHERE seq = 3", "entry 3 "),
        ("UPDATE audit_entries SET happened = happened + interval '1 hour' WHERE seq = 4", "entry 4 "),
        ("DELETE FROM audit_entries WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM audit_entries WHERE seq = (SELECT MAX(seq) FROM audit_entries)", "the log ends with entry"),
        ("UPDATE audit_chain SET head = replace(head, 'A', 'B')", "the signed head"),
        ("UPDATE audit_chain SET pruned = head", "the signed beginning"),
        ("DELETE FROM audit_entries; UPDATE audit_chain SET head = NULL", "the log ends with entry 0"),
    ];
    // No node extends the chain in the meantime.
    one.pause();
    other.pause();
    for (statement, said) in changes {
        let mut tx = database.begin().await.expect("it begins");
        sqlx::raw_sql("CREATE TABLE kept_entries AS SELECT * FROM audit_entries; CREATE TABLE kept_chain AS SELECT * FROM audit_chain")
            .execute(&mut *tx).await.expect("it is SQL");
        sqlx::raw_sql(statement).execute(&mut *tx).await.expect("it is SQL");
        tx.commit().await.expect("it commits");
        let told = found(&verify(&one, &[]));
        assert!(told.contains(said), "{statement}: {told}");
        let refusal = refused(&one.program().args(["audit", "export"]).output().expect("it runs"));
        assert!(refusal.contains("was not exported") || refusal.contains("is not valid"), "{refusal}");
        sqlx::raw_sql(
            "DELETE FROM audit_entries; INSERT INTO audit_entries SELECT * FROM kept_entries; DROP TABLE kept_entries;
             DELETE FROM audit_chain; INSERT INTO audit_chain SELECT * FROM kept_chain; DROP TABLE kept_chain",
        )
        .execute(&mut database)
        .await
        .expect("it is SQL");
        succeeded(&verify(&one, &[]));
    }
    // An entry of unknown origin is not taken into the chain, and the chain says so.
    let forged = "INSERT INTO audit_events VALUES (gen_random_uuid(), '{\"who\":\"server\"}', '\\x00')";
    sqlx::raw_sql(forged).execute(&mut database).await.expect("it is SQL");
    assert!(found(&verify(&one, &[])).contains("was not written by this server"));
    let export = self::export(&one);
    let entries = entries(&export);
    let last = entries.last().expect("there are some");
    assert_eq!((&last["operation"], &last["times"]), (&json!("forgedEntriesDropped"), &json!(1)));
    succeeded(&verify(&one, &[]));
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Opens, reads and ends sessions through both nodes until `stop` is set; returns the ids of the answered requests.
async fn work(
    client: Client,
    nodes: Arc<[Server; 2]>,
    name: usize,
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut done = Vec::new();
    let mut send = async |turn: usize, method: Method, path: &str| -> Option<String> {
        let request = format!("client-{name}-{}", done.len() + turn * 1_000_000);
        let reply =
            nodes[turn % 2].request(&client, method, path).header("x-request-id", &request).send().await.ok()?;
        assert!(reply.status().is_success(), "{}", reply.status());
        let made = reply.headers().get("location").map(|location| location.to_str().expect("it is text").to_owned());
        done.push(request);
        accepted.fetch_add(1, Ordering::Relaxed);
        Some(made.unwrap_or_default())
    };
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let Some(session) = send(turn, Method::POST, "/v2/bio-sessions").await else { continue };
        if send(turn + 1, Method::GET, &session).await.is_some() {
            send(turn, Method::DELETE, &session).await;
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_is_lost_when_a_node_is_killed_under_load() {
    let (nodes, _media) = nodes::nodes_on::<2>(&postgres::database());
    let nodes = Arc::new(nodes);
    let (accepted, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..CLIENTS)
        .map(|name| tokio::spawn(work(Client::new(), nodes.clone(), name, accepted.clone(), stop.clone())))
        .collect();
    let wait_for = async |count: usize| {
        until("the load does not get on", async || accepted.load(Ordering::Relaxed) >= count).await;
    };
    wait_for(300).await;
    nodes[1].kill();
    let before = accepted.load(Ordering::Relaxed);
    wait_for(before + 100).await;
    stop.store(true, Ordering::Relaxed);
    let mut answered = Vec::new();
    for worker in workers {
        answered.extend(worker.await.expect("nothing but success was answered"));
    }
    assert!(answered.len() >= 400);

    let export = export(&nodes[0]);
    let mut times = BTreeMap::<String, usize>::new();
    for entry in entries(&export) {
        if let Some(request) = entry["request"].as_str() {
            *times.entry(request.to_owned()).or_default() += 1;
        }
    }
    for request in &answered {
        assert_eq!(times.get(request), Some(&1), "{request}");
    }
    assert!(times.values().all(|times| *times == 1));
    succeeded(&verify(&nodes[0], &[]));
}

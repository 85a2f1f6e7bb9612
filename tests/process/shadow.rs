//! Tests shadow mode: one server answers, another gets the same requests.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::project::sample;

use crate::nodes;
use crate::server::{Server, program};
use crate::wait::until;

/// Sends requests through a shadow of `upstream`, stops it, and returns its output and its report.
async fn shadowed(upstream: &mut Server, to: &str, key: &str, data: &Path) -> (String, Value) {
    let arguments = ["--upstream", &upstream.url, "--to", to, "--key", key, "--listen", "127.0.0.1:0"];
    let mut shadow = program(data)
        .current_dir(data)
        .arg("shadow")
        .args(arguments)
        .args(["--json", "out.json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(shadow.stdout.take().expect("it is piped"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says where it listens");
    let url = line.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
    let direct = std::mem::replace(&mut upstream.url, url);

    let client = Client::new();
    let about = json!({ "callbackURL": "https://provider.example/", "imageStorageEnabled": true });
    let session = nodes::open(&client, upstream, &about).await.expect("it answers");
    let face = nodes::add(&client, upstream, &session, "obama.jpg").await;
    for image in ["obama2.jpg", "biden.jpg"] {
        nodes::add(&client, upstream, &session, image).await;
    }
    let matches = nodes::read(&client, upstream, &format!("{face}/matches")).await;
    assert_eq!(matches.as_array().expect("it is a list").len(), 2);
    let image = upstream.request(&client, Method::GET, &format!("{face}/image")).send().await.expect("it answers");
    assert_eq!(image.bytes().await.expect("it is whole"), sample("obama.jpg"));
    let known = nodes::read(&client, upstream, &face).await;
    let request = upstream.request(&client, Method::POST, &format!("{session}/faces")).json(&known);
    assert_eq!(request.send().await.expect("it answers").status(), 201, "the caller is answered as ever");
    let ended = upstream.request(&client, Method::DELETE, &session).send().await.expect("it answers");
    assert_eq!(ended.status(), 204);

    upstream.url = direct;
    let stopped = Command::new("kill").args(["-TERM", &shadow.id().to_string()]).status().expect("there is a kill");
    assert!(stopped.success());
    until("it does not stop", async || shadow.try_wait().expect("it is ours").is_some()).await;
    let mut text = String::new();
    said.read_to_string(&mut text).expect("it is text");
    let written = std::fs::read(data.join("out.json")).expect("it is written");
    assert!(std::fs::read_dir(data).expect("it is there").count() == 1, "it keeps nothing else");
    (text, serde_json::from_slice(&written).expect("it is JSON"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_are_compared_while_one_answers() {
    let (mut upstream, own) = (Server::start(), Server::start());
    let data = tempfile::tempdir().expect("there is room");
    let (text, counted) = shadowed(&mut upstream, &own.url, &own.key, data.path()).await;
    let operations = counted["operations"].as_object().expect("there are some");
    assert_eq!(operations.len(), 6, "{text}");
    for (name, operation) in operations {
        assert_eq!((&operation["statuses"], &operation["members"]), (&json!({}), &json!({})), "{name}: {text}");
    }
    assert_eq!((&counted["scores"]["pairs"], &counted["scores"]["largestDifference"]), (&json!(2), &json!(0.0)));
    assert_eq!((&counted["notComparable"], &counted["passedOver"]), (&json!(1), &json!(0)));
    assert!(text.contains("Scores: 2 pairs differ by 0"), "{text}");

    // Compares with a server that answers differently.
    let data = tempfile::tempdir().expect("there is room");
    let (text, counted) = shadowed(&mut upstream, &own.url, "no key", data.path()).await;
    let opened = &counted["operations"]["POST /bioserver-app/v2/bio-sessions"];
    assert_eq!(opened["statuses"], json!({ "201/401": 1 }), "{text}");
    assert!(text.contains("POST /bioserver-app/v2/bio-sessions: 201/401, 1 times"), "{text}");
}

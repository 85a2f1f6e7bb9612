//! Tests the keys that attest capture clients: the command that registers them, its audit entries, and the page.

use std::fs;

use bioserver::clock::Clock;
use bioserver::sign::Algorithm;
use bioserver::sign::key::Key;
use serde_json::{Value, json};
use testkit::project;

use crate::commands::{refused, succeeded};
use crate::pages;
use crate::server::Server;

fn key(kid: &str, algorithm: Algorithm) -> Value {
    let mut jwk = Key::make(algorithm, Clock::default().now()).expect("a key can be made").jwk().clone();
    jwk["kid"] = json!(kid);
    jwk
}

#[test]
fn keys_are_registered_shown_replaced_and_removed() {
    let server = Server::start();
    let file = |name: &str, content: &Value| {
        let path = server.data().join(name);
        fs::write(&path, content.to_string()).expect("it can be written");
        path.to_str().expect("its name is text").to_owned()
    };
    let run = |arguments: &[&str]| server.command(&[&["providers", "attestation"], arguments].concat());
    let said = |arguments: &[&str]| succeeded(&run(arguments));
    let none = "tests: no keys; attestations are not verified\n";
    assert_eq!(said(&["tests"]), none);
    assert!(refused(&run(&["tests", "--required", "yes"])).contains("'tests' has no keys yet"));

    let old = key("old", Algorithm::Rs256);
    let one = file("one.json", &json!({ "keys": [old] }));
    let recorded = "tests: attestations are recorded, and not required\nKID  ALGORITHM\nold  RS256\n";
    assert_eq!(said(&["tests", "--keys", &one]), recorded);
    assert_eq!(said(&["tests"]), recorded);
    let both = file("both.json", &json!({ "keys": [old, key("new", Algorithm::Es256)] }));
    let rows = "KID  ALGORITHM\nold  RS256\nnew  ES256\n";
    let required = format!("tests: attestations are required\n{rows}");
    assert_eq!(said(&["tests", "--keys", &both, "--required", "yes"]), required);
    assert_eq!(said(&["tests"]), required);
    let eased = format!("tests: attestations are recorded, and not required\n{rows}");
    assert_eq!(said(&["tests", "--required", "no"]), eased);

    let private = file("private.json", &json!({ "keys": [{ "kty": "oct", "kid": "a", "k": "AAAA" }] }));
    for (arguments, words) in [
        (["nobody", "--keys", one.as_str()], "there is no provider named 'nobody'"),
        (["tests", "--keys", "no-such-file"], "no-such-file cannot be read"),
        (["tests", "--keys", &private], "private.json cannot be used: key 1 of the file"),
    ] {
        let text = refused(&run(&arguments));
        assert!(text.contains(words), "{text}");
    }
    assert_eq!(run(&["tests", "--none", "--required", "no"]).status.code(), Some(2));
    assert_eq!(said(&["tests"]), eased, "a refused change changes nothing");
    assert_eq!(said(&["tests", "--none"]), none);
    assert_eq!(said(&["tests", "--none"]), none);

    // Two changes of keys, one of the policy, and one removal are in the audit log; what was only shown is not.
    let log = succeeded(&server.command(&["audit", "export"]));
    let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"));
    let changes: Vec<Value> = entries.filter(|entry| entry["operation"] == "attestationChanged").collect();
    assert_eq!(changes.len(), 4, "{changes:?}");
    let is_operators = |entry: &Value| entry["who"] == "operator" && entry["provider"].is_string();
    assert!(changes.iter().all(is_operators), "{changes:?}");
}

#[test]
fn a_client_is_attested_as_the_page_shows_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let log = folder.path().join("log");
    let variables = [("LOG", log.to_str().expect("it is text")), ("BIOSERVER_LOG_FILTER", "trace")];
    let server = Server::under(&["sh", "-c", "exec \"$@\" 2>\"$LOG\"", "sh"], &variables);
    let page = fs::read_to_string(project::path("docs/capture.md")).expect("it can be read");
    let section = pages::section(&page, "## Attested clients");
    let host = format!("{}/bioserver-app", server.url);
    let data = server.data().to_str().expect("it is text");
    let variables = [("HOST", host.as_str()), ("KEY", &server.key), ("PROVIDER", "tests"), ("BIOSERVER_DATA", data)];
    pages::run(section, folder.path(), &variables);

    // No part of the attestation is logged.
    let attestation = fs::read_to_string(folder.path().join("attestation.jws")).expect("the page wrote it");
    let log = fs::read(&log).expect("it is written");
    let log = String::from_utf8_lossy(&log);
    assert!(log.lines().count() > 100, "the log is not at its most talkative");
    for part in attestation.split('.').skip(1) {
        assert!(!log.contains(&part[..40]), "{part}");
    }
}

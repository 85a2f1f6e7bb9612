//! The most verbose log, the audit log, the metrics and the spans contain no personal data and no key.

use std::process::Command;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::json;
use testkit::project::sample;

use crate::collector::Collector;
use crate::commands::{bioserver, succeeded};
use crate::nodes;
use crate::server::{Server, free_address};
use crate::wait::until;

const FRIENDLY_NAME: &str = "Ludmilla Zweistein 3735928559";
const CORRELATION: &str = "correlation-4276993775";
const EVIDENCE: &str = "evidence-3405691582";
const CONSENT: &str = "consent-3203383023";
const CALLBACK: &str = "https://93.184.216.34/callback-2880293630";

/// Returns parts of a request's body that can be recognised in any log, in each way that a log may write bytes.
fn marks(image: &[u8]) -> Vec<String> {
    let part = &image[200..216];
    let hex = part.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let listed = part[..6].iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let escaped = String::from_utf8_lossy(part).escape_debug().to_string();
    vec![hex, listed, escaped]
}

#[tokio::test]
async fn nothing_of_a_person_is_logged_recorded_counted_or_traced() {
    let folder = tempfile::tempdir().expect("there is room");
    let log = folder.path().join("log");
    let metrics = free_address().to_string();
    let collector = Collector::start();
    let variables = [
        ("LOG", log.to_str().expect("it is text")),
        ("BIOSERVER_LOG_FILTER", "trace"),
        ("BIOSERVER_METRICS_LISTEN", &metrics),
        ("BIOSERVER_OTLP_ENDPOINT", &collector.endpoint),
    ];
    let server = Server::under(&["sh", "-c", "exec \"$@\" 2>\"$LOG\"", "sh"], &variables);
    let client = Client::new();

    // Every operation of the contract is called, then some with marked values.
    let url = format!("{}/bioserver-app", server.url);
    succeeded(&bioserver(folder.path(), &["conformance", "--url", &url, "--key", &server.key]));
    let about = json!({
        "imageStorageEnabled": true, "correlationId": CORRELATION, "evidenceId": EVIDENCE, "callbackURL": CALLBACK,
        "consentReference": CONSENT,
    });
    let session = nodes::open(&client, &server, &about).await.expect("it answers");
    let image = sample("obama.jpg");
    let part = Part::bytes(image.clone()).file_name("secret-file-name.jpg");
    let about = json!({ "imageType": "SELFIE", "friendlyName": FRIENDLY_NAME }).to_string();
    let form = Form::new().text("face", about).part("image", part);
    let request = server.request(&client, Method::POST, &format!("{session}/faces")).multipart(form);
    let made = nodes::location(&request.send().await.expect("it answers"));
    let face = nodes::read(&client, &server, &made).await;
    let request = server.request(&client, Method::POST, &format!("{session}/faces")).json(&face);
    assert_eq!(request.send().await.expect("it answers").status(), 201);
    nodes::read(&client, &server, &format!("{made}/matches")).await;
    let check = server.request(&client, Method::POST, &format!("{session}/init-liveness-parameters"));
    let check = check.json(&json!({ "type": "LIVENESS_ACTIVE" })).send().await.expect("it answers");
    let check: serde_json::Value = check.json().await.expect("it is JSON");
    // HTTP/2 has a log of its own.
    let second = Command::new("curl")
        .args(["--silent", "--fail", "--http2-prior-knowledge", &format!("{url}{made}"), "-H"])
        .arg(format!("apikey: {}", server.key))
        .output()
        .expect("these tests need curl");
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    let numbers = client.get(format!("http://{metrics}/metrics")).send().await.expect("it answers");
    let numbers = numbers.text().await.expect("it is text");

    let record = succeeded(&server.program().args(["audit", "export"]).output().expect("it runs"));
    assert!(record.contains("createFace") && record.lines().count() > 50, "{record}");

    let text = |name: &str| face[name].as_str().expect("it is text").to_owned();
    // The secret itself may contain underscores.
    let secret = server.key.splitn(3, '_').nth(2).expect("it has a secret").to_owned();
    let mut marked = marks(&image);
    marked.extend([
        secret,
        text("template")[40..72].to_owned(),
        text("digest"),
        text("signature")[100..140].to_owned(),
    ]);
    marked.push(check["serverRandom"].as_str().expect("it is text").to_owned());
    marked.extend([FRIENDLY_NAME, CORRELATION, EVIDENCE, CONSENT, CALLBACK, "secret-file-name"].map(str::to_owned));
    // The remaining spans are sent.
    server.signal("-TERM");
    until("it does not end", async || server.has_ended()).await;
    let spans = collector.spans();
    assert!(spans.len() > 30, "{}", spans.len());
    // The messages contain texts verbatim, and ids and times as numbers.
    let sent = String::from_utf8_lossy(&collector.bodies().concat()).into_owned();

    let said = String::from_utf8_lossy(&std::fs::read(&log).expect("it is written")).into_owned();
    assert!(said.lines().count() > 500, "the log is not at its most talkative");
    for mark in marked {
        let found = said.lines().find(|line| line.contains(&mark));
        assert_eq!(found, None, "{mark}");
        assert!(!numbers.contains(&mark), "{mark}");
        assert!(!record.contains(&mark), "{mark}");
        assert!(!sent.contains(&mark), "{mark}");
    }
}

//! Verifies signed answers with the programs of the page.

use reqwest::{Client, Method};
use serde_json::json;

use crate::page;
use crate::server::Server;
use crate::workshop::Workshop;

async fn text(server: &Server, client: &Client, path: &str) -> String {
    let reply = server.request(client, Method::GET, path).send().await.expect("it answers");
    assert_eq!(reply.status(), 200);
    reply.text().await.expect("it is text")
}

async fn check_answers(language: &str, ending: &str, run: &str) {
    let (server, client) = (Server::start(), Client::new());
    let workshop = Workshop::new(&server);
    workshop.write(&format!("verify.{ending}"), page::section("Signed answers").block(language));
    let new = server.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({ "correlationId": "Zoë" }));
    let path = new.send().await.expect("it answers").headers()["location"].to_str().expect("it is text").to_owned();
    let begin = server.request(&client, Method::POST, &format!("{path}/init-liveness-parameters"));
    let begun = begin.json(&json!({ "type": "LIVENESS_PASSIVE", "id": "Zoë" })).send().await.expect("it answers");
    assert_eq!(begun.status(), 200);
    // The first answer has its payload in its signature; the second has a detached signature.
    let session = text(&server, &client, &path).await;
    let status = text(&server, &client, &format!("{}/replay-liveness-metadata", path.replace("/v2/", "/v3/"))).await;
    for (name, answer, value) in [("session", session, "false"), ("status", status, "INITIALIZED")] {
        workshop.write(&format!("{name}.json"), &answer);
        let printed = workshop.run(&format!("{run} {name}.json")).expect("it is as it was signed");
        assert!(printed.starts_with("verified "), "{printed}");
        assert!(answer.contains(value));
        workshop.write("changed.json", answer.replace(value, &value.replace("false", "true").replace("INIT", "init")));
        workshop.run(&format!("{run} changed.json")).expect_err("it is not as it was signed");
    }
}

#[tokio::test]
async fn answers_are_verified_in_python() {
    check_answers("python", "py", "python verify.py").await;
}

#[tokio::test]
async fn answers_are_verified_in_javascript() {
    check_answers("js", "mjs", "node verify.mjs").await;
}

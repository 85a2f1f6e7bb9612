//! Tests the server's own pages for operators and developers: the root of the host, the documents, and the operator's
//! page.

use reqwest::Client;
use reqwest::header::{self, HeaderValue};
use serde_json::json;

use crate::browser::Browser;
use crate::provider::Provider;
use crate::server::{Server, free_address};

#[tokio::test]
async fn the_root_says_what_this_server_is() {
    let server = Server::start();
    let refused = Client::new().delete(&server.url).send().await.expect("it answers");
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[header::ALLOW]),
        (405, &HeaderValue::from_static("GET, HEAD"))
    );
    let browser = Browser::open(&server.url).await;
    let text = browser.find("main").await.text().await.expect("it has a text");
    for told in
        [concat!("BioServer ", env!("CARGO_PKG_VERSION")), "standard", "recognizer", "Apache-2.0", "It is ready."]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    browser.assert_accessible("the root").await;
    let links = browser.page.execute("return [...document.links].map(({ href }) => href)", vec![]).await;
    let links = links.expect("it has links");
    let links = links.as_array().expect("a list");
    assert!(links.len() >= 5);
    for link in links {
        let answer = reqwest::get(link.as_str().expect("it is text")).await.expect("it answers");
        assert_eq!(answer.status(), 200, "{link}");
    }
    browser.page.clone().close().await.expect("it closes");
}

#[tokio::test]
async fn the_documents_are_sent_small_and_once() {
    let server = Server::start();
    let client = Client::new();
    for (path, bytes_max) in [("/docs", 600_000), ("/openapi.json", 40_000), ("/capture/page.js", 6_000)] {
        let ask = || client.get(format!("{}{path}", server.url)).header(header::ACCEPT_ENCODING, "gzip");
        let first = ask().send().await.expect("it answers");
        assert_eq!(first.headers()[header::CONTENT_ENCODING], "gzip");
        let tag = first.headers()[header::ETAG].clone();
        let bytes = first.bytes().await.expect("they come").len();
        assert!(bytes < bytes_max, "{path}: {bytes}");
        let again = ask().header(header::IF_NONE_MATCH, tag).send().await.expect("it answers");
        assert_eq!(again.status(), 304);
        assert!(again.bytes().await.expect("they come").is_empty());
    }
}

#[tokio::test]
async fn the_operator_sees_how_the_server_does() {
    let address = free_address().to_string();
    let provider = Provider::of(Server::configured(&[("BIOSERVER_METRICS_LISTEN", &address)]));
    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    provider.send_nobody(&session, &check).await;
    let refused = reqwest::get(format!("{}/bioserver-app/v2/nothing", provider.server.url)).await.expect("it answers");
    assert_eq!(refused.status(), 404);
    let browser = Browser::open(&format!("http://{address}/admin")).await;
    let text = browser.find("main").await.text().await.expect("it has a text");
    for told in
        ["sessions 1", "callbacks owed 0", "pictures waiting 0", "NOT_FOUND 1", "FAILED 1", "NO_FACE 1", "sweep lag 0"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    for secret in [&session, "obama", &provider.server.key] {
        assert!(!text.contains(secret), "{text}");
    }
    browser.assert_accessible("the operator's page").await;
    browser.page.clone().close().await.expect("it closes");
    // The public address does not serve the operator's page.
    let public = reqwest::get(format!("{}/admin", provider.server.url)).await.expect("it answers");
    assert_eq!(public.status(), 404);
}

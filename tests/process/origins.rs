//! Pages of other origins in a real browser may call the server once their provider has added their origin.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::browser::Browser;
use crate::server::Server;

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<title>A bank</title>";

/// Opens a session; returns its path, or the word `stopped` if the browser blocks the page's access.
const OPEN: &str = "
const [url, key] = arguments;
const done = arguments[arguments.length - 1];
const headers = { 'apikey': key, 'content-type': 'application/json' };
fetch(url, { method: 'POST', headers, body: '{}' })
  .then((reply) => done(reply.headers.get('location') ?? String(reply.status)))
  .catch(() => done('stopped'));
";

/// Serves an empty page; returns its origin.
async fn page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let origin = format!("http://{}", listener.local_addr().expect("it has an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A browser that has gone needs no page.
            let _ = stream.write_all(PAGE.as_bytes()).await;
        }
    });
    origin
}

async fn open(browser: &Browser, server: &Server, key: &str) -> String {
    let url = format!("{}/bioserver-app/v2/bio-sessions", server.url);
    let opened = browser.page.execute_async(OPEN, vec![json!(url), json!(key)]).await.expect("the script runs");
    opened.as_str().map_or_else(|| panic!("{opened}"), str::to_owned)
}

#[tokio::test]
async fn a_page_may_call_once_its_provider_has_named_it() {
    let server = Server::start();
    let (origin, other_key) = (page().await, server.key_of("another", &[]));
    let origins = |arguments: &[&str]| server.command(&[&["providers", "origins"], arguments].concat());
    let said = |arguments: &[&str]| String::from_utf8(origins(arguments).stdout).expect("it is text");
    let browser = Browser::with(&[], &origin).await;
    assert_eq!(open(&browser, &server, &server.key).await, "stopped");

    assert_eq!(said(&["tests", "--add", &origin]), format!("{origin}\n"));
    let opened = open(&browser, &server, &server.key).await;
    assert!(opened.starts_with("/v2/bio-sessions/"), "{opened}");
    assert_eq!(open(&browser, &server, "no key").await, "401");
    assert_eq!(open(&browser, &server, &other_key).await, "stopped", "the other provider has not named it");

    assert!(said(&["tests", "--remove", &origin]).starts_with("tests: no origins"));
    // The browser caches the preflight's permission for some minutes.
    assert_eq!(open(&browser, &server, &server.key).await, "stopped");
    for (arguments, words) in [
        (["tests", "--add", "https://bank.example/"], "is not an origin"),
        (["nobody", "--add", "https://bank.example"], "there is no provider named 'nobody'"),
    ] {
        let refused = origins(&arguments);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && text.contains(words), "{text}");
    }
}

/// A server whose providers have added no origin allows none.
#[tokio::test]
async fn nothing_is_open_by_default() {
    let server = Server::start();
    let request = reqwest::Client::new()
        .request(reqwest::Method::OPTIONS, format!("{}/bioserver-app/v2/bio-sessions", server.url));
    let request = request.header("origin", "https://bank.example").header("access-control-request-method", "POST");
    let reply = request.send().await.expect("it answers");
    assert_eq!(reply.status(), 405);
    assert!(reply.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{:?}", reply.headers());
    let refused: Value = reply.json().await.expect("it is JSON");
    assert_eq!(refused["code"], "METHOD_NOT_ALLOWED");
}

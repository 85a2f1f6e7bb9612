//! Tests a server behind a proxy, once with and once without trust in the proxy.

use std::fs;

use reqwest::{Client, Method};

use crate::server::Server;
use crate::wait::until;

/// Sends a request without a key and with a proxy's headers; returns its log line, and the headers of the answer.
async fn refused(trusted: &str) -> (String, reqwest::header::HeaderMap) {
    let folder = tempfile::tempdir().expect("there is room");
    let log = folder.path().join("log");
    let logged = log.to_str().expect("it is text");
    let variables =
        [("BIOSERVER_TRUSTED_PROXIES", trusted), ("LOG", logged), ("BIOSERVER_CONNECTIONS_PER_ADDRESS_MAX", "1")];
    let server = Server::under(&["sh", "-c", "exec \"$@\" 2>\"$LOG\"", "sh"], &variables);
    let url = format!("{}/bioserver-app/v2/bio-sessions", server.url);
    let request = Client::new().request(Method::POST, url).header("x-request-id", "asked-here");
    let request = request.header("x-forwarded-for", "198.51.100.7").header("x-forwarded-proto", "https");
    let reply = request.send().await.expect("it answers");
    assert_eq!(reply.status(), 401);
    let line = || {
        let log = fs::read_to_string(&log).expect("it is there");
        log.lines().find(|line| line.contains("asked-here") && line.contains("answered")).map(str::to_owned)
    };
    until("nothing is logged", async || line().is_some()).await;
    (line().expect("it is there"), reply.headers().clone())
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client() {
    let (line, headers) = refused("127.0.0.0/8 ::1").await;
    assert!(line.contains("client=198.51.100.7"), "{line}");
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
}

#[tokio::test]
async fn an_untrusted_proxy_is_ignored() {
    let (line, headers) = refused("10.0.0.0/8").await;
    assert!(line.contains("client=127.0.0.1"), "{line}");
    assert!(!headers.contains_key("strict-transport-security"));
    assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

//! Shows the capture page in a frame of a page of another origin, through the element that providers use.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::json;
use testkit::project;

use crate::browser::Browser;
use crate::provider::Provider;
use crate::server::Server;

/// Serves the example as its README says, until the test ends.
fn example() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

fn answer(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let read = stream.read(&mut head).unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..read]);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (file, content_type) = match path {
        "/" => ("examples/embedding/index.html", "text/html"),
        "/example.css" => ("examples/embedding/example.css", "text/css"),
        "/example.js" => ("examples/embedding/example.js", "text/javascript"),
        "/bio-capture.js" => ("packages/bio-capture/bio-capture.js", "text/javascript"),
        _ => ("", ""),
    };
    let body = std::fs::read(project::path(file)).unwrap_or_default();
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

/// Starts a provider that allows this origin among others.
fn allowing(around: SocketAddr) -> Provider {
    let server = Server::start();
    for origin in ["https://bank.example".to_owned(), format!("http://{around}")] {
        let named = server.command(&["providers", "origins", "tests", "--add", &origin]);
        assert!(named.status.success(), "{}", String::from_utf8_lossy(&named.stderr));
    }
    Provider::of(server)
}

/// Opens the example with a check, in a browser with a camera.
async fn embedded(provider: &Provider, around: SocketAddr) -> Browser {
    let (session, _) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    let address = provider.address(&session).await;
    let camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];
    Browser::with(&camera, &format!("http://{around}/#{}", address.replace('#', "%23"))).await
}

#[tokio::test]
async fn an_allowed_page_shows_the_check_and_hears_how_it_goes() {
    let around = example();
    let provider = allowing(around);
    let browser = embedded(&provider, around).await;
    browser.find("body[data-state=start]").await;
    let frame = browser.find("bio-capture iframe").await;
    assert_eq!(frame.attr("title").await.expect("it is there").as_deref(), Some("Face check"));
    frame.enter_frame().await.expect("it is a frame");
    browser.click("main[data-state=start] #open").await;
    // The camera works in the frame; its test picture shows no face.
    browser.find("main[data-state=ready][data-face=faceNone]").await;
    browser.page.enter_parent_frame().await.expect("it has one");
    browser.find("body[data-state=ready]").await;
    browser.page.clone().close().await.expect("it closes");
}

#[tokio::test]
async fn the_page_around_hears_the_end_and_takes_the_frame_away() {
    let around = example();
    let provider = allowing(around);
    let (session, check) = provider.begin(&json!({ "type": "LIVENESS_PASSIVE" })).await;
    // The check ends by itself, since the capture shows no face.
    provider.send_nobody(&session, &check).await;
    let address = provider.address(&session).await;
    let browser = Browser::open(&format!("http://{around}/")).await;
    let script = "document.getElementById('check').src = arguments[0]";
    browser.page.execute(script, vec![json!(address)]).await.expect("it runs");
    browser.find("body[data-status=FAILED][data-state=end]").await;
    browser.find("bio-capture iframe").await.enter_frame().await.expect("it is a frame");
    browser.click("#close").await;
    browser.page.enter_parent_frame().await.expect("it has one");
    browser.find("body[data-state=closed]").await;
    browser.page.clone().close().await.expect("it closes");
}

#[tokio::test]
async fn other_origins_may_not_show_the_page() {
    let around = example();
    let provider = Provider::start();
    let browser = embedded(&provider, around).await;
    browser.find("bio-capture iframe").await.enter_frame().await.expect("it is a frame");
    // The browser shows this in place of the page.
    let shown = browser.find("body").await.text().await.expect("it has a text");
    assert!(!shown.contains("Face check"), "{shown}");
    browser.page.enter_parent_frame().await.expect("it has one");
    let state = browser.page.execute("return document.body.dataset.state ?? ''", vec![]).await.expect("it runs");
    assert_eq!(state, json!(""));
    browser.page.clone().close().await.expect("it closes");
}

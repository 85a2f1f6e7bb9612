//! Work beyond the machine's capacity is refused in time, and cheap requests are still served.

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::Value;
use testkit::project::sample;

use crate::server::Server;

/// Far more uploads than one worker can serve within the queue's limit.
const UPLOADS: usize = 40;

#[tokio::test]
async fn what_cannot_be_done_in_time_is_refused_and_reads_go_on() {
    let server = Server::configured(&[("BIOSERVER_WORKERS", "1"), ("BIOSERVER_QUEUE_WAIT_MS", "1000")]);
    let client = Client::new();
    let opened = server.request(&client, Method::POST, "/v2/bio-sessions").body("{}");
    let opened = opened.header("content-type", "application/json").send().await.expect("it answers");
    let session = opened.headers()["location"].to_str().expect("it is text");

    let image = sample("obama.jpg");
    let upload = async || {
        let part = Part::bytes(image.clone()).file_name("image.jpg");
        let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", part);
        let request = server.request(&client, Method::POST, &format!("{session}/faces")).multipart(form);
        let reply = request.send().await.expect("it answers");
        let (status, wait) = (reply.status().as_u16(), reply.headers().get("retry-after").cloned());
        if status == 429 {
            let refusal: Value = reply.json().await.expect("it is JSON");
            assert_eq!(refusal["code"], "TOO_MANY_REQUESTS");
            let wait = wait.expect("it says when to come back").to_str().expect("it is text").parse::<u64>();
            assert!(wait.expect("it is a number of seconds") >= 1);
        }
        status
    };
    let read =
        async || server.request(&client, Method::GET, session).send().await.expect("it answers").status().as_u16();
    let uploads = futures_util::future::join_all((0..UPLOADS).map(|_| upload()));
    let reads = async {
        let mut all = Vec::new();
        for _ in 0..UPLOADS {
            all.push(read().await);
        }
        all
    };
    let (uploads, reads) = tokio::join!(uploads, reads);
    assert!(reads.iter().all(|status| *status == 200), "{reads:?}");
    assert!(uploads.iter().all(|status| [201, 429].contains(status)), "{uploads:?}");
    let accepted = uploads.iter().filter(|status| **status == 201).count();
    assert!((1..UPLOADS).contains(&accepted), "{accepted} of {UPLOADS} were accepted");
    let faces = server.request(&client, Method::GET, &format!("{session}/faces")).send().await.expect("it answers");
    let faces: Value = faces.json().await.expect("it is JSON");
    assert_eq!(faces.as_array().map(Vec::len), Some(accepted), "each that was accepted is there, and no other");
}

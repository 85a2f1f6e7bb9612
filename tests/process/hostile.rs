//! Hostile captures and pictures are refused, and take no more memory than valid ones may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bioserver::capture::{PLAIN_BYTES_MAX, jwe};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::hostile;

use crate::faults::Row;
use crate::server::Server;

/// This many captures at once would formerly have filled the memory of a small machine.
const AT_ONCE: usize = 4;
/// The limit for captures of 27 MB that arrive at once, and for opening two of them.
const CAPTURES_BYTES_MAX: u64 = 400 << 20;
/// The limit for one picture and the memory that the allocator keeps of it.
const PICTURE_BYTES_MAX: u64 = 360 << 20;

/// Seals a capture that consists of one list with as many small items as possible.
fn sealed(certificate: &str, member: &[u8]) -> String {
    let items = PLAIN_BYTES_MAX as u32 - 64;
    let head = [&b"\xa2\x67version\x01"[..], member, &[0x9a], &items.to_be_bytes()].concat();
    let plain = [head, vec![0; items as usize]].concat();
    jwe::seal(&STANDARD.decode(certificate).expect("it is base64"), &plain).expect("it can be sealed")
}

/// Returns the code of a refusal.
async fn code(reply: reqwest::Response) -> String {
    assert!(reply.status().is_client_error(), "{}", reply.status());
    let refusal: Value = reply.json().await.expect("a refusal is JSON");
    refusal["code"].as_str().expect("it has a code").to_owned()
}

#[tokio::test]
async fn captures_of_millions_of_items_take_no_memory() {
    let server = Server::start();
    let client = Client::new();
    let mut captures = Vec::new();
    for at in 0..AT_ONCE {
        let opened = server.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({})).send().await;
        let session = opened.expect("it answers").headers()["location"].to_str().expect("it is text").to_owned();
        let asked = server.request(&client, Method::POST, &format!("{session}/init-liveness-parameters"));
        let asked = asked.json(&json!({ "type": "LIVENESS_PASSIVE" })).send().await.expect("it answers");
        let asked: Value = asked.json().await.expect("it is JSON");
        let token = server.request(&client, Method::POST, &format!("{session}/capture-token")).send().await;
        let token: Value = token.expect("it answers").json().await.expect("it is JSON");
        let member = if at % 2 == 0 { &b"\x66theirs"[..] } else { b"\x66frames" };
        let body = sealed(asked["certificates"][0].as_str().expect("it is text"), member);
        captures.push((session, token["token"].as_str().expect("it is text").to_owned(), body));
    }
    let before = server.most_memory();
    let sent = captures.into_iter().map(async |(session, token, body)| {
        let url = format!("{}/bioserver-app{session}/replay-liveness", server.url);
        let request = client.post(url).header("apikey", token).header("content-type", "application/jose");
        code(request.body(body).send().await.expect("it answers")).await
    });
    assert_eq!(futures_util::future::join_all(sent).await, ["CAPTURE_INVALID"; AT_ONCE]);
    let taken = server.most_memory() - before;
    assert!(taken < CAPTURES_BYTES_MAX, "{AT_ONCE} captures took {} MiB", taken >> 20);
    let measured = format!("memory grew by {} MiB", taken >> 20);
    Row::harmless("captures of millions of items", 1, AT_ONCE, measured);
}

#[tokio::test]
async fn pictures_that_grow_take_no_more_than_a_picture_may() {
    let server = Server::configured(&[("BIOSERVER_WORKERS", "1"), ("BIOSERVER_IMAGE_BYTES_MAX", "20971520")]);
    let client = Client::new();
    let before = server.most_memory();
    for (name, picture) in hostile::pictures() {
        let part = Part::bytes(picture).file_name("image");
        let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", part);
        let request = server.request(&client, Method::POST, "/v2/faces").multipart(form);
        let code = code(request.send().await.expect("it answers")).await;
        assert!(["NO_FACE", "UNDECODABLE_IMAGE", "IMAGE_TOO_LARGE"].contains(&code.as_str()), "{name}: {code}");
        let taken = server.most_memory() - before;
        assert!(taken < PICTURE_BYTES_MAX, "{name} took {} MiB", taken >> 20);
    }
    let (count, taken) = (hostile::pictures().len(), server.most_memory() - before);
    Row::harmless("pictures that grow when they are decoded", 1, count, format!("memory grew by {} MiB", taken >> 20));
}

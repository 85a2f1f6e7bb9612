//! The server answers any input with a documented refusal, and keeps running.

use reqwest::StatusCode;
use serde_json::Value;
use testkit::disorder::Disorder;
use testkit::project::sample;

use crate::server::Server;

/// Asserts that the answer is never a 5xx, and that every refusal has the contract's form.
async fn check(response: reqwest::Response, what: &str) -> StatusCode {
    let status = response.status();
    assert!(!status.is_server_error(), "{what}: {status}");
    let body = response.bytes().await.expect("the answer is whole");
    if !status.is_success() {
        let body: Value = serde_json::from_slice(&body).expect("a refusal is JSON");
        let code = body["code"].as_str().unwrap_or_default();
        assert!(!code.is_empty() && body["id"].is_string() && body["message"].is_string(), "{what}: {body}");
    }
    status
}

#[tokio::test]
async fn no_image_brings_it_down() {
    let server = Server::start();
    let client = reqwest::Client::new();
    let post = async |image: Vec<u8>, what: &str| {
        let part = |bytes: Vec<u8>| reqwest::multipart::Part::bytes(bytes).file_name("image");
        let form = reqwest::multipart::Form::new()
            .part("face", part(br#"{"imageType":"SELFIE","imageRotationEnabled":"true"}"#.to_vec()))
            .part("image", part(image));
        let sent = client.post(format!("{}/bioserver-app/v2/faces", server.url)).header("apikey", &server.key);
        check(sent.multipart(form).send().await.expect("it answers"), what).await
    };
    assert_eq!(post(sample("obama2.jpg"), "a photograph").await, StatusCode::OK);

    for (at, image) in Disorder(0x5eed_cafe).pictures().into_iter().enumerate() {
        post(image, &format!("image {at}")).await;
    }
    assert_eq!(post(sample("obama2.jpg"), "the photograph again").await, StatusCode::OK);
}

#[tokio::test]
async fn no_body_brings_it_down() {
    let server = Server::start();
    let client = reqwest::Client::new();
    let mut disorder = Disorder(0xb0d1e5);
    let valid = b"--x\r\nContent-Disposition: form-data; name=\"face\"\r\n\r\n{\"imageType\":\"SELFIE\"}\r\n\
        --x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\nno image\r\n--x--\r\n";
    let types = [
        "multipart/form-data; boundary=x",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "application/json",
        "x",
    ];
    let paths = ["v2/faces", "v2/match", "v2/match/images"];
    for round in 0..400 {
        let mut body = valid.to_vec();
        match round % 4 {
            0 => {
                body = {
                    let len = disorder.below(400);
                    disorder.bytes(len)
                }
            }
            1 => body.truncate(disorder.below(valid.len())),
            2 => {
                let at = disorder.below(body.len());
                body[at] ^= 1 << disorder.below(8);
            }
            _ => {
                let (at, len) = (disorder.below(body.len()), disorder.below(40));
                body.splice(at..at, disorder.bytes(len));
            }
        }
        let kind = types[if round % 3 == 0 { disorder.below(types.len()) } else { round % 2 }];
        let url = format!("{}/bioserver-app/{}", server.url, paths[disorder.below(paths.len())]);
        let sent = client.post(url).header("apikey", &server.key).header("content-type", kind).body(body);
        let status = check(sent.send().await.expect("it answers"), &format!("round {round}")).await;
        assert!(status.is_client_error(), "round {round}: {status}");
    }
}

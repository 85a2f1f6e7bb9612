//! Uploads that are too many, too large together or too slow are refused early, within limits of memory and time.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::faults::Row;
use crate::server::Server;

const UPLOADS: usize = 200;
const IMAGE_BYTES: usize = 10 << 20;
/// Far longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_mins(2);

/// Opens a connection and sends the head of an upload without its body.
async fn begin(server: &Server, length: &str) -> TcpStream {
    let host = server.url.strip_prefix("http://").expect("it is HTTP");
    let mut stream = timeout(LONG, TcpStream::connect(host)).await.expect("it is in time").expect("it listens");
    let head = format!(
        "POST /bioserver-app/v2/faces HTTP/1.1\r\nHost: {host}\r\napikey: {}\r\n{length}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nConnection: close\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).await.expect("it reads");
    stream
}

/// Returns the beginning of the answer, if one arrives in time.
async fn answer(stream: &mut (impl AsyncReadExt + Unpin), within: Duration) -> Option<String> {
    let mut some = [0; 4096];
    let length = timeout(within, stream.read(&mut some)).await.ok()?.expect("it answers");
    Some(String::from_utf8_lossy(&some[..length]).into_owned())
}

#[tokio::test]
async fn many_uploads_are_refused_before_they_are_sent() {
    let server = Server::start();
    let length = format!("Content-Length: {IMAGE_BYTES}");
    let mut all = join_all((0..UPLOADS).map(|_| begin(&server, &length))).await;
    // Bodies may pause for 20 s.
    let answers = join_all(all.iter_mut().map(|stream| answer(stream, Duration::from_secs(15)))).await;
    let answers: Vec<_> = answers.into_iter().flatten().collect();
    for said in &answers {
        assert!(said.starts_with("HTTP/1.1 429") && said.to_lowercase().contains("retry-after: "), "{said}");
    }
    let refused = answers.len();
    // The server waits for the other bodies: as many as it has room for from one provider.
    assert!((UPLOADS - 20..UPLOADS).contains(&refused), "{refused}");
    drop(all);
    Row::harmless("heads of 200 uploads of 10 MiB", 1, UPLOADS, format!("{refused} were refused before their bodies"));
}

#[tokio::test]
async fn many_uploads_take_no_more_memory_than_there_is_for_them() {
    let server = Server::start();
    let client = Client::new();
    let upload = async |bytes: usize| {
        let part = Part::bytes(vec![0xff; bytes]).file_name("image.jpg");
        let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", part);
        let reply = server.request(&client, Method::POST, "/v2/faces").multipart(form).send().await;
        let reply = reply.expect("it answers also while it is sent to");
        (reply.status().as_u16(), reply.headers().contains_key("retry-after"))
    };
    assert_eq!(upload(1000).await, (400, false));
    let before = server.most_memory();
    let answers = join_all((0..UPLOADS).map(|_| upload(IMAGE_BYTES - 1))).await;
    let grown = (server.most_memory() - before) >> 20;
    let refused = answers.iter().filter(|answer| **answer == (429, true)).count();
    assert!(answers.iter().all(|answer| [(400, false), (429, true)].contains(answer)), "{answers:?}");
    assert!((1..UPLOADS).contains(&refused));
    // One provider may use half of the room; a growing buffer and data in transit come on top.
    assert!(grown < 384, "{grown} MiB");
    assert_eq!(upload(1000).await, (400, false));
    let measured = format!("{refused} were refused, memory grew by {grown} MiB");
    Row::harmless("200 uploads of 10 MiB at once", 1, UPLOADS, measured);
}

#[tokio::test]
async fn bodies_that_come_too_slowly_are_given_up() {
    let server = Server::configured(&[("BIOSERVER_BODY_PAUSE_SECONDS", "2")]);
    let stalled = async {
        let mut stream = begin(&server, "Content-Length: 100000").await;
        stream.write_all(b"--B\r\n").await.expect("it reads");
        answer(&mut stream, LONG).await
    };
    let trickling = async |length: &str| {
        let stream = begin(&server, length).await;
        let (mut reading, mut writing) = stream.into_split();
        // Sends a chunk of one byte every 100 ms.
        let trickle = async {
            while writing.write_all(b"1\r\n-\r\n").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let (answer, ()) = tokio::join!(answer(&mut reading, LONG), trickle);
        answer
    };
    let answers = tokio::join!(stalled, trickling("Content-Length: 100000"), trickling("Transfer-Encoding: chunked"));
    for answer in <[Option<String>; 3]>::from(answers) {
        let answer = answer.expect("it is in time");
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("BODY_TOO_SLOW"), "{answer}");
    }
}

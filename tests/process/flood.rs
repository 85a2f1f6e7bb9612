//! A provider that asks for far too much does not disturb others, and a client that waits as `Retry-After` says is let
//! in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use testkit::project::sample;

use crate::faults::Row;
use crate::server::Server;

/// Far more clients than one worker can serve within the queue's limit.
const CLIENTS: usize = 60;
/// Faces that each client wants.
const WANTED: usize = 2;
const QUIET: usize = 25;

/// Returns the status, and the seconds to wait.
async fn face(server: &Server, client: &Client, key: &str, image: Vec<u8>) -> (u16, Option<u64>) {
    let part = Part::bytes(image).file_name("image.jpg");
    let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", part);
    let request = client.post(format!("{}/bioserver-app/v2/faces", server.url)).header("apikey", key);
    let reply = request.multipart(form).send().await.expect("it answers");
    let wait = reply.headers().get("retry-after").map(|wait| wait.to_str().expect("it is text").parse());
    (reply.status().as_u16(), wait.map(|wait| wait.expect("it is a number of seconds")))
}

#[tokio::test]
async fn a_flood_by_one_provider_harms_no_other_and_waiting_pays() {
    let server = Server::configured(&[("BIOSERVER_WORKERS", "1"), ("BIOSERVER_QUEUE_WAIT_MS", "1000")]);
    let (quiet, client) = (server.key_of("quiet", &[]), Client::new());
    let (waited, again, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let image = sample("obama.jpg");
    let one_of_many = async |number: usize| {
        // Each client has a different picture.
        let own = [&image[..], &vec![0; number]].concat();
        for _ in 0..WANTED {
            let mut was_refused = false;
            loop {
                let (status, wait) = face(&server, &client, &server.key, own.clone()).await;
                waited.fetch_add(usize::from(was_refused), Ordering::Relaxed);
                if status == 200 {
                    break;
                }
                assert_eq!(status, 429);
                again.fetch_add(usize::from(was_refused), Ordering::Relaxed);
                was_refused = true;
                tokio::time::sleep(Duration::from_secs(wait.expect("it says when"))).await;
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let calm = async {
        for number in 0..QUIET {
            let (status, _) = face(&server, &client, &quiet, sample("biden.jpg")).await;
            assert_eq!(status, 200, "{number}: the quiet provider is refused");
        }
    };
    let (_, ()) = tokio::join!(join_all((0..CLIENTS).map(one_of_many)), calm);
    let (waited, again, done) = (waited.into_inner(), again.into_inner(), done.into_inner());
    assert_eq!(done, CLIENTS * WANTED);
    assert!(waited > CLIENTS / 2, "{waited} were refused at first");
    assert!(again * 3 <= waited, "{again} of {waited} that waited were refused again");
    let measured = format!("the quiet one was never refused; {again} of {waited} that waited were refused again");
    Row::harmless("a flood by one provider beside a quiet one", 1, done + waited + QUIET, measured);
}

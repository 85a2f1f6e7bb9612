//! Receives callbacks with the programs of the page.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bioserver::clock::Clock;
use reqwest::{Client, Method};
use serde_json::json;
use testkit::project;

use crate::page;
use crate::server::{self, Server};
use crate::workshop::Workshop;

/// Only a fault takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
const FRAMES: usize = 10;

/// A program that receives callbacks, ended with the test.
struct Running {
    process: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts it, and waits until it listens.
    fn start(workshop: &Workshop, script: &str, port: u16) -> Self {
        let mut process = workshop.start(script);
        let (sender, lines) = channel();
        let printed = BufReader::new(process.stdout.take().expect("it is piped"));
        std::thread::spawn(move || printed.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "it does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { process, lines }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the secret that signs the calls of the server with this data.
fn secret(data: &Path) -> String {
    let told = server::program(data).args(["providers", "callback-secret", "tests"]).output().expect("it runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).expect("it is text").trim().to_owned()
}

/// Ends the check of a session: a still film is not of a living person.
fn end_check(workshop: &Workshop, server: &Server, session: &str) {
    let frames = workshop.path().join("frames");
    std::fs::create_dir_all(&frames).expect("it can be made");
    for number in 0..FRAMES {
        std::fs::write(frames.join(format!("{number}.jpg")), project::sample("obama.jpg")).expect("it can be written");
    }
    let (program, key, url) = (env!("CARGO_BIN_EXE_bioserver"), &server.key, &server.url);
    let capture = format!("{program} capture frames --session {session} --key {key} --server {url}/bioserver-app");
    // The exit status is the verdict.
    let _ = workshop.run(&capture);
}

async fn check_calls(language: &str, ending: &str, run: &str) {
    let data = tempfile::tempdir().expect("there is room");
    let place = data.path().to_str().expect("it is text");
    let server = Server::configured(&[("BIOSERVER_DATA", place), ("BIOSERVER_CALLBACK_ALLOW", "http://127.0.0.1")]);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free").port();
    let mut workshop = Workshop::new(&server);
    workshop.set("CALLBACK_SECRET", secret(data.path()));
    workshop.set("PORT", port.to_string());
    workshop.write(&format!("receive.{ending}"), page::section("Callbacks").block(language));
    let running = Running::start(&workshop, run, port);

    let client = Client::new();
    let url = format!("http://127.0.0.1:{port}/");
    let new = server.request(&client, Method::POST, "/v2/bio-sessions").json(&json!({ "callbackURL": url }));
    let made = new.send().await.expect("it answers");
    let path = made.headers()["location"].to_str().expect("it is text").to_owned();
    let begin = server.request(&client, Method::POST, &format!("{path}/init-liveness-parameters"));
    let begun = begin.json(&json!({ "type": "LIVENESS_PASSIVE" })).send().await.expect("it answers");
    assert_eq!(begun.status(), 200);
    let session = path.rsplit('/').next().expect("it ends in an id");
    end_check(&workshop, &server, session);
    let line = running.lines.recv_timeout(PATIENCE).expect("it is called");
    assert_eq!(line, format!("result of session {session}"));

    let now = Clock::default().now().utc().timestamp();
    let forged = client.post(&url).header("webhook-id", "one").header("webhook-timestamp", now);
    let forged = forged.header("webhook-signature", "v1,AAAA").json(&json!({ "sessionId": session }));
    assert_eq!(forged.send().await.expect("it answers").status(), 400);
    running.lines.try_recv().expect_err("it takes no forged call");
}

#[tokio::test]
async fn callbacks_are_verified_in_python() {
    check_calls("python", "py", "exec python receive.py").await;
}

#[tokio::test]
async fn callbacks_are_verified_in_javascript() {
    check_calls("js", "mjs", "exec node receive.mjs").await;
}

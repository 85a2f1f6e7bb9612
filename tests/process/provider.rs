//! A provider's back end that checks liveness.

use std::io::Cursor;
use std::time::Duration;

use bioserver::cli::capture::Check;
use evaluate::performer::portrait::Portrait;
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::samples;
use face::values::liveness::Frame;
use image::{ImageFormat, RgbImage};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::server::Server;

/// The person who is checked.
pub fn portrait() -> Portrait {
    let pack = Pack::built_in().expect("the pack is whole");
    let compiled = Compiled::new(&pack, Settings::default()).expect("its networks compile");
    Portrait::read(&mut Networks::new(&compiled), samples::ONE[2].1).expect("it shows a face")
}

pub struct Provider {
    pub server: Server,
    client: Client,
}

impl Provider {
    pub fn start() -> Self {
        Self::of(Server::start())
    }

    pub fn of(server: Server) -> Self {
        // The server closes a connection after 75 seconds, and some tests do other things for longer.
        let client = Client::builder().pool_idle_timeout(Duration::from_secs(30)).build();
        Self { server, client: client.expect("a client can be made") }
    }

    pub async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let request = self.server.request(&self.client, method, path);
        let request = if let Some(body) = body { request.json(body) } else { request };
        let answer = request.send().await.expect("it answers");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("it is JSON")
    }

    /// Begins a check in a new session; returns the session's path and the check's parameters.
    pub async fn begin(&self, about: &Value) -> (String, Check) {
        let request = self.server.request(&self.client, Method::POST, "/v2/bio-sessions").json(&json!({}));
        let made = request.send().await.expect("it answers");
        let session = made.headers()["location"].to_str().expect("it is text").to_owned();
        let check = self.begin_in(&session, about).await;
        (session, check)
    }

    /// Begins a check; returns its parameters.
    pub async fn begin_in(&self, session: &str, about: &Value) -> Check {
        let asked = self.json(Method::POST, &format!("{session}/init-liveness-parameters"), Some(about)).await;
        Check::read(&asked).expect("it is whole")
    }

    /// Returns the address of the capture page for the person.
    pub async fn address(&self, session: &str) -> String {
        let made = self.json(Method::POST, &format!("{session}/capture-token"), None).await;
        self.address_of(session, made["token"].as_str().expect("it has a token"))
    }

    /// Returns the same address with this token.
    pub fn address_of(&self, session: &str, token: &str) -> String {
        let id = session.rsplit('/').next().expect("it ends with its id");
        format!("{}/capture?session={id}#{token}", self.server.url)
    }

    /// Returns the state of a session's check.
    pub async fn result(&self, session: &str) -> Value {
        let path = format!("{}/replay-liveness-metadata", session.replace("/v2/", "/v3/"));
        self.json(Method::GET, &path, None).await
    }

    pub async fn status(&self, session: &str) -> String {
        self.result(session).await["status"].as_str().expect("it has a status").to_owned()
    }

    /// Sends a capture of this check without a face, and waits until it is judged.
    pub async fn send_nobody(&self, session: &str, check: &Check) {
        let mut jpeg = Cursor::new(vec![]);
        RgbImage::new(480, 640).write_to(&mut jpeg, ImageFormat::Jpeg).expect("memory takes it");
        self.send(session, check, vec![Frame { t_ms: 0, jpeg: jpeg.into_inner().into() }]).await;
    }

    /// Sends a capture of this check, and waits until it was looked at.
    pub async fn send(&self, session: &str, check: &Check, frames: Vec<Frame>) {
        let request = self.server.request(&self.client, Method::POST, &format!("{session}/replay-liveness"));
        let request = request.header("content-type", "application/jose").body(check.sealed(frames).expect("it seals"));
        assert_eq!(request.send().await.expect("it answers").status(), 202);
        while self.status(session).await == "IN_PROGRESS" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

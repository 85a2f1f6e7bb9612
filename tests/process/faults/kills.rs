//! Kills a server again and again under load.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use testkit::disorder::Disorder;
use testkit::postgres;
use testkit::project::sample;
use tokio::task::JoinSet;

use crate::bucket::Bucket;
use crate::faults::Row;
use crate::nodes::{MASTER_KEY, location};
use crate::server::Server;
use crate::wait::until;

const CLIENTS: usize = 6;
/// The longest time from the first added face of a round to the kill.
const LONGEST_MS: usize = 1500;
/// One in this many sessions is ended again.
const ENDED_EVERY: usize = 4;
const IMAGE: &str = "obama2.jpg";

/// The place where a server keeps its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    Sqlite,
    Postgres,
    /// Images are in a bucket, the rest is in Postgres.
    Bucket,
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
            Self::Bucket => "Postgres and a bucket",
        })
    }
}

/// An answer that must stay true until the session ends.
#[derive(Debug, Clone)]
enum Answered {
    Opened(String),
    /// A face's path, and the digest of its image.
    Added(String, Value),
    /// The path of a face with a kept image.
    Kept(String),
    Ended(String),
}

/// The state that the clients of one round share.
struct Round {
    url: String,
    key: String,
    with_images: bool,
    /// A face as the server answered it; adding it needs no network.
    face: Value,
    stop: AtomicBool,
    requests: AtomicUsize,
    added: AtomicUsize,
    refused: AtomicUsize,
}

pub async fn row(storage: Storage, times: usize) -> Row {
    // The proxy of a bucket ends when the bucket is dropped.
    let (mut server, _bucket) = start(storage).await;
    let mut disorder = Disorder(0xdead + storage as u64);
    let mut row = Row { fault: format!("kill -9 of a server on {storage}"), times, ..Row::default() };
    let (mut answered, mut refused) = (Vec::new(), 0);
    let face = face(&server).await;
    for _ in 0..times {
        let round = Arc::new(Round {
            url: server.url.clone(),
            key: server.key.clone(),
            with_images: storage == Storage::Bucket,
            face: face.clone(),
            stop: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            added: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        let mut clients = JoinSet::new();
        (0..CLIENTS).for_each(|_| drop(clients.spawn(round.clone().work())));
        round.get_on().await;
        tokio::time::sleep(Duration::from_millis(disorder.below(LONGEST_MS) as u64)).await;
        server.kill();
        round.stop.store(true, Ordering::Relaxed);
        for (made, wrong) in clients.join_all().await {
            answered.extend(made);
            row.wrong.extend(wrong);
        }
        server.restart();
        row.requests += round.requests.load(Ordering::Relaxed);
        refused += round.refused.load(Ordering::Relaxed);
    }
    row.measured = format!("{} answers asked for again, {refused} faces refused", answered.len());
    let client = Client::new();
    for answer in answered {
        if let Err(found) = answer.check(&client, &server).await {
            row.lost.push(format!("{answer:?}: {found}"));
        }
    }
    row
}

async fn start(storage: Storage) -> (Server, Option<Bucket>) {
    let mut variables =
        vec![("BIOSERVER_MASTER_KEY", MASTER_KEY.to_owned()), ("BIOSERVER_LOG_FILTER", "error".to_owned())];
    if storage != Storage::Sqlite {
        variables.push(("DATABASE_URL", postgres::database()));
    }
    let bucket = if storage == Storage::Bucket { Some(Bucket::new().await) } else { None };
    variables.extend(bucket.iter().flat_map(Bucket::variables));
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    (Server::configured(&variables), bucket)
}

fn upload() -> Form {
    Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", Part::bytes(sample(IMAGE)).file_name("image"))
}

async fn face(server: &Server) -> Value {
    let request = server.request(&Client::new(), Method::POST, "/v2/faces").multipart(upload());
    let reply = request.send().await.expect("it answers");
    assert_eq!(reply.status(), 200);
    reply.json().await.expect("it is JSON")
}

impl Round {
    /// Waits until a face was added.
    async fn get_on(&self) {
        until("the load does not get on", async || self.added.load(Ordering::Relaxed) > 0).await;
    }

    /// Works until the server is gone; returns the answers, and the wrong answers.
    async fn work(self: Arc<Self>) -> (Vec<Answered>, Vec<String>) {
        let (mut answered, mut wrong) = (Vec::new(), Vec::new());
        let client = Client::new();
        for turn in 1.. {
            if self.stop.load(Ordering::Relaxed)
                || self.session(&client, turn, &mut answered, &mut wrong).await.is_none()
            {
                break;
            }
        }
        (answered, wrong)
    }

    /// Opens a session, adds a face, and sometimes ends the session. `None` if the server did not answer.
    async fn session(
        &self,
        client: &Client,
        turn: usize,
        answered: &mut Vec<Answered>,
        wrong: &mut Vec<String>,
    ) -> Option<()> {
        let about = json!({ "ttlSeconds": 3600, "imageStorageEnabled": self.with_images });
        let opened = self.send(client, Method::POST, "/v2/bio-sessions", |request| request.json(&about)).await?;
        if opened.status() != 201 {
            wrong.push(format!("a session was answered {}", opened.status()));
            return Some(());
        }
        let session = location(&opened);
        answered.push(Answered::Opened(session.clone()));
        let faces = format!("{session}/faces");
        let added = self.send(client, Method::POST, &faces, |request| {
            if self.with_images { request.multipart(upload()) } else { request.json(&self.face) }
        });
        let added = added.await?;
        self.added.fetch_add(usize::from(added.status() == 201), Ordering::Relaxed);
        match (added.status().as_u16(), self.with_images) {
            (201, true) => answered.push(Answered::Kept(location(&added))),
            (201, false) => answered.push(Answered::Added(location(&added), self.face["digest"].clone())),
            // A refusal of busy networks is allowed.
            (429, true) => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            (status, _) => wrong.push(format!("a face was answered {status}")),
        }
        if turn.is_multiple_of(ENDED_EVERY) {
            // From the request that ends the session until its answer, the session may or may not exist.
            answered.retain(|answer| !answer.is_of(&session));
            match self.send(client, Method::DELETE, &session, |request| request).await?.status().as_u16() {
                204 => answered.push(Answered::Ended(session)),
                status => wrong.push(format!("an end was answered {status}")),
            }
        }
        Some(())
    }

    async fn send(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        body: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Option<Response> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let request = client.request(method, format!("{}/bioserver-app{path}", self.url)).header("apikey", &self.key);
        body(request).send().await.ok()
    }
}

impl Answered {
    fn is_of(&self, session: &str) -> bool {
        let (Self::Opened(path) | Self::Added(path, _) | Self::Kept(path) | Self::Ended(path)) = self;
        path.starts_with(session)
    }

    /// Returns an error with the finding if the answer is no longer true.
    async fn check(&self, client: &Client, server: &Server) -> Result<(), String> {
        let read = async |path: &str| server.request(client, Method::GET, path).send().await.expect("it answers");
        match self {
            Self::Opened(session) => status(&read(session).await, 200),
            Self::Ended(session) => status(&read(session).await, 404),
            Self::Added(face, digest) => {
                let reply = read(face).await;
                status(&reply, 200)?;
                let found: Value = reply.json().await.map_err(|error| error.to_string())?;
                (found["digest"] == *digest).then_some(()).ok_or_else(|| format!("another face: {}", found["digest"]))
            }
            Self::Kept(face) => {
                status(&read(face).await, 200)?;
                let reply = read(&format!("{face}/image")).await;
                status(&reply, 200)?;
                let bytes = reply.bytes().await.map_err(|error| error.to_string())?;
                (bytes == sample(IMAGE)).then_some(()).ok_or_else(|| format!("another image of {} bytes", bytes.len()))
            }
        }
    }
}

fn status(reply: &Response, expected: u16) -> Result<(), String> {
    if reply.status() == expected { Ok(()) } else { Err(format!("{} in the place of {expected}", reply.status())) }
}

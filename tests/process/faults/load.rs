//! Runs a server for long at most of its capacity, and one at four times its capacity.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::project::sample;
use tokio::task::JoinSet;

use crate::faults::Row;
use crate::nodes::location;
use crate::server::Server;

/// Faces that each client makes to measure the capacity.
const MEASURED: usize = 10;
const SOAK_FACTOR: f64 = 0.8;
const OVERLOAD_FACTOR: f64 = 4.0;
/// A session is ended after this many faces, so that no more data is kept at the end than at the beginning.
const FACES: usize = 500;
const SAMPLED_EVERY: Duration = Duration::from_secs(1);
const READ_EVERY: Duration = Duration::from_millis(50);

/// Memory and open files of a server, some time after the start.
struct Sample {
    hours: f64,
    memory_mib: f64,
    files: f64,
}

struct Load {
    server: Server,
    client: Client,
}

/// An answer's status; `None` if there was no answer.
type Answer = Option<u16>;

pub async fn rows(soak: Duration, overload: Duration) -> Vec<Row> {
    let variables = [("BIOSERVER_LOG_FILTER", "error"), ("BIOSERVER_SESSION_FACES_MAX", "1000")];
    let load = Arc::new(Load { server: Server::configured(&variables), client: Client::new() });
    let capacity = load.capacity().await;
    println!("the machine makes {capacity:.1} faces a second");
    let fault = format!("80 % of the load for {} s", soak.as_secs());
    let soak = load.clone().row(fault, SOAK_FACTOR * capacity, soak).await;
    let fault = format!("four times the load for {} s", overload.as_secs());
    vec![soak, load.row(fault, OVERLOAD_FACTOR * capacity, overload).await]
}

impl Load {
    async fn open(&self) -> String {
        let request = || self.server.request(&self.client, Method::POST, "/v2/bio-sessions");
        let reply = let_in(|| request().json(&json!({ "ttlSeconds": 3600 }))).await;
        assert_eq!(reply.status(), 201);
        location(&reply)
    }

    async fn add(&self, session: &str) -> Answer {
        let part = Part::bytes(sample("obama.jpg")).file_name("image.jpg");
        let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", part);
        let request = self.server.request(&self.client, Method::POST, &format!("{session}/faces")).multipart(form);
        Some(request.send().await.ok()?.status().as_u16())
    }

    async fn read(&self, session: &str) -> Answer {
        Some(self.server.request(&self.client, Method::GET, session).send().await.ok()?.status().as_u16())
    }

    /// Measures faces per second, with one client per worker.
    async fn capacity(self: &Arc<Self>) -> f64 {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let started = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..workers {
            let load = self.clone();
            clients.spawn(async move {
                let session = load.open().await;
                for _ in 0..MEASURED {
                    assert_eq!(load.add(&session).await, Some(201));
                }
            });
        }
        clients.join_all().await;
        (workers * MEASURED) as f64 / started.elapsed().as_secs_f64()
    }

    /// Sends `per_second` requests a second, independently of the answers, and reads beside them. All belong to one
    /// provider, which may be refused when it has too many in flight, whatever they ask for.
    async fn row(self: Arc<Self>, fault: String, per_second: f64, lasting: Duration) -> Row {
        let mut row = Row { fault, times: 1, ..Row::default() };
        let (mut statuses, mut reads) = (BTreeMap::new(), BTreeMap::new());
        let mut samples = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < lasting {
            let session = self.open().await;
            let left = lasting.saturating_sub(begun.elapsed());
            let (uploaded, read) = self.some(&session, per_second, left, begun, &mut samples).await;
            let accepted = uploaded.iter().filter(|status| **status == Some(201)).count();
            let kept = self.faces(&session).await;
            if kept != accepted {
                row.lost.push(format!("{accepted} faces were accepted, {kept} are there"));
            }
            let ended = let_in(|| self.server.request(&self.client, Method::DELETE, &session)).await;
            assert_eq!(ended.status(), 204);
            row.requests += uploaded.len() + read.len() + 3;
            for (answers, counts) in [(uploaded, &mut statuses), (read, &mut reads)] {
                for status in answers {
                    *counts.entry(status).or_insert(0) += 1;
                }
            }
        }
        let wrong = statuses.iter().filter(|(status, _)| !matches!(status, Some(201 | 429)));
        let wrong = wrong.chain(reads.iter().filter(|(status, _)| !matches!(status, Some(200 | 429))));
        row.wrong = wrong.map(|(status, count)| format!("{count} were answered {status:?}")).collect();
        let count = |status| statuses.get(&Some(status)).copied().unwrap_or(0);
        let five = statuses.iter().chain(&reads).filter(|(status, _)| status.is_some_and(|status| status >= 500));
        row.measured = format!(
            "{:.1} faces a second asked for, {} made, {} refused with 429, {} reads, {} of them refused with 429, {} answers of 5xx",
            per_second,
            count(201),
            count(429),
            reads.values().sum::<i32>(),
            reads.get(&Some(429)).copied().unwrap_or(0),
            five.map(|(_, count)| count).sum::<i32>()
        );
        let _ = write!(row.measured, "; {}", slopes(&samples));
        println!("{row}");
        row
    }

    /// Does the same as [`Load::row`] for one session.
    async fn some(
        self: &Arc<Self>,
        session: &str,
        per_second: f64,
        left: Duration,
        begun: Instant,
        samples: &mut Vec<Sample>,
    ) -> (Vec<Answer>, Vec<Answer>) {
        let (mut uploads, mut reads) = (JoinSet::new(), JoinSet::new());
        let mut sending = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
        let (mut reading, mut sampling) = (tokio::time::interval(READ_EVERY), tokio::time::interval(SAMPLED_EVERY));
        let started = Instant::now();
        while started.elapsed() < left && uploads.len() < FACES {
            let (load, session) = (self.clone(), session.to_owned());
            tokio::select! {
                _ = sending.tick() => drop(uploads.spawn(async move { load.add(&session).await })),
                _ = reading.tick() => drop(reads.spawn(async move { load.read(&session).await })),
                _ = sampling.tick() => samples.push(Sample {
                    hours: begun.elapsed().as_secs_f64() / 3600.0,
                    memory_mib: self.server.memory() as f64 / f64::from(1 << 20),
                    files: self.server.files() as f64,
                }),
            }
        }
        (uploads.join_all().await, reads.join_all().await)
    }

    async fn faces(&self, session: &str) -> usize {
        let request = || self.server.request(&self.client, Method::GET, &format!("{session}/faces"));
        let faces: Value = let_in(request).await.json().await.expect("it is JSON");
        faces.as_array().expect("it is a list").len()
    }
}

/// Retries a request while it is refused with 429: after an overload, places are reserved for a while for clients that
/// were asked to retry.
async fn let_in(request: impl Fn() -> RequestBuilder) -> Response {
    loop {
        let reply = request().send().await.expect("it answers");
        if reply.status() != 429 {
            return reply;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Returns the means and the growth of memory and open files, by least squares, without the first quarter.
fn slopes(samples: &[Sample]) -> String {
    let [memory, files] = [|sample: &Sample| sample.memory_mib, |sample: &Sample| sample.files].map(|value| {
        let settled = &samples[samples.len() / 4..];
        let count = settled.len() as f64;
        let mean = |of: &dyn Fn(&Sample) -> f64| settled.iter().map(of).sum::<f64>() / count;
        let (hours, values) = (mean(&|sample| sample.hours), mean(&value));
        let (mut across, mut along) = (0.0, 0.0);
        for sample in settled {
            across += (sample.hours - hours) * (value(sample) - values);
            along += (sample.hours - hours).powi(2);
        }
        format!("{values:.0} ({:+.1} an hour)", if along > 0.0 { across / along } else { 0.0 })
    });
    format!("{memory} MiB, {files} files")
}

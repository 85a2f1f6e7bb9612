//! Offers four times the work that the machine can do, for a minute, and measures accepted requests, their latency, and
//! the latency of reads. The program runs as a separate process, as in production.
//!
//! Another provider reads. `OVERLOAD_SECONDS` sets another duration. The result goes to `target/speed/overload.json`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::server::{Data, Server, Timed};

#[path = "speed/rounds.rs"]
#[expect(dead_code, reason = "there are no peers")]
mod rounds;
#[path = "speed/server.rs"]
#[expect(dead_code, reason = "the other requests are those of `load`")]
mod server;

/// The offered load, as a multiple of the capacity.
const FACTOR: f64 = 4.0;
/// Faces that each of two clients makes, one after the other, to measure the capacity.
const MEASURED: usize = 30;
const SESSIONS: usize = 20;
const READ_EVERY: Duration = Duration::from_millis(20);

/// Measures faces per second, with one client per worker.
async fn capacity(server: &Arc<Server>, workers: usize) -> f64 {
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..workers {
        let server = server.clone();
        clients.spawn(async move {
            let session = server.open().await;
            for _ in 0..MEASURED {
                assert_eq!(server.add(&session).await.0, 201);
            }
        });
    }
    clients.join_all().await;
    (workers * MEASURED) as f64 / started.elapsed().as_secs_f64()
}

/// Sends `per_second` requests a second, independently of the answers; `other` reads beside them.
async fn load(
    server: &Arc<Server>,
    other: &Arc<Server>,
    per_second: f64,
    lasting: Duration,
) -> (Vec<Timed>, Vec<Timed>) {
    // There are enough sessions that none becomes full.
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(server.open().await);
    }
    let own = other.open().await;
    let started = Instant::now();
    let (mut uploads, mut reads) = (JoinSet::new(), JoinSet::new());
    let mut sending = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    let mut reading = tokio::time::interval(READ_EVERY);
    while started.elapsed() < lasting {
        let (server, session) = (server.clone(), sessions[uploads.len() % SESSIONS].clone());
        let (other, own) = (other.clone(), own.clone());
        tokio::select! {
            _ = sending.tick() => drop(uploads.spawn(async move { server.add(&session).await })),
            _ = reading.tick() => drop(reads.spawn(async move { other.read(&own).await })),
        }
    }
    (uploads.join_all().await, reads.join_all().await)
}

/// Prints and returns median, 99th percentile and maximum of the latencies with this status, in milliseconds.
fn shown(name: &str, timed: &[Timed], status: u16) -> Value {
    let times = server::milliseconds(timed, status);
    assert!(!times.is_empty(), "{name}: there are answers with status {status}");
    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|part| rounds::quantile(&times, part));
    println!("{:>6} {name}: median {p50:.0} ms, p99 {p99:.0} ms, longest {longest:.0} ms", times.len());
    json!({ "answers": name, "count": times.len(), "p50_ms": p50, "p99_ms": p99, "longest_ms": longest })
}

#[tokio::main]
async fn main() {
    let seconds = std::env::var("OVERLOAD_SECONDS").map_or(60, |text| text.parse().expect("a number"));
    let data = tempfile::tempdir().expect("a folder can be made");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let data = Data { folder: data.path(), database: None };
    let server = Arc::new(Server::start(&data, 0..cores));
    let other = Arc::new(server.seen_by(&data, "other"));
    let capacity = capacity(&server, cores).await;
    println!("unloaded: {capacity:.1} faces per second; {FACTOR} times as many for {seconds} s:");
    let (uploads, reads) = load(&server, &other, FACTOR * capacity, Duration::from_secs(seconds)).await;
    let measured = [
        shown("accepted", &uploads, 201),
        shown("refused with 429", &uploads, 429),
        shown("reads of another provider", &reads, 200),
        json!({ "capacity": capacity, "factor": FACTOR, "seconds": seconds }),
    ];
    rounds::write("overload", &measured);
    let others = uploads.iter().filter(|(status, _)| ![201, 429].contains(status)).count()
        + reads.iter().filter(|(status, _)| *status != 200).count();
    println!("other answers: {others}");
    assert_eq!(others, 0);
}

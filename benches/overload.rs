//! Offers four times the work that the machine can do, for a minute, and measures accepted requests, their latency, and
//! the latency of reads. The program runs as a separate process, as in production.
//!
//! `OVERLOAD_SECONDS` sets another duration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::server::{Data, Server, Timed};

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

/// Sends `per_second` requests a second, independently of the answers, and reads beside them.
async fn load(server: &Arc<Server>, per_second: f64, lasting: Duration) -> (Vec<Timed>, Vec<Timed>) {
    // There are enough sessions that none becomes full.
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(server.open().await);
    }
    let started = Instant::now();
    let (mut uploads, mut reads) = (JoinSet::new(), JoinSet::new());
    let mut sending = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    let mut reading = tokio::time::interval(READ_EVERY);
    while started.elapsed() < lasting {
        let (server, session) = (server.clone(), sessions[uploads.len() % SESSIONS].clone());
        tokio::select! {
            _ = sending.tick() => drop(uploads.spawn(async move { server.add(&session).await })),
            _ = reading.tick() => drop(reads.spawn(async move { server.read(&session).await })),
        }
    }
    (uploads.join_all().await, reads.join_all().await)
}

/// Formats the median, the 99th percentile and the maximum of the latencies, in milliseconds.
fn shown(timed: &[Timed], status: u16) -> String {
    let mut times: Vec<f64> =
        timed.iter().filter(|(found, _)| *found == status).map(|(_, took)| took.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get(((times.len() as f64 * part).ceil() as usize).saturating_sub(1));
    let [median, p99, max] = [0.5, 0.99, 1.0].map(|part| at(part).copied().unwrap_or(f64::NAN));
    format!("{:>6} answers {status}: median {median:.0} ms, p99 {p99:.0} ms, longest {max:.0} ms", times.len())
}

#[tokio::main]
async fn main() {
    let seconds = std::env::var("OVERLOAD_SECONDS").map_or(60, |text| text.parse().expect("a number"));
    let data = tempfile::tempdir().expect("a folder can be made");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let server = Arc::new(Server::start(&Data { folder: data.path(), database: None }, 0..cores));
    let capacity = capacity(&server, cores).await;
    println!("unloaded: {capacity:.1} faces per second");
    let (uploads, reads) = load(&server, FACTOR * capacity, Duration::from_secs(seconds)).await;
    println!("{FACTOR} times as many for {seconds} s, createFaceFromImage:");
    println!("  {}\n  {}", shown(&uploads, 201), shown(&uploads, 429));
    println!("getBioSession meanwhile:\n  {}", shown(&reads, 200));
    let others = uploads.iter().filter(|(status, _)| ![201, 429].contains(status)).count()
        + reads.iter().filter(|(status, _)| *status != 200).count();
    println!("other answers: {others}");
    assert_eq!(others, 0);
}

//! Measures requests per second and their latency at several numbers of clients, each of which sends one request after the
//! other to a server in a process of its own, on an SQLite file.
//!
//! The clients run on the same machine. The result goes to `target/speed/load.json`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::server::{Data, Server, Timed};

#[path = "speed/rounds.rs"]
#[expect(dead_code, reason = "there are no peers")]
mod rounds;
#[path = "speed/server.rs"]
#[expect(dead_code, reason = "the other requests are those of `overload`")]
mod server;

const CLIENTS: [usize; 5] = [1, 2, 4, 8, 32];
const LASTING: Duration = Duration::from_secs(4);
/// Faces of the sessions whose matches are read.
const FACES: [usize; 3] = [2, 10, 100];

/// A request that is repeated.
#[derive(Clone, PartialEq, Eq)]
enum Asked {
    MatchImages,
    Read(String),
}

impl Asked {
    async fn send(&self, server: &Server) -> Timed {
        match self {
            Self::MatchImages => server.match_images().await,
            Self::Read(path) => server.read(path).await,
        }
    }
}

/// Lets `clients` send a request over and over.
async fn measure(server: &Arc<Server>, name: &str, asked: &Asked, cores: usize, clients: usize) -> Value {
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for _ in 0..clients {
        let (server, asked) = (server.clone(), asked.clone());
        sending.spawn(async move {
            let mut times = Vec::new();
            while begun.elapsed() < LASTING {
                times.push(asked.send(&server).await);
            }
            times
        });
    }
    let all: Vec<Timed> = sending.join_all().await.into_iter().flatten().collect();
    let seconds = begun.elapsed().as_secs_f64();
    let served = server::milliseconds(&all, 200);
    let refused = all.iter().filter(|(status, _)| *status == 429).count();
    assert_eq!(served.len() + refused, all.len(), "{name}: every request is served or refused");
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|part| rounds::quantile(&served, part));
    let rate = served.len() as f64 / seconds;
    println!(
        "{name:28} {cores} cores {clients:3} clients {rate:8.1}/s   {p50:7.1} {p95:7.1} {p99:7.1} ms   {refused} refused"
    );
    json!({
        "request": name, "cores": cores, "clients": clients, "per_second": rate,
        "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "refused": refused,
    })
}

/// Measures every request on a server that has so many cores.
async fn on(cores: usize, measured: &mut Vec<Value>) {
    let data = tempfile::tempdir().expect("a folder can be made");
    let begun = Instant::now();
    let server = Arc::new(Server::start(&Data { folder: data.path(), database: None }, 0..cores));
    let ready = begun.elapsed();
    let session = server.open().await;
    let mut requests = vec![("match two pictures".to_owned(), Asked::MatchImages)];
    requests.push(("read a session".to_owned(), Asked::Read(session)));
    for faces in FACES {
        let session = server.open().await;
        let mut face = String::new();
        for _ in 0..faces {
            face = server.face(&session).await;
        }
        requests.push((format!("matches of {faces} faces"), Asked::Read(format!("{face}/matches"))));
    }
    for (name, asked) in &requests {
        for clients in CLIENTS {
            measured.push(measure(&server, name, asked, cores, clients).await);
        }
    }
    let (peak, ready) = (server.peak_mib(), ready.as_secs_f64());
    println!("{cores} cores: at most {peak:.0} MiB; a new database, and ready, within {ready:.2} s");
    measured.push(json!({ "cores": cores, "peak_mib": peak, "ready_s": ready }));
}

#[tokio::main]
async fn main() {
    let mut measured = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for cores in [1, cores] {
        on(cores, &mut measured).await;
    }
    rounds::write("load", &measured);
}

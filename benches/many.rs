//! Measures requests beside 1, 10,000 and a million other live sessions in Postgres, how fast expired sessions are
//! deleted, and what a second node adds.
//!
//! Postgres is a private one with its usual settings, so it waits for the disk. The clients run on the same machine. The
//! result goes to `target/speed/many.json`. Takes about three minutes.

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::postgres;
use tokio::task::JoinSet;

use crate::server::{Data, Server, Timed};

#[path = "speed/rounds.rs"]
#[expect(dead_code, reason = "there are no peers")]
mod rounds;
#[path = "speed/server.rs"]
#[expect(dead_code, reason = "the other requests are those of `overload`")]
mod server;

/// Live sessions, each with a face.
const LIVE: [usize; 3] = [1, 10_000, 1_000_000];
/// Requests of each kind.
const TIMES: usize = 1000;
/// Sessions that expire at once.
const EXPIRING: usize = 10_000;
const LASTING: Duration = Duration::from_secs(8);
const CLIENTS: usize = 4;

/// A private Postgres.
struct Postgres {
    folder: TempDir,
    process: Child,
}

impl Postgres {
    fn start() -> Self {
        let folder = postgres::folder();
        let script = "cd \"$0\"; initdb -A trust -U postgres -E UTF8 --locale=C -D data >/dev/null
            exec postgres -D data -k \"$0\" -c listen_addresses= >log 2>&1";
        let mut shell = postgres::shell(script);
        let process = shell.arg(folder.path()).stdin(Stdio::null()).spawn().expect("there is a shell");
        let postgres = Self { folder, process };
        while !postgres.client("pg_isready -q") {
            std::thread::sleep(Duration::from_millis(100));
        }
        postgres
    }

    fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.path().display())
    }

    /// Runs a client; returns true if it succeeds.
    fn client(&self, command: &str) -> bool {
        let script = format!("export PGHOST=\"$0\" PGUSER=postgres; {command}");
        let status = postgres::shell(&script).arg(self.folder.path()).stdout(Stdio::null()).status();
        status.expect("there is a shell").success()
    }

    fn sql(&self, statement: &str) {
        assert!(self.client(&format!("psql -qX -v ON_ERROR_STOP=1 <<'END'\n{statement}\nEND")), "{statement}");
    }

    /// Copies the session and its face until there are `live` of them, which expire in the next hour or later.
    fn fill(&self, session: &str, live: usize) {
        self.sql(&format!(
            "INSERT INTO sessions SELECT (jsonb_populate_record(one, jsonb_build_object(
                 'id', gen_random_uuid(), 'expires', now() + interval '1 hour' * (1 + random())))).*
             FROM sessions one, generate_series(1, {live} - (SELECT count(*) FROM sessions)) WHERE one.id = '{session}';
             INSERT INTO faces SELECT (jsonb_populate_record(one, jsonb_build_object(
                 'id', gen_random_uuid(), 'session', sessions.id))).*
             FROM faces one, sessions WHERE one.session = '{session}'
                 AND NOT EXISTS (SELECT 1 FROM faces own WHERE own.session = sessions.id);
             VACUUM ANALYZE; CHECKPOINT"
        ));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the id at the end of a session's path.
fn id(path: &str) -> &str {
    path.rsplit('/').next().expect("a path ends with an id")
}

/// Returns median, 95th and 99th percentile, in milliseconds.
fn summary(times: &[Timed], status: u16) -> [f64; 3] {
    let ms = server::milliseconds(times, status);
    assert_eq!(ms.len(), times.len(), "every request is served");
    [0.5, 0.95, 0.99].map(|part| rounds::quantile(&ms, part))
}

/// Measures each request, one after the other, beside `live` sessions.
async fn beside(server: &Server, live: usize) -> Vec<Value> {
    let mut all =
        [("create a session", 201, vec![]), ("read a session", 200, vec![]), ("delete a session", 204, vec![])];
    for _ in 0..TIMES {
        let begun = Instant::now();
        let session = server.open().await;
        all[0].2.push((201, begun.elapsed()));
        all[1].2.push(server.read(&session).await);
        all[2].2.push(server.delete(&session).await);
    }
    let row = |(name, status, times): (&str, u16, Vec<Timed>)| {
        let [p50, p95, p99] = summary(&times, status);
        println!("{name:20} beside {live:8} sessions   {p50:7.2} {p95:7.2} {p99:7.2} ms");
        json!({ "request": name, "live": live, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99 })
    };
    all.map(row).to_vec()
}

/// Lets sessions expire at once, and waits until their rows are gone. Reads another session meanwhile.
async fn sweep(postgres: &Postgres, server: &Server, session: &str, live: usize) -> Value {
    postgres.sql(&format!(
        "UPDATE sessions SET expires = now() WHERE id IN
             (SELECT id FROM sessions WHERE id <> '{}' LIMIT {EXPIRING})",
        id(session)
    ));
    let begun = Instant::now();
    let mut reads = Vec::new();
    let none_left = "[ \"$(psql -qXAtc 'SELECT count(*) FROM sessions WHERE expires <= now()')\" = 0 ]";
    while !postgres.client(none_left) {
        for _ in 0..50 {
            reads.push(server.read(session).await);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let [_, p95, p99] = summary(&reads, 200);
    let rate = EXPIRING as f64 / seconds;
    println!(
        "{EXPIRING} of {live} sessions expire at once: {rate:.0} deleted a second; reads meanwhile {p95:.2} {p99:.2} ms"
    );
    json!({ "live": live, "expired": EXPIRING, "per_second": rate, "read_p95_ms": p95, "read_p99_ms": p99 })
}

/// Measures comparisons of pictures with several clients, which ask the nodes by turns. Each node has a core.
async fn comparisons(nodes: &[Arc<Server>]) -> Value {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let node = nodes[client % nodes.len()].clone();
        clients.spawn(async move {
            let mut served = 0;
            while begun.elapsed() < LASTING {
                served += usize::from(node.match_images().await.0 == 200);
            }
            served
        });
    }
    let served: usize = clients.join_all().await.into_iter().sum();
    let rate = served as f64 / begun.elapsed().as_secs_f64();
    println!("{} nodes of one core: {rate:.1} comparisons of pictures a second", nodes.len());
    json!({ "nodes": nodes.len(), "comparisons_per_second": rate })
}

#[tokio::main]
async fn main() {
    let postgres = Postgres::start();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = Data { folder: folder.path(), database: Some(postgres.url()) };
    let first = Arc::new(Server::start(&data, 0..1));
    let session = first.open().await;
    first.face(&session).await;
    let mut measured = Vec::new();
    for live in LIVE {
        postgres.fill(id(&session), live);
        measured.extend(beside(&first, live).await);
    }
    measured.push(sweep(&postgres, &first, &session, LIVE[2]).await);
    measured.push(json!({ "live": LIVE[2], "peak_mib": first.peak_mib() }));
    measured.push(comparisons(std::slice::from_ref(&first)).await);
    let second = Arc::new(first.beside(&data, 1..2));
    measured.push(comparisons(&[first, second]).await);
    rounds::write("many", &measured);
}

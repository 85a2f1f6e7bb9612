//! Clients that hold idle connections do not disturb others, and their connections end.

use std::time::Duration;

use reqwest::{Client, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::faults::Row;
use crate::server::Server;

/// More connections than the default limit of open files.
const SILENT: usize = 1140;
/// Far longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_mins(2);

async fn connect(server: &Server) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("it is HTTP");
    timeout(LONG, TcpStream::connect(address)).await.expect("it is in time").expect("it listens")
}

/// Opens connections and sends nothing on them.
async fn silent(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(connect(server).await);
    }
    all
}

/// Sends requests on a new connection each, and asserts that all are answered.
async fn ask(server: &Server, times: usize) {
    for _ in 0..times {
        let client = Client::builder().timeout(LONG).build().expect("a client can be made");
        let reply = server.request(&client, Method::GET, "/v2/capabilities").send().await.expect("it answers");
        assert_eq!(reply.status(), 200);
    }
}

/// Reads a connection until the server closes it.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // A reset also counts as closed.
    let _ = timeout(LONG, stream.read_to_end(&mut all)).await.expect("it is closed in time");
    String::from_utf8_lossy(&all).into_owned()
}

/// Waits until the server has at most this many sockets.
async fn until_sockets(server: &Server, at_most: usize) {
    let begun = Instant::now();
    while server.sockets() > at_most {
        assert!(begun.elapsed() < LONG, "{} sockets are open, more than {at_most}", server.sockets());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn silent_connections_stop_nobody_and_end() {
    rlimit::increase_nofile_limit(u64::MAX).expect("the test may have files");
    // Many systems start a service with this limit.
    let server = Server::under(&["prlimit", "--nofile=1024:"], &[("BIOSERVER_HEAD_SECONDS", "20")]);
    let before = server.sockets();
    let all = silent(&server, SILENT).await;
    ask(&server, 20).await;
    // One address may have 512 connections; newer ones replace older ones.
    until_sockets(&server, before + 512 + 1).await;
    let mut ended = 0;
    for stream in all {
        assert_eq!(until_closed(stream).await, "");
        ended += 1;
    }
    assert_eq!(ended, SILENT);
    until_sockets(&server, before + 1).await;
    ask(&server, 1).await;
    Row::harmless(
        "connections that send nothing",
        1,
        SILENT + 21,
        "21 of 21 others were answered; all silent ones ended",
    );
}

#[tokio::test]
async fn the_soft_limit_of_files_is_raised() {
    rlimit::increase_nofile_limit(u64::MAX).expect("the test may have files");
    let one_client = [("BIOSERVER_CONNECTIONS_PER_ADDRESS_MAX", "4096"), ("BIOSERVER_HEAD_SECONDS", "600")];
    let server = Server::under(&["prlimit", "--nofile=1024:"], &one_client);
    let all = silent(&server, SILENT).await;
    ask(&server, 20).await;
    assert!(server.sockets() > SILENT, "all of them are held: {}", server.sockets());
    drop(all);
}

#[tokio::test]
async fn few_open_files_allow_few_connections() {
    let server = Server::under(&["prlimit", "--nofile=300:300"], &[("BIOSERVER_HEAD_SECONDS", "600")]);
    let all = silent(&server, 400).await;
    ask(&server, 20).await;
    assert!(server.sockets() < 300);
    drop(all);
}

/// Files can still run out, because a process also opens files for other purposes.
#[tokio::test]
async fn a_server_without_files_waits_for_some_and_says_so() {
    let folder = tempfile::tempdir().expect("there is room");
    let log = folder.path().join("log");
    let variables = [("BIOSERVER_HEAD_SECONDS", "600"), ("LOG", log.to_str().expect("its name is text"))];
    let server = Server::under(&["sh", "-c", r#"exec "$0" "$@" 2>"$LOG""#], &variables);
    ask(&server, 1).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.id())).expect("it is running").count();
    let set = |files: usize| {
        let limit = [format!("--pid={}", server.id()), format!("--nofile={files}:")];
        assert!(std::process::Command::new("prlimit").args(limit).status().expect("there is a prlimit").success());
    };
    set(open + 8);
    let all = silent(&server, 100).await;
    let read = || std::fs::read_to_string(&log).expect("it is written");
    let begun = Instant::now();
    while !read().contains("a connection could not be accepted") {
        assert!(begun.elapsed() < LONG, "{}", read());
        sleep(Duration::from_millis(100)).await;
    }
    let (used, lines) = (processor_seconds(&server), read().lines().count());
    sleep(Duration::from_secs(3)).await;
    let used = processor_seconds(&server) - used;
    assert!(used < 1.0, "it is not busy with what it cannot do: {used} s of 3");
    assert!(read().lines().count() < lines + 3, "it says so now and then");
    drop(all);
    ask(&server, 3).await;
    Row::harmless("no file descriptors left", 1, 104, format!("{used:.2} s of processor time in 3 s"));
}

/// Returns the CPU time that a server has used.
fn processor_seconds(server: &Server) -> f64 {
    let all = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("it is running");
    let (_, after_name) = all.rsplit_once(')').expect("its name stands in brackets");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // Fields 14 and 15 of the file, in ticks of 10 ms: proc(5).
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}

#[tokio::test]
async fn slow_heads_and_idle_connections_end() {
    let server = Server::configured(&[("BIOSERVER_HEAD_SECONDS", "2"), ("BIOSERVER_IDLE_SECONDS", "3")]);
    let slow = async {
        let mut stream = connect(&server).await;
        let begun = Instant::now();
        let head = "GET /health/live HTTP/1.1\r\nHost: a\r\nX: ".bytes().chain(std::iter::repeat(b'a'));
        for byte in head {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            assert!(begun.elapsed() < LONG, "it is closed");
            sleep(Duration::from_millis(50)).await;
        }
    };
    let idle = async {
        let mut stream = connect(&server).await;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it reads");
        let said = until_closed(stream).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    };
    let idle_2 = async {
        let mut stream = connect(&server).await;
        // Sends the HTTP/2 preface and empty settings (RFC 9113, 3.4), then nothing.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("it reads");
        until_closed(stream).await;
    };
    let begun = async {
        let mut stream = connect(&server).await;
        stream.write_all(b"PRI * HTTP").await.expect("it reads");
        assert_eq!(until_closed(stream).await, "");
    };
    tokio::join!(slow, idle, idle_2, begun);
}

#[tokio::test]
async fn an_answer_that_is_not_read_ends() {
    let server = Server::configured(&[("BIOSERVER_IDLE_SECONDS", "2")]);
    let before = server.sockets();
    let mut stream = connect(&server).await;
    // This is far more than the system buffers for the client.
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let sending = async { while stream.write_all(asked.as_bytes()).await.is_ok() {} };
    timeout(LONG, sending).await.expect("it is closed in time");
    until_sockets(&server, before).await;
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = Server::start();
    let cases = [
        ("GET /health/live HTTP/1.1\r\n", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nhost: a\r\n", 400),
        ("GET http://a/health/live HTTP/1.1\r\n", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\n", 200),
        ("GET /health/live HTTP/1.0\r\n", 200),
    ];
    for (head, status) in cases {
        let mut stream = connect(&server).await;
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.expect("it reads");
        let said = until_closed(stream).await;
        assert!(said.split(' ').nth(1) == Some(&status.to_string()), "{head}: {said}");
        assert_eq!(said.contains("MALFORMED_REQUEST"), status == 400, "{head}: {said}");
    }
}

//! A server that is asked to stop ends soon, whatever its clients do.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;
use crate::wait::until;

/// Supervisors give a process 30 seconds; a busy machine takes some of them.
const STOP_MAX: Duration = Duration::from_secs(28);

/// Starts a request that never ends.
async fn slow_client(server: &Server) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("it is HTTP");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /bioserver-app/v2/bio-sessions HTTP/1.1\r\nhost: here\r\napikey: {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\nexpect: 100-continue\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.expect("it asks for the body");
    assert_eq!(&begun, b"HTTP/1.1 100");
    stream
}

#[tokio::test]
async fn a_server_ends_in_time_whatever_its_clients_do() {
    let server = Server::start();
    let _client = slow_client(&server).await;
    let begun = Instant::now();
    server.signal("-TERM");
    until("it goes on", async || server.has_ended()).await;
    assert!(begun.elapsed() < STOP_MAX, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_is_asked_twice_ends_at_once() {
    let server = Server::start();
    let _client = slow_client(&server).await;
    let begun = Instant::now();
    server.signal("-TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!server.has_ended(), "a request is under way");
    server.signal("-TERM");
    until("it goes on", async || server.has_ended()).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

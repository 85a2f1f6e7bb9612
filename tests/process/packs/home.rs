//! A scripted server of public files on this machine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The behaviour for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Whole,
    /// The connection breaks after this many bytes of the answer's body.
    Broken(usize),
    /// The requested range is ignored: the whole file is sent.
    NoRanges,
    /// The answer is another range than the requested one.
    OtherRange,
    /// The file is sent without its length.
    Unannounced,
    Status(u16),
}

/// Serves until it is dropped.
pub struct Home {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

type Turns = Arc<Mutex<Vec<Turn>>>;
type Files = Arc<HashMap<String, Vec<u8>>>;

impl Home {
    /// Serves files by name; each request takes the next turn, and is answered in full when there are no more.
    pub async fn serving(files: impl IntoIterator<Item = (String, Vec<u8>)>, turns: &[Turn]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("it has one");
        let files: Files = Arc::new(files.into_iter().collect());
        let turns: Turns = Arc::new(Mutex::new(turns.iter().rev().copied().collect()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, files.clone(), turns.clone(), log.clone()));
            }
        });
        Self { address, seen, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the range of each request so far, empty if it had none.
    pub fn ranges(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(stream: TcpStream, files: Files, turns: Turns, seen: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let (mut name, mut range) = (String::new(), String::new());
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|length| length > 2) {
        if let Some(path) = line.strip_prefix("GET /") {
            name = path.split(' ').next().expect("a request has a path").to_owned();
        }
        if let Some(asked) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            asked.trim().trim_end_matches('-').clone_into(&mut range);
        }
        line.clear();
    }
    let turn = turns.lock().expect("nobody panicked").pop().unwrap_or(Turn::Whole);
    seen.lock().expect("nobody panicked").push(range.clone());
    let file = files.get(&name).map_or(&[][..], Vec::as_slice);
    let from: usize = if turn == Turn::NoRanges { 0 } else { range.parse().unwrap_or(0) };
    let status = match turn {
        Turn::Status(status) => status,
        _ if !files.contains_key(&name) => 404,
        _ if from > 0 => 206,
        _ => 200,
    };
    let body = if status < 300 { &file[from.min(file.len())..] } else { &[] };
    let mut head = format!("HTTP/1.1 {status} As told\r\nConnection: close\r\n");
    if turn != Turn::Unannounced {
        write!(head, "Content-Length: {}\r\n", body.len()).expect("a string takes it");
    }
    if status == 206 {
        let start = if turn == Turn::OtherRange { from + 1 } else { from };
        write!(head, "Content-Range: bytes {start}-{}/{}\r\n", file.len() - 1, file.len()).expect("a string takes it");
    }
    let sent = if let Turn::Broken(bytes) = turn { &body[..bytes.min(body.len())] } else { body };
    // The caller may have closed the connection already.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).await;
    let _ = stream.write_all(sent).await;
    let _ = stream.shutdown().await;
}

//! A proxy to the test's Postgres that can be blocked like a network.

use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;
use testkit::postgres;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime;
use tokio::sync::watch;

/// The name that Postgres gives its socket.
const SOCKET: &str = ".s.PGSQL.5432";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Connections stay open, but no data passes.
    Frozen,
    /// There are no connections.
    Cut,
}

pub struct Proxy {
    /// The URL of the database through the proxy.
    pub url: String,
    way: watch::Sender<Way>,
    _folder: TempDir,
}

impl Proxy {
    /// Starts a proxy to a new, empty database.
    pub fn start() -> Self {
        let direct = postgres::database();
        let (before, rest) = direct.split_once("host=").expect("it is a socket in a folder");
        let (host, after) = rest.split_once('&').expect("it names a user");
        let folder = tempfile::tempdir().expect("there is room");
        let url = format!("{before}host={}&{after}", folder.path().display());
        let (near, far) = (folder.path().join(SOCKET), Path::new(host).join(SOCKET));
        let way = on_a_thread(async move |ways| serve(&near, &far, ways).await);
        while !folder.path().join(SOCKET).exists() {}
        Self { url, way, _folder: folder }
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

/// Serves on its own thread, which ends with the process; the way is open until it is set otherwise.
pub fn on_a_thread(serve: impl AsyncFnOnce(watch::Receiver<Way>) + Send + 'static) -> watch::Sender<Way> {
    let (way, ways) = watch::channel(Way::Open);
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
        runtime.block_on(serve(ways));
    });
    way
}

async fn serve(near: &Path, far: &Path, ways: watch::Receiver<Way>) {
    let listener = UnixListener::bind(near).expect("the folder is ours");
    while let Ok((client, _)) = listener.accept().await {
        if *ways.borrow() == Way::Cut {
            continue;
        }
        tokio::spawn(connect(client, far.to_owned(), ways.clone()));
    }
}

async fn connect(client: UnixStream, far: PathBuf, ways: watch::Receiver<Way>) {
    carry(client, UnixStream::connect(far).await.expect("Postgres listens"), ways).await;
}

/// Copies data between both sides, as far as the way allows it.
pub async fn carry<T: AsyncRead + AsyncWrite>(client: T, server: T, mut ways: watch::Receiver<Way>) {
    let ((from_client, to_client), (from_server, to_server)) = (io::split(client), io::split(server));
    let (there, back) = (copy(from_client, to_server, ways.clone()), copy(from_server, to_client, ways.clone()));
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = ways.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn copy<T: AsyncRead + AsyncWrite>(mut from: ReadHalf<T>, mut to: WriteHalf<T>, mut ways: watch::Receiver<Way>) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if ways.wait_for(|way| *way == Way::Open).await.is_err() || to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

//! A bucket of the tests' own, and the way to it, which can be cut as networks are.

use std::thread;

use bioserver::media::{Credentials, Media, S3, Settings};
use testkit::moto;
use tokio::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::watch;

const ID: &str = "id";
const SECRET: &str = "secret";

/// Its thread ends with the process.
pub struct Bucket {
    name: String,
    /// The store's own address.
    direct: String,
    /// Its address by the way that can be cut.
    endpoint: String,
    is_cut: watch::Sender<bool>,
}

impl Bucket {
    pub async fn new() -> Self {
        let (direct, name) = moto::bucket().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("it is a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("it has an address"));
        let far = direct.trim_start_matches("http://").to_owned();
        let (is_cut, cuts) = watch::channel(false);
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
            runtime.block_on(serve(listener, far, cuts));
        });
        Self { name, direct, endpoint, is_cut }
    }

    /// What makes a server keep its media here.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BIOSERVER_MEDIA", format!("s3://{}", self.name)),
            ("BIOSERVER_S3_ENDPOINT", self.endpoint.clone()),
            ("BIOSERVER_S3_ACCESS_KEY_ID", ID.to_owned()),
            ("BIOSERVER_S3_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// Ends all connections to it, and lets none be made.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }

    /// The same, for the test, whether it is cut or not.
    pub fn media(&self) -> Media {
        let credentials = Credentials { id: ID.to_owned(), secret: SECRET.into() };
        let s3 = S3 {
            bucket: self.name.clone(),
            folder: String::new(),
            region: "us-east-1".to_owned(),
            endpoint: Some(self.direct.clone()),
            credentials: Some(credentials),
        };
        Media::open(&Settings::S3(Box::new(s3))).expect("the settings are whole")
    }
}

async fn serve(listener: std::net::TcpListener, far: String, cuts: watch::Receiver<bool>) {
    let listener = TcpListener::from_std(listener).expect("it is a socket");
    while let Ok((client, _)) = listener.accept().await {
        if !*cuts.borrow() {
            tokio::spawn(connect(client, far.clone(), cuts.clone()));
        }
    }
}

async fn connect(mut client: TcpStream, far: String, mut cuts: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(far).await.expect("the store listens");
    tokio::select! {
        _ = io::copy_bidirectional(&mut client, &mut server) => {}
        _ = cuts.wait_for(|is_cut| *is_cut) => {}
    }
}

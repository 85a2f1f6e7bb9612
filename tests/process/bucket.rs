//! A bucket of the test's own, behind a proxy that can be blocked like a network.

use bioserver::media::{Credentials, Media, S3, Settings};
use testkit::moto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::proxy::{Way, carry, on_a_thread};

const ID: &str = "id";
const SECRET: &str = "secret";

pub struct Bucket {
    name: String,
    /// The store's own address.
    direct: String,
    /// The store's address through the proxy.
    endpoint: String,
    way: watch::Sender<Way>,
}

impl Bucket {
    pub async fn new() -> Self {
        let (direct, name) = moto::bucket().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("it is a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("it has an address"));
        let far = direct.trim_start_matches("http://").to_owned();
        let way = on_a_thread(async move |ways| serve(listener, far, ways).await);
        Self { name, direct, endpoint, way }
    }

    /// Returns the settings that make a server keep its media here.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BIOSERVER_MEDIA", format!("s3://{}", self.name)),
            ("BIOSERVER_S3_ENDPOINT", self.endpoint.clone()),
            ("BIOSERVER_S3_ACCESS_KEY_ID", ID.to_owned()),
            ("BIOSERVER_S3_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Opens the same media for the test, bypassing the proxy.
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

async fn serve(listener: std::net::TcpListener, far: String, ways: watch::Receiver<Way>) {
    let listener = TcpListener::from_std(listener).expect("it is a socket");
    while let Ok((client, _)) = listener.accept().await {
        if *ways.borrow() != Way::Cut {
            tokio::spawn(connect(client, far.clone(), ways.clone()));
        }
    }
}

async fn connect(client: TcpStream, far: String, ways: watch::Receiver<Way>) {
    carry(client, TcpStream::connect(far).await.expect("the store listens"), ways).await;
}

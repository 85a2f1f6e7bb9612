//! A collector of spans over OTLP/HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

pub struct Collector {
    pub endpoint: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    /// Serves on threads that end with the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it has an address"));
        let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let taken = bodies.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let taken = taken.clone();
                thread::spawn(move || serve(client, &taken));
            }
        });
        Self { endpoint, bodies }
    }

    /// Returns all bodies exactly as received.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().expect("nobody panicked").clone()
    }

    pub fn spans(&self) -> Vec<Span> {
        let read = |body: Vec<u8>| ExportTraceServiceRequest::decode(&*body).expect("it is a request of OTLP");
        let of_resources = self.bodies().into_iter().flat_map(|body| read(body).resource_spans);
        of_resources.flat_map(|one| one.scope_spans).flat_map(|one| one.spans).collect()
    }
}

/// Receives the bodies of requests until the client sends no more.
fn serve(mut client: TcpStream, taken: &Mutex<Vec<Vec<u8>>>) {
    let mut reader = BufReader::new(client.try_clone().expect("it is a socket"));
    loop {
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(first) = head.first() else { return };
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        let value = |name: &str| head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
        assert_eq!(value("content-type: ").as_deref(), Some("application/x-protobuf"));
        let length = value("content-length: ").map_or(0, |length| length.parse().expect("it is a number"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("it comes whole");
        taken.lock().expect("nobody panicked").push(body);
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("it reads");
    }
}

/// Returns an attribute of a span as text.
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

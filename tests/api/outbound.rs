//! Callbacks over TLS: whose certificates are trusted.

use std::sync::Arc;

use bioserver::callback::Attempt;
use bioserver::callback::Client;
use bioserver::callback::Message;
use bioserver::callback::Secret;
use bioserver::callback::Settings;
use bioserver::clock::Clock;
use bioserver::domain::CallbackId;
use rcgen::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

/// A server for `localhost` with a certificate that it signed itself, in PEM; it answers every call with 204.
async fn receiver() -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("it is a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("they are known")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it has one").port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("somebody comes");
            // Whoever does not trust the certificate leaves here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut text = vec![];
            while !text.ends_with(b"}") {
                let mut part = [0; 1024];
                let len = stream.read(&mut part).await.expect("it reads");
                text.extend_from_slice(&part[..len]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("it writes");
        }
    });
    (port, cert.pem())
}

async fn called(port: u16, ca: Option<Vec<u8>>) -> Attempt {
    let allow = vec![format!("localhost:{port}").parse().expect("it is a host")];
    let client = Client::new(Settings { allow, ca }).expect("it can be made");
    let url = format!("https://localhost:{port}/callback");
    let message = Message { id: CallbackId::new(), url: &url, body: "{}", now: Clock::default().now() };
    client.send(&message, &Secret::make()).await
}

#[tokio::test]
async fn a_certificate_is_trusted_that_the_operator_names() {
    let (port, pem) = receiver().await;
    assert_eq!(called(port, Some(pem.into_bytes())).await, Attempt::Delivered(204));
    assert!(matches!(called(port, None).await, Attempt::Failed { .. }), "nobody vouches for it");
    let (_, others) = receiver().await;
    assert!(matches!(called(port, Some(others.into_bytes())).await, Attempt::Failed { .. }), "it is another's");
}

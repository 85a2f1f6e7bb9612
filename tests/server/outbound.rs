//! Tests callbacks over TLS: the certificates that are trusted, and the answers that receivers may give.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bioserver::callback::resolver::Lookup;
use bioserver::callback::{self, Attempt, Client, Message, Secret, Settings};
use bioserver::domain::{CallbackId, Moment};
use chrono::DateTime;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use rcgen::{BasicConstraints, IsCa, KeyPair};
use testkit::authority::{Authority, Identity, named};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const HOST: &str = "receiver.example";
const BODY: &str = r#"{"sessionId":"01234567-89ab-7def-8123-456789abcdef"}"#;
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// Resolves every name to this machine.
struct Inside;

impl Lookup for Inside {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        future::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])).boxed()
    }
}

/// Answers each connection with the next of these texts; returns the requests, `None` for a connection without one.
async fn receiver(identity: Identity, answers: Vec<String>) -> (u16, JoinHandle<Vec<Option<String>>>) {
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let receiving = tokio::spawn(async move {
        let mut asked = vec![];
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                asked.push(None);
                continue;
            };
            let mut text = vec![];
            while !text.ends_with(BODY.as_bytes()) {
                assert!(stream.read_buf(&mut text).await.unwrap() > 0, "the request is not whole");
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            asked.push(Some(String::from_utf8(text).unwrap()));
        }
        asked
    });
    (port, receiving)
}

/// A client that may reach the receiver at this port, and trusts these certificates besides the system's.
fn client(port: u16, pem: &str) -> Client {
    let allow = vec![format!("{HOST}:{port}").parse().unwrap()];
    let ca = if pem.is_empty() { vec![] } else { callback::certificates(pem.as_bytes()).unwrap() };
    Client::with(Settings { allow, ca }, Inside).unwrap()
}

fn message(url: &str) -> Message<'_> {
    let now = Moment::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    Message { id: CallbackId::new(), url, body: BODY, now }
}

fn url(port: u16) -> String {
    format!("https://{HOST}:{port}/callback")
}

/// Sends a callback to a receiver with this identity; returns the outcome, and true if the receiver got a request.
async fn attempt(identity: Identity, pem: &str) -> (Attempt, bool) {
    let (port, receiving) = receiver(identity, vec![NO_CONTENT.to_owned()]).await;
    let attempt = client(port, pem).send(&message(&url(port)), &[Secret::make()]).await;
    let asked = receiving.await.unwrap();
    (attempt, asked[0].is_some())
}

fn untrusted() -> (Attempt, bool) {
    (Attempt::Unreached { why: "the connection failed, or the certificate of the host is not trusted" }, false)
}

fn header<'a>(asked: &'a str, name: &str) -> &'a str {
    asked
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("{name}\n{asked}"))
}

/// Verifies the signature like a provider's library, which knows only the secret's text.
fn is_signed(asked: &str, secret_text: &str) -> bool {
    let (_, body) = asked.split_once("\r\n\r\n").unwrap();
    let signed = format!("{}.{}.{body}", header(asked, "webhook-id"), header(asked, "webhook-timestamp"));
    let key = STANDARD.decode(secret_text.strip_prefix("whsec_").unwrap()).unwrap();
    let code = STANDARD.decode(header(asked, "webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &code).is_ok()
}

#[tokio::test]
async fn an_authority_of_the_operators_own_is_trusted() {
    let authority = Authority::new();
    let identity = authority.signs(&named(HOST));
    assert_eq!(attempt(identity, &authority.pem).await, (Attempt::Delivered(204), true));
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_when_it_is_named() {
    let key = KeyPair::generate().unwrap();
    let certificate = named(HOST).self_signed(&key).unwrap();
    let pem = certificate.pem();
    assert_eq!(attempt(Identity { certificate, key }, &pem).await, (Attempt::Delivered(204), true));
}

/// Webpki does not accept a CA certificate as a host's certificate: the README says how to make one that it accepts.
#[tokio::test]
async fn an_authority_is_no_receiver() {
    let key = KeyPair::generate().unwrap();
    let mut params = named(HOST);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let pem = certificate.pem();
    assert_eq!(attempt(Identity { certificate, key }, &pem).await, untrusted());
}

#[tokio::test]
async fn no_other_certificate_is_trusted() {
    let authority = Authority::new();
    assert_eq!(attempt(authority.signs(&named(HOST)), "").await, untrusted(), "the system does not know it");
    let other = Authority::new().pem;
    assert_eq!(attempt(authority.signs(&named(HOST)), &other).await, untrusted(), "another one signed it");
    let elsewhere = authority.signs(&named("other.example"));
    assert_eq!(attempt(elsewhere, &authority.pem).await, untrusted(), "it is another host's");
    let mut past = named(HOST);
    past.not_before = rcgen::date_time_ymd(2000, 1, 1);
    past.not_after = rcgen::date_time_ymd(2001, 1, 1);
    assert_eq!(attempt(authority.signs(&past), &authority.pem).await, untrusted(), "its time is over");
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_the_same_one() {
    let (authority, secret) = (Authority::new(), Secret::make());
    let failing = "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
    let identity = authority.signs(&named(HOST));
    let (port, receiving) = receiver(identity, vec![failing, NO_CONTENT.to_owned()]).await;
    let (client, url) = (client(port, &authority.pem), url(port));
    let first = message(&url);
    let failed = Attempt::Failed { why: "the host answered 500".to_owned(), retry_after: None };
    assert_eq!(client.send(&first, std::slice::from_ref(&secret)).await, failed);
    let again = Message { now: first.now.plus(chrono::TimeDelta::seconds(2)), ..first };
    assert_eq!(client.send(&again, std::slice::from_ref(&secret)).await, Attempt::Delivered(204));
    let asked: Vec<String> = receiving.await.unwrap().into_iter().map(Option::unwrap).collect();
    assert_eq!(header(&asked[0], "webhook-id"), header(&asked[1], "webhook-id"));
    assert_eq!(header(&asked[0], "webhook-timestamp"), "1800000000");
    assert_eq!(header(&asked[1], "webhook-timestamp"), "1800000002");
    for asked in &asked {
        assert!(is_signed(asked, &secret.text()) && !is_signed(asked, &Secret::make().text()));
        assert!(header(asked, "user-agent").starts_with("bioserver/"), "{asked}");
        assert_eq!(header(asked, "content-type"), "application/json");
        assert!(!asked.to_ascii_lowercase().contains("cookie"), "{asked}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let authority = Authority::new();
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = elsewhere.local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: http://{to}/\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
        );
        let (port, receiving) = receiver(authority.signs(&named(HOST)), vec![answer]).await;
        let attempt = client(port, &authority.pem).send(&message(&url(port)), &[Secret::make()]).await;
        assert_eq!(attempt, Attempt::Failed { why: format!("the host answered {status}"), retry_after: None });
        receiving.await.unwrap();
    }
    assert_eq!(elsewhere.accept().expect_err("nobody has come").kind(), io::ErrorKind::WouldBlock);
}

/// Writing fails once the client has gone, however much is still to be sent.
#[tokio::test]
async fn an_endless_answer_is_left_alone() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let writing = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![];
        while !text.ends_with(BODY.as_bytes()) {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0, "the request is not whole");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let allow = vec![format!("http://{HOST}").parse().unwrap()];
    let ca = callback::certificates(authority.pem.as_bytes()).unwrap();
    let client = Client::with(Settings { allow, ca }, Inside).unwrap();
    let url = format!("http://{HOST}:{port}/");
    assert_eq!(client.send(&message(&url), &[Secret::make()]).await, Attempt::Delivered(200));
    tokio::time::timeout(Duration::from_mins(1), writing).await.expect("the connection is closed").unwrap();
}

/// The receiver is trusted, listens and has the right name: only its address is refused.
#[tokio::test]
async fn a_receiver_inside_is_not_connected_to_unless_it_is_allowed() {
    let authority = Authority::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let ca = callback::certificates(authority.pem.as_bytes()).unwrap();
    for allowed in ["other.example", "receiver.example:1", "http://receiver.example"] {
        let settings = Settings { allow: vec![allowed.parse().unwrap()], ca: ca.clone() };
        let client = Client::with(settings, Inside).unwrap();
        let attempt = client.send(&message(&url(port)), &[Secret::make()]).await;
        assert_eq!(
            attempt,
            Attempt::Failed { why: "the host has no public address".to_owned(), retry_after: None },
            "{allowed}"
        );
    }
    assert_eq!(listener.accept().expect_err("nobody has come").kind(), io::ErrorKind::WouldBlock);
}

/// A process with proxies in its environment still connects directly.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let named = format!("http://{}", proxy.local_addr().unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outbound::an_authority_of_the_operators_own_is_trusted"])
        .envs(["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy"].map(|name| (name, &named)))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(proxy.accept().expect_err("nobody has come").kind(), io::ErrorKind::WouldBlock);
}

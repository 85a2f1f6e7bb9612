use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use reqwest::dns::Resolve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Returns these answers one after the other, and then the last one for ever. Blanks separate the addresses of an
/// answer.
struct Scripted(Mutex<Vec<&'static str>>);

impl Lookup for Scripted {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().expect("nobody panicked");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        future::ready(Ok(answer.split(' ').map(|text| text.parse().expect("it is an address")).collect())).boxed()
    }
}

fn scripted(answers: &[&'static str]) -> Scripted {
    Scripted(Mutex::new(answers.to_vec()))
}

fn client(allow: &[&str], answers: &[&'static str]) -> Client {
    let allow = allow.iter().map(|text| text.parse().expect("it is a host")).collect();
    Client::with(Settings { allow, ca: vec![] }, scripted(answers)).expect("it can be made")
}

fn message(url: &str) -> Message<'_> {
    let now = Moment::new(DateTime::from_timestamp(1_700_000_000, 0).expect("it is a time"));
    Message { id: CallbackId::new(), url, body: r#"{"sessionId":"a"}"#, now }
}

/// Answers each connection with the next of these heads; returns the requests.
async fn server(heads: Vec<&'static str>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it has one").port();
    let serving = tokio::spawn(async move {
        let mut asked = vec![];
        for head in heads {
            let (mut stream, _) = listener.accept().await.expect("somebody comes");
            let mut text = vec![0; 8192];
            let mut len = 0;
            while !text[..len].ends_with(b"}") {
                len += stream.read(&mut text[len..]).await.expect("it reads");
            }
            asked.push(String::from_utf8_lossy(&text[..len]).into_owned());
            stream.write_all(head.as_bytes()).await.expect("it writes");
        }
        asked
    });
    (port, serving)
}

#[test]
fn hostile_urls_are_refused_when_they_are_given() {
    let client = client(&["localhost:9943", "http://dev.example"], &["8.8.8.8"]);
    for hostile in [
        "",
        "service/callback",
        "http://service.example/",
        "ftp://service.example/",
        "file:///etc/passwd",
        "https://",
        "https://user:word@service.example/",
        "https://service.example/#part",
        "https://localhost/",
        "https://localhost:9944/",
        "http://localhost:9943/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://10.0.0.8/",
        "https://100.100.100.200/",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://0xa9fea9fe/",
        "https://0251.0376.0251.0376/",
        "https://127.0.0.1%2f@service.example/",
        "https://[::127.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://[64:ff9b::7f00:1]/",
        "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    ] {
        assert!(client.check(hostile).is_err(), "{hostile}");
    }
    assert!(client.check(&format!("https://service.example/{}", "x".repeat(2048))).is_err());
    for fine in [
        "https://service.example/callback?a=b",
        "https://service.example:8443/",
        "https://8.8.8.8/",
        "https://[2001:4860:4860::8888]/",
        "https://localhost:9943/callback",
        "http://dev.example:1234/",
    ] {
        assert!(client.check(fine).is_ok(), "{fine}");
    }
}

#[test]
fn what_is_wrong_with_a_url_is_said() {
    let client = client(&[], &["8.8.8.8"]);
    for (url, why) in [
        ("service/callback", "must be an absolute URL"),
        ("http://service.example/", "must begin with https://"),
        ("https://user@service.example/", "must not name a user"),
        ("https://service.example/#part", "must not have a fragment (a part after #)"),
        ("https://10.0.0.8/", "must lead to a public host"),
        ("https://localhost/", "must lead to a public host"),
    ] {
        assert_eq!(client.check(url).expect_err(url), why);
    }
    let long = format!("https://service.example/{}", "x".repeat(2048));
    assert_eq!(client.check(&long).expect_err("it is long"), "must have at most 2048 characters");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "10.0.0.1 fe80::1"]
    {
        // The name is harmless; only the address decides.
        let client = client(&[], &[inside]);
        assert!(client.check("https://rebound.example/").is_ok());
        let attempt = client.send(&message("https://rebound.example/"), &[Secret::make()]).await;
        assert_eq!(
            attempt,
            Attempt::Failed { why: "the host has no public address".into(), retry_after: None },
            "{inside}"
        );
    }
}

#[tokio::test]
async fn each_answer_is_looked_at_and_nothing_is_looked_up_twice() {
    let lookup = scripted(&["8.8.8.8", "8.8.8.8 127.0.0.1 2001:4860:4860::8888", "127.0.0.1"]);
    let guard = Guard { lookup: Arc::new(lookup), admits: address::is_public };
    let resolve = async || {
        let found = guard.resolve("rebound.example".parse().expect("it is a name")).await;
        found.map(|found| found.map(|found| found.ip().to_string()).collect::<Vec<_>>())
    };
    assert_eq!(resolve().await.expect("it is public"), ["8.8.8.8"]);
    assert_eq!(resolve().await.expect("some are public"), ["8.8.8.8", "2001:4860:4860::8888"]);
    assert!(resolve().await.expect_err("it has moved inside").is::<Refused>());
}

#[tokio::test]
async fn a_host_is_allowed_on_its_port_alone() {
    let client = client(&["receiver.example:9943", "http://plain.example:80"], &["127.0.0.1"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("it can be");
    let port = listener.local_addr().expect("it has one").port();
    for host in ["receiver.example", "plain.example"] {
        let url = format!("https://{host}:{port}/");
        let attempt = client.send(&message(&url), &[Secret::make()]).await;
        assert_eq!(
            attempt,
            Attempt::Failed { why: "the host has no public address".into(), retry_after: None },
            "{host}"
        );
    }
    let nobody = listener.accept().expect_err("nobody has connected");
    assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    // The system accepts the connection, but no program reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://receiver:{}/", listener.local_addr().expect("it has one").port());
    let settings = Settings { allow: vec!["http://receiver".parse().expect("it is a host")], ca: vec![] };
    let client =
        Client::patient(settings, scripted(&["127.0.0.1"]), Duration::from_millis(50)).expect("it can be made");
    let attempt = client.send(&message(&url), &[Secret::make()]).await;
    assert_eq!(attempt, Attempt::Unreached { why: "the host did not answer in time" });
    drop(listener);
}

#[test]
fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
    let now = message("").now;
    for (text, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        ("Tue, 14 Nov 2023 22:14:20 GMT", Some(60)),
        ("Tue, 14 Nov 2023 22:13:19 GMT", None),
        ("-1", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(pause(text, now), seconds.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn what_is_to_be_trusted_must_hold_a_certificate() {
    for wrong in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
    ] {
        assert!(certificates(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_sent_is_signed_and_any_2xx_will_do() {
    for (head, expected) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", Attempt::Delivered(204)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\nmuch", Attempt::Delivered(200)),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", Attempt::Gone),
        (
            "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            Attempt::Failed { why: "the host answered 503".into(), retry_after: Some(Duration::from_secs(7)) },
        ),
        (
            "HTTP/1.1 429 Busy\r\nretry-after: 999999999\r\ncontent-length: 0\r\n\r\n",
            Attempt::Failed { why: "the host answered 429".into(), retry_after: Some(RETRY_AFTER_MAX) },
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
            Attempt::Failed { why: "the host answered 302".into(), retry_after: None },
        ),
    ] {
        let (port, serving) = server(vec![head]).await;
        let client = client(&["http://receiver"], &["127.0.0.1"]);
        let (url, secrets) = (format!("http://receiver:{port}/callback"), [Secret::make(), Secret::make()]);
        let message = message(&url);
        assert_eq!(client.send(&message, &secrets).await, expected);
        let asked = serving.await.expect("it ended").remove(0);
        assert!(asked.starts_with("POST /callback HTTP/1.1\r\n") && asked.ends_with(message.body), "{asked}");
        let header = |name: &str| {
            let line = asked.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("{name} is missing:\n{asked}")).to_owned()
        };
        assert_eq!(header("webhook-id"), message.id.to_string());
        assert_eq!(header("webhook-timestamp"), "1700000000");
        let signed = format!("{}.1700000000.{}", message.id, message.body);
        let signatures = header("webhook-signature");
        let signatures: Vec<&str> = signatures.split(' ').collect();
        assert_eq!(signatures.len(), secrets.len());
        for (signature, secret) in signatures.iter().zip(&secrets) {
            let code = STANDARD.decode(signature.strip_prefix("v1,").expect("its version is v1")).expect("base64");
            let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&secret.text()[6..]).expect("base64"));
            assert!(hmac::verify(&key, signed.as_bytes(), &code).is_ok());
        }
    }
}

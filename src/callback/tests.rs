use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use chrono::DateTime;
use futures_util::FutureExt;
use futures_util::future;
use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

/// Gives these answers, one after the other; the last one for ever.
struct Scripted(Mutex<Vec<&'static str>>);

impl Lookup for Scripted {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().expect("nobody panicked");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        future::ready(Ok(vec![answer.parse().expect("it is an address")])).boxed()
    }
}

fn client(allow: &[&str], answers: &[&'static str]) -> Client {
    let allow = allow.iter().map(|text| text.parse().expect("it is a host")).collect();
    let scripted = Scripted(Mutex::new(answers.to_vec()));
    Client::with(Settings { allow, ca: None }, Arc::new(scripted)).expect("it can be made")
}

fn message(url: &str) -> Message<'_> {
    let now = Moment::new(DateTime::from_timestamp(1_700_000_000, 0).expect("it is a time"));
    Message { id: CallbackId::new(), url, body: r#"{"sessionId":"a"}"#, now }
}

/// Answers each connection with the next of these heads; gives what was asked.
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
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://10.0.0.8/",
        "https://100.100.100.200/",
        "https://169.254.169.254/latest/meta-data/",
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

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"] {
        // Public when it was given, and when it is looked at once more: what counts is what is connected to.
        let client = client(&[], &[inside]);
        assert!(client.check("https://rebound.example/").is_ok());
        let attempt = client.send(&message("https://rebound.example/"), &Secret::make()).await;
        assert!(matches!(attempt, Attempt::Failed { retry_after: None, .. }), "{inside}: {attempt:?}");
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
            Attempt::Failed { why: "it answered 503".into(), retry_after: Some(Duration::from_secs(7)) },
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
            Attempt::Failed { why: "it answered 302".into(), retry_after: None },
        ),
    ] {
        let (port, serving) = server(vec![head]).await;
        let client = client(&["http://receiver"], &["127.0.0.1"]);
        let (url, secret) = (format!("http://receiver:{port}/callback"), Secret::make());
        let message = message(&url);
        assert_eq!(client.send(&message, &secret).await, expected);
        let asked = serving.await.expect("it ended").remove(0);
        assert!(asked.starts_with("POST /callback HTTP/1.1\r\n") && asked.ends_with(message.body), "{asked}");
        let header = |name: &str| {
            let line = asked.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("{name} is missing:\n{asked}")).to_owned()
        };
        assert_eq!(header("webhook-id"), message.id.to_string());
        assert_eq!(header("webhook-timestamp"), "1700000000");
        let signed = format!("{}.1700000000.{}", message.id, message.body);
        let (version, code) =
            header("webhook-signature").split_once(',').map(|(v, c)| (v.to_owned(), c.to_owned())).expect("two");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&secret.text()[6..]).expect("base64"));
        let code = STANDARD.decode(code).expect("base64");
        assert!(version == "v1" && hmac::verify(&key, signed.as_bytes(), &code).is_ok());
    }
}

//! Repeats one server's requests on another server, with the ids of that server.

use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;
use std::time::Instant;

use bytes::Bytes;
use regex::{Captures, Regex};
use reqwest::Client;
use reqwest::header::HeaderName;
use serde_json::Value;

use crate::api::http::relay::{Asked, Told};
use crate::cli::shadow::compared::Answer;

/// The most ids that are kept. After that the oldest is forgotten: its session ended long ago.
const IDS_MAX: usize = 100_000;
/// Headers that belong to the connection, or to the server that is asked (RFC 9110, 7.6.1).
const OF_CONNECTION: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers that identify the caller.
const CREDENTIALS: [&str; 2] = ["apikey", "authorization"];

static UUID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").expect("it is a regular expression")
});

/// A server's answer to a request, and the time that it took.
pub struct Timed {
    pub told: Told,
    pub took_ms: f64,
}

impl Timed {
    pub fn compared(&self) -> Answer {
        let Told { status, body, .. } = &self.told;
        Answer { status: status.as_u16(), json: serde_json::from_slice(body).ok(), took_ms: self.took_ms }
    }

    fn location(&self) -> Option<&str> {
        self.told.headers.get("location")?.to_str().ok()
    }
}

/// Sends a request to a server and measures the time to its whole answer.
pub async fn send(asked: &Asked, http: &Client, server: &str) -> reqwest::Result<Timed> {
    let begun = Instant::now();
    let request = http.request(asked.method.clone(), format!("{server}{}", asked.path));
    let headers = asked.headers.iter().filter(|(name, _)| !is_of_connection(name));
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.body(asked.body.clone()).send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    let headers = headers.filter(|(name, _)| !is_of_connection(name)).collect();
    let told = Told { status, headers, body: answer.bytes().await? };
    Ok(Timed { told, took_ms: 1000.0 * begun.elapsed().as_secs_f64() })
}

/// Returns the method and the path of a request, with `{id}` in place of each id.
pub fn operation(asked: &Asked) -> String {
    let path = asked.path.split('?').next().unwrap_or_default();
    format!("{} {}", asked.method, UUID.replace_all(path, "{id}"))
}

/// True if another server can understand a request: it can neither decrypt captures nor read templates that were made
/// elsewhere.
pub fn is_comparable(asked: &Asked) -> bool {
    let holds = |needle: &[u8]| asked.body.windows(needle.len()).any(|window| window == needle);
    !asked.path.contains("liveness") && !asked.path.contains("capture-token") && !holds(b"\"template\"")
}

/// Returns the request for the other server: with its ids and its key, and without the callback URL, since the upstream
/// server already calls back.
pub fn for_other(asked: &Asked, ids: &Ids, key: &str) -> Asked {
    let path = UUID.replace_all(&asked.path, |id: &Captures| ids.of(&id[0]).unwrap_or_else(|| id[0].to_owned()));
    let mut headers = asked.headers.clone();
    for name in CREDENTIALS {
        headers.remove(name);
    }
    if let Ok(key) = key.parse() {
        headers.insert("apikey", key);
    }
    let body = without_callback(&asked.body);
    Asked { path: path.into_owned(), headers, body, method: asked.method.clone() }
}

fn is_of_connection(name: &HeaderName) -> bool {
    OF_CONNECTION.contains(&name.as_str())
}

fn without_callback(body: &Bytes) -> Bytes {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return body.clone() };
    match members.shift_remove("callbackURL") {
        Some(_) => Value::Object(members).to_string().into(),
        None => body.clone(),
    }
}

/// The ids of one server, with those of the other for the same resources.
#[derive(Default)]
pub struct Ids {
    known: HashMap<String, String>,
    oldest: VecDeque<String>,
}

impl Ids {
    pub fn of(&self, theirs: &str) -> Option<String> {
        self.known.get(theirs).cloned()
    }

    /// Learns the ids of a resource that both servers created.
    pub fn learn(&mut self, upstream: &Timed, own: &Timed) {
        let last = |timed: &Timed| Some(UUID.find_iter(timed.location()?).last()?.as_str().to_owned());
        let Some((theirs, ours)) = last(upstream).zip(last(own)) else { return };
        if self.known.insert(theirs.clone(), ours).is_none() {
            self.oldest.push_back(theirs);
        }
        if self.oldest.len() > IDS_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use reqwest::{Method, StatusCode};

    use super::*;

    const THEIRS: &str = "0991cedc-9111-4b9d-9e4e-8d6eb4db488f";
    const OURS: &str = "c672be72-89c1-4035-b0b6-9e9afa6bc85b";

    fn told(location: &str) -> Timed {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("location"), location.parse().expect("it is one"))]);
        Timed { told: Told { status: StatusCode::CREATED, headers, body: Bytes::new() }, took_ms: 0.0 }
    }

    #[test]
    fn the_other_server_is_asked_the_same_under_its_own_names() {
        let mut ids = Ids::default();
        ids.learn(&told(&format!("/v2/bio-sessions/{THEIRS}")), &told(&format!("/v2/bio-sessions/{OURS}")));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer theirs".parse().expect("it is one"));
        let body = r#"{"ttlSeconds":60,"callbackURL":"https://provider/"}"#;
        let asked = Asked {
            method: Method::POST,
            path: format!("/bioserver-app/v2/bio-sessions/{THEIRS}/faces?a=1"),
            headers,
            body: body.into(),
        };
        assert_eq!(operation(&asked), "POST /bioserver-app/v2/bio-sessions/{id}/faces");
        let other = for_other(&asked, &ids, "ours");
        assert_eq!(other.path, format!("/bioserver-app/v2/bio-sessions/{OURS}/faces?a=1"));
        assert_eq!(
            (&other.headers["apikey"], other.headers.get("authorization")),
            (&"ours".parse().expect("one"), None)
        );
        assert_eq!(other.body, r#"{"ttlSeconds":60}"#);
        assert!(is_comparable(&asked));
        let with_template = Asked { body: r#"{"template":"AAAA"}"#.into(), ..asked.clone() };
        let capture = Asked { path: "/v2/bio-sessions/x/replay-liveness".to_owned(), ..asked };
        assert!(!is_comparable(&with_template) && !is_comparable(&capture));
    }
}

//! Sends what one server was asked to another one, under the ids that that one has given.

use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;
use std::time::Instant;

use bytes::Bytes;
use regex::{Captures, Regex};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::cli::shadow::compared::Answer;

/// Beyond so many ids the oldest is forgotten: its session has ended long ago.
const IDS_MAX: usize = 100_000;
/// Headers that are of the connection, or of the server that is asked (RFC 9110, 7.6.1).
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
/// Headers by which a caller is known.
const CREDENTIALS: [&str; 2] = ["apikey", "authorization"];

static UUID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").expect("it is a regular expression")
});

/// A request, whole.
#[derive(Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A server's answer to it, whole.
pub struct Told {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub took_ms: f64,
}

impl Told {
    pub fn compared(&self) -> Answer {
        Answer { status: self.status, json: serde_json::from_slice(&self.body).ok(), took_ms: self.took_ms }
    }

    fn location(&self) -> Option<&str> {
        self.headers.get("location")?.to_str().ok()
    }
}

impl Asked {
    /// Sends it to a server.
    pub async fn send(&self, http: &Client, server: &str) -> reqwest::Result<Told> {
        let begun = Instant::now();
        let request = http.request(self.method.clone(), format!("{server}{}", self.path));
        let headers = self.headers.iter().filter(|(name, _)| !is_of_connection(name));
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.body(self.body.clone()).send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await?;
        Ok(Told { status, headers, body, took_ms: 1000.0 * begun.elapsed().as_secs_f64() })
    }

    /// The method and the path, with a blank for each id.
    pub fn operation(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {}", self.method, UUID.replace_all(path, "{id}"))
    }

    /// True if another server can understand it: it can neither open captures nor read templates that were made elsewhere.
    pub fn is_comparable(&self) -> bool {
        let holds = |needle: &[u8]| self.body.windows(needle.len()).any(|window| window == needle);
        !self.path.contains("liveness") && !self.path.contains("capture-token") && !holds(b"\"template\"")
    }

    /// The same for the other server: with its ids, its key, and no callback, of which there is one already.
    pub fn for_other(&self, ids: &Ids, key: &str) -> Self {
        let path = UUID.replace_all(&self.path, |id: &Captures| ids.of(&id[0]).unwrap_or_else(|| id[0].to_owned()));
        let mut headers = self.headers.clone();
        for name in CREDENTIALS {
            headers.remove(name);
        }
        if let Ok(key) = key.parse() {
            headers.insert("apikey", key);
        }
        Self { path: path.into_owned(), headers, body: without_callback(&self.body), method: self.method.clone() }
    }
}

pub fn is_of_connection(name: &HeaderName) -> bool {
    OF_CONNECTION.contains(&name.as_str())
}

fn without_callback(body: &Bytes) -> Bytes {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return body.clone() };
    match members.shift_remove("callbackURL") {
        Some(_) => Value::Object(members).to_string().into(),
        None => body.clone(),
    }
}

/// Ids of one server, and those that the other has given in their place.
#[derive(Default)]
pub struct Ids {
    known: HashMap<String, String>,
    oldest: VecDeque<String>,
}

impl Ids {
    pub fn of(&self, theirs: &str) -> Option<String> {
        self.known.get(theirs).cloned()
    }

    /// Learns the id of what both have made.
    pub fn learn(&mut self, upstream: &Told, own: &Told) {
        let last = |told: &Told| Some(UUID.find_iter(told.location()?).last()?.as_str().to_owned());
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
    use super::*;

    const THEIRS: &str = "0991cedc-9111-4b9d-9e4e-8d6eb4db488f";
    const OURS: &str = "c672be72-89c1-4035-b0b6-9e9afa6bc85b";

    fn told(location: &str) -> Told {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("location"), location.parse().expect("it is one"))]);
        Told { status: 201, headers, body: Bytes::new(), took_ms: 0.0 }
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
        assert_eq!(asked.operation(), "POST /bioserver-app/v2/bio-sessions/{id}/faces");
        let other = asked.for_other(&ids, "ours");
        assert_eq!(other.path, format!("/bioserver-app/v2/bio-sessions/{OURS}/faces?a=1"));
        assert_eq!(
            (&other.headers["apikey"], other.headers.get("authorization")),
            (&"ours".parse().expect("one"), None)
        );
        assert_eq!(other.body, r#"{"ttlSeconds":60}"#);
        assert!(asked.is_comparable());
        let with_template = Asked { body: r#"{"template":"AAAA"}"#.into(), ..asked.clone() };
        let capture = Asked { path: "/v2/bio-sessions/x/replay-liveness".to_owned(), ..asked };
        assert!(!with_template.is_comparable() && !capture.is_comparable());
    }
}

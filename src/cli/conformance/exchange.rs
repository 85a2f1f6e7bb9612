//! Sends a request of the kit and compares the answer with the expected one.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use face::values::score::Score;
use reqwest::multipart::{self, Form};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use uuid::Uuid;

use crate::cli::conformance::expected::{faults, is_header};
use crate::cli::conformance::kit::{Exchange, Expected, Kept, Key, Multipart, Part, Sent};
use crate::cli::verify;

/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The relative difference below which two rates are equal: they are printed with some 15 digits.
const RATE_TOLERANCE: f64 = 1e-9;

/// A server under test, and the keys that it signs with.
pub struct Server {
    http: Client,
    base: String,
    root: String,
    key: String,
    jwks: Value,
}

/// The names that a scenario has given to parts of answers, with their values.
pub struct Names(BTreeMap<String, String>);

impl Names {
    pub fn new() -> Self {
        Self([("run".to_owned(), Uuid::new_v4().to_string())].into())
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

/// A complete answer.
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Server {
    /// Connects to a server; `url` includes the prefix of the contract's paths.
    pub async fn reach(url: &str, key: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let mut root = reqwest::Url::parse(&base).with_context(|| format!("'{base}' is not a URL"))?;
        root.set_path("");
        let root = root.as_str().trim_end_matches('/').to_owned();
        let http = Client::builder().timeout(TIMEOUT).build()?;
        let jwks = http.get(format!("{root}/.well-known/jwks.json")).send().await?;
        // A server without keys fails later, at the check of a signature.
        let jwks = jwks.json().await.unwrap_or_default();
        Ok(Self { http, base, root, key: key.to_owned(), jwks })
    }

    /// Makes an exchange and returns the faults of its answer; empty if it is as expected.
    pub async fn exchange(&self, exchange: &Exchange, names: &mut Names) -> anyhow::Result<Vec<String>> {
        let answer = Answer::read(self.request(&exchange.send, names)?.send().await?).await?;
        let mut found = self.faults(&exchange.expect, &answer, names);
        for (name, kept) in &exchange.keep {
            match answer.kept(*kept) {
                Some(value) => {
                    names.0.insert("v3".to_owned(), value.replacen("/v2/", "/v3/", 1));
                    names.0.insert(name.clone(), value);
                }
                None => {
                    found.push(format!("the earlier answer has no {kept:?}, which this request needs").to_lowercase());
                }
            }
        }
        Ok(found)
    }

    fn request(&self, sent: &Sent, names: &Names) -> anyhow::Result<RequestBuilder> {
        let place = if sent.root { &self.root } else { &self.base };
        let method = Method::from_bytes(sent.method.as_bytes())?;
        let mut request = self.http.request(method, place.clone() + &names.fill(&sent.path));
        request = match sent.key {
            Key::Header => request.header("apikey", &self.key),
            Key::Bearer => request.bearer_auth(&self.key),
            Key::None => request,
            Key::Wrong => request.header("apikey", "bio_00000000000000000000000000000000_wrong"),
        };
        for (name, value) in &sent.headers {
            request = request.header(name, names.fill(value));
        }
        if let Some(json) = &sent.json {
            request = request.json(json);
        }
        if let Some(text) = &sent.text {
            request = request.body(text.clone());
        }
        match &sent.form {
            None => Ok(request),
            Some(parts) => form(request, parts, sent.multipart, names),
        }
    }

    fn faults(&self, expected: &Expected, answer: &Answer, names: &Names) -> Vec<String> {
        let mut found = vec![];
        if answer.status != expected.status {
            let code = answer.json().and_then(|json| Some(json.get("code")?.as_str()?.to_owned()));
            let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
            found.push(format!("the status is {}{code}, not {}", answer.status, expected.status));
            return found;
        }
        for (name, wanted) in &expected.headers {
            let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
            if !value.is_some_and(|value| is_header(&names.fill(wanted), value)) {
                found.push(format!("the header {name} is not {wanted}"));
            }
        }
        if let Some(wanted) = &expected.json {
            match answer.json() {
                Some(json) => found.extend(faults(wanted, &json)),
                None => found.push("the answer is not JSON".to_owned()),
            }
        }
        if expected.text.as_ref().is_some_and(|text| !answer.body.starts_with(text.as_bytes())) {
            found.push("the answer begins with another text".to_owned());
        }
        if expected.picture.is_some_and(|sample| answer.body != sample.bytes()) {
            found.push("the answer is not the picture that was sent".to_owned());
        }
        if expected.signed {
            found.extend(self.unsigned(answer));
        }
        if expected.rates {
            found.extend(
                answer
                    .items()
                    .iter()
                    .filter(|item| !has_rate(item))
                    .map(|_| "a rate does not follow from its score".to_owned()),
            );
        }
        found
    }

    fn unsigned(&self, answer: &Answer) -> Vec<String> {
        let verdicts = answer.items().into_iter().map(|item| verify::check(&item.to_string(), &self.jwks).0);
        let why = verdicts.filter_map(|verdict| match verdict {
            verify::Verdict::Not(why) => Some(format!("the signature is not verified: {why}")),
            _ => None,
        });
        why.collect()
    }
}

impl Answer {
    async fn read(response: Response) -> anyhow::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the items of a list, or the one value that is not a list.
    fn items(&self) -> Vec<Value> {
        match self.json() {
            Some(Value::Array(items)) => items,
            other => other.into_iter().collect(),
        }
    }

    fn kept(&self, kept: Kept) -> Option<String> {
        match kept {
            Kept::Location => Some(self.headers.get("location")?.to_str().ok()?.to_owned()),
            Kept::Body => String::from_utf8(self.body.clone()).ok(),
        }
    }
}

fn has_rate(item: &Value) -> bool {
    let number = |name: &str| item[name].as_f64();
    let both = number("score").zip(number("falseAcceptanceRate"));
    both.is_some_and(|(score, stated)| {
        (stated / Score(score).false_acceptance_rate_percent() - 1.0).abs() < RATE_TOLERANCE
    })
}

fn form(request: RequestBuilder, parts: &[Part], kind: Multipart, names: &Names) -> anyhow::Result<RequestBuilder> {
    let mut form = Form::new();
    for part in parts {
        let bytes = match (&part.picture, &part.json, &part.text) {
            (Some(sample), None, None) => sample.bytes(),
            (None, Some(json), None) => json.to_string().into_bytes(),
            (None, None, Some(text)) => names.fill(text).into_bytes(),
            _ => anyhow::bail!("the part '{}' is not one of picture, json and text", part.name),
        };
        let mut made = multipart::Part::bytes(bytes);
        // Pictures are sent as files, unless the kit gives another file name.
        let file = part.file.clone().or_else(|| part.picture.map(|_| "picture".to_owned()));
        if let Some(file) = file {
            made = made.file_name(file);
        }
        if let Some(content_type) = &part.content_type {
            made = made.mime_str(content_type)?;
        }
        form = form.part(part.name.clone(), made);
    }
    Ok(match kind {
        Multipart::FormData => request.multipart(form),
        Multipart::Mixed => {
            let boundary = form.boundary().to_owned();
            request.multipart(form).header("content-type", format!("multipart/mixed; boundary={boundary}"))
        }
    })
}

//! The outbound client: it notifies providers of results, and it reaches only public hosts.
//!
//! Messages are signed as Standard Webhooks requires. The address of a host is checked when it is connected to, so that
//! a name cannot resolve to one address for the check and another for the connection. Redirects and proxies could lead
//! elsewhere, so the client follows neither.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, iter};

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use reqwest::{Certificate, Response, Url, header, redirect};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::zeroize::Zeroizing;

use crate::callback::allowed::Allowed;
use crate::callback::resolver::{Guard, Lookup, Refused, System};
use crate::domain::{CallbackId, Moment};

pub mod address;
pub mod allowed;
pub mod resolver;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time from the first byte sent to the head of the answer, whose body is not read.
const TIMEOUT: Duration = Duration::from_secs(15);
const URL_LEN_MAX: usize = 2048;
/// The longest pause that a host may ask for; a longer one is shortened to this.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
const USER_AGENT: &str = concat!("bioserver/", env!("CARGO_PKG_VERSION"));

/// The hosts that the operator allows besides public ones, and the certificates that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub allow: Vec<Allowed>,
    /// Certificates that are trusted besides those of the system.
    pub ca: Vec<Certificate>,
}

/// Reads the certificates in a PEM text: at least one, each of which can be a trust anchor.
///
/// # Errors
/// The fault of the text.
pub fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, &'static str> {
    const DAMAGED: &str = "one of its certificates cannot be read";
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|_| "it is not PEM")?;
    if found.is_empty() {
        return Err("it has no certificate in PEM");
    }
    let read = |der: &CertificateDer<'_>| {
        webpki::anchor_from_trusted_cert(der).map_err(|_| DAMAGED)?;
        Certificate::from_der(der).map_err(|_| DAMAGED)
    };
    found.iter().map(read).collect()
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("callbacks cannot be sent: {0}")]
    Client(#[from] reqwest::Error),
}

/// The secret that signs callbacks to one provider. `Debug` does not show it; only the operator can print it.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET_LEN]>);

const SECRET_LEN: usize = 32;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Makes a new random secret.
    pub fn make() -> Self {
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        rand::fill(&mut *secret).expect("the system has random numbers");
        Self(secret)
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// Returns the secret in the form that libraries which verify callbacks take.
    pub fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.bytes()))
    }

    /// Returns the value of `webhook-signature` for a body.
    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.bytes());
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes())))
    }
}

/// One message to a provider.
pub struct Message<'a> {
    /// Stays the same when the message is sent again.
    pub id: CallbackId,
    pub url: &'a str,
    /// The JSON body.
    pub body: &'a str,
    pub now: Moment,
}

/// The outcome of an attempt to send. Its texts contain no address and no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The host answered with this status, a 2xx.
    Delivered(u16),
    /// The host wants no further attempts (410).
    Gone,
    /// Another attempt may succeed, after `retry_after` if the host asked for it.
    Failed { why: String, retry_after: Option<Duration> },
    /// The host did not answer; another attempt may succeed.
    Unreached { why: &'static str },
}

/// Sends messages. Clones share everything.
#[derive(Clone)]
pub struct Client {
    /// Connects to public addresses alone.
    guarded: reqwest::Client,
    /// Connects to any address: for the hosts and ports that the operator allows.
    open: reqwest::Client,
    allow: Arc<[Allowed]>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} allowed)", self.allow.len())
    }
}

impl Client {
    pub fn new(settings: Settings) -> Result<Self, Error> {
        Self::with(settings, System)
    }

    /// Makes a client that resolves names by `lookup`.
    pub fn with(settings: Settings, lookup: impl Lookup + 'static) -> Result<Self, Error> {
        Self::patient(settings, lookup, TIMEOUT)
    }

    fn patient(settings: Settings, lookup: impl Lookup + 'static, timeout: Duration) -> Result<Self, Error> {
        let Settings { allow, ca } = settings;
        let lookup: Arc<dyn Lookup> = Arc::new(lookup);
        let http = |admits| {
            reqwest::Client::builder()
                .dns_resolver(Guard { lookup: lookup.clone(), admits })
                .redirect(redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(timeout)
                // The address is checked anew for every message.
                .pool_max_idle_per_host(0)
                .user_agent(USER_AGENT)
                .tls_certs_merge(ca.iter().cloned())
                .build()
        };
        Ok(Self { guarded: http(address::is_public)?, open: http(|_| true)?, allow: allow.into() })
    }

    /// Returns the URL if a message may be sent there, as far as its text shows.
    ///
    /// # Errors
    /// The reason why not, as the end of a sentence.
    pub fn check(&self, url: &str) -> Result<Url, &'static str> {
        self.way(url).map(|(url, _)| url)
    }

    /// Checks as [`Client::check`] does, and returns the URL with the HTTP client that may connect to it.
    fn way(&self, url: &str) -> Result<(Url, &reqwest::Client), &'static str> {
        if url.len() > URL_LEN_MAX {
            return Err("must have at most 2048 characters");
        }
        let url = Url::parse(url).map_err(|_| "must be an absolute URL")?;
        let host = url.host_str().ok_or("must name a host")?;
        let port = url.port_or_known_default().ok_or("must begin with https://")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not name a user");
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment (a part after #)");
        }
        if self.allow.iter().any(|allowed| allowed.admits(url.scheme(), host, port)) {
            return Ok((url, &self.open));
        }
        if url.scheme() != "https" {
            return Err("must begin with https://");
        }
        match literal(host) {
            Some(address) if !address::is_public(address) => Err("must lead to a public host"),
            None if is_local(host) => Err("must lead to a public host"),
            _ => Ok((url, &self.guarded)),
        }
    }

    /// Returns the host and port that a message goes to; `None` if it may not be sent there.
    pub fn host(&self, url: &str) -> Option<String> {
        let url = self.check(url).ok()?;
        Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
    }

    /// Sends a message once, signed with each of the secrets: the receiver knows at least one of them.
    pub async fn send(&self, message: &Message<'_>, secrets: &[Secret]) -> Attempt {
        let (url, http) = match self.way(message.url) {
            Ok(way) => way,
            Err(why) => return Attempt::Failed { why: format!("the URL {why}"), retry_after: None },
        };
        let (id, timestamp) = (message.id.to_string(), message.now.utc().timestamp());
        let signatures: Vec<_> = secrets.iter().map(|secret| secret.signature(&id, timestamp, message.body)).collect();
        let request = http
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(message.body.to_owned());
        match request.send().await {
            Ok(response) => attempt(&response, message.now),
            Err(error) if is_refused(&error) => {
                Attempt::Failed { why: "the host has no public address".to_owned(), retry_after: None }
            }
            Err(error) => Attempt::Unreached { why: told(&error) },
        }
    }
}

fn attempt(response: &Response, now: Moment) -> Attempt {
    let status = response.status();
    if status.is_success() {
        return Attempt::Delivered(status.as_u16());
    }
    if status.as_u16() == 410 {
        return Attempt::Gone;
    }
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| pause(value.to_str().ok()?, now));
    let retry_after = asked.map(|asked| asked.min(RETRY_AFTER_MAX));
    Attempt::Failed { why: format!("the host answered {}", status.as_u16()), retry_after }
}

/// Reads `Retry-After`: seconds or a date (RFC 9110, 10.2.3). `None` for any other text and for a date in the past.
fn pause(text: &str, now: Moment) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now.utc()).to_std().ok()
}

/// True if this client refused the connection because of the address.
fn is_refused(error: &reqwest::Error) -> bool {
    iter::successors(error.source(), |&cause| cause.source()).any(<dyn std::error::Error>::is::<Refused>)
}

fn told(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the host did not answer in time"
    } else if error.is_connect() {
        "the connection failed, or the certificate of the host is not trusted"
    } else {
        "the connection was lost"
    }
}

/// Returns the address that a URL has in place of a host name. The URL parser has normalised other notations of
/// numbers.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// True for names that by standard never leave a machine or its network (RFC 6761, RFC 6762, RFC 8375).
fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let within = |zone: &str| host == zone || host.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'));
    ["localhost", "local", "internal", "home.arpa"].into_iter().any(within)
}

#[cfg(test)]
mod tests;

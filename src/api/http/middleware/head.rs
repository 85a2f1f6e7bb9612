//! Refuses requests whose head lacks a required header, or repeats one that must be sent once.

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Version, header};

use crate::api::http::problem::Problem;
use crate::service::idempotency;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Refuses a head that two readers could understand in two ways.
pub fn check(request: &Request) -> Result<(), Problem> {
    check_host(request)?;
    match one(request.headers(), &IDEMPOTENCY_KEY)? {
        Some(key) => Ok(idempotency::check(key.as_bytes())?),
        None => Ok(()),
    }
}

/// HTTP/1.1 requires exactly one host (RFC 9112, 3.2). With two, a proxy and a server could choose different ones, and
/// an attacker could exploit that.
fn check_host(request: &Request) -> Result<(), Problem> {
    match one(request.headers(), &header::HOST)? {
        // The host may be empty if the URI has none.
        Some(host) if host.is_empty() || is_host(host) => Ok(()),
        Some(_) => Err(Problem::malformed_request("Host: must be a host, with or without a port.")),
        None if request.version() == Version::HTTP_11 => {
            Err(Problem::malformed_request("Host: must be sent with HTTP/1.1."))
        }
        None => Ok(()),
    }
}

fn is_host(host: &HeaderValue) -> bool {
    Authority::try_from(host.as_bytes()).is_ok_and(|authority| !authority.as_str().contains('@'))
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::malformed_request(format!("{name}: must be sent once.")));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(version: Version, headers: &[(&'static str, &[u8])]) -> Option<&'static str> {
        let mut request = Request::builder().version(version).finish();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value).expect("it is a value");
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        check(&request).err().map(|problem| {
            assert_eq!(problem.status.as_u16(), 400);
            problem.code
        })
    }

    #[test]
    fn http_1_1_has_one_host() {
        let bad = Some("MALFORMED_REQUEST");
        assert_eq!(refused(Version::HTTP_11, &[]), bad);
        for host in [&b"localhost:8080"[..], b"[::1]:8080", b"a.example", b""] {
            assert_eq!(refused(Version::HTTP_11, &[("host", host)]), None, "{host:?}");
        }
        for host in [&b"two words"[..], b"me@a.example", b"a/b", "é".as_bytes()] {
            assert_eq!(refused(Version::HTTP_11, &[("host", host)]), bad, "{host:?}");
        }
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(refused(version, &[("host", b"a"), ("host", b"a")]), bad, "{version:?}");
        }
        assert_eq!(refused(Version::HTTP_10, &[]), None);
        assert_eq!(refused(Version::HTTP_2, &[]), None);
    }

    #[test]
    fn an_idempotency_key_is_one_and_can_be_read() {
        let of = |keys: &[&'static [u8]]| {
            let keys = keys.iter().map(|key| ("idempotency-key", *key));
            refused(Version::HTTP_2, &keys.collect::<Vec<_>>())
        };
        assert_eq!(of(&[b"one"]), None);
        for key in ["é".as_bytes(), b"", b"two words", b"\xff"] {
            assert_eq!(of(&[key]), Some("INVALID_PARAMETER"), "{key:?}");
        }
        assert_eq!(of(&[b"one", b"one"]), Some("MALFORMED_REQUEST"));
    }
}

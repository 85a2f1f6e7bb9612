//! Recognizes a request that is sent again, before its body is read.

use std::hash::{DefaultHasher, Hash, Hasher};

use poem::Request;
use poem::http::header;

use crate::service::limits::promises::Fingerprint;

/// Returns the same value for a request that is sent again unchanged.
pub fn of(request: &Request) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    request.method().hash(&mut hasher);
    request.uri().path().hash(&mut hasher);
    for name in [header::CONTENT_LENGTH.as_str(), "idempotency-key"] {
        request.headers().get(name).hash(&mut hasher);
    }
    Fingerprint(hasher.finish())
}

#[cfg(test)]
mod tests {
    use poem::http::Method;

    use super::*;

    #[test]
    fn requests_are_told_apart_by_their_heads() {
        let request = |path: &str, length: &str, key: &str| {
            let request = Request::builder().method(Method::POST).uri(path.parse().expect("it is a path"));
            of(&request.header("content-length", length).header("idempotency-key", key).finish())
        };
        let one = request("/a", "7", "k");
        assert_eq!(one, request("/a", "7", "k"));
        for other in [request("/b", "7", "k"), request("/a", "8", "k"), request("/a", "7", "l")] {
            assert_ne!(one, other);
        }
    }
}

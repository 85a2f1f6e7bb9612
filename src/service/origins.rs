//! The origins of a provider's pages: from them a browser may call the contract, they may show the capture page in a
//! frame, and that page leads people back to them.

use crate::domain::{Moment, ProviderId, SessionId};
use crate::store::{self, Store};

/// The most origins of a provider: far more than it has.
const NAMED_MAX: i64 = 100;
const LEN_MAX: usize = 253 + "https://:65535".len();

/// The reason why an origin is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "'{0}' is not an origin such as https://www.example.com: a scheme, a host in lower case, and a port unless it is the default port of the scheme"
    )]
    Origin(String),
    #[error("there is no provider named '{0}'")]
    Provider(String),
    #[error("a provider can have at most {NAMED_MAX} origins")]
    TooMany,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Adds and removes origins, and returns all origins of the provider in order.
pub async fn change(store: &Store, provider: &str, add: &[String], remove: &[String]) -> Result<Vec<String>, Refusal> {
    if let Some(wrong) = add.iter().find(|origin| !is_origin(origin)) {
        return Err(Refusal::Origin(wrong.clone()));
    }
    let mut tx = store.begin().await?;
    let found = store::providers::named(&mut tx, provider).await?;
    let id = found.ok_or_else(|| Refusal::Provider(provider.to_owned()))?.id;
    for origin in remove {
        store::origins::remove(&mut tx, id, origin).await?;
    }
    for origin in add {
        store::origins::add(&mut tx, id, origin).await?;
    }
    let named = store::origins::of(&mut tx, id, NAMED_MAX + 1).await?;
    if named.len() as i64 > NAMED_MAX {
        return Err(Refusal::TooMany);
    }
    tx.commit().await?;
    Ok(named)
}

/// True if this provider has named the origin, or any provider if none is given.
pub async fn is_named(store: &Store, origin: &str, provider: Option<ProviderId>) -> Result<bool, store::Error> {
    if origin.len() > LEN_MAX {
        return Ok(false);
    }
    let mut tx = store.read().await?;
    store::origins::is_named(&mut tx, origin, provider).await
}

/// True if the address lies at an origin that the provider has named.
pub async fn leads_home(store: &Store, address: &str, provider: ProviderId) -> Result<bool, store::Error> {
    let Ok(url) = reqwest::Url::parse(address) else { return Ok(false) };
    // A name and password before the host could make an address look like another.
    let is_plain = url.username().is_empty() && url.password().is_none();
    Ok(is_plain && is_named(store, &url.origin().ascii_serialization(), Some(provider)).await?)
}

/// Returns the origins that the provider of a session has named; none for a session that has ended.
pub async fn of_session(store: &Store, session: SessionId, now: Moment) -> Result<Vec<String>, store::Error> {
    let mut tx = store.read().await?;
    store::origins::of_session(&mut tx, session, now, NAMED_MAX).await
}

/// True if a browser would send the text as `Origin` (RFC 6454, 6.2), which is compared byte by byte.
fn is_origin(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_as_browsers_send_it() {
        for origin in ["https://www.example.com", "http://localhost:3000", "https://a.example:8443", "https://[::1]"] {
            assert!(is_origin(origin), "{origin}");
        }
        for wrong in [
            "",
            "*",
            "null",
            "www.example.com",
            "https://a.example/",
            "https://A.example",
            "https://a.example:443",
            "ftp://a.example",
            "https://me@a.example",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}

//! The origins of a provider's pages: where a browser may call the contract from.

use crate::domain::ProviderId;
use crate::store::{self, Store};

/// Far more than a provider has pages.
const NAMED_MAX: i64 = 100;
const LEN_MAX: usize = 253 + "https://:65535".len();

/// Why an origin is not named.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "'{0}' is no origin such as https://www.example.com: a scheme, a host in lower case and a port if it is not the scheme's own"
    )]
    Origin(String),
    #[error("there is no provider named '{0}'")]
    Provider(String),
    #[error("a provider may name {NAMED_MAX} origins")]
    TooMany,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Names some origins, takes others away, and answers all that are named then, in order.
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

/// Whether this provider, or any if none is given, has named the origin.
pub async fn is_named(store: &Store, origin: &str, provider: Option<ProviderId>) -> Result<bool, store::Error> {
    if origin.len() > LEN_MAX {
        return Ok(false);
    }
    let mut tx = store.read().await?;
    store::origins::is_named(&mut tx, origin, provider).await
}

/// Whether a browser would send it as `Origin` (RFC 6454, 6.2), which is compared byte by byte.
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

//! Finds the caller by the credentials of a request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use secrecy::SecretString;

use crate::api::http::fingerprint;
use crate::api::http::problem::Problem;
use crate::domain::{Caller, ProviderId, audit};
use crate::service::keys::Credentials;
use crate::service::limits::Permit;
use crate::service::{self, Deps};

mod security;

/// A caller, or none: the key may be left out, but a key that is sent must be valid.
#[derive(Debug, Clone)]
pub struct OptionalCaller(pub Option<Caller>);

/// Holds the caller and its permit until the request is answered. Clones share one value.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<Option<(Caller, Permit)>>>);

/// True if the connection of a request accepts a provider's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysTaken(pub bool);

impl UnderWay {
    fn hold(&self, caller: Caller, permit: Permit) {
        *self.held() = Some((caller, permit));
    }

    /// Returns the caller of the request; `None` while it is not known.
    pub fn caller(&self) -> Option<Caller> {
        self.held().as_ref().map(|(caller, _)| caller.clone())
    }

    /// Returns the provider of the caller; `None` while it is not known.
    pub fn provider(&self) -> Option<ProviderId> {
        self.held().as_ref().map(|(caller, _)| caller.provider)
    }

    fn held(&self) -> MutexGuard<'_, Option<(Caller, Permit)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the credentials of a request: from the header `apikey`, else from `Authorization` as Bearer or Basic.
///
/// # Errors
/// The request has credentials, and they cannot be read.
fn credentials(request: &Request) -> Result<Option<Credentials>, service::Error> {
    if let Some(key) = request.headers().get("apikey") {
        let key = key.to_str().map_err(|_| service::Error::Unauthorized)?;
        return Ok(Some(Credentials::Key(SecretString::from(key.trim()))));
    }
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let read = || {
        let (scheme, rest) = authorization.to_str().ok()?.trim().split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(Credentials::Key(SecretString::from(rest.trim()))),
            "basic" => pair(rest.trim()),
            _ => None,
        }
    };
    read().map(Some).ok_or(service::Error::Unauthorized)
}

/// Reads `id:secret` in base64. The secret may contain colons, the id may not.
fn pair(encoded: &str) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some(Credentials::Pair { id: id.to_owned(), secret: SecretString::from(secret) })
}

async fn caller(request: &Request) -> Result<Option<Caller>, Problem> {
    let Some(credentials) = credentials(request)? else { return Ok(None) };
    let deps = request.data::<Deps>().ok_or_else(|| Problem::internal("the endpoint was built without Deps"))?;
    let mut caller = service::keys::authenticate(deps, &credentials).await?;
    caller.request = request.data::<audit::Request>().cloned().unwrap_or_default();
    let is_taken = request.data::<KeysTaken>().is_none_or(|keys| keys.0);
    if caller.only.is_none() && !is_taken {
        return Err(Problem::no_certificate());
    }
    let permit = deps.meters.admit(&caller, deps.policy().limits, fingerprint::of(request))?;
    if let Some(under_way) = request.data::<UnderWay>() {
        under_way.hold(caller.clone(), permit);
    }
    Ok(Some(caller))
}

/// Makes `$type` an extractor that a handler may ask for; `$of` converts the caller into it.
macro_rules! extractor {
    ($type:ty, needs_none: $needs_none:literal, $of:expr) => {
        impl<'a> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                security::register(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                security::NAMES.to_vec()
            }

            fn has_security_fallback() -> bool {
                $needs_none
            }

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($of(caller(request).await?)?)
            }
        }
    };
}
extractor!(Caller, needs_none: false, |caller: Option<Caller>| caller.ok_or_else(Problem::unauthorized));
extractor!(OptionalCaller, needs_none: true, |caller| Ok::<_, Problem>(Self(caller)));

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(name: &str, value: &str) -> Option<(Option<String>, String)> {
        let request = Request::builder().header(name, value).finish();
        match credentials(&request).ok()?? {
            Credentials::Key(key) => Some((None, key.expose_secret().to_owned())),
            Credentials::Pair { id, secret } => Some((Some(id), secret.expose_secret().to_owned())),
        }
    }

    #[test]
    fn a_key_comes_in_three_ways() {
        let key = Some((None, "bio_1_s".to_owned()));
        assert_eq!(read("apikey", "bio_1_s"), key);
        assert_eq!(read("ApiKey", " bio_1_s "), key);
        assert_eq!(read("authorization", "Bearer bio_1_s"), key);
        assert_eq!(read("Authorization", "bearer  bio_1_s"), key);
        let basic = format!("Basic {}", STANDARD.encode("1:s:t"));
        assert_eq!(read("Authorization", &basic), Some((Some("1".to_owned()), "s:t".to_owned())));
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_nothing_is_nobody() {
        let of = |value: &str| credentials(&Request::builder().header("Authorization", value).finish());
        for value in ["Bearer", "Digest x", "Basic ???", "Basic bm8tY29sb24=", ""] {
            assert!(matches!(of(value), Err(service::Error::Unauthorized)), "{value}");
        }
        assert!(matches!(credentials(&Request::default()), Ok(None)));
    }
}

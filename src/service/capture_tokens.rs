//! Capture tokens: a browser sends one in place of a key. It is valid for the capture of one session, and for a short
//! time.
//!
//! A token is `cap_` and a claim in base64url, sealed by the master key: the session, the key that requested the token,
//! the time of expiry, and the URL to which the page leads afterwards. The server stores nothing of it; it also becomes
//! invalid with that key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::domain::audit::Request;
use crate::domain::{Caller, CaptureGrant, KeyId, Moment, Permission, SessionId};
use crate::service::{Deps, Error, liveness, origins, require, sessions};
use crate::store;

const PREFIX: &str = "cap_";
/// The place that the seal is bound to.
const PLACE: &str = "capture_token";
/// The longest token; a longer text is refused unread.
const TEXT_LEN_MAX: usize = 2048;
/// The life of a token: long enough to read the instructions, to find the camera and to try twice.
const LIFE: TimeDelta = TimeDelta::minutes(15);

/// A new token.
pub struct CaptureToken {
    pub text: SecretString,
    pub expires: Moment,
}

/// Makes a token for a session whose liveness check has begun; the capture page leads to `return_url` in the end.
pub async fn create(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    return_url: Option<&str>,
) -> Result<CaptureToken, Error> {
    require(caller, Permission::Liveness)?;
    if let Some(url) = return_url
        && !origins::leads_home(&deps.store, url, caller.provider).await?
    {
        return Err(Error::ReturnUrl);
    }
    let now = deps.clock.now();
    let mut tx = deps.store.read().await?;
    let live = sessions::live(&mut tx, caller, session, now).await?;
    liveness::find(&mut tx, session).await?;
    let expires = now.plus(LIFE).min(live.expires);
    let return_url = return_url.unwrap_or_default();
    let mut claim = Vec::with_capacity(40 + return_url.len());
    claim.extend_from_slice(session.0.as_bytes());
    claim.extend_from_slice(caller.key.0.as_bytes());
    claim.extend_from_slice(&expires.utc().timestamp_millis().to_be_bytes());
    claim.extend_from_slice(return_url.as_bytes());
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(deps.master.seal(PLACE, &claim)));
    Ok(CaptureToken { text: text.into(), expires })
}

/// A text that claims to be a token.
#[derive(Clone, Copy)]
pub struct Token<'a>(&'a str);

/// Returns the token if the text is one, rather than a key.
pub fn recognised(text: &SecretString) -> Option<Token<'_>> {
    text.expose_secret().strip_prefix(PREFIX).map(Token)
}

/// Returns the caller who holds this token.
pub async fn authenticate(deps: &Deps, Token(text): Token<'_>) -> Result<Caller, Error> {
    let now = deps.clock.now();
    let claim = open(deps, text).filter(|claim| claim.expires > now).ok_or(Error::Unauthorized)?;
    let mut tx = deps.store.read().await?;
    let valid = store::keys::valid(&mut tx, claim.key, now).await?.ok_or(Error::Unauthorized)?;
    let (provider, limits) = (valid.key.provider, valid.limits);
    let permissions = vec![Permission::Liveness];
    let grant = CaptureGrant { session: claim.session, return_url: claim.return_url };
    Ok(Caller { provider, key: claim.key, permissions, limits, only: Some(grant), request: Request::default() })
}

struct Claim {
    session: SessionId,
    key: KeyId,
    expires: Moment,
    return_url: Option<String>,
}

fn open(deps: &Deps, text: &str) -> Option<Claim> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let claim = deps.master.open(PLACE, &URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (session, rest) = claim.split_first_chunk::<16>()?;
    let (key, rest) = rest.split_first_chunk::<16>()?;
    let (expires, return_url) = rest.split_first_chunk::<8>()?;
    let expires = DateTime::from_timestamp_millis(i64::from_be_bytes(*expires))?;
    let return_url = str::from_utf8(return_url).ok()?.to_owned();
    Some(Claim {
        session: SessionId(Uuid::from_bytes(*session)),
        key: KeyId(Uuid::from_bytes(*key)),
        expires: Moment::new(expires),
        return_url: Some(return_url).filter(|url| !url.is_empty()),
    })
}

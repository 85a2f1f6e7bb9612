//! Signs payloads as compact JWS (RFC 7515), attached and byte for byte, and publishes the key set (RFC 7517).

use std::sync::{Arc, PoisonError, RwLock};

use strum::{IntoStaticStr, VariantArray, VariantNames};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize, de};
use serde_json::{Value, json};

use crate::sign::key::Key;

pub mod certificate;
pub mod key;
pub mod public;
#[cfg(test)]
mod tests;

/// The algorithm that signs answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    #[strum(serialize = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[strum(serialize = "RS256")]
    Rs256,
}

face::named!(Algorithm);

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::ES256,
            Algorithm::Rs256 => Self::RS256,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key cannot be used; says why.
    #[error("the signing key is not usable: {0}")]
    Key(&'static str),
    #[error("the signature could not be made")]
    Failed,
    /// The text is not a JWS of the kind that this server makes; says why.
    #[error("this is not a compact JWS: {0}")]
    Malformed(&'static str),
    #[error("the key '{0}' is not in the key set")]
    UnknownKey(String),
    /// The header's algorithm is not that of its key.
    #[error("the algorithm '{0}' does not match the key")]
    Algorithm(String),
    #[error("the signature does not match the content")]
    Forged,
}

/// The header of a JWS, which is not yet verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub alg: String,
    pub kid: String,
}

/// Signs with one key and publishes several, so that answers of earlier keys still verify. The keys may be replaced at
/// any time.
#[derive(Debug)]
pub struct Signer(RwLock<Arc<Keys>>);

#[derive(Debug)]
struct Keys {
    active: Arc<Key>,
    /// True if the active key is the operator's own.
    is_own: bool,
    published: Vec<Value>,
}

impl Keys {
    fn new(active: Arc<Key>, is_own: bool, others: Vec<Value>) -> Arc<Self> {
        let others = others.into_iter().filter(|jwk| jwk["kid"] != active.kid());
        let published = std::iter::once(active.jwk().clone()).chain(others).collect();
        Arc::new(Self { active, is_own, published })
    }
}

impl Signer {
    /// Makes a signer that signs with `active` and publishes it with `others`, which are public keys as JWK.
    pub fn new(active: Key, others: Vec<Value>) -> Self {
        Self(RwLock::new(Keys::new(Arc::new(active), false, others)))
    }

    /// Makes a signer as [`Signer::new`] does, with the operator's own key.
    pub fn own(active: Key, others: Vec<Value>) -> Self {
        Self(RwLock::new(Keys::new(Arc::new(active), true, others)))
    }

    /// Replaces the keys: from now on signs with `active`, or with the same key if it is `None`, and publishes `others`
    /// beside it.
    pub fn replace(&self, active: Option<Key>, others: Vec<Value>) {
        let before = self.keys();
        let active = active.map_or_else(|| before.active.clone(), Arc::new);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(active, before.is_own, others);
    }

    fn keys(&self) -> Arc<Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the algorithm of the server's own key; `None` if the key is the operator's.
    pub fn kept_algorithm(&self) -> Option<Algorithm> {
        let keys = self.keys();
        (!keys.is_own).then(|| keys.active.algorithm())
    }

    /// Signs `payload` as compact JWS: `header.payload.signature`.
    pub fn sign(&self, payload: &[u8]) -> Result<String, Error> {
        let active = self.keys().active.clone();
        let header = Header { alg: active.algorithm().name().to_owned(), kid: active.kid().to_owned() };
        let header = serde_json::to_vec(&header).expect("two strings are JSON");
        let mut jws = URL_SAFE_NO_PAD.encode(header);
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
        let signature = active.sign(jws.as_bytes())?;
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        Ok(jws)
    }

    /// Signs as [`Signer::sign`] does, and leaves the payload out: `header..signature`.
    pub fn sign_detached(&self, payload: &[u8]) -> Result<String, Error> {
        let jws = self.sign(payload)?;
        let (head, rest) = jws.split_once('.').unwrap_or_default();
        let (_, signature) = rest.split_once('.').unwrap_or_default();
        Ok(format!("{head}..{signature}"))
    }

    /// Verifies as [`verify`] does, with the published keys.
    pub fn verify(&self, jws: &str) -> Result<Vec<u8>, Error> {
        verify(jws, &self.jwks())
    }

    /// Returns the published keys: `{"keys": […]}`, the active one first.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys().published })
    }

    /// Returns the active key's certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        self.keys().active.certificate_pem().to_owned()
    }
}

/// Returns the payload of `jws` if a key of `jwks` signed it by ES256, RS256 or `EdDSA`.
///
/// The header names the key; the key, not the header, decides the algorithm.
pub fn verify(jws: &str, jwks: &Value) -> Result<Vec<u8>, Error> {
    let header = header(jws)?;
    let (signed, signature) = jws.rsplit_once('.').ok_or(Error::Malformed("it does not have three parts"))?;
    let (_, payload) = signed.split_once('.').ok_or(Error::Malformed("it does not have three parts"))?;
    let payload = decode(payload)?;
    decode(signature)?;

    let keys = jwks["keys"].as_array().map_or(&[][..], Vec::as_slice);
    let key = keys.iter().find(|key| key["kid"] == header.kid).ok_or(Error::UnknownKey(header.kid))?;
    let algorithm = accepted(&header.alg).ok_or_else(|| Error::Algorithm(header.alg.clone()))?;
    let is_for_others = key.get("alg").is_some_and(|alg| *alg != header.alg);
    if is_for_others || key.get("use").is_some_and(|r#use| r#use != "sig") {
        return Err(Error::Algorithm(header.alg));
    }
    let key = Jwk::deserialize(key)
        .and_then(|key| DecodingKey::from_jwk(&key).map_err(<serde_json::Error as de::Error>::custom));
    let key = key.map_err(|_| Error::Key("the public key is damaged"))?;
    match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, algorithm) {
        Ok(true) => Ok(payload),
        Ok(false) => Err(Error::Forged),
        // The key belongs to another family of algorithms.
        Err(_) => Err(Error::Algorithm(header.alg)),
    }
}

/// Returns the algorithm of this name if [`verify`] accepts it: those of this server's keys, and Ed25519, with which
/// others sign.
fn accepted(alg: &str) -> Option<jsonwebtoken::Algorithm> {
    if alg == public::ED_DSA {
        Some(jsonwebtoken::Algorithm::EdDSA)
    } else {
        Some(alg.parse::<Algorithm>().ok()?.into())
    }
}

/// Puts `payload` into a detached JWS; `None` if it carries a payload already, or is not a JWS.
pub fn attached(jws: &str, payload: &[u8]) -> Option<String> {
    let (head, signature) = jws.split_once("..")?;
    Some(format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(payload)))
}

/// Returns the header of `jws` without verifying it.
pub fn header(jws: &str) -> Result<Header, Error> {
    let mut parts = jws.split('.');
    let head = parts.next().unwrap_or_default();
    if parts.count() != 2 {
        return Err(Error::Malformed("it does not have three parts"));
    }
    let head: Value = serde_json::from_slice(&decode(head)?).map_err(|_| Error::Malformed("its header is not JSON"))?;
    if head.get("crit").is_some() {
        // The header requires extensions (RFC 7515, 4.1.11), and this server supports none.
        return Err(Error::Malformed("its header has critical extensions"));
    }
    serde_json::from_value(head).map_err(|_| Error::Malformed("its header lacks 'alg' or 'kid'"))
}

fn decode(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Malformed("a part is not in base64url"))
}

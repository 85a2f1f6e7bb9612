//! The keys that captures are encrypted for.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use strum::{IntoStaticStr, VariantArray};

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

use crate::capture::Error;
use crate::domain::Moment;
use crate::sign::certificate::{self, Family, Usage};

/// The way in which the content key of a capture reaches the server (RFC 7518, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
pub enum Algorithm {
    /// Key agreement on the curve P-256.
    #[strum(serialize = "ECDH-ES")]
    EcdhEs,
    /// Key encryption with RSA.
    #[strum(serialize = "RSA-OAEP-256")]
    RsaOaep256,
}

face::named!(Algorithm);

impl Algorithm {
    fn usage(self) -> Usage {
        match self {
            Self::EcdhEs => Usage::Agreement,
            Self::RsaOaep256 => Usage::Encipherment,
        }
    }
}

/// The subject of the certificates.
const SUBJECT: &str = "BioServer capture key";

pub(super) enum Private {
    EcdhEs(agreement::PrivateKey),
    RsaOaep256(OaepPrivateDecryptingKey),
}

/// A private key with its certificate. `Debug` shows only the key's name.
pub struct Key {
    pub(super) private: Private,
    der: SecretSlice<u8>,
    certificate_pem: String,
    certificate: Vec<u8>,
    kid: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.kid)
    }
}

impl Key {
    /// Makes a new random key.
    pub fn make(algorithm: Algorithm, now: Moment) -> Result<Self, Error> {
        let family = match algorithm {
            Algorithm::EcdhEs => Family::P256,
            Algorithm::RsaOaep256 => Family::Rsa,
        };
        let made = certificate::make(family, algorithm.usage(), SUBJECT, now);
        let made = made.map_err(|_| Error::Failed("generating it failed"))?;
        Self::read(algorithm, made.der, made.certificate_pem)
    }

    /// Makes another certificate, in PEM, for a key of this server.
    pub fn renew(algorithm: Algorithm, der: &SecretSlice<u8>, now: Moment) -> Result<String, Error> {
        let renewed = certificate::renew(der, algorithm.usage(), SUBJECT, now);
        renewed.map_err(|_| Error::Failed("generating its certificate failed"))
    }

    /// Reads a key from the values that [`Key::der`] and [`Key::certificate_pem`] returned.
    pub fn read(algorithm: Algorithm, der: SecretSlice<u8>, certificate_pem: String) -> Result<Self, Error> {
        let damaged = || Error::Failed("a key is damaged, or of another kind");
        let private = match algorithm {
            Algorithm::EcdhEs => agreement::PrivateKey::from_private_key_der(&ECDH_P256, der.expose_secret())
                .map(Private::EcdhEs)
                .map_err(|_| damaged())?,
            Algorithm::RsaOaep256 => PrivateDecryptingKey::from_pkcs8(der.expose_secret())
                .map_err(|_| damaged())
                .and_then(|key| OaepPrivateDecryptingKey::new(key).map_err(|_| damaged()))
                .map(Private::RsaOaep256)?,
        };
        let certificate = certificate::first(&certificate_pem).ok_or(Error::Failed("a certificate is not in PEM"))?;
        let kid = kid(&certificate);
        Ok(Self { private, der, certificate_pem, certificate, kid })
    }

    pub fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::EcdhEs(_) => Algorithm::EcdhEs,
            Private::RsaOaep256(_) => Algorithm::RsaOaep256,
        }
    }

    /// Returns the name of the key, as [`kid`] gives it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the private key in DER, so that it can be sealed.
    pub fn der(&self) -> &SecretSlice<u8> {
        &self.der
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

/// Returns the name of a key in a JWE's header: the SHA-256 of its certificate, in base64url. The certificate is all
/// that a client has.
pub fn kid(certificate: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(certificate))
}

/// The keys of a server, which may be replaced at any time.
#[derive(Debug, Default)]
pub struct Keys(RwLock<Kept>);

/// Clones share the keys.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// The keys whose certificates clients receive now.
    serving: Vec<Arc<Key>>,
    /// The keys whose certificates clients received before, or will receive.
    others: Vec<Arc<Key>>,
}

impl Keys {
    /// Makes a set whose clients receive the certificates of `serving`.
    pub fn new(serving: Vec<Key>) -> Self {
        let keys = Self::default();
        keys.replace(serving, vec![]);
        keys
    }

    /// Replaces the keys: from now on clients receive the certificates of `serving`, and `others` still decrypt
    /// captures.
    pub fn replace(&self, serving: Vec<Key>, others: Vec<Key>) {
        let shared = |keys: Vec<Key>| keys.into_iter().map(Arc::new).collect();
        let kept = Kept { serving: shared(serving), others: shared(others) };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    fn kept(&self) -> Kept {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the certificates for clients, in DER, in the order of the keys.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        self.kept().serving.iter().map(|key| key.certificate.clone()).collect()
    }

    /// Returns the keys for the algorithm: those of this name, or all of them if none has it. A certificate may have
    /// been renewed since the client received it, and that changes the name.
    pub(super) fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> Vec<Arc<Key>> {
        let Kept { serving, others } = self.kept();
        let all: Vec<_> = serving.into_iter().chain(others).filter(|key| key.algorithm() == algorithm).collect();
        let named: Vec<_> = all.iter().filter(|key| kid == Some(key.kid.as_str())).cloned().collect();
        if named.is_empty() { all } else { named }
    }
}

//! The keys that captures are encrypted for.

use std::fmt;
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

/// How the key of a capture's encryption is told to the server (RFC 7518, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
pub enum Algorithm {
    /// Agreed on, on the curve P-256.
    #[strum(serialize = "ECDH-ES")]
    EcdhEs,
    /// Encrypted by RSA.
    #[strum(serialize = "RSA-OAEP-256")]
    RsaOaep256,
}

face::named!(Algorithm);

pub(super) enum Private {
    EcdhEs(agreement::PrivateKey),
    RsaOaep256(OaepPrivateDecryptingKey),
}

/// A key with its certificate. Never shown.
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
    /// A new random one.
    pub fn make(algorithm: Algorithm, now: Moment) -> Result<Self, Error> {
        let (family, usage) = match algorithm {
            Algorithm::EcdhEs => (Family::P256, Usage::Agreement),
            Algorithm::RsaOaep256 => (Family::Rsa, Usage::Encipherment),
        };
        let made = certificate::make(family, usage, "BioServer capture key", now);
        let made = made.map_err(|_| Error::Failed("none could be made"))?;
        Self::read(algorithm, made.der, made.certificate_pem)
    }

    /// A key as [`Key::der`] and [`Key::certificate_pem`] gave it.
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

    /// See [`kid`].
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key in DER, to be sealed.
    pub fn der(&self) -> &SecretSlice<u8> {
        &self.der
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

/// What names a key in a JWE's header: the SHA-256 of its certificate, in base64url. A client has no more than that.
pub fn kid(certificate: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(certificate))
}

/// The keys of a server: those it gives to clients, and maybe older ones.
#[derive(Debug, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    pub fn new(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// In DER, in the order the keys were given.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|key| key.certificate.clone()).collect()
    }

    /// The key of this name; without a name, the first for the algorithm.
    pub(super) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<&Key> {
        let is_wanted = |key: &&Key| key.algorithm() == algorithm && kid.is_none_or(|kid| key.kid == kid);
        self.0.iter().find(is_wanted)
    }
}

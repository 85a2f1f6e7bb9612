//! A signing key, with its public half as JWK and certificate.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Algorithm, Error};
use crate::domain::Moment;
use crate::sign::certificate::{self, Family, Usage};

/// The subject of the certificates.
const SUBJECT: &str = "BioServer signing key";
/// The least modulus length of RSA keys in bytes; other software refuses shorter ones as well.
const RSA_MODULUS_LEN_MIN: usize = 256;

/// The parsed private key. It is parsed once, since the checks of an RSA key cost more than a signature.
enum Private {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

pub struct Key {
    private: Private,
    der: SecretSlice<u8>,
    kid: String,
    jwk: Value,
    certificate_pem: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {})", self.algorithm(), self.kid)
    }
}

impl Key {
    /// Makes a new random key with a self-signed certificate that begins on the day of `now`.
    pub fn make(algorithm: Algorithm, now: Moment) -> Result<Self, Error> {
        let family = match algorithm {
            Algorithm::Es256 => Family::P256,
            Algorithm::Rs256 => Family::Rsa,
        };
        let made = certificate::make(family, Usage::Signature, SUBJECT, now)?;
        Self::read(algorithm, made.der, made.certificate_pem)
    }

    /// Makes another certificate, in PEM, for a key of this server.
    pub fn renew(der: &SecretSlice<u8>, now: Moment) -> Result<String, Error> {
        certificate::renew(der, Usage::Signature, SUBJECT, now)
    }

    /// Reads a key from the value that [`Key::der`] returned, and its certificate.
    pub fn read(algorithm: Algorithm, der: SecretSlice<u8>, certificate_pem: String) -> Result<Self, Error> {
        let private = match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose_secret())
                    .map(Private::Es256)
            }
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(der.expose_secret())
                .or_else(|_| RsaKeyPair::from_der(der.expose_secret()))
                .map(Private::Rs256),
        };
        let private = private.map_err(|_| Error::Key("it is damaged, or it is for another algorithm"))?;
        if matches!(&private, Private::Rs256(pair) if pair.public_modulus_len() < RSA_MODULUS_LEN_MIN) {
            return Err(Error::Key("an RSA key must have at least 2048 bits"));
        }
        let mut jwk = private.public();
        let kid = thumbprint(&jwk)?;
        jwk["kid"] = json!(kid);
        jwk["alg"] = json!(algorithm.name());
        jwk["use"] = json!("sig");
        Ok(Self { private, der, kid, jwk, certificate_pem })
    }

    /// Reads the operator's own key: a private key (PKCS #8, SEC 1 or PKCS #1) and its certificate, both in PEM. The
    /// certificates of its issuers may follow.
    pub fn from_pem(private: &SecretString, certificate: &str) -> Result<Self, Error> {
        let pair =
            KeyPair::from_pem(private.expose_secret()).map_err(|_| Error::Key("it is not a private key in PEM"))?;
        let algorithm = if pair.is_compatible(&PKCS_ECDSA_P256_SHA256) {
            Algorithm::Es256
        } else if pair.is_compatible(&PKCS_RSA_SHA256) {
            Algorithm::Rs256
        } else {
            return Err(Error::Key("it is neither an RSA key nor a P-256 key"));
        };
        let der = certificate::first(certificate).ok_or(Error::Key("its certificate is not in PEM"))?;
        // DER has one encoding for each key, so the certificate of this key contains these bytes.
        let public = pair.subject_public_key_info();
        if !der.windows(public.len()).any(|window| window == public) {
            return Err(Error::Key("the certificate is for another key"));
        }
        Self::read(algorithm, pair.serialized_der().to_vec().into(), certificate.to_owned())
    }

    pub fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::Es256(_) => Algorithm::Es256,
            Private::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Returns the private key in DER, so that it can be sealed.
    pub fn der(&self) -> &SecretSlice<u8> {
        &self.der
    }

    /// Returns the public key's thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the public key with `kid`, `alg` and `use`.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Signs a message, in the form that JWS requires (RFC 7518): for ECDSA, r and s with 32 bytes each.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Es256(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| Error::Failed)
            }
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.map(|()| signature).map_err(|_| Error::Failed)
            }
        }
    }
}

impl Private {
    /// Returns the members of the public key itself (RFC 7518, 6.2.1 and 6.3.1).
    fn public(&self) -> Value {
        match self {
            Self::Es256(pair) => {
                // The point is uncompressed: 4, x, y.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
            }
            Self::Rs256(pair) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e) })
            }
        }
    }
}

/// Returns the SHA-256 of the key's required members in alphabetical order (RFC 7638), in base64url.
pub fn thumbprint(jwk: &Value) -> Result<String, Error> {
    let member = |name: &str| jwk[name].as_str().ok_or(Error::Key("it is not an RSA or P-256 key"));
    let text = match member("kty")? {
        "EC" => json!({ "crv": member("crv")?, "kty": "EC", "x": member("x")?, "y": member("y")? }),
        "RSA" => json!({ "e": member("e")?, "kty": "RSA", "n": member("n")? }),
        _ => return Err(Error::Key("it is not an RSA or P-256 key")),
    };
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(text.to_string())))
}

//! Checks a compact JWS against a key set.

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Algorithm;
use super::Error;
use super::Header;

/// The payload of `jws`, if a key of `jwks` signed it.
///
/// The header names the key; the key, not the header, decides the algorithm.
pub fn verify(jws: &str, jwks: &Value) -> Result<Vec<u8>, Error> {
    let header = header(jws)?;
    let (signed, signature) = jws.rsplit_once('.').ok_or(Error::Malformed("it has no three parts"))?;
    let (_, payload) = signed.split_once('.').ok_or(Error::Malformed("it has no three parts"))?;
    let payload = decode(payload)?;
    let signature = decode(signature)?;

    let keys = jwks["keys"].as_array().map_or(&[][..], Vec::as_slice);
    let key = keys.iter().find(|key| key["kid"] == header.kid).ok_or(Error::UnknownKey(header.kid))?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| Error::Algorithm(header.alg.clone()))?;
    if key.get("alg").is_some_and(|alg| alg != algorithm.name()) || key.get("use").is_some_and(|r#use| r#use != "sig") {
        return Err(Error::Algorithm(header.alg));
    }
    let valid = match algorithm {
        Algorithm::Es256 if key["kty"] == "EC" && key["crv"] == "P-256" => {
            let point = [vec![4], number(key, "x")?, number(key, "y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature)
        }
        Algorithm::Rs256 if key["kty"] == "RSA" => {
            let public = RsaPublicKeyComponents { n: number(key, "n")?, e: number(key, "e")? };
            public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        }
        _ => return Err(Error::Algorithm(header.alg)),
    };
    valid.map(|()| payload).map_err(|_| Error::Forged)
}

/// What `jws` says about itself, unchecked.
pub fn header(jws: &str) -> Result<Header, Error> {
    let mut parts = jws.split('.');
    let head = parts.next().unwrap_or_default();
    if parts.count() != 2 {
        return Err(Error::Malformed("it has no three parts"));
    }
    let head: Value = serde_json::from_slice(&decode(head)?).map_err(|_| Error::Malformed("its header is no JSON"))?;
    if head.get("crit").is_some() {
        // Extensions that must be understood (RFC 7515, 4.1.11): none is.
        return Err(Error::Malformed("its header has critical extensions"));
    }
    serde_json::from_value(head).map_err(|_| Error::Malformed("its header lacks 'alg' or 'kid'"))
}

fn decode(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Malformed("a part is not in base64url"))
}

fn number(key: &Value, name: &str) -> Result<Vec<u8>, Error> {
    let text = key[name].as_str().ok_or(Error::Key("a member of the public key is missing"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Key("the public key is not in base64url"))
}

//! Public keys of others as JWK (RFC 7517): only complete keys of the algorithms that [`super::verify`] accepts are taken.

use std::ops::RangeInclusive;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Algorithm, Error};

/// The name of Ed25519 in the header of a JWS (RFC 8037).
pub const ED_DSA: &str = "EdDSA";
/// The longest `kid`, in bytes.
pub const KID_LEN_MAX: usize = 128;

/// The length of a coordinate on P-256 and of an Ed25519 key, in bytes.
const COORDINATE_LEN: usize = 32;
/// The lengths of an RSA modulus in bits; other software refuses shorter ones as well.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;
/// The members of private and symmetric keys (RFC 7518, 6).
const SECRET: [&str; 2] = ["d", "k"];

/// Reads a public key for signatures. The JWK that it returns has the members that the key needs, `kid` and `alg`.
///
/// # Errors
/// The key is private or symmetric, is for something else than signatures by ES256, RS256 or `EdDSA`, has no `kid` of
/// at most [`KID_LEN_MAX`] bytes, or cannot verify anything: a point that is not on the curve, or fewer than 2048 bits.
pub fn read(jwk: &Value) -> Result<Value, Error> {
    if SECRET.iter().any(|name| jwk.get(name).is_some()) {
        return Err(Error::Key("it contains a secret: only the public half belongs here"));
    }
    if jwk.get("use").is_some_and(|r#use| r#use != "sig") {
        return Err(Error::Key("its 'use' is not 'sig'"));
    }
    let kid = jwk["kid"].as_str().filter(|kid| (1..=KID_LEN_MAX).contains(&kid.len()));
    let kid = kid.filter(|kid| !kid.contains(char::is_control));
    let kid = kid.ok_or(Error::Key("its 'kid' is missing, too long or not a text"))?;
    let (mut public, alg) = match (jwk["kty"].as_str(), jwk["crv"].as_str()) {
        (Some("EC"), Some("P-256")) => (on_p256(jwk)?, Algorithm::Es256.name()),
        (Some("OKP"), Some("Ed25519")) => (on_ed25519(jwk)?, ED_DSA),
        (Some("RSA"), _) => (rsa(jwk)?, Algorithm::Rs256.name()),
        _ => return Err(Error::Key("it is neither a P-256, an Ed25519 nor an RSA key")),
    };
    if jwk.get("alg").is_some_and(|stated| stated != alg) {
        return Err(Error::Key("its 'alg' is none of ES256, EdDSA and RS256, or not that of its type"));
    }
    public["kid"] = json!(kid);
    public["alg"] = json!(alg);
    Ok(public)
}

fn on_p256(jwk: &Value) -> Result<Value, Error> {
    let point = [vec![4], coordinate(jwk, "x")?, coordinate(jwk, "y")?].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| Error::Key("its point is not on the curve"))?;
    Ok(json!({ "kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"] }))
}

fn on_ed25519(jwk: &Value) -> Result<Value, Error> {
    let point = coordinate(jwk, "x")?;
    ParsedPublicKey::new(&ED25519, &point).map_err(|_| Error::Key("its point is not on the curve"))?;
    Ok(json!({ "kty": "OKP", "crv": "Ed25519", "x": jwk["x"] }))
}

fn rsa(jwk: &Value) -> Result<Value, Error> {
    let parts = RsaPublicKeyComponents { n: bytes(jwk, "n")?, e: bytes(jwk, "e")? };
    let bits = 8 * parts.n.len() - parts.n.first().map_or(0, |first| first.leading_zeros() as usize);
    let parsed = parts.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
    if parsed.is_err() || !RSA_BITS.contains(&bits) {
        return Err(Error::Key("it is no RSA key of 2048 to 8192 bits"));
    }
    Ok(json!({ "kty": "RSA", "n": jwk["n"], "e": jwk["e"] }))
}

fn coordinate(jwk: &Value, name: &str) -> Result<Vec<u8>, Error> {
    let bytes = bytes(jwk, name)?;
    if bytes.len() == COORDINATE_LEN { Ok(bytes) } else { Err(Error::Key("a coordinate is not 32 bytes")) }
}

fn bytes(jwk: &Value, name: &str) -> Result<Vec<u8>, Error> {
    let decoded = jwk[name].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or(Error::Key("a member is missing, or not in base64url"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::Moment;
    use crate::sign::key::Key;

    fn made(algorithm: Algorithm) -> Value {
        let now = Moment::new(DateTime::from_timestamp(1_700_000_000, 0).expect("it is a time"));
        Key::make(algorithm, now).expect("a key can be made").jwk().clone()
    }

    /// The key is the example of RFC 8037, appendix A.2.
    fn ed25519() -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "ed" })
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    fn refusal(jwk: &Value) -> String {
        read(jwk).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_public_key_keeps_what_it_needs() {
        for jwk in [made(Algorithm::Es256), made(Algorithm::Rs256), ed25519()] {
            let more = with(jwk.clone(), "x5u", json!("https://bank.example/chain.pem"));
            let read = read(&more).expect("it is whole");
            assert_eq!((&read["kid"], read.get("x5u"), read.get("use")), (&jwk["kid"], None, None));
            assert_eq!(super::read(&read).expect("it is whole"), read);
        }
        assert_eq!(read(&ed25519()).expect("it is whole")["alg"], ED_DSA);
    }

    #[test]
    fn each_fault_of_a_key_is_named() {
        let (es, rs) = (made(Algorithm::Es256), made(Algorithm::Rs256));
        for (jwk, words) in [
            (with(es.clone(), "d", json!("AAAA")), "contains a secret"),
            (json!({ "kty": "oct", "k": "AAAA", "kid": "a" }), "contains a secret"),
            (with(es.clone(), "use", json!("enc")), "'use'"),
            (with(es.clone(), "kid", json!("")), "'kid'"),
            (with(es.clone(), "kid", json!("x".repeat(KID_LEN_MAX + 1))), "'kid'"),
            (with(es.clone(), "kid", json!("a\nb")), "'kid'"),
            (with(es.clone(), "kid", json!(7)), "'kid'"),
            (with(es.clone(), "alg", json!("RS256")), "'alg'"),
            (with(rs.clone(), "alg", json!("PS256")), "'alg'"),
            (with(ed25519(), "alg", json!("HS256")), "'alg'"),
            (with(es.clone(), "crv", json!("P-384")), "neither"),
            (json!({ "kty": "oct", "kid": "a" }), "neither"),
            (with(es.clone(), "x", json!("AAAA")), "32 bytes"),
            (with(es.clone(), "x", es["y"].clone()), "not on the curve"),
            (with(es, "y", json!("!")), "base64url"),
            (with(rs.clone(), "n", json!("AQAB")), "2048"),
            (with(rs.clone(), "n", json!(URL_SAFE_NO_PAD.encode([255; 255]))), "2048"),
            (with(rs.clone(), "n", json!("")), "2048"),
            (with(rs, "e", Value::Null), "base64url"),
            (json!("a key"), "'kid'"),
        ] {
            assert!(refusal(&jwk).contains(words), "{words}: {}", refusal(&jwk));
        }
    }
}

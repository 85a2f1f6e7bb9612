//! Tests of signatures, valid and invalid, of this server and of another implementation.

use chrono::DateTime;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::domain::Moment;

const PAYLOAD: &[u8] = r#"{"z":1.50, "a":"\u00e9é"}"#.as_bytes();

fn now() -> Moment {
    Moment::new(DateTime::from_timestamp(1_709_164_800, 0).unwrap()) // 29 February
}

fn signer(algorithm: Algorithm) -> Signer {
    Signer::new(Key::make(algorithm, now()).unwrap(), vec![])
}

/// Returns `jws` with one part replaced by the base64url of `text`.
fn with_part(jws: &str, index: usize, text: &[u8]) -> String {
    let encoded = URL_SAFE_NO_PAD.encode(text);
    let mut parts: Vec<&str> = jws.split('.').collect();
    parts[index] = &encoded;
    parts.join(".")
}

#[test]
fn what_is_signed_verifies_byte_for_byte() {
    for algorithm in Algorithm::ALL {
        let signer = signer(algorithm);
        let jws = signer.sign(PAYLOAD).unwrap();
        assert_eq!(verify(&jws, &signer.jwks()).unwrap(), PAYLOAD);
        let header = header(&jws).unwrap();
        assert_eq!(header.alg, algorithm.name());
        assert_eq!(signer.jwks()["keys"][0]["kid"], header.kid);
    }
}

#[test]
fn another_implementation_agrees() {
    for algorithm in Algorithm::ALL {
        let signer = signer(algorithm);
        let jws = signer.sign(br#"{"score":2500.5}"#).unwrap();
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(signer.jwks()).unwrap();
        let key = keys.find(&header(&jws).unwrap().kid).unwrap();
        let thumbprint = key.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(Some(thumbprint), key.common.key_id);
        let mut rules = jsonwebtoken::Validation::new(algorithm.name().parse().unwrap());
        rules.required_spec_claims.clear();
        let decoding = DecodingKey::from_jwk(key).unwrap();
        let read = jsonwebtoken::decode::<Value>(&jws, &decoding, &rules).unwrap();
        assert_eq!(read.claims, json!({ "score": 2500.5 }));
    }
}

#[test]
fn a_changed_part_is_noticed() {
    for algorithm in Algorithm::ALL {
        let signer = signer(algorithm);
        let jwks = signer.jwks();
        let jws = signer.sign(PAYLOAD).unwrap();
        let longer = format!(r#"{{"alg":"{algorithm}","kid":{},"typ":"x"}}"#, jwks["keys"][0]["kid"]);
        assert!(matches!(verify(&with_part(&jws, 0, longer.as_bytes()), &jwks), Err(Error::Forged)));
        assert!(matches!(verify(&with_part(&jws, 1, b"{}"), &jwks), Err(Error::Forged)));
        for signature in [&[][..], &[0; 64], &[1; 384]] {
            assert!(matches!(verify(&with_part(&jws, 2, signature), &jwks), Err(Error::Forged)));
        }
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    let (es, rs) = (signer(Algorithm::Es256), signer(Algorithm::Rs256));
    let jws = es.sign(PAYLOAD).unwrap();
    let kid = header(&jws).unwrap().kid;
    for alg in ["none", "None", "HS256", "RS256", "ES384", ""] {
        let head = json!({ "alg": alg, "kid": kid }).to_string();
        let found = verify(&with_part(&jws, 0, head.as_bytes()), &es.jwks());
        assert!(matches!(found, Err(Error::Algorithm(_))), "{alg}: {found:?}");
    }
    // One key set states a wrong algorithm for its key, and one states none.
    let mut lying = es.jwks();
    lying["keys"][0]["alg"] = json!("RS256");
    assert!(matches!(verify(&jws, &lying), Err(Error::Algorithm(_))));
    let mut bare = rs.jwks();
    bare["keys"][0] = json!({ "kty": "RSA", "kid": kid, "n": bare["keys"][0]["n"], "e": "AQAB" });
    assert!(matches!(verify(&jws, &bare), Err(Error::Algorithm(_))));
    lying["keys"][0]["alg"] = json!("ES256");
    lying["keys"][0]["use"] = json!("enc");
    assert!(matches!(verify(&jws, &lying), Err(Error::Algorithm(_))));
}

#[test]
fn the_key_is_found_by_its_name() {
    let signer = signer(Algorithm::Es256);
    let jws = signer.sign(PAYLOAD).unwrap();
    let other = Signer::new(Key::make(Algorithm::Es256, now()).unwrap(), vec![]);
    assert!(matches!(verify(&jws, &other.jwks()), Err(Error::UnknownKey(_))));
    assert!(matches!(verify(&jws, &json!({})), Err(Error::UnknownKey(_))));
    let mut renamed = other.jwks();
    renamed["keys"][0]["kid"] = signer.jwks()["keys"][0]["kid"].clone();
    assert!(matches!(verify(&jws, &renamed), Err(Error::Forged)));
    // After a rotation the old key is still published, once.
    let jwks = signer.jwks();
    let old = jwks["keys"][0].clone();
    let next = Key::make(Algorithm::Rs256, now()).unwrap();
    let next = Signer::new(next, vec![old.clone(), old.clone()]);
    assert_eq!(verify(&jws, &next.jwks()).unwrap(), PAYLOAD);
    let again = signer;
    again.replace(None, vec![old]);
    assert_eq!(again.jwks()["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn only_whole_texts_are_read() {
    let jwks = signer(Algorithm::Es256).jwks();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let critical = format!("{}..", encode(r#"{"alg":"ES256","kid":"a","crit":["b64"],"b64":false}"#));
    let nameless = format!("{}..", encode(r#"{"alg":"ES256"}"#));
    for text in ["", "a", "a.b", "a.b.c.d", "!.a.a", "e30.a.a", &critical, &nameless] {
        assert!(matches!(verify(text, &jwks), Err(Error::Malformed(_))), "{text}");
    }
}

#[test]
fn a_kept_key_is_the_same_key() {
    for algorithm in Algorithm::ALL {
        let key = Key::make(algorithm, now()).unwrap();
        let again = Key::read(algorithm, key.der().clone(), key.certificate_pem().to_owned()).unwrap();
        assert_eq!(again.jwk(), key.jwk());
        let other = Algorithm::ALL[usize::from(algorithm == Algorithm::Es256)];
        assert!(matches!(Key::read(other, key.der().clone(), String::new()), Err(Error::Key(_))));
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("Key({algorithm}, {})", key.kid()));
    }
}

#[test]
fn an_operators_key_wants_its_own_certificate() {
    for algorithm in Algorithm::ALL {
        let key = Key::make(algorithm, now()).unwrap();
        let body = base64::engine::general_purpose::STANDARD.encode(key.der().expose_secret());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let pem = SecretString::from(pem);
        let own = Key::from_pem(&pem, key.certificate_pem()).unwrap();
        assert_eq!(own.kid(), key.kid());
        let other = Key::make(algorithm, now()).unwrap();
        assert!(matches!(Key::from_pem(&pem, other.certificate_pem()), Err(Error::Key(_))));
        assert!(matches!(Key::from_pem(&pem, "no PEM"), Err(Error::Key(_))));
        assert!(matches!(Key::from_pem(&"no PEM".into(), key.certificate_pem()), Err(Error::Key(_))));
    }
}

/// The key is the example of RFC 7638, section 3.1.
#[test]
fn a_thumbprint_is_the_standards() {
    let n = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3",
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA",
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-",
        "kEgU8awapJzKnqDKgw"
    );
    let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    assert_eq!(key::thumbprint(&jwk).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

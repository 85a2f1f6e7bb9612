//! Encrypts for the holder of a certificate's key: JWE in compact form (RFC 7516), by ECDH-ES on P-256 or RSA-OAEP-256,
//! with A256GCM (RFC 7518).
//!
//! No maintained crate does this without a second set of cryptographic primitives, and the steps between the primitives
//! are few.

use std::{mem, str};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::{Engine as _, decoded_len_estimate};
use rustls_pki_types::CertificateDer;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use crate::capture::Error;
use crate::capture::key::{self, Algorithm, Key, Keys, Private};

const ENCRYPTION: &str = "A256GCM";
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// The longest header, in base64url. Real headers have a few hundred bytes.
const HEADER_LEN_MAX: usize = 8 << 10;
/// The first bytes of a public key on P-256 (RFC 5480); its uncompressed point follows.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The length of an uncompressed point: the byte 4, x, y.
const POINT_LEN: usize = 65;

const NOT_BASE64: Error = Error::NotJwe("a part is not in base64url");

type ContentKey = Zeroizing<[u8; KEY_LEN]>;

/// The members of a header that are read. Other members are ignored, except `zip` and `crit`, which would change the
/// meaning.
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    kid: Option<String>,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
    epk: Option<PublicJwk>,
    #[serde(default)]
    apu: String,
    #[serde(default)]
    apv: String,
    zip: Option<Value>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct PublicJwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

/// Encrypts `plain` for the key of a certificate, which is in DER.
pub fn seal(certificate: &[u8], plain: &[u8]) -> Result<String, Error> {
    let der = CertificateDer::from(certificate);
    let parsed = EndEntityCert::try_from(&der).map_err(|_| Error::Failed("the certificate cannot be read"))?;
    let public = parsed.subject_public_key_info();
    let public = public.as_ref();
    let mut header = json!({ "alg": "", "enc": ENCRYPTION, "kid": key::kid(certificate) });
    let (key, key_sealed) = if let Some(point) = public.strip_prefix(&P256_PREFIX) {
        header["alg"] = Algorithm::EcdhEs.name().into();
        let (key, x, y) = agreed_with(point).ok_or(Error::Failed("the certificate's key cannot be used"))?;
        header["epk"] =
            json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
        (key, vec![])
    } else {
        header["alg"] = Algorithm::RsaOaep256.name().into();
        encrypted_for(public).ok_or(Error::Failed("the certificate's key is neither RSA nor on P-256"))?
    };
    let head = URL_SAFE_NO_PAD.encode(header.to_string());
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).expect("the system has random numbers");
    let mut text = plain.to_vec();
    let tag = cipher(&key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(head.as_bytes()), &mut text)
        .expect("no capture reaches the cipher's 64 GiB");
    let mut sealed = head;
    for part in [key_sealed.as_slice(), &nonce, &text, tag.as_ref()] {
        sealed.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut sealed);
    }
    Ok(sealed)
}

/// Decrypts a JWE that was encrypted for one of `keys`.
pub fn open(keys: &Keys, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let sealed = str::from_utf8(sealed).map_err(|_| Error::NotJwe("it is not text"))?.trim();
    let parts: Vec<&str> = sealed.split('.').take(6).collect();
    let [head, key_sealed, nonce, text, tag] = parts[..] else {
        return Err(Error::NotJwe("it does not have five parts"));
    };
    if head.len() > HEADER_LEN_MAX {
        return Err(Error::NotJwe("its header is too long"));
    }
    let header: Header = serde_json::from_slice(&decoded(head)?)
        .map_err(|_| Error::NotJwe("its header is not JSON, or has no 'alg' and 'enc'"))?;
    let algorithm = algorithm(&header)?;
    let named = header.kid.as_deref().or(header.thumbprint.as_deref());
    let key_sealed = decoded(key_sealed)?;
    let nonce: [u8; NONCE_LEN] =
        decoded(nonce)?.try_into().map_err(|_| Error::NotJwe("its initialisation vector does not have 12 bytes"))?;
    let tag = decoded(tag)?;
    if tag.len() != TAG_LEN {
        return Err(Error::NotJwe("its authentication tag does not have 16 bytes"));
    }
    // The buffer is allocated once, in its final size: a capture may be large, and many may arrive at once.
    let mut plain = Vec::with_capacity(decoded_len_estimate(text.len()) + TAG_LEN);
    URL_SAFE_NO_PAD.decode_vec(text, &mut plain).map_err(|_| NOT_BASE64)?;
    let len = plain.len();
    plain.extend_from_slice(&tag);
    let candidates = keys.candidates(algorithm, named);
    let is_known = named.is_none_or(|named| candidates.iter().any(|key| key.kid() == named));
    let mut failure = if is_known { Error::NotDecrypted } else { Error::UnknownKey };
    for (tried, key) in candidates.iter().enumerate() {
        // A failed attempt destroys the text, so every attempt but the last works on a copy.
        let mut text = if tried + 1 < candidates.len() { plain.clone() } else { mem::take(&mut plain) };
        let nonce = Nonce::assume_unique_for_key(nonce);
        match content_key(key, &header, &key_sealed) {
            Ok(content_key) => {
                if cipher(&content_key).open_in_place(nonce, Aad::from(head.as_bytes()), &mut text).is_ok() {
                    text.truncate(len);
                    return Ok(text);
                }
            }
            Err(error) if is_known => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

fn algorithm(header: &Header) -> Result<Algorithm, Error> {
    if header.zip.is_some() || header.crit.is_some() {
        return Err(Error::NotJwe("its header has 'zip' or 'crit', which are not supported"));
    }
    if header.enc != ENCRYPTION {
        return Err(Error::Algorithm(shortened(&header.enc)));
    }
    let known = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == header.alg);
    known.ok_or_else(|| Error::Algorithm(shortened(&header.alg)))
}

/// Shortens a name that the client chose, so that no answer repeats it whole.
fn shortened(name: &str) -> String {
    name.chars().take(32).collect()
}

fn content_key(key: &Key, header: &Header, key_sealed: &[u8]) -> Result<ContentKey, Error> {
    match &key.private {
        Private::EcdhEs(private) => {
            if !key_sealed.is_empty() {
                return Err(Error::NotJwe("it has an encrypted key, but ECDH-ES has none"));
            }
            let epk = header.epk.as_ref().ok_or(Error::NotJwe("its header has no 'epk'"))?;
            let point = point(epk).ok_or(Error::NotJwe("its 'epk' is not a key on P-256"))?;
            let [apu, apv] = [decoded(&header.apu)?, decoded(&header.apv)?];
            let agreed = agreed(private, &point, &apu, &apv);
            // The point is not on the curve.
            agreed.ok_or(Error::NotJwe("its 'epk' is not a key on P-256"))
        }
        Private::RsaOaep256(private) => {
            let mut plain = Zeroizing::new(vec![0; private.min_output_size()]);
            let opened = private.decrypt(&OAEP_SHA256_MGF1SHA256, key_sealed, &mut plain, None);
            let opened: &[u8] = opened.map_err(|_| Error::NotDecrypted)?;
            Ok(Zeroizing::new(opened.try_into().map_err(|_| Error::NotDecrypted)?))
        }
    }
}

fn point(epk: &PublicJwk) -> Option<[u8; POINT_LEN]> {
    if epk.kty != "EC" || epk.crv != "P-256" {
        return None;
    }
    let mut point = [4; POINT_LEN];
    for (place, coordinate) in [(1, &epk.x), (33, &epk.y)] {
        let coordinate = URL_SAFE_NO_PAD.decode(coordinate).ok()?;
        point[place..place + 32].copy_from_slice(coordinate.as_slice().try_into().ok().map(|c: &[u8; 32]| c)?);
    }
    Some(point)
}

/// Returns a content key for the holder of `point`'s private key, and the two coordinates of the ephemeral public key.
fn agreed_with(point: &[u8]) -> Option<(ContentKey, Vec<u8>, Vec<u8>)> {
    let own = PrivateKey::generate(&ECDH_P256).ok()?;
    let public = own.compute_public_key().ok()?;
    let (x, y) = public.as_ref().get(1..POINT_LEN)?.split_at(32);
    Some((agreed(&own, point, &[], &[])?, x.to_vec(), y.to_vec()))
}

fn agreed(own: &PrivateKey, point: &[u8], apu: &[u8], apv: &[u8]) -> Option<ContentKey> {
    let other = UnparsedPublicKey::new(&ECDH_P256, point);
    agreement::agree(own, other, (), |shared| Ok(concat_kdf(shared, ENCRYPTION, KEY_LEN as u32 * 8, apu, apv))).ok()
}

/// Derives the key of at most 256 bits for `algorithm` from an agreed secret: one round of the concatenation KDF of
/// NIST SP 800-56A, as RFC 7518, 4.6.2 specifies. If the key is shorter, the bytes after it have no meaning.
fn concat_kdf(shared: &[u8], algorithm: &str, bits: u32, apu: &[u8], apv: &[u8]) -> ContentKey {
    let mut digest = Sha256::new();
    digest.update(1_u32.to_be_bytes());
    digest.update(shared);
    for part in [algorithm.as_bytes(), apu, apv] {
        digest.update((part.len() as u32).to_be_bytes());
        digest.update(part);
    }
    digest.update(bits.to_be_bytes());
    Zeroizing::new(digest.finalize().into())
}

/// Returns a new content key, and the same key encrypted for an RSA key (`SubjectPublicKeyInfo` in DER).
fn encrypted_for(public: &[u8]) -> Option<(ContentKey, Vec<u8>)> {
    let public = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(public).ok()?).ok()?;
    let mut key = Zeroizing::new([0; KEY_LEN]);
    rand::fill(&mut *key).ok()?;
    let mut sealed = vec![0; public.ciphertext_size()];
    let len = public.encrypt(&OAEP_SHA256_MGF1SHA256, &*key, &mut sealed, None).ok()?.len();
    sealed.truncate(len);
    Some((key, sealed))
}

fn cipher(key: &ContentKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("the key has the cipher's length"))
}

fn decoded(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| NOT_BASE64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7518, appendix C gives both sides' keys, and the key that they agree on for A128GCM.
    #[test]
    fn the_agreed_key_is_that_of_the_standard() {
        let shared = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218, 128,
            106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf(&shared, "A128GCM", 128, b"Alice", b"Bob");
        assert_eq!(URL_SAFE_NO_PAD.encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
    }
}

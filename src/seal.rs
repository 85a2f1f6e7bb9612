//! Encryption at rest: seals values before this process writes them to a disk.
//!
//! The master key seals few values, such as the server's own keys and the keys of epochs. The key of an epoch seals
//! the data keys of the sessions that end in it, and a data key seals the data of its session. Once the key of an
//! epoch is erased, nobody can read the data of its sessions, wherever copies of it exist.
//!
//! A sealed value is `format u8 | nonce [u8; 12] | ciphertext | tag [u8; 16]`, by AES-256-GCM (NIST SP 800-38D). Its
//! associated data names the place where it is kept, so that no sealed value can be moved to another place.

use std::path::PathBuf;
use std::{fmt, io};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use secrecy::zeroize::Zeroizing;

pub mod master;
pub mod vault;

/// The length of a key in bytes.
const KEY_LEN: usize = 32;
/// The first byte of every sealed value.
const FORMAT: u8 = 1;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another key sealed it, it belongs to another place, or it was changed; these cannot be told apart.
    #[error("an encrypted value cannot be decrypted: it is damaged, or it was encrypted with another master key")]
    Damaged,
    #[error("an encrypted value has the unknown format {0}")]
    Format(u8),
    #[error("a master key must be 32 bytes in base64 or hex")]
    Key,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// A key that seals. `Debug` never shows it.
///
/// Nonces are random, so one key may seal some 2^32 values (NIST SP 800-38D, 8.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; KEY_LEN]>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Makes a new random key.
    pub fn make() -> Self {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        rand::fill(&mut *key).expect("the system has random numbers");
        Self(key)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        <[u8; KEY_LEN]>::try_from(bytes).ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// Seals `plain` for the place that `aad` names: table, row, column.
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).expect("the system has random numbers");
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let head = 1 + NONCE_LEN;
        let tag = self
            .cipher()
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed[head..])
            .expect("no value reaches the cipher's 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens a value that [`Key::seal`] sealed for the same place.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (&format, rest) = sealed.split_first().ok_or(Error::Damaged)?;
        if format != FORMAT {
            return Err(Error::Format(format));
        }
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Error::Damaged)?;
        let mut plain = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher().open_in_place(nonce, Aad::from(aad), &mut plain).map_err(|_| Error::Damaged)?;
        let len = opened.len();
        plain.truncate(len);
        Ok(plain)
    }

    /// Seals another key for the place that `aad` names.
    pub fn wrap(&self, aad: &str, key: &Self) -> Vec<u8> {
        self.seal(aad, key.0.as_slice())
    }

    /// Opens a key that [`Key::wrap`] sealed for the same place.
    pub fn unwrap(&self, aad: &str, wrapped: &[u8]) -> Result<Self, Error> {
        let bytes = Zeroizing::new(self.open(aad, wrapped)?);
        Self::of(&bytes).ok_or(Error::Damaged)
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.0.as_slice()).expect("the key has the cipher's length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "signing_keys/a/private_key";

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let key = Key::make();
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let sealed = key.seal(PLACE, plain);
            assert_eq!(sealed.len(), plain.len() + 29);
            assert_eq!(key.open(PLACE, &sealed).unwrap(), plain);
            assert!(matches!(key.open("signing_keys/b/private_key", &sealed), Err(Error::Damaged)));
            assert!(matches!(Key::make().open(PLACE, &sealed), Err(Error::Damaged)));
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let key = Key::make();
        let sealed = key.seal(PLACE, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(PLACE, &changed).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(PLACE, &sealed[..len]).is_err(), "{len} bytes");
        }
        assert!(matches!(key.open(PLACE, b"\x02rest"), Err(Error::Format(2))));
    }

    #[test]
    fn the_same_is_never_sealed_the_same() {
        let key = Key::make();
        assert_ne!(key.seal(PLACE, b"secret"), key.seal(PLACE, b"secret"));
    }

    #[test]
    fn a_wrapped_key_opens_what_it_sealed() {
        let (outer, key) = (Key::make(), Key::make());
        let wrapped = outer.wrap("sessions/a/key", &key);
        let sealed = key.seal(PLACE, b"secret");
        let unwrapped = outer.unwrap("sessions/a/key", &wrapped).unwrap();
        assert_eq!(unwrapped.open(PLACE, &sealed).unwrap(), b"secret");
        assert!(outer.unwrap("sessions/b/key", &wrapped).is_err());
        assert!(matches!(outer.unwrap(PLACE, &outer.seal(PLACE, b"short")), Err(Error::Damaged)));
        assert!(outer.open(PLACE, &sealed).is_err());
    }
}

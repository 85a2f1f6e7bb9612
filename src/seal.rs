//! Encryption at rest: what leaves this process for a disk is sealed.
//!
//! The master key seals few things: signing keys, and the key of each epoch. That seals the data keys of the sessions
//! that end in the epoch, and a data key what belongs to its session. Once the key of the epoch is gone, nobody can read
//! the rest, wherever copies lie.
//!
//! A sealed value is `format u8 | nonce [u8; 12] | ciphertext | tag [u8; 16]`, by AES-256-GCM (NIST SP
//! 800-38D). Its associated data names the place it is kept in, so that no sealed value can stand in
//! another's place.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Bytes of a master key.
const KEY_LEN: usize = 32;
/// The first byte of every sealed value.
const FORMAT: u8 = 1;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another key sealed it, it belongs to another place, or it was changed: there is no telling which.
    #[error("a sealed value cannot be opened: it is damaged, or the master key is not the one that sealed it")]
    Damaged,
    #[error("a sealed value has the unknown format {0}")]
    Format(u8),
    #[error("a master key is 32 bytes in base64 or hex")]
    Key,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// A key that seals. Never shown.
///
/// Nonces are random, so it may seal some 2^32 values (NIST SP 800-38D, 8.3).
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_LEN]>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A new random one.
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

    /// What [`Key::seal`] sealed for the same place.
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

    /// The key that [`Key::wrap`] sealed for the same place.
    pub fn unwrap(&self, aad: &str, wrapped: &[u8]) -> Result<Self, Error> {
        let bytes = Zeroizing::new(self.open(aad, wrapped)?);
        Self::of(&bytes).ok_or(Error::Damaged)
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.0.as_slice()).expect("the key has the cipher's length"))
    }
}

/// The operator's key, which seals other keys. Never shown.
#[derive(Debug, Clone)]
pub struct Master(Key);

impl Master {
    /// A new random one.
    pub fn make() -> Self {
        Self(Key::make())
    }

    /// Reads 32 bytes in base64 (either alphabet, padded or not) or hex; white space around them is
    /// ignored.
    pub fn parse(text: &SecretString) -> Result<Self, Error> {
        let text = text.expose_secret().trim();
        let bytes = Zeroizing::new(hex(text).or_else(|| base64(text)).ok_or(Error::Key)?);
        Key::of(&bytes).map(Self).ok_or(Error::Key)
    }

    /// Reads the key in the file at `path`, or puts a new one there for this account only. Processes
    /// that do so at once get the same key.
    pub fn keep(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        if !path.try_exists().map_err(failed)? {
            place(path, &Self::make()).map_err(failed)?;
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let broken = || failed(io::Error::new(io::ErrorKind::InvalidData, Error::Key.to_string()));
        Self::parse(&SecretString::from(text)).map_err(|_| broken())
    }

    /// As [`Key::seal`].
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Vec<u8> {
        self.0.seal(aad, plain)
    }

    /// As [`Key::open`].
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.open(aad, sealed)
    }

    /// As [`Key::wrap`].
    pub fn wrap(&self, aad: &str, key: &Key) -> Vec<u8> {
        self.0.wrap(aad, key)
    }

    /// As [`Key::unwrap`].
    pub fn unwrap(&self, aad: &str, wrapped: &[u8]) -> Result<Key, Error> {
        self.0.unwrap(aad, wrapped)
    }
}

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The operator gave it.
    Given(Master),
    /// A file of this server's own, made on first use.
    Kept(PathBuf),
}

impl Source {
    pub fn master(&self) -> Result<Master, Error> {
        match self {
            Self::Given(master) => Ok(master.clone()),
            Self::Kept(path) => Master::keep(path),
        }
    }
}

/// Puts the key into a file that appears whole or not at all. Another process's file stays.
fn place(path: &Path, master: &Master) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut unique = [0; 8];
    rand::fill(&mut unique).expect("the system has random numbers");
    let draft = path.with_extension(format!("{:016x}", u64::from_ne_bytes(unique)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let text = Zeroizing::new(STANDARD.encode(master.0.0.as_slice()) + "\n");
    let placed = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // A link, unlike a rename, never replaces.
    let placed = placed.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&draft)?;
    placed
}

/// `None` unless `text` is a whole key in hex.
fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * KEY_LEN || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabets = [&alphabet::STANDARD, &alphabet::URL_SAFE];
    alphabets.into_iter().find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PLACE: &str = "signing_keys/a/private_key";

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let master = Master::make();
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let sealed = master.seal(PLACE, plain);
            assert_eq!(sealed.len(), plain.len() + 29);
            assert_eq!(master.open(PLACE, &sealed).unwrap(), plain);
            assert!(matches!(master.open("signing_keys/b/private_key", &sealed), Err(Error::Damaged)));
            assert!(matches!(Master::make().open(PLACE, &sealed), Err(Error::Damaged)));
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let master = Master::make();
        let sealed = master.seal(PLACE, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(master.open(PLACE, &changed).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(master.open(PLACE, &sealed[..len]).is_err(), "{len} bytes");
        }
        assert!(matches!(master.open(PLACE, b"\x02rest"), Err(Error::Format(2))));
    }

    #[test]
    fn the_same_is_never_sealed_the_same() {
        let master = Master::make();
        assert_ne!(master.seal(PLACE, b"secret"), master.seal(PLACE, b"secret"));
    }

    #[test]
    fn a_key_is_read_in_base64_or_hex() {
        let hex = "00".repeat(31) + "fF";
        let base64 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8";
        for text in [hex.clone(), base64.into(), format!("{base64}=\n")] {
            let master = Master::parse(&SecretString::from(text)).unwrap();
            assert_eq!(master.0.0[31], 255);
        }
        for text in ["", "00", "changeme", &hex[1..], &"é".repeat(32), &"A".repeat(44)] {
            assert!(matches!(Master::parse(&SecretString::from(text)), Err(Error::Key)), "{text}");
        }
    }

    #[test]
    fn a_kept_key_is_made_once_and_for_this_account_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/master.key");
        let made: Vec<Master> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Master::keep(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|master| *master.0.0 == *made[0].0.0));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays");
        fs::write(&path, "broken").unwrap();
        assert!(matches!(Master::keep(&path), Err(Error::File { .. })));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", Source::Given(Master::make())), "Given(Master(Key))");
    }

    #[test]
    fn a_wrapped_key_opens_what_it_sealed() {
        let (master, key) = (Master::make(), Key::make());
        let wrapped = master.wrap("sessions/a/key", &key);
        let sealed = key.seal(PLACE, b"secret");
        let unwrapped = master.unwrap("sessions/a/key", &wrapped).unwrap();
        assert_eq!(unwrapped.open(PLACE, &sealed).unwrap(), b"secret");
        assert!(master.unwrap("sessions/b/key", &wrapped).is_err());
        assert!(matches!(master.unwrap(PLACE, &master.seal(PLACE, b"short")), Err(Error::Damaged)));
        assert!(master.open(PLACE, &sealed).is_err());
    }
}

//! The operator's key, which seals other keys. While it is being replaced, there are two.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{hmac, rand};
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::{Error, KEY_LEN, Key};

/// The master keys. The first seals; the others open values that they sealed before, or that another node still seals
/// with them. Clones share all of them. `Debug` shows none.
#[derive(Clone)]
pub struct Master {
    /// The first one seals.
    keys: Arc<RwLock<Vec<Key>>>,
    /// The file that the server keeps them in; `None` if the operator gave them.
    file: Option<PathBuf>,
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master")
    }
}

impl Master {
    fn of(keys: Vec<Key>) -> Self {
        Self { keys: Arc::new(RwLock::new(keys)), file: None }
    }

    /// Makes a new random key.
    pub fn make() -> Self {
        Self::of(vec![Key::make()])
    }

    /// Reads 32 bytes in base64 (either alphabet, padded or not) or hex, and ignores white space around them.
    pub fn parse(text: &SecretString) -> Result<Self, Error> {
        Ok(Self::of(vec![parse(text.expose_secret())?]))
    }

    /// Returns the same master key, with `other` as one that only opens.
    #[must_use]
    pub fn beside(self, other: &Self) -> Self {
        let keys = self.keys().into_iter().chain(other.keys()).collect();
        Self { keys: Arc::new(RwLock::new(keys)), ..self }
    }

    /// Reads the keys in the file at `path`, or puts a new key there, for this account only. Processes that do so at
    /// the same time get the same key.
    pub fn keep(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        if !path.try_exists().map_err(failed)? {
            let draft = write(path, &[Key::make()]).map_err(failed)?;
            // A link, unlike a rename, never replaces an existing file.
            let placed = match fs::hard_link(&draft, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            };
            fs::remove_file(&draft).and(placed).map_err(failed)?;
        }
        Ok(Self { file: Some(path.to_owned()), ..Self::of(read(path)?) })
    }

    /// Puts a new key into the server's own file, beside the old one, which then only opens. If an earlier replacement
    /// has not ended, the file stays as it is. Returns `false` if the operator gave the key.
    pub fn begin_replacing(&self) -> Result<bool, Error> {
        let Some(path) = &self.file else { return Ok(false) };
        if let [before] = read(path)?.as_slice() {
            replace(path, &[Key::make(), before.clone()])?;
        }
        self.refresh()?;
        Ok(true)
    }

    /// Removes all keys but the one that seals from the server's own file.
    pub fn end_replacing(&self) -> Result<(), Error> {
        let Some(path) = &self.file else { return Ok(()) };
        replace(path, &[self.sealing()])
    }

    /// Reads the server's own file again. Keys that were known before stay, and only open.
    pub fn refresh(&self) -> Result<(), Error> {
        let Some(path) = &self.file else { return Ok(()) };
        let kept = read(path)?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = keys.iter().filter(|key| !kept.contains(key)).cloned().collect::<Vec<_>>();
        *keys = kept.into_iter().chain(before).collect();
        Ok(())
    }

    /// True if there are keys that only open.
    pub fn has_others(&self) -> bool {
        self.keys().len() > 1
    }

    /// Seals as [`Key::seal`] does, with the first key.
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Vec<u8> {
        self.sealing().seal(aad, plain)
    }

    /// Opens as [`Key::open`] does, with the key that sealed the value.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.by_any(|key| key.open(aad, sealed))
    }

    /// Wraps as [`Key::wrap`] does, with the first key.
    pub fn wrap(&self, aad: &str, key: &Key) -> Vec<u8> {
        self.sealing().wrap(aad, key)
    }

    /// Unwraps as [`Key::unwrap`] does, with the key that wrapped the value.
    pub fn unwrap(&self, aad: &str, wrapped: &[u8]) -> Result<Key, Error> {
        self.by_any(|key| key.unwrap(aad, wrapped))
    }

    /// Returns the value, sealed with the first key; `None` if that key sealed it already.
    pub fn reseal(&self, aad: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if self.sealing().open(aad, sealed).is_ok() {
            return Ok(None);
        }
        let plain = Zeroizing::new(self.open(aad, sealed)?);
        Ok(Some(self.seal(aad, &plain)))
    }

    /// Returns a MAC, which proves that a holder of the key wrote `text` for this purpose.
    pub fn mac(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        hmac::sign(&mac_key(&self.sealing(), purpose), text).as_ref().to_vec()
    }

    /// True if `mac` is the MAC that [`Master::mac`] returns for `text`, with any of the keys.
    pub fn is_mac(&self, purpose: &str, text: &[u8], mac: &[u8]) -> bool {
        let verify = |key: &Key| hmac::verify(&mac_key(key, purpose), text, mac).map_err(|_| Error::Damaged);
        self.by_any(verify).is_ok()
    }

    fn sealing(&self) -> Key {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)[0].clone()
    }

    fn keys(&self) -> Vec<Key> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the result of the first key that succeeds. If none does, another process may have put a new key into the
    /// file, so it is read again.
    fn by_any<T>(&self, with: impl Fn(&Key) -> Result<T, Error>) -> Result<T, Error> {
        let try_all = || {
            let mut failure = Error::Damaged;
            for key in self.keys() {
                match with(&key) {
                    Ok(value) => return Ok(value),
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        };
        match try_all() {
            Err(Error::Damaged) if self.file.is_some() => self.refresh().and_then(|()| try_all()),
            tried => tried,
        }
    }
}

/// The source of the master key.
#[derive(Debug, Clone)]
pub enum Source {
    /// The operator gave the key, and perhaps others that only open.
    Given(Master),
    /// The server's own file, which is made on first use.
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

/// Derives a key for one purpose, so that the master key itself only seals.
fn mac_key(key: &Key, purpose: &str) -> hmac::Key {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.0.as_slice()), purpose.as_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

/// Reads the keys in a file, one on each line.
fn read(path: &Path) -> Result<Vec<Key>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let broken = || failed(io::Error::new(io::ErrorKind::InvalidData, Error::Key.to_string()));
    let keys = text.lines().filter(|line| !line.trim().is_empty()).map(parse);
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|_| broken())?;
    if keys.is_empty() { Err(broken()) } else { Ok(keys) }
}

/// Replaces the keys in a file, all at once.
fn replace(path: &Path, keys: &[Key]) -> Result<(), Error> {
    let replaced = write(path, keys).and_then(|draft| {
        fs::rename(&draft, path)?;
        // The renamed entry must survive a power cut, as the file does.
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    });
    replaced.map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes keys into a draft beside `path`, completely and for this account only.
fn write(path: &Path, keys: &[Key]) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut unique = [0; 8];
    rand::fill(&mut unique).expect("the system has random numbers");
    let draft = path.with_extension(format!("{:016x}", u64::from_ne_bytes(unique)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let lines = keys.iter().flat_map(|key| [STANDARD.encode(key.0.as_slice()), "\n".to_owned()]);
    let text = Zeroizing::new(lines.collect::<String>());
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    Ok(draft)
}

fn parse(text: &str) -> Result<Key, Error> {
    let text = text.trim();
    let bytes = Zeroizing::new(hex(text).or_else(|| base64(text)).ok_or(Error::Key)?);
    Key::of(&bytes).ok_or(Error::Key)
}

/// Returns the bytes of a whole key in hex; `None` for any other text.
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
    fn a_key_is_read_in_base64_or_hex() {
        let hex = "00".repeat(31) + "fF";
        let base64 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8";
        for text in [hex.clone(), base64.into(), format!("{base64}=\n")] {
            let master = Master::parse(&SecretString::from(text)).unwrap();
            assert_eq!(master.sealing().0[31], 255);
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
        assert!(made.iter().all(|master| master.sealing() == made[0].sealing()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays");
        fs::write(&path, "broken").unwrap();
        assert!(matches!(Master::keep(&path), Err(Error::File { .. })));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", Source::Given(Master::make())), "Given(Master)");
    }

    #[test]
    fn another_key_opens_what_it_sealed() {
        let (before, next) = (Master::make(), Master::make());
        let (sealed, mac) = (before.seal(PLACE, b"secret"), before.mac("audit", b"text"));
        assert!(next.open(PLACE, &sealed).is_err() && !next.is_mac("audit", b"text", &mac));
        let both = next.clone().beside(&before);
        assert_eq!(both.open(PLACE, &sealed).unwrap(), b"secret");
        assert!(both.is_mac("audit", b"text", &mac));
        assert!(!both.is_mac("audit", b"texts", &mac) && !both.is_mac("other", b"text", &mac));
        let anew = both.reseal(PLACE, &sealed).unwrap().expect("the key before sealed it");
        assert_eq!(next.open(PLACE, &anew).unwrap(), b"secret");
        assert_eq!(both.reseal(PLACE, &anew).unwrap(), None);
        assert!(matches!(both.reseal("elsewhere", &sealed), Err(Error::Damaged)));
    }

    #[test]
    fn a_running_server_follows_the_file_that_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let server = Master::keep(&path).unwrap();
        let before = server.seal(PLACE, b"before");
        let command = Master::keep(&path).unwrap();
        assert!(command.begin_replacing().unwrap());
        let during = command.seal(PLACE, b"during");
        assert_eq!(server.open(PLACE, &during).unwrap(), b"during", "it reads the file again");
        // A replacement that was interrupted continues with the same key.
        let again = Master::keep(&path).unwrap();
        assert!(again.begin_replacing().unwrap() && again.sealing() == command.sealing());
        assert!(again.reseal(PLACE, &before).unwrap().is_some());
        again.end_replacing().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let restarted = Master::keep(&path).unwrap();
        assert!(!restarted.has_others() && restarted.open(PLACE, &before).is_err());
        assert_eq!(restarted.open(PLACE, &during).unwrap(), b"during");
        server.refresh().unwrap();
        assert_eq!(server.open(PLACE, &before).unwrap(), b"before", "what it knew it knows still");
        assert_eq!(restarted.open(PLACE, &server.seal(PLACE, b"after")).unwrap(), b"after");
        assert!(!Master::make().begin_replacing().unwrap(), "it is the operator's");
    }
}

//! The packs on this machine: the one inside the program, the installed ones, and those that can be fetched.

use std::path::{Path, PathBuf};
use std::{fs, io};

use face::pack::{self, MANIFEST, Pack};

pub mod fetch;
pub mod import;
pub mod install;
pub mod published;
pub mod trial;

/// The name of the pack inside the program.
pub const BUILT_IN: &str = "standard";
/// The file with the name of the pack that serves if the configuration names none.
const IN_USE: &str = "in-use";
/// The longest name of a pack, which names its folder.
const NAME_CHARS_MAX: usize = 64;

/// A folder of packs, each in a folder of its name.
#[derive(Debug, Clone)]
pub struct PackFolder {
    folder: PathBuf,
}

/// The name of a pack, with the pack, or with the fault that makes it unreadable.
pub type NamedPack = (String, Result<Pack, pack::Fault>);

/// The reasons why something could not be done with a pack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("'{0}' is neither an installed pack nor an existing folder; `bioserver packs list` shows all packs")]
    Unknown(String),
    #[error("there is no published pack named '{name}'; the published packs are: {known}")]
    NotPublished { name: String, known: String },
    #[error(
        "'{0}' is not a valid name of a pack: use at most 64 letters, digits, '-', '_' and '.', with a letter or digit first"
    )]
    Name(String),
    #[error("the pack '{0}' is built into the program and cannot be replaced or removed")]
    BuiltIn(String),
    #[error("the pack '{0}' is in use; select another one with `bioserver packs use` first")]
    InUse(String),
    #[error("a pack named '{0}' already exists; remove it with `bioserver packs remove` first")]
    Exists(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    Manifest { path: PathBuf, reason: String },
    #[error("the description of the published pack '{name}' is not valid: {reason}")]
    Description { name: String, reason: String },
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    #[error("{file} cannot be converted to ONNX: {source}")]
    Convert { file: String, source: onnx_convert::Error },
    #[error(transparent)]
    Pack(#[from] pack::Fault),
    #[error(transparent)]
    Trial(#[from] trial::Error),
    #[error(
        "template version {version} is already that of the pack '{pack}': choose another one, so that templates of the two packs are never compared"
    )]
    TemplateVersion { version: u16, pack: String },
}

impl PackFolder {
    /// The folder need not exist before something is put into it.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the folder of a pack by its name or path; `None` for the built-in one.
    pub fn find(&self, text: &str) -> Result<Option<PathBuf>, Error> {
        if text == BUILT_IN {
            return Ok(None);
        }
        let named = is_name(text).then(|| self.folder.join(text)).filter(|folder| folder.join(MANIFEST).is_file());
        let found = named.or_else(|| Some(PathBuf::from(text)).filter(|folder| folder.is_dir()));
        found.map(Some).ok_or_else(|| Error::Unknown(text.to_owned()))
    }

    /// Returns the name of the pack that serves if the configuration names none.
    pub fn in_use(&self) -> Result<String, Error> {
        let path = self.folder.join(IN_USE);
        match fs::read_to_string(&path) {
            Ok(name) => Ok(name.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BUILT_IN.to_owned()),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// Makes the pack of this name serve from the next start on.
    pub fn use_from_now(&self, name: &str) -> Result<(), Error> {
        if name != BUILT_IN {
            self.folder_of(name)?;
        }
        fs::create_dir_all(&self.folder).map_err(|source| Error::File { path: self.folder.clone(), source })?;
        write(&self.folder.join(IN_USE), format!("{name}\n").as_bytes())
    }

    /// Returns the names of the installed packs, sorted.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let unread = |source| Error::File { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(unread)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unread(error)),
        };
        let names = entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| self.folder_of(name).is_ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Returns every pack on this machine, the built-in one first.
    pub fn packs(&self) -> Result<Vec<NamedPack>, Error> {
        let built_in = (BUILT_IN.to_owned(), Pack::built_in());
        let read = |name: String| {
            let pack = Pack::read(&self.folder.join(&name));
            (name, pack)
        };
        Ok(std::iter::once(built_in).chain(self.names()?.into_iter().map(read)).collect())
    }

    /// Erases a pack that is not in use.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        if name == BUILT_IN {
            return Err(Error::BuiltIn(name.to_owned()));
        }
        let folder = self.folder_of(name)?;
        if self.in_use()? == name {
            return Err(Error::InUse(name.to_owned()));
        }
        fs::remove_dir_all(&folder).map_err(|source| Error::File { path: folder, source })
    }

    /// Returns the folder of an installed pack.
    fn folder_of(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder.join(name);
        let there = is_name(name) && folder.join(MANIFEST).is_file();
        if there { Ok(folder) } else { Err(Error::Unknown(name.to_owned())) }
    }

    /// Returns a folder in which a pack of this name is built. Files that an earlier try left there stay.
    fn staging(&self, name: &str) -> Result<PathBuf, Error> {
        let taken = if name == BUILT_IN { Some(Error::BuiltIn(name.to_owned())) } else { None };
        let taken = taken.or_else(|| self.folder_of(name).is_ok().then(|| Error::Exists(name.to_owned())));
        if let Some(taken) = taken {
            return Err(taken);
        }
        if !is_name(name) {
            return Err(Error::Name(name.to_owned()));
        }
        // No name of a pack begins with a dot.
        let staging = self.folder.join(format!(".{name}"));
        fs::create_dir_all(&staging).map_err(|source| Error::File { path: staging.clone(), source })?;
        Ok(staging)
    }

    /// Moves a finished pack into its place in one step.
    fn place(&self, staged: &Path, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder.join(name);
        fs::rename(staged, &folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        Ok(folder)
    }
}

/// Returns true if `text` can name a pack.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= NAME_CHARS_MAX && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed)
}

/// Writes a file completely or not at all, and makes the folders that it needs.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let part = path.with_added_extension("part");
    let written =
        fs::create_dir_all(folder).and_then(|()| fs::write(&part, bytes)).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack_folder() -> (tempfile::TempDir, PackFolder) {
        let folder = tempfile::tempdir().expect("there is room");
        let pack_folder = PackFolder::new(folder.path().join("packs"));
        (folder, pack_folder)
    }

    #[test]
    fn packs_are_named_used_and_removed() {
        let (_folder, pack_folder) = pack_folder();
        assert_eq!(pack_folder.in_use().expect("it reads"), BUILT_IN);
        assert!(pack_folder.names().expect("it reads").is_empty());
        let staged = pack_folder.staging("mine").expect("it is free");
        write(&staged.join(MANIFEST), b"name = 'mine'").expect("there is room");
        assert!(pack_folder.names().expect("it reads").is_empty(), "what is put together is not there yet");
        let folder = pack_folder.place(&staged, "mine").expect("there is room");
        assert_eq!(pack_folder.names().expect("it reads"), ["mine"]);
        assert_eq!(pack_folder.find("mine").expect("it is there"), Some(folder));
        assert!(matches!(pack_folder.staging("mine"), Err(Error::Exists(_))));

        pack_folder.use_from_now("mine").expect("it is there");
        assert_eq!(pack_folder.in_use().expect("it reads"), "mine");
        assert!(matches!(pack_folder.remove("mine"), Err(Error::InUse(_))));
        pack_folder.use_from_now(BUILT_IN).expect("it is always there");
        pack_folder.remove("mine").expect("it is not in use");
        assert!(matches!(pack_folder.find("mine"), Err(Error::Unknown(_))));
        assert!(matches!(pack_folder.use_from_now("mine"), Err(Error::Unknown(_))));
    }

    #[test]
    fn names_stay_on_the_shelf() {
        let (folder, pack_folder) = pack_folder();
        for name in ["", ".", "..", ".hidden", "a/b", "../a", "ä", &"a".repeat(65)] {
            assert!(matches!(pack_folder.staging(name), Err(Error::Name(_))), "{name}");
            assert!(matches!(pack_folder.remove(name), Err(Error::Unknown(_))), "{name}");
        }
        assert!(matches!(pack_folder.staging(BUILT_IN), Err(Error::BuiltIn(_))));
        assert!(matches!(pack_folder.remove(BUILT_IN), Err(Error::BuiltIn(_))));
        assert_eq!(pack_folder.find(BUILT_IN).expect("it is always there"), None);
        let path = folder.path().display().to_string();
        assert_eq!(pack_folder.find(&path).expect("it is a folder"), Some(folder.path().to_owned()));
    }
}

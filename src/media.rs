//! Images at rest: in a local folder, or in a bucket that speaks S3.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

/// Where media are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// Made when there is none.
    Folder(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("media: {0}")]
    Store(#[from] object_store::Error),
    #[error("{path}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
}

/// A store of named bytes. A clone shares it. Names are paths: `sessions/<id>/<id>`.
#[derive(Debug, Clone)]
pub struct Media(Arc<dyn ObjectStore>);

impl Media {
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let Settings::Folder(path) = settings;
        std::fs::create_dir_all(path).map_err(|source| Error::Folder { path: path.clone(), source })?;
        Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(path)?)))
    }

    /// Puts `bytes` in the place of what had this name.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        self.0.put(&Path::from(name), bytes.into()).await?;
        Ok(())
    }

    /// `None` if there is nothing of this name.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        match self.0.get(&Path::from(name)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Fine if there is nothing of this name.
    pub async fn erase(&self, name: &str) -> Result<(), Error> {
        match self.0.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Erases everything whose name begins with `folder/`.
    pub async fn erase_under(&self, folder: &str) -> Result<(), Error> {
        let names = self.0.list(Some(&Path::from(folder))).map_ok(|found| found.location).boxed();
        self.0.delete_stream(names).try_for_each(|_| async { Ok(()) }).await?;
        Ok(())
    }

    /// The folders right under `folder`, by their last names.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, Error> {
        let listed = self.0.list_with_delimiter(Some(&Path::from(folder))).await?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }
}

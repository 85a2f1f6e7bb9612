//! Stores images at rest, in a local folder or in a bucket that speaks S3.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::fs;
use tokio::time::timeout;

use crate::cause::{self, NO_ANSWER};

/// The longest single request to a bucket: an image needs well under a second.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The default of the longest time that a caller waits to put, get or erase one name.
pub const WAIT_MAX: Duration = Duration::from_millis(1500);
/// The least throughput, by which the longest wait grows with the size of the data.
const BYTES_PER_SECOND_MIN: f64 = 1_048_576.0;
/// The longest time of a request with its retries.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);
const RETRIES_MAX: usize = 3;
/// The most attempts to put a file into a folder that another task removes at the same time. One such collision is
/// rare.
const COLLISIONS_MAX: usize = 10;

/// The place of media.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A folder. If it does not exist, it is made for this account only: nothing else protects the files in it.
    Folder(PathBuf),
    S3(Box<S3>),
}

/// Writes the place as errors name it.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3(s3) => match &s3.endpoint {
                Some(endpoint) => write!(f, "s3://{} at {endpoint}", s3.bucket),
                None => write!(f, "s3://{} in {}", s3.bucket, s3.region),
            },
        }
    }
}

/// A bucket of Amazon, or of another store that speaks its protocol.
#[derive(Debug, Clone)]
pub struct S3 {
    pub bucket: String,
    /// The prefix of all names in it; may be empty.
    pub folder: String,
    pub region: String,
    /// The URL of a store other than Amazon's. With `http://` the connection is not encrypted.
    pub endpoint: Option<String>,
    /// Without credentials, requests are not signed.
    pub credentials: Option<Credentials>,
}

#[derive(Debug, Clone)]
pub struct Credentials {
    pub id: String,
    pub secret: SecretString,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{place}: {cause}")]
    Store { place: String, cause: String },
    #[error("{path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
}

/// A store of named bytes. Clones share it. Names are paths: `sessions/<id>/<id>`.
#[derive(Debug, Clone)]
pub struct Media {
    objects: Arc<dyn ObjectStore>,
    /// The root of the local folder; `None` for a bucket.
    root: Option<PathBuf>,
    place: MediaLocation,
    /// The place as errors name it.
    name: String,
    wait_max: Duration,
}

/// The place of media, for readers other than this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLocation {
    /// `local` for a folder.
    pub region: String,
    /// `media` for a folder.
    pub bucket: String,
    /// The prefix of every name; may be empty.
    pub folder: String,
}

impl MediaLocation {
    /// Returns the key of a name in the bucket.
    pub fn key(&self, name: &str) -> String {
        if self.folder.is_empty() { name.to_owned() } else { format!("{}/{name}", self.folder) }
    }
}

impl Media {
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let name = settings.to_string();
        let s3 = match settings {
            Settings::Folder(path) => return local(path, name),
            Settings::S3(s3) => s3,
        };
        let bucket = bucket(s3).map_err(|error| failed(&name, &error))?;
        let objects: Arc<dyn ObjectStore> = if s3.folder.is_empty() {
            Arc::new(bucket)
        } else {
            Arc::new(PrefixStore::new(bucket, s3.folder.as_str()))
        };
        let place = MediaLocation { region: s3.region.clone(), bucket: s3.bucket.clone(), folder: s3.folder.clone() };
        Ok(Self { objects, root: None, place, name, wait_max: WAIT_MAX })
    }

    /// Returns the same store with another longest wait for one name; it grows by a second for each mebibyte.
    #[must_use]
    pub fn within(self, wait_max: Duration) -> Self {
        Self { wait_max, ..self }
    }

    pub fn place(&self) -> &MediaLocation {
        &self.place
    }

    /// Puts `bytes` under this name, and replaces an earlier value. It happens wholly or not at all.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        let name = Path::from(name);
        let putting = async {
            let mut collisions = 0;
            while let Err(error) = self.objects.put(&name, bytes.clone().into()).await {
                // A folder that is removed takes the unfinished file with it, and the error looks like any other, so
                // the file is put again.
                collisions += 1;
                if self.root.is_none() || collisions == COLLISIONS_MAX {
                    return Err(error);
                }
            }
            Ok(())
        };
        self.answer(bytes.len() as u64, putting).await?.map_err(|error| failed(&self.name, &error))
    }

    /// Returns the bytes under this name; `None` if there are none.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let found = match self.answer(0, self.objects.get(&Path::from(name))).await? {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&self.name, &error)),
        };
        let size = found.meta.size;
        self.answer(size, found.bytes()).await?.map(Some).map_err(|error| failed(&self.name, &error))
    }

    /// Erases this name; succeeds if it does not exist.
    pub async fn erase(&self, name: &str) -> Result<(), Error> {
        match self.answer(0, self.objects.delete(&Path::from(name))).await? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&self.name, &error)),
        }
    }

    /// Returns the result of a request about `bytes` bytes; fails if it takes too long.
    async fn answer<T>(&self, bytes: u64, request: impl Future<Output = T>) -> Result<T, Error> {
        let within = self.wait_max + Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND_MIN);
        let slow = |_| Error::Store { place: self.name.clone(), cause: NO_ANSWER.to_owned() };
        timeout(within, request).await.map_err(slow)
    }

    /// Erases everything whose name begins with `folder/`; succeeds if another task does so at the same time.
    pub async fn erase_under(&self, folder: &str) -> Result<(), Error> {
        let folder = Path::from(folder);
        if let Some(root) = &self.root {
            let path = root.join(folder.as_ref());
            return remove(root, &path).await.map_err(|source| Error::Folder { path, source });
        }
        let names = self.objects.list(Some(&folder)).map_ok(|found| found.location).boxed();
        let mut erased = self.objects.delete_stream(names);
        while let Some(one) = erased.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(&self.name, &error)),
            }
        }
        Ok(())
    }

    /// Returns the names directly under `folder`, both of media and of folders, without their path.
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let listed = self.objects.list_with_delimiter(Some(&Path::from(folder))).await;
        let listed = listed.map_err(|error| failed(&self.name, &error))?;
        let media = listed.objects.iter().map(|object| &object.location);
        Ok(listed.common_prefixes.iter().chain(media).filter_map(|path| path.filename().map(str::to_owned)).collect())
    }
}

/// Makes an error of a failed request. The refusal of an S3 store is XML; its code and message become the cause.
fn failed(place: &str, error: &object_store::Error) -> Error {
    let cause = cause::of(error);
    let element = |name: &str| Some(cause.split_once(&format!("<{name}>"))?.1.split_once("</")?.0);
    let refusal = element("Code").map(|code| format!("{code}: {}", element("Message").unwrap_or_default()));
    Error::Store { place: place.to_owned(), cause: refusal.unwrap_or(cause) }
}

fn local(path: &std::path::Path, name: String) -> Result<Media, Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path).and_then(|()| path.canonicalize());
    let root = made.map_err(|source| Error::Folder { path: path.to_owned(), source })?;
    // An empty folder is removed with its last file, since its name is that of a session.
    let objects = LocalFileSystem::new_with_prefix(&root).map_err(|error| failed(&name, &error))?;
    let objects = Arc::new(objects.with_automatic_cleanup(true));
    let place = MediaLocation { region: "local".to_owned(), bucket: "media".to_owned(), folder: String::new() };
    Ok(Media { objects, root: Some(root), place, name, wait_max: WAIT_MAX })
}

/// Removes a folder with all its contents, and the folders above it that are then empty. `LocalFileSystem` does not
/// list files whose writer died, and would leave them, although they are images.
async fn remove(root: &std::path::Path, path: &std::path::Path) -> io::Result<()> {
    // The folder is renamed first, so that nothing more is put into it. If the process dies here, the next removal
    // finds the renamed folder.
    let moved = path.with_extension("erased");
    for step in [fs::remove_dir_all(&moved).await, fs::rename(path, &moved).await, fs::remove_dir_all(&moved).await] {
        match step {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    for above in path.ancestors().skip(1).take_while(|&above| above != root) {
        if fs::remove_dir(above).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn bucket(s3: &S3) -> Result<AmazonS3, object_store::Error> {
    let is_plain = s3.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let client = ClientOptions::new()
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(is_plain);
    let retry =
        RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES_MAX, retry_timeout: RETRY_TIMEOUT };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        // Only Amazon gives each bucket its own host.
        .with_virtual_hosted_style_request(s3.endpoint.is_none())
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder = match &s3.credentials {
        Some(Credentials { id, secret }) => {
            builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret())
        }
        None => builder.with_skip_signature(true),
    };
    builder.build()
}

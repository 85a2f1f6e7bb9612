//! Fetches files from their public addresses: resumes broken transfers, takes no more bytes than stated, and checks the
//! file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256, Sha384};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::published::{Checksum, Source};

/// Attempts for a file before it is given up.
const ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; it doubles from attempt to attempt.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// A server that sends nothing for this long is asked again.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Release pages redirect once or twice.
const REDIRECTS_MAX: usize = 5;

/// The place that sources are fetched from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Each source from its own address.
    Homes,
    /// A base URL, `https://…` or `http://…`, with every source below it by its name.
    Mirror(String),
    /// A folder that holds every source by its name.
    Folder(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name}: {}: {source}", path.display())]
    File { name: String, path: PathBuf, source: std::io::Error },
    #[error("{name}: {url} does not answer: {reason}")]
    Unreachable { name: String, url: String, reason: String },
    #[error("{name}: {url} answers {status}")]
    Status { name: String, url: String, status: StatusCode },
    #[error("{name}: it has {found} bytes instead of {stated}; it is not the file that was published")]
    Length { name: String, stated: u64, found: u64 },
    #[error("{name}: its checksum is {found}, not {stated}; it is not the file that was published")]
    Checksum { name: String, stated: String, found: String },
}

/// The result of an attempt that did not get the file.
enum Missed {
    /// A later attempt may succeed.
    ForNow(Error),
    ForGood(Error),
}

/// The transfer of one file.
struct Transfer<'a> {
    source: &'a Source,
    url: String,
    client: &'a Client,
    /// The part of the file that has arrived.
    part: PathBuf,
    progress: &'a (dyn Fn(u64) + Sync),
}

/// Fetches `source` into the file `to`. Calls `progress` with the number of bytes that have arrived. Resumes the part
/// that an earlier try left beside `to`.
pub async fn fetch(source: &Source, origin: &Origin, to: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<(), Error> {
    let file_fault =
        |source_error| Error::File { name: source.name.clone(), path: to.to_owned(), source: source_error };
    if fs::try_exists(to).await.map_err(file_fault)? && check(source, to).await.is_ok() {
        progress(source.bytes);
        return Ok(());
    }
    let part = to.with_added_extension("part");
    let url = match origin {
        Origin::Homes => source.url.clone(),
        Origin::Mirror(base) => format!("{}/{}", base.trim_end_matches('/'), source.name),
        Origin::Folder(folder) => return copied(source, &folder.join(&source.name), to).await,
    };
    let client = client(matches!(origin, Origin::Homes)).map_err(|error| unreachable(source, &url, &error))?;
    let transfer = Transfer { source, url, client: &client, part, progress };
    transfer.run().await?;
    fs::rename(&transfer.part, to).await.map_err(file_fault)
}

fn client(https_only: bool) -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_MAX)
        .read_timeout(SILENCE_MAX)
        .redirect(Policy::limited(REDIRECTS_MAX))
        .https_only(https_only)
        .build()
}

async fn copied(source: &Source, from: &Path, to: &Path) -> Result<(), Error> {
    let fault = |path: &Path, error| Error::File { name: source.name.clone(), path: path.to_owned(), source: error };
    check(source, from).await?;
    fs::copy(from, to).await.map_err(|error| fault(to, error))?;
    check(source, to).await
}

/// Checks that a file is the one that was published.
async fn check(source: &Source, path: &Path) -> Result<(), Error> {
    let name = source.name.clone();
    let fault = |error| Error::File { name: name.clone(), path: path.to_owned(), source: error };
    let found = fs::metadata(path).await.map_err(fault)?.len();
    if found != source.bytes {
        return Err(Error::Length { name, stated: source.bytes, found });
    }
    let bytes = fs::read(path).await.map_err(fault)?;
    let (stated, found) = match &source.checksum {
        Checksum::Sha256(stated) => (stated, format!("{:x}", Sha256::digest(&bytes))),
        Checksum::Sha384(stated) => (stated, format!("{:x}", Sha384::digest(&bytes))),
    };
    if *stated == found { Ok(()) } else { Err(Error::Checksum { name, stated: stated.clone(), found }) }
}

impl Transfer<'_> {
    async fn run(&self) -> Result<(), Error> {
        let mut pause = PAUSE_FIRST;
        let mut attempt = 1;
        loop {
            let resumed = self.length().await? > 0;
            match self.attempt().await {
                Ok(()) => match check(self.source, &self.part).await {
                    // The part that an earlier try left may be of another file: try again from the beginning.
                    Err(_) if resumed && attempt < ATTEMPTS_MAX => self.discard().await?,
                    Err(error) => {
                        self.discard().await?;
                        return Err(error);
                    }
                    Ok(()) => return Ok(()),
                },
                Err(Missed::ForGood(error)) => return Err(error),
                Err(Missed::ForNow(error)) if attempt == ATTEMPTS_MAX => return Err(error),
                Err(Missed::ForNow(error)) => {
                    tracing::debug!(%error, attempt, "a download is retried");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
            attempt += 1;
        }
    }

    /// Fetches the missing bytes.
    async fn attempt(&self) -> Result<(), Missed> {
        let mut have = self.length().await.map_err(Missed::ForGood)?;
        if have > self.source.bytes {
            self.discard().await.map_err(Missed::ForGood)?;
            have = 0;
        }
        if have == self.source.bytes {
            return Ok(());
        }
        let mut request = self.client.get(&self.url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let answer = request.send().await.map_err(|error| self.for_now(&error))?;
        let begins_at = self.begins_at(&answer, have)?;
        if let Some(length) = answer.content_length() {
            self.bounded(begins_at + length, begins_at + length != self.source.bytes)?;
        }
        self.receive(answer, begins_at).await
    }

    /// Returns the offset in the file at which the answer begins.
    fn begins_at(&self, answer: &Response, have: u64) -> Result<u64, Missed> {
        let status = answer.status();
        let failed = || Error::Status { name: self.source.name.clone(), url: self.url.clone(), status };
        match status {
            StatusCode::OK => Ok(0),
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
                if start == Some(have) { Ok(have) } else { Err(Missed::ForGood(failed())) }
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Missed::ForNow(failed())),
            _ if status.is_server_error() => Err(Missed::ForNow(failed())),
            _ => Err(Missed::ForGood(failed())),
        }
    }

    async fn receive(&self, mut answer: Response, begins_at: u64) -> Result<(), Missed> {
        let fault = |error| Missed::ForGood(self.file_fault(error));
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.part).await.map_err(fault)?;
        file.set_len(begins_at).await.map_err(fault)?;
        let mut have = begins_at;
        (self.progress)(have);
        let ended = loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => {
                    have += bytes.len() as u64;
                    self.bounded(have, have > self.source.bytes)?;
                    file.write_all(&bytes).await.map_err(fault)?;
                    (self.progress)(have);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(self.for_now(&error)),
            }
        };
        file.sync_all().await.map_err(fault)?;
        ended?;
        self.bounded(have, have != self.source.bytes)
    }

    fn bounded(&self, found: u64, wrong: bool) -> Result<(), Missed> {
        let name = self.source.name.clone();
        if wrong { Err(Missed::ForGood(Error::Length { name, stated: self.source.bytes, found })) } else { Ok(()) }
    }

    async fn length(&self) -> Result<u64, Error> {
        match fs::metadata(&self.part).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.file_fault(error)),
        }
    }

    async fn discard(&self) -> Result<(), Error> {
        fs::remove_file(&self.part).await.map_err(|error| self.file_fault(error))
    }

    fn file_fault(&self, source: std::io::Error) -> Error {
        Error::File { name: self.source.name.clone(), path: self.part.clone(), source }
    }

    fn for_now(&self, error: &reqwest::Error) -> Missed {
        Missed::ForNow(unreachable(self.source, &self.url, error))
    }
}

fn unreachable(source: &Source, url: &str, error: &reqwest::Error) -> Error {
    // The text of the library's error leaves out the cause.
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason = error.to_string();
        cause = error.source();
    }
    Error::Unreachable { name: source.name.clone(), url: url.to_owned(), reason }
}

//! Tries everything that a server needs, as `serve` would, and changes nothing.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use face::pack::Pack;
use onnx::Device;
use onnx::gpu::Gpu;
use reqwest::header::CONTENT_TYPE;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::cause::{self, NO_ANSWER};
use crate::cli::health;
use crate::clock::Clock;
use crate::config::source::{InForce, Source};
use crate::config::{Config, table};
use crate::media::{self, Media};
use crate::seal::master::{self, Master};
use crate::service::{server_keys, signing};
use crate::sign::certificate;
use crate::store::look::Found;
use crate::store::{self, look};
use crate::telemetry::otlp;
use crate::{app, capture, sign};

/// The longest wait for an answer of a program that already listens at the server's address.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// A page of the server, and a word that it contains.
const DOCUMENT: (&str, &str) = ("/openapi.json", "BioServer");
const NUMBERS: (&str, &str) = ("/metrics", "bioserver_");
/// One thread is enough to try the networks.
const WORKERS: usize = 1;

/// The outcome for one part: the finding, or the cause of the failure.
type Outcome = Result<String, String>;

/// Tries all parts, even if some fail, and returns each with its name, in the order of the output.
pub async fn all(config: &Config) -> Vec<(&'static str, Outcome)> {
    let (found, media, pack, listen) =
        tokio::join!(look::at(&config.store), media(config), pack(config), listen(config.listen, DOCUMENT));
    let keys = master_key(config, &found).await;
    if let Ok(Found { store: Some(store), .. }) = &found {
        store.close().await;
    }
    let mut trials = vec![
        ("database", database(&config.store, found)),
        ("media", media),
        ("master_key", keys),
        ("signing_certificate", signing_certificate(&config.signing)),
        ("pack", pack),
        ("listen", listen),
    ];
    if config.device == Device::Gpu {
        trials.push(("device", Gpu::open().map(|gpu| gpu.to_string()).map_err(|error| error.to_string())));
    }
    if let Some(address) = config.metrics {
        trials.push(("metrics_listen", self::listen(address, NUMBERS).await));
    }
    if let Some(tls) = &config.tls {
        trials.push(("tls_certificate_file", certificates(&tls.certificate)));
        trials.extend(tls.clients.iter().map(|clients| ("tls_client_ca_file", certificates(&clients.issuers))));
    }
    if let Some(endpoint) = &config.otlp {
        trials.push(("otlp_endpoint", collector(endpoint).await));
    }
    let is_given = |shown: &&InForce| shown.name == table::CALLBACK_CA_FILE.name && shown.source != Source::Default;
    if let Some(file) = config.settings.iter().find(is_given) {
        trials.push(("callback_ca_file", certificates(Path::new(&file.value))));
    }
    trials
}

fn database(settings: &store::settings::Settings, found: Result<Found, store::Error>) -> Outcome {
    let Found { store, applied, newest } = found.map_err(|error| match error {
        store::Error::Connect { .. } => error.to_string(),
        other => format!("{settings}: {}", other.cause()),
    })?;
    if let (None, store::settings::Settings::Sqlite(path)) = (store, settings) {
        may_be_made(path)?;
    }
    let schema = match applied {
        None => "can be written; the first start makes its schema".to_owned(),
        Some(applied) if applied < newest => {
            format!(
                "can be written; `bioserver migrate`, or the next start, brings its schema from {applied} to {newest}"
            )
        }
        Some(applied) if applied > newest => {
            format!(
                "can be written; its schema, {applied}, is newer than this program's, {newest}, which works beside it"
            )
        }
        Some(applied) => format!("can be written; its schema is {applied}, as this program's"),
    };
    Ok(format!("{settings}: {schema}"))
}

async fn media(config: &Config) -> Outcome {
    let place = &config.media;
    if let media::Settings::Folder(path) = place
        && !path.exists()
    {
        return may_be_made(path).map(|()| format!("{place}: the first start makes it"));
    }
    let probe = async {
        let media = Media::open(place)?.within(config.media_wait);
        let (name, bytes) = (format!("probes/{}", Uuid::new_v4()), Bytes::from_static(b"probe"));
        media.put(&name, bytes.clone()).await?;
        let found = media.get(&name).await?;
        media.erase(&name).await?;
        Ok::<_, media::Error>(found == Some(bytes))
    };
    match probe.await {
        Ok(true) => Ok(format!("{place}: a file was put, read and erased")),
        Ok(false) => Err(format!("{place}: a file that was put there cannot be read")),
        Err(error) => Err(error.to_string()),
    }
}

/// Fails unless a file can be made in the nearest existing folder above `path`.
fn may_be_made(path: &Path) -> Result<(), String> {
    let above = path.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(above).map(drop).map_err(|error| format!("{}: {}", above.display(), cause::of(&error)))
}

/// Opens the server's keys with the master key. The first start makes a missing master key, but that one opens no
/// existing key.
async fn master_key(config: &Config, found: &Result<Found, store::Error>) -> Outcome {
    let found = found.as_ref().map_err(|_| "not tried: what it opens lies in the database".to_owned())?;
    let missing = match &config.master_key {
        master::Source::Kept(path) if !path.exists() => Some(path),
        _ => None,
    };
    let master = match missing {
        Some(_) => Master::make(),
        None => config.master_key.master().map_err(|error| error.to_string())?,
    };
    let count = match found {
        Found { store: Some(store), applied: Some(_), .. } => {
            let algorithms = sign::Algorithm::ALL.map(sign::Algorithm::name).into_iter();
            let algorithms = algorithms.chain(capture::key::Algorithm::ALL.map(capture::key::Algorithm::name));
            server_keys::try_all(store, &master, &algorithms.collect::<Vec<_>>()).await
        }
        _ => Ok(0),
    };
    match (count, missing) {
        (Ok(0), Some(path)) => may_be_made(path).map(|()| format!("{}: the first start makes it", path.display())),
        (Ok(0), None) => Ok("the first start makes the keys that it opens".to_owned()),
        (Ok(count), _) => Ok(format!("opens the {count} keys of this server")),
        (Err(server_keys::Error::Sealed { .. }), Some(path)) => {
            Err(format!("{}: no such file, and the database has keys that it sealed", path.display()))
        }
        (Err(error), _) => Err(error.to_string()),
    }
}

fn signing_certificate(settings: &signing::Settings) -> Outcome {
    let signing::Settings::Own(key) = settings else { return Ok("self-signed, and kept in the database".to_owned()) };
    let der = certificate::first(key.certificate_pem()).ok_or("it is not in PEM")?;
    certificate::in_force(&der, Clock::default().now())?;
    Ok(format!("fits the signing key, {}, and is in force", key.algorithm()))
}

/// Loads the networks, and lets them find the face of a portrait.
async fn pack(config: &Config) -> Outcome {
    let name = || config.pack.as_ref().map_or(packs::BUILT_IN.to_owned(), |folder| folder.display().to_string());
    let opened = async {
        let pack = Pack::open(config.pack.as_deref())?;
        app::workers(config, &pack, WORKERS).await
    };
    opened
        .await
        .map(|_| format!("{}: finds the face of a portrait", name()))
        .map_err(|error| format!("{}: {error:#}", name()))
}

/// Fails if a program other than this server listens at the address.
async fn listen(address: SocketAddr, (page, words): (&str, &str)) -> Outcome {
    let Err(error) = TcpListener::bind(address).await else { return Ok(format!("{address}: free")) };
    if error.kind() == io::ErrorKind::AddrInUse
        && health::ask(address, page, ANSWER_MAX).await.is_ok_and(|(_, text)| text.contains(words))
    {
        return Ok(format!("{address}: a BioServer answers there already"));
    }
    Err(format!("{address}: {}", cause::of(&error)))
}

/// Sends an empty list of spans, which is a valid request.
async fn collector(endpoint: &str) -> Outcome {
    let request = async {
        let request = otlp::client()?.post(otlp::place(endpoint)).timeout(ANSWER_MAX);
        request.header(CONTENT_TYPE, "application/x-protobuf").send().await?.error_for_status()
    };
    match request.await {
        Ok(_) => Ok(format!("{endpoint}: takes spans")),
        Err(error) if error.is_timeout() => Err(format!("{endpoint}: {NO_ANSWER}")),
        Err(error) => Err(format!("{endpoint}: {}", cause::of(&error))),
    }
}

/// Reads a file of certificates, all of which must be in force.
fn certificates(path: &Path) -> Outcome {
    let failed = |cause: String| format!("{}: {cause}", path.display());
    let pem = std::fs::read(path).map_err(|error| failed(cause::of(&error)))?;
    let now = Clock::default().now();
    let mut count = 0;
    for der in CertificateDer::pem_slice_iter(&pem) {
        let der = der.map_err(|error| failed(error.to_string()))?;
        certificate::in_force(&der, now).map_err(failed)?;
        count += 1;
    }
    Ok(format!("{}: {count} certificate(s), in force", path.display()))
}

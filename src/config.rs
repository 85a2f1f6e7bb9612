//! Reads file and environment into one checked configuration, and reports all faults together.
//!
//! A variable overrides the file, and the file overrides the default. Paths are relative to the working directory.
//! Settings belong to the modules that use them; this module only fills them in.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onnx::{Device, Engine, gpu};
use packs::PackFolder;
use secrecy::{ExposeSecret, SecretString};
use strum::{Display, EnumString, VariantNames};

use crate::api::http::payload::Limits;
use crate::api::http::{connections, tls};
use crate::config::source::{InForce, Source, Sources, plain};
use crate::seal::master::{self, Master};
use crate::seal::vault;
use crate::service::{Policy, signing};
use crate::sign::Algorithm;
use crate::sign::key::Key;
use crate::{callback, domain, media, store};

mod edge;
mod kept;
mod outbound;
pub mod source;
pub mod table;
mod value;

/// Everything that the operator can configure.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub connections: connections::Settings,
    /// `None` means HTTP without encryption.
    pub tls: Option<tls::Settings>,
    /// The address of the metrics; `None` means that there are none.
    pub metrics: Option<SocketAddr>,
    /// The URL of the collector that receives spans of requests.
    pub otlp: Option<String>,
    /// The folder of the embedded default: database, images and master key.
    pub data: PathBuf,
    pub store: store::settings::Settings,
    /// The prefix of all paths of the contract: `/bioserver-app`.
    pub prefix: String,
    /// The folder that holds packs of networks.
    pub pack_folder: PackFolder,
    /// The folder of the pack in use; `None` means the built-in pack.
    pub pack: Option<PathBuf>,
    pub engine: Engine,
    pub device: Device,
    /// Threads that run networks.
    pub workers: usize,
    /// The longest estimated wait for a worker; a request that would wait longer is refused.
    pub queue_wait: Duration,
    /// The most bytes that the bodies of all requests may take in memory at once.
    pub request_bytes_max: usize,
    pub bodies: Limits,
    pub signing: signing::Settings,
    pub master_key: master::Source,
    /// The key vault that wraps the keys of epochs in place of the master key.
    pub vault: Option<vault::Settings>,
    /// The place of images.
    pub media: media::Settings,
    /// The longest time that a request waits for that place.
    pub media_wait: Duration,
    pub callbacks: callback::Settings,
    pub policy: Policy,
    pub log: Log,
    /// All settings, in the form in which they are shown.
    pub settings: Vec<InForce>,
}

/// The settings of the log, which goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// Levels by target, as `tracing-subscriber`'s `EnvFilter` reads them: `info,bioserver=debug`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// A fault of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub setting: String,
    pub source: Source,
    /// `None` for secrets.
    pub value: Option<String>,
    pub problem: String,
    pub allowed: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.setting)?;
        if let Some(value) = &self.value {
            write!(f, " = '{value}'")?;
        }
        write!(f, " ({}): {}", self.source, self.problem)?;
        if self.allowed.is_empty() { Ok(()) } else { write!(f, "; allowed: {}", self.allowed) }
    }
}

/// All faults, and the settings that would be in force without them.
#[derive(Debug, Clone)]
pub struct Faults {
    pub faults: Vec<Fault>,
    pub settings: Vec<InForce>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s)", self.faults.len())?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

impl Config {
    /// Reads `file`, or `bioserver.toml` if it exists, and the variables of `environment`.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Box<Faults>> {
        let mut sources = Sources::read(file, environment);
        let config = fill(&mut sources);
        let Sources { faults, settings, .. } = sources;
        if faults.is_empty() { Ok(Self { settings, ..config }) } else { Err(Box::new(Faults { faults, settings })) }
    }
}

/// Reads every setting in turn; a faulty one is noted and takes its default.
fn fill(sources: &mut Sources) -> Config {
    let listen = sources.plain(&table::LISTEN, SocketAddr::from(([127, 0, 0, 1], 8080)));
    let connections = edge::connections(sources);
    let tls = edge::tls(sources);
    let metrics = sources.optional(&table::METRICS_LISTEN, plain, ToString::to_string);
    let otlp = sources.optional(&table::OTLP_ENDPOINT, value::endpoint, Clone::clone);
    let data = PathBuf::from(sources.plain(&table::DATA, "./data".to_owned()));
    let store = kept::store(sources, &data);
    let prefix = sources.value(&table::PREFIX, "/bioserver-app".to_owned(), value::prefix);
    let pack_folder = PackFolder::new(data.join("packs"));
    let pack = pack(sources, &pack_folder);
    let engine = sources.plain(&table::ENGINE, Engine::default());
    let device = device(sources);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(table::WORKERS_MAX);
    let workers = sources.plain(&table::WORKERS, cores);
    let queue_wait_ms = sources.plain(&table::QUEUE_WAIT_MS, 2000);
    let bodies = edge::bodies(sources);
    let request_bytes_max = edge::request_bytes_max(sources, &bodies);
    let image_pixels_max = sources.plain(&table::IMAGE_PIXELS_MAX, 50_000_000);
    let master_key = master_key(sources, &store, &data);
    let vault = kept::vault(sources);
    let signing = signing(sources);
    let media = kept::media(sources, &data);
    let media_wait = Duration::from_millis(sources.plain(&table::MEDIA_WAIT_MS, media::WAIT_MAX.as_millis() as u64));
    let callbacks = outbound::callbacks(sources);
    let policy = Policy { image_pixels_max, ..policy(sources, workers) };
    let format = sources.plain(&table::LOG_FORMAT, LogFormat::Text);
    let filter = sources.value(&table::LOG_FILTER, "info".to_owned(), value::log_filter);
    Config {
        listen,
        connections,
        tls,
        metrics,
        otlp,
        data,
        store,
        prefix,
        pack_folder,
        pack,
        engine,
        device,
        workers,
        queue_wait: Duration::from_millis(queue_wait_ms),
        request_bytes_max,
        bodies,
        signing,
        master_key,
        vault,
        media,
        media_wait,
        callbacks,
        policy,
        log: Log { format, filter },
        settings: Vec::new(),
    }
}

/// Returns the configured pack, else the one that `packs use` chose.
fn pack(sources: &mut Sources, pack_folder: &PackFolder) -> Option<PathBuf> {
    let find = |text: &str| pack_folder.find(text).map_err(|error| error.to_string());
    let show =
        |folder: &Option<PathBuf>| folder.as_ref().map_or(packs::BUILT_IN.into(), |path| path.display().to_string());
    let in_use = pack_folder.in_use().map_err(|error| error.to_string()).and_then(|name| Ok((find(&name)?, name)));
    let (in_use, name) = match in_use {
        Ok(in_use) => in_use,
        Err(problem) => {
            if !sources.is_given(&table::PACK) {
                sources.fault("pack", Source::Default, problem, "`bioserver packs use` another pack");
            }
            (None, packs::BUILT_IN.to_owned())
        }
    };
    let given = sources.optional(&table::PACK, find, show);
    if given.is_none() {
        sources.show(&table::PACK, name, Source::Default);
    }
    given.unwrap_or(in_use)
}

fn device(sources: &mut Sources) -> Device {
    let device = sources.plain(&table::DEVICE, Device::default());
    if device == Device::Gpu && !gpu::IS_BUILT_IN {
        let problem = format!("'gpu': {}; build it with `--features gpu`", gpu::Unavailable::NotBuiltIn);
        sources.fault("device", sources.source(&table::DEVICE), problem, "cpu");
    }
    device
}

fn policy(sources: &mut Sources, workers: usize) -> Policy {
    let default = Policy::default();
    let mode = sources.plain(&table::MODE, default.mode);
    let ttl_seconds_max = sources.plain(&table::SESSION_TTL_SECONDS_MAX, default.ttl_seconds_max);
    let ttl_seconds = sources.plain(&table::SESSION_TTL_SECONDS, default.ttl_seconds.min(ttl_seconds_max));
    if ttl_seconds > ttl_seconds_max {
        let problem = format!("{ttl_seconds} is more than 'session_ttl_seconds_max', {ttl_seconds_max}");
        sources.fault("session_ttl_seconds", sources.source(&table::SESSION_TTL_SECONDS), problem, "");
    }
    let faces_max = sources.plain(&table::SESSION_FACES_MAX, default.faces_max);
    let requests_per_minute = sources.optional(&table::REQUESTS_PER_MINUTE, plain, ToString::to_string);
    let requests_at_once = default.limits.requests_at_once.map(|count| sources.plain(&table::REQUESTS_AT_ONCE, count));
    let limits = domain::Limits { requests_per_minute, requests_at_once, ..default.limits };
    let verified_faces_only = sources.plain(&table::VERIFIED_FACES_ONLY, default.verified_faces_only);
    let media_sealed = sources.plain(&table::MEDIA_SEALED, default.media_sealed);
    let checks_at_once = sources.plain(&table::REPLAYS_AT_ONCE, workers);
    let audit_days = sources.plain(&table::AUDIT_DAYS, default.audit_days);
    let mut seconds = |setting, default: Duration| Duration::from_secs(sources.plain(setting, default.as_secs()));
    let check_wait_max = seconds(&table::REPLAY_WAIT_SECONDS, default.check_wait_max);
    let check_lease = seconds(&table::REPLAY_LEASE_SECONDS, default.check_lease);
    Policy {
        mode,
        ttl_seconds,
        ttl_seconds_max,
        faces_max,
        verified_faces_only,
        media_sealed,
        checks_at_once,
        check_wait_max,
        check_lease,
        audit_days,
        limits,
        ..default
    }
}

fn master_key(sources: &mut Sources, store: &store::settings::Settings, data: &Path) -> master::Source {
    let kept = data.join("master.key");
    sources.show(&table::MASTER_KEY, format!("kept in {}", kept.display()), Source::Default);
    sources.show(&table::MASTER_KEY_OTHER, "none".to_owned(), Source::Default);
    let given = sources.secret(&table::MASTER_KEY);
    let is_given = given.is_some();
    let first = given.and_then(|given| one_master_key(sources, &table::MASTER_KEY, given));
    if let Some((other, source)) = sources.secret(&table::MASTER_KEY_OTHER) {
        if !is_given {
            sources.lonely(&table::MASTER_KEY_OTHER, source, &table::MASTER_KEY);
        } else if let Some(other) = one_master_key(sources, &table::MASTER_KEY_OTHER, (other, source))
            && let Some(first) = first
        {
            return master::Source::Given(first.beside(&other));
        }
        return master::Source::Kept(kept);
    }
    if !is_given && matches!(store, store::settings::Settings::Postgres(..)) {
        let problem = "with Postgres it must be given: all nodes share it".to_owned();
        sources.refuse(&table::MASTER_KEY, Source::Default, problem);
    }
    first.map_or(master::Source::Kept(kept), master::Source::Given)
}

fn one_master_key(
    sources: &mut Sources,
    setting: &'static table::Setting,
    (text, source): (SecretString, Source),
) -> Option<Master> {
    match Master::parse(&text) {
        Ok(master) => {
            sources.show_secret(setting, source);
            Some(master)
        }
        Err(error) => {
            sources.refuse(setting, source, error.to_string());
            None
        }
    }
}

fn signing(sources: &mut Sources) -> signing::Settings {
    let algorithm = sources.plain(&table::SIGNING_ALGORITHM, Algorithm::default());
    let key = sources.secret(&table::SIGNING_KEY);
    let certificate = sources.secret(&table::SIGNING_CERTIFICATE);
    let (Some((key, source)), Some((certificate, certificate_source))) = (&key, &certificate) else {
        match (key, certificate) {
            (Some((_, source)), _) => sources.lonely(&table::SIGNING_KEY, source, &table::SIGNING_CERTIFICATE),
            (_, Some((_, source))) => sources.lonely(&table::SIGNING_CERTIFICATE, source, &table::SIGNING_KEY),
            _ => {
                sources.show(&table::SIGNING_KEY, "made and kept in the database".to_owned(), Source::Default);
                sources.show(&table::SIGNING_CERTIFICATE, "self-signed".to_owned(), Source::Default);
            }
        }
        return signing::Settings::Kept(algorithm);
    };
    sources.show_secret(&table::SIGNING_KEY, source.clone());
    sources.show(&table::SIGNING_CERTIFICATE, "given".to_owned(), certificate_source.clone());
    match own_key(key, certificate) {
        Ok(key) if sources.is_given(&table::SIGNING_ALGORITHM) && key.algorithm() != algorithm => {
            let problem = format!("it is a key for {}, and 'signing_algorithm' says {algorithm}", key.algorithm());
            sources.fault("signing_key", source.clone(), problem, "");
        }
        Ok(key) => {
            if key.algorithm() != algorithm {
                sources.show(&table::SIGNING_ALGORITHM, key.algorithm().to_string(), source.clone());
            }
            return signing::Settings::Own(key);
        }
        Err(problem) => {
            sources.refuse(&table::SIGNING_KEY, source.clone(), problem);
        }
    }
    signing::Settings::Kept(algorithm)
}

fn own_key(key: &SecretString, certificate: &SecretString) -> Result<Key, String> {
    Key::from_pem(key, certificate.expose_secret()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;

//! File and environment to one checked configuration, all faults reported together.
//!
//! A variable wins over the file, the file over the default. Paths are relative to the working
//! directory. Settings belong to the rooms that use them: this one only fills them in.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onnx::Engine;
use packs::PackFolder;
use secrecy::{ExposeSecret, SecretString};

use crate::config::source::{Setting, Source, Sources};
use crate::domain::Limits;
use crate::seal::{self, Master};
use crate::service::faces::FACES_LISTED_MAX;
use crate::service::{Policy, signing};
use crate::sign::Algorithm;
use crate::sign::key::Key;
use crate::{callback, media, store};

mod kept;
mod outbound;
pub mod source;
pub mod value;

const MASTER_KEY_ALLOWED: &str = "32 random bytes in base64 or hex, as `openssl rand -base64 32` makes them";

/// A year.
const SESSION_SECONDS_MAX: i64 = 31_536_000;
/// Far above what any machine has.
const WORKERS_MAX: usize = 1024;

/// Everything the operator can decide.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// What the embedded default keeps: the database and the master key.
    pub data: PathBuf,
    pub store: store::settings::Settings,
    /// What all paths begin with: `/bioserver-app`.
    pub prefix: String,
    /// Where packs of networks are kept.
    pub pack_folder: PackFolder,
    /// The folder of the one that serves; without one, the built-in pack does.
    pub pack: Option<PathBuf>,
    pub engine: Engine,
    /// Threads that run networks.
    pub workers: usize,
    /// Requests whose estimated wait for a worker is longer are refused.
    pub queue_wait: Duration,
    /// Of one image file.
    pub image_bytes_max: usize,
    pub signing: signing::Settings,
    pub master_key: seal::Source,
    /// Where images are kept.
    pub media: media::Settings,
    pub callbacks: callback::Settings,
    pub policy: Policy,
    pub log: Log,
    /// The same, to be shown.
    pub settings: Vec<Setting>,
}

/// What is logged, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// Levels by target, as `tracing-subscriber`'s `EnvFilter` reads them: `info,bioserver=debug`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub setting: String,
    pub source: Source,
    /// Absent for secrets.
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

/// Everything that is wrong, and what would be in force otherwise.
#[derive(Debug, Clone)]
pub struct Faults {
    pub faults: Vec<Fault>,
    pub settings: Vec<Setting>,
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

/// Every setting in turn; one that is wrong is noted and has its default.
fn fill(sources: &mut Sources) -> Config {
    let listen = sources.value("listen", SocketAddr::from(([127, 0, 0, 1], 8080)), "an address and port", value::plain);
    let data = PathBuf::from(sources.value("data", "./data".to_owned(), "a folder", value::plain));
    let store = store(sources, &data);
    let prefix = sources.value("prefix", "/bioserver-app".to_owned(), value::PREFIX, value::prefix);
    let pack_folder = PackFolder::new(data.join("packs"));
    let pack = pack(sources, &pack_folder);
    let engine = sources.value("engine", Engine::default(), "auto, burn, packed", value::plain);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX);
    let workers = sources.value("workers", cores, "1 to 1024", value::between(1..=WORKERS_MAX));
    let queue_wait_ms = sources.value("queue_wait_ms", 2000, "0 to 600000", value::between(0..=600_000));
    let bytes = value::between(1024..=1 << 30);
    let image_bytes_max = sources.value("image_bytes_max", 10 << 20, "1024 to 1073741824", bytes);
    let pixels = value::between(1..=1_000_000_000);
    let image_pixels_max = sources.value("image_pixels_max", 50_000_000, "1 to 1000000000", pixels);
    let master_key = master_key(sources, &store, &data);
    let signing = signing(sources);
    let media = kept::media(sources, &data);
    let callbacks = outbound::callbacks(sources);
    let policy = Policy { image_pixels_max, ..policy(sources, workers) };
    let format = sources.shown("log_format", LogFormat::Text, "text, json", value::log_format, value::log_format_name);
    let filter = sources.value("log_filter", "info".to_owned(), value::LOG_FILTER, value::log_filter);
    Config {
        listen,
        data,
        store,
        prefix,
        pack_folder,
        pack,
        engine,
        workers,
        queue_wait: Duration::from_millis(queue_wait_ms),
        image_bytes_max,
        signing,
        master_key,
        media,
        callbacks,
        policy,
        log: Log { format, filter },
        settings: Vec::new(),
    }
}

/// The pack that is configured, else the one that `packs use` has named.
fn pack(sources: &mut Sources, pack_folder: &PackFolder) -> Option<PathBuf> {
    let find = |text: &str| pack_folder.find(text).map_err(|error| error.to_string());
    let show =
        |folder: &Option<PathBuf>| folder.as_ref().map_or(packs::BUILT_IN.into(), |path| path.display().to_string());
    let in_use = pack_folder.in_use().map_err(|error| error.to_string()).and_then(|name| Ok((find(&name)?, name)));
    let (in_use, absent) = match in_use {
        Ok(in_use) => in_use,
        Err(problem) => {
            if !sources.is_given("pack") {
                sources.fault("pack", Source::Default, problem, "`bioserver packs use` another pack");
            }
            (None, packs::BUILT_IN.to_owned())
        }
    };
    let given = sources.optional("pack", &absent, "a pack's name or an existing folder", find, show);
    given.unwrap_or(in_use)
}

fn policy(sources: &mut Sources, workers: usize) -> Policy {
    let default = Policy::default();
    let mode = sources.value("mode", default.mode, value::MODES, value::plain);
    let seconds = || value::between(1..=SESSION_SECONDS_MAX);
    let allowed = "1 to 31536000";
    let ttl_seconds_max = sources.value("session_ttl_seconds_max", default.ttl_seconds_max, allowed, seconds());
    let usual = default.ttl_seconds.min(ttl_seconds_max);
    let ttl_seconds = sources.value("session_ttl_seconds", usual, allowed, seconds());
    if ttl_seconds > ttl_seconds_max {
        let problem = format!("{ttl_seconds} is more than 'session_ttl_seconds_max', {ttl_seconds_max}");
        sources.fault("session_ttl_seconds", sources.source("session_ttl_seconds"), problem, "");
    }
    let faces = value::between(1..=FACES_LISTED_MAX);
    let faces_max = sources.value("session_faces_max", default.faces_max, "1 to 1000", faces);
    let mut limit = |name| {
        let count = value::between(1..=i64::from(u32::MAX));
        sources.optional(name, "no limit", "a number from 1 on", count, ToString::to_string)
    };
    let requests_per_minute = limit("requests_per_minute");
    let requests_at_once = limit("requests_at_once");
    let limits = Limits { ttl_seconds_max: None, requests_per_minute, requests_at_once, liveness_reasons: None };
    let media_sealed = sources.value("media_sealed", default.media_sealed, "true, false", value::plain);
    let replays_at_once = sources.value("replays_at_once", workers, "1 to 1024", value::between(1..=WORKERS_MAX));
    let mut seconds = |name, default: Duration| {
        Duration::from_secs(sources.value(name, default.as_secs(), "1 to 3600", value::between(1..=3600)))
    };
    let replay_wait_max = seconds("replay_wait_seconds", default.replay_wait_max);
    let replay_lease = seconds("replay_lease_seconds", default.replay_lease);
    Policy {
        mode,
        ttl_seconds,
        ttl_seconds_max,
        faces_max,
        media_sealed,
        replays_at_once,
        replay_wait_max,
        replay_lease,
        limits,
        ..default
    }
}

fn store(sources: &mut Sources, data: &Path) -> store::settings::Settings {
    let allowed = "postgres://user:password@host:port/database, sqlite:path";
    let default = store::settings::Settings::Sqlite(data.join("bioserver.db"));
    sources.show("database_url", default.to_string(), Source::Default);
    let Some((text, source)) = sources.secret("database_url") else { return default };
    match text.expose_secret().parse::<store::settings::Settings>() {
        Ok(settings) => {
            sources.show("database_url", settings.to_string(), source);
            settings
        }
        Err(problem) => {
            sources.fault("database_url", source, problem, allowed);
            default
        }
    }
}

fn master_key(sources: &mut Sources, store: &store::settings::Settings, data: &Path) -> seal::Source {
    let kept = data.join("master.key");
    sources.show("master_key", format!("kept in {}", kept.display()), Source::Default);
    match sources.secret("master_key") {
        Some((text, source)) => match Master::parse(&text) {
            Ok(master) => {
                sources.show_secret("master_key", source);
                return seal::Source::Given(master);
            }
            Err(error) => sources.fault("master_key", source, error.to_string(), MASTER_KEY_ALLOWED),
        },
        None if matches!(store, store::settings::Settings::Postgres(_)) => {
            let problem = "with Postgres it must be given: all nodes share it".to_owned();
            sources.fault("master_key", Source::Default, problem, MASTER_KEY_ALLOWED);
        }
        None => {}
    }
    seal::Source::Kept(kept)
}

fn signing(sources: &mut Sources) -> signing::Settings {
    let algorithm = sources.value("signing_algorithm", Algorithm::default(), "ES256, RS256", value::plain);
    let key = sources.secret("signing_key");
    let certificate = sources.secret("signing_certificate");
    let (Some((key, source)), Some((certificate, certificate_source))) = (&key, &certificate) else {
        match (key, certificate) {
            (Some((_, source)), _) => sources.lonely("signing_key", source, "signing_certificate"),
            (_, Some((_, source))) => sources.lonely("signing_certificate", source, "signing_key"),
            _ => {
                sources.show("signing_key", "made and kept in the database".to_owned(), Source::Default);
                sources.show("signing_certificate", "self-signed".to_owned(), Source::Default);
            }
        }
        return signing::Settings::Kept(algorithm);
    };
    sources.show_secret("signing_key", source.clone());
    sources.show("signing_certificate", "given".to_owned(), certificate_source.clone());
    match own_key(key, certificate) {
        Ok(key) if sources.is_given("signing_algorithm") && key.algorithm() != algorithm => {
            let problem = format!("it is a key for {}, and 'signing_algorithm' says {algorithm}", key.algorithm());
            sources.fault("signing_key", source.clone(), problem, "");
        }
        Ok(key) => {
            if key.algorithm() != algorithm {
                sources.show("signing_algorithm", key.algorithm().to_string(), source.clone());
            }
            return signing::Settings::Own(key);
        }
        Err(problem) => {
            let allowed = "an RSA or P-256 private key in PEM, and the certificate for it";
            sources.fault("signing_key", source.clone(), problem, allowed);
        }
    }
    signing::Settings::Kept(algorithm)
}

fn own_key(key: &SecretString, certificate: &SecretString) -> Result<Key, String> {
    Key::from_pem(key, certificate.expose_secret()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;

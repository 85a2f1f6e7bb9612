//! Every setting: its name, the values that it may hold, its default and its effect. The checks, `bioserver check` and
//! the table in the README come from here.

use std::borrow::Cow;

use onnx::{Device, Engine};
use strum::VariantNames;

use crate::api::http::tls::Demanded;
use crate::config::LogFormat;
use crate::domain::face::Mode;
use crate::service::faces::FACES_LISTED_MAX;
use crate::sign::Algorithm;

/// A year, in seconds.
const SESSION_SECONDS_MAX: u64 = 31_536_000;
/// The most workers: far more than any machine has cores.
pub const WORKERS_MAX: usize = 1024;

/// A setting of the operator.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub holds: Holds,
    /// The default in words, if it is not one value.
    pub default: Option<&'static str>,
    /// The effect of the setting, in Markdown.
    pub help: &'static str,
}

/// The values that a setting may hold.
#[derive(Debug)]
pub enum Holds {
    /// A text that the setting's reader checks; described in words.
    Text(&'static str),
    /// A whole number in this range, both bounds included.
    Whole(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text as in [`Holds::Text`], which is never shown; it may also be read from a file that `…_file` or `…_FILE`
    /// names.
    Secret(&'static str),
}

const SWITCH: Holds = Holds::OneOf(&["true", "false"]);
const COUNT: Holds = Holds::Whole(1, u32::MAX as u64);
const SECONDS: Holds = Holds::Whole(1, 3600);
const MILLISECONDS: Holds = Holds::Whole(50, 3_600_000);

impl Setting {
    /// Describes the allowed values in words.
    pub fn allowed(&self) -> Cow<'static, str> {
        match self.holds {
            Holds::Text(words) | Holds::Secret(words) => words.into(),
            Holds::Whole(least, most) => format!("{least} to {most}").into(),
            Holds::OneOf(words) => words.join(", ").into(),
        }
    }
}

macro_rules! settings {
    ($($constant:ident = $name:literal, $holds:expr, $default:expr, $help:literal;)*) => {
        $(pub const $constant: Setting = Setting { name: $name, holds: $holds, default: $default, help: $help };)*

        /// All settings, in the order in which they are shown.
        pub const ALL: &[Setting] = &[$($constant),*];
    };
}

settings! {
    LISTEN = "listen", Holds::Text("an address and port"), None,
        "The address that the server listens on.";
    METRICS_LISTEN = "metrics_listen", Holds::Text("an address and port"), Some("none"),
        "The address where Prometheus finds `/metrics`, and the operator `/admin`. Whoever reaches it sees how much is asked, and nothing of a person.";
    OTLP_ENDPOINT = "otlp_endpoint", Holds::Text("a URL such as http://collector.example:4318"), Some("none"),
        "The collector that gets a span of each request, by OTLP over HTTP. A span holds what the log's line does.";
    CONNECTIONS_MAX = "connections_max", Holds::Whole(1, 1_000_000), None,
        "Connections at once, as far as the limit of open files allows. Beyond them the one that is idle longest is closed.";
    CONNECTIONS_PER_ADDRESS_MAX = "connections_per_address_max", Holds::Whole(1, 1_000_000), None,
        "The same of one client address (IPv6: of one /64). Those in `trusted_proxies` have no such limit.";
    TRUSTED_PROXIES = "trusted_proxies", Holds::Text("addresses and networks such as 10.0.0.0/8, separated by blanks"), Some("none"),
        "Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.";
    TLS_CERTIFICATE_FILE = "tls_certificate_file", Holds::Text("a file of certificates in PEM"), Some("none: HTTP without TLS"),
        "The certificate of the server, followed by those that issued it.";
    TLS_KEY_FILE = "tls_key_file", Holds::Text("a file with a private key in PEM"), Some("none"),
        "The private key of that certificate. Both files are read again when they change.";
    TLS_CLIENT_CA_FILE = "tls_client_ca_file", Holds::Text("a file of certificates in PEM"), Some("none: no mutual TLS"),
        "Certificates of those who issue the certificates of clients.";
    TLS_CLIENTS = "tls_clients", Holds::OneOf(<Demanded as VariantNames>::VARIANTS), None,
        "Who must present such a certificate: `all` connections, or only those on which provider `keys` are used.";
    HEAD_SECONDS = "head_seconds", SECONDS, None,
        "A new connection that has not sent the head of a request by then is closed.";
    IDLE_SECONDS = "idle_seconds", SECONDS, None,
        "A connection without a request is closed then, and one whose answer is not read. Longer than a proxy's own limit.";
    DATA = "data", Holds::Text("a folder"), None,
        "Database, images and master key of the embedded default.";
    DATABASE_URL = "database_url",
        Holds::Secret("postgres://user:password@host:port/database, sqlite:path"), Some("a SQLite file in the data folder"),
        "With Postgres, any number of nodes serve together.";
    DATABASE_CONNECTIONS = "database_connections", Holds::Whole(2, 1000), None,
        "Connections of each node to Postgres.";
    DATABASE_CONNECT_MS = "database_connect_ms", MILLISECONDS, None,
        "A request that waits longer for a connection to Postgres gets 503.";
    DATABASE_STATEMENT_MS = "database_statement_ms", MILLISECONDS, None,
        "A statement that takes Postgres longer is given up, and its request gets 503.";
    DATABASE_LOCK_MS = "database_lock_ms", MILLISECONDS, None,
        "The same for a statement that waits for a lock of another request.";
    DATABASE_IDLE_MS = "database_idle_ms", MILLISECONDS, None,
        "Postgres undoes a transaction, and frees its locks, whose node does not go on for so long.";
    DATABASE_KEEPALIVE_SECONDS = "database_keepalive_seconds", SECONDS, None,
        "Postgres asks after so long whether a silent node is there, and drops one that is silent four times as long.";
    PREFIX = "prefix", Holds::Text("a path such as /bioserver-app, with no slash at its end"), None,
        "What the contract's paths begin with.";
    PACK = "pack", Holds::Text("a pack's name or an existing folder"), Some("the one in use"),
        "The networks.";
    ENGINE = "engine", Holds::OneOf(Engine::VARIANTS), None,
        "How networks run on the CPU: on packed kernels, or on burn's tensors, the reference.";
    DEVICE = "device", Holds::OneOf(Device::VARIANTS), None,
        "The device that runs networks. `gpu` needs a program built with the feature `gpu`; if no GPU can be used, the CPU runs them.";
    WORKERS = "workers", Holds::Whole(1, WORKERS_MAX as u64), Some("one for each core"),
        "Threads that run networks.";
    QUEUE_WAIT_MS = "queue_wait_ms", Holds::Whole(0, 600_000), None,
        "Requests whose picture would wait longer for a worker get 429 with `Retry-After`. Providers take turns.";
    REQUEST_BYTES_MAX = "request_bytes_max", Holds::Whole(1 << 20, 1 << 40), Some("268435456, or four of the largest bodies"),
        "Bytes of request bodies in memory at once, at most half of them one provider's. Beyond them 429, before the body is read.";
    BODY_PAUSE_SECONDS = "body_pause_seconds", SECONDS, None,
        "A body of which nothing comes for so long is given up, and one that comes at less than 4 kB a second.";
    IMAGE_BYTES_MAX = "image_bytes_max", Holds::Whole(1024, 1 << 30), None,
        "Size of an image file.";
    IMAGE_PIXELS_MAX = "image_pixels_max", Holds::Whole(1, 1_000_000_000), None,
        "Width times height of a picture.";
    MASTER_KEY = "master_key",
        Holds::Secret("32 random bytes in base64 or hex, as `openssl rand -base64 32` makes them"),
        Some("made at the first start, and kept in the data folder"),
        "Seals what is kept. With Postgres it must be given: all nodes share it.";
    MASTER_KEY_OTHER = "master_key_other", Holds::Secret("as the master key"), Some("none"),
        "While the master key changes, another one beside it, which opens what it has sealed.";
    KEY_VAULT = "key_vault", Holds::Text("a URL such as https://vault:8200/transit/bioserver"), Some("none"),
        "A key of HashiCorp Vault's Transit, which wraps the keys of the hours in the place of the master key.";
    KEY_VAULT_TOKEN = "key_vault_token", Holds::Secret("a token of the vault's"), Some("none"),
        "Proves to the vault who asks; none where an agent of its adds one.";
    SIGNING_ALGORITHM = "signing_algorithm", Holds::OneOf(<Algorithm as VariantNames>::VARIANTS), None,
        "The signature of answers.";
    SIGNING_KEY = "signing_key", Holds::Secret("an RSA or P-256 private key in PEM, and the certificate for it"),
        Some("made and kept in the database"),
        "The operator's own key.";
    SIGNING_CERTIFICATE = "signing_certificate", Holds::Secret("the certificate of the signing key, in PEM"),
        Some("self-signed"),
        "The certificate of that key.";
    MODE = "mode", Holds::OneOf(<Mode as VariantNames>::VARIANTS), None,
        "The algorithm that a face reports whose maker asked for none.";
    SESSION_TTL_SECONDS = "session_ttl_seconds", Holds::Whole(1, SESSION_SECONDS_MAX), None,
        "How long a session lives whose maker does not say.";
    SESSION_TTL_SECONDS_MAX = "session_ttl_seconds_max", Holds::Whole(1, SESSION_SECONDS_MAX), None,
        "How long a session lives at most. A provider may have a maximum of its own.";
    SESSION_FACES_MAX = "session_faces_max", Holds::Whole(1, FACES_LISTED_MAX as u64), None,
        "Faces in a session.";
    VERIFIED_FACES_ONLY = "verified_faces_only", SWITCH, None,
        "Whether faces sent as JSON must be as this server signed them. Otherwise those that are not say `\"verified\": false`.";
    REQUESTS_PER_MINUTE = "requests_per_minute", COUNT, Some("no limit"),
        "Requests of each provider on each node; beyond them 429 with `Retry-After`. A provider may have its own limit.";
    REQUESTS_AT_ONCE = "requests_at_once", COUNT, None,
        "The same, for requests in flight.";
    REPLAYS_AT_ONCE = "replays_at_once", Holds::Whole(1, WORKERS_MAX as u64), Some("one for each worker"),
        "Captures that a node examines at once.";
    REPLAY_WAIT_SECONDS = "replay_wait_seconds", SECONDS, None,
        "Captures that would wait longer get 429.";
    REPLAY_LEASE_SECONDS = "replay_lease_seconds", SECONDS, None,
        "After so long another node takes over a capture whose node has died.";
    CALLBACK_ALLOW = "callback_allow",
        Holds::Text("hosts such as localhost:9943 or http://localhost:9943, separated by blanks"), Some("public hosts alone"),
        "Hosts that callbacks may reach besides public ones.";
    CALLBACK_CA_FILE = "callback_ca_file", Holds::Text("a file of certificates in PEM"), Some("the system's alone"),
        "Certificates that callbacks trust besides the system's.";
    MEDIA = "media", Holds::Text("a folder, s3://bucket, s3://bucket/folder"), Some("`media` in the data folder"),
        "Where images are kept. All nodes need the same place.";
    MEDIA_SEALED = "media_sealed", SWITCH, None,
        "Whether images are encrypted before they are kept.";
    MEDIA_WAIT_MS = "media_wait_ms", MILLISECONDS, None,
        "A request that waits longer for an image there gets 503; each mebibyte gives it a second more.";
    S3_REGION = "s3_region", Holds::Text("a region such as eu-central-1"), None,
        "The region of the bucket.";
    S3_ENDPOINT = "s3_endpoint", Holds::Text("a URL such as https://minio.example:9000"), Some("that of the region"),
        "The address of a store that is not Amazon's, such as MinIO.";
    S3_ACCESS_KEY_ID = "s3_access_key_id", Holds::Text("a key's id"), Some("none"),
        "Must be given with a bucket.";
    S3_SECRET_ACCESS_KEY = "s3_secret_access_key", Holds::Secret("the store's own"), Some("none"),
        "Must be given with a bucket.";
    AUDIT_DAYS = "audit_days", Holds::Whole(1, 36_500), None,
        "Entries of the audit log are deleted after so many days. What is left can still be verified.";
    LOG_FORMAT = "log_format", Holds::OneOf(LogFormat::VARIANTS), None,
        "The form of the log, which goes to standard error.";
    LOG_FILTER = "log_filter", Holds::Text("levels such as info or warn,bioserver=debug"), None,
        "What is logged.";
}

/// Settings that a running server adopts when it reads its configuration again. All others need a restart.
pub const CHANGEABLE: &[&Setting] = &[
    &MODE,
    &SESSION_TTL_SECONDS,
    &SESSION_TTL_SECONDS_MAX,
    &SESSION_FACES_MAX,
    &VERIFIED_FACES_ONLY,
    &REQUESTS_PER_MINUTE,
    &REQUESTS_AT_ONCE,
    &REPLAY_WAIT_SECONDS,
    &REPLAY_LEASE_SECONDS,
    &MEDIA_SEALED,
    &LOG_FILTER,
];

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
        "The address of the operator's listener: Prometheus reads `/metrics` there, and people read `/admin`. Anyone who can reach it sees the load of the server, but no personal data.";
    OTLP_ENDPOINT = "otlp_endpoint", Holds::Text("a URL such as http://collector.example:4318"), Some("none"),
        "The collector that receives a span for each request, by OTLP over HTTP. A span holds the same values as the request's log line.";
    CONNECTIONS_MAX = "connections_max", Holds::Whole(1, 1_000_000), None,
        "The maximum number of open connections, reduced to what the limit of open files allows. At the maximum, a new connection replaces the one that has been idle longest.";
    CONNECTIONS_PER_ADDRESS_MAX = "connections_per_address_max", Holds::Whole(1, 1_000_000), None,
        "The maximum number of open connections from one client address (for IPv6, from one /64). It does not apply to `trusted_proxies`.";
    TRUSTED_PROXIES = "trusted_proxies", Holds::Text("addresses and networks such as 10.0.0.0/8, separated by spaces"), Some("none"),
        "The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` headers the server trusts.";
    TLS_CERTIFICATE_FILE = "tls_certificate_file", Holds::Text("a file of certificates in PEM"), Some("none: HTTP without TLS"),
        "The server's certificate, followed by its intermediate certificates.";
    TLS_KEY_FILE = "tls_key_file", Holds::Text("a file with a private key in PEM"), Some("none"),
        "The private key of `tls_certificate_file`. The server reads both files again when they change.";
    TLS_CLIENT_CA_FILE = "tls_client_ca_file", Holds::Text("a file of certificates in PEM"), Some("none: no mutual TLS"),
        "The certificates of the authorities that issue client certificates.";
    TLS_CLIENTS = "tls_clients", Holds::OneOf(<Demanded as VariantNames>::VARIANTS), None,
        "The connections that need a client certificate: `all`, or only those on which a request uses one of the providers' `keys`.";
    HEAD_SECONDS = "head_seconds", SECONDS, None,
        "The server closes a new connection that has not sent the head of a request within this time.";
    IDLE_SECONDS = "idle_seconds", SECONDS, None,
        "The server closes a connection that sends no request, or does not read its answer, for this time. Set it longer than the idle timeout of a proxy in front of the server.";
    DATA = "data", Holds::Text("a folder"), None,
        "The folder for the SQLite database, the images and the master key, unless other settings place them elsewhere.";
    DATABASE_URL = "database_url",
        Holds::Secret("postgres://user:password@host:port/database, sqlite:path"), Some("a SQLite file in the data folder"),
        "The database. With Postgres, any number of nodes serve together.";
    DATABASE_CONNECTIONS = "database_connections", Holds::Whole(2, 1000), None,
        "The maximum number of connections from each node to Postgres.";
    DATABASE_CONNECT_MS = "database_connect_ms", MILLISECONDS, None,
        "A request that waits longer for a connection to Postgres gets 503.";
    DATABASE_STATEMENT_MS = "database_statement_ms", MILLISECONDS, None,
        "Postgres cancels a statement that takes longer, and its request gets 503.";
    DATABASE_LOCK_MS = "database_lock_ms", MILLISECONDS, None,
        "Postgres cancels a statement that waits longer for a lock, and its request gets 503.";
    DATABASE_IDLE_MS = "database_idle_ms", MILLISECONDS, None,
        "Postgres rolls back a transaction, and frees its locks, if its node sends nothing for this time.";
    DATABASE_KEEPALIVE_SECONDS = "database_keepalive_seconds", SECONDS, None,
        "Postgres probes a silent node after this time, and drops its connection after four times as long.";
    PREFIX = "prefix", Holds::Text("a path such as /bioserver-app, without a slash at the end"), None,
        "The base path of the contract's paths.";
    PACK = "pack", Holds::Text("a pack's name or an existing folder"), Some("the pack in use"),
        "The pack of networks.";
    ENGINE = "engine", Holds::OneOf(Engine::VARIANTS), None,
        "The executor of the networks on the CPU: packed kernels, or burn's tensors, the reference.";
    DEVICE = "device", Holds::OneOf(Device::VARIANTS), None,
        "The device that runs networks. `gpu` needs a program built with the feature `gpu`; if no GPU can be used, the CPU runs them.";
    WORKERS = "workers", Holds::Whole(1, WORKERS_MAX as u64), Some("one for each core"),
        "The number of threads that run networks.";
    QUEUE_WAIT_MS = "queue_wait_ms", Holds::Whole(0, 600_000), None,
        "A request whose image would wait longer for a worker gets 429 with `Retry-After`. Providers take turns.";
    REQUEST_BYTES_MAX = "request_bytes_max", Holds::Whole(1 << 20, 1 << 40), Some("268435456, or four times the largest body"),
        "The maximum size of all request bodies in memory, in bytes; one provider can use half of it. Beyond that a request gets 429 before its body is read.";
    BODY_PAUSE_SECONDS = "body_pause_seconds", SECONDS, None,
        "The server gives up on a body that pauses for this time, or that arrives at less than 4 kB per second.";
    IMAGE_BYTES_MAX = "image_bytes_max", Holds::Whole(1024, 1 << 30), None,
        "The maximum size of an image file, in bytes.";
    IMAGE_PIXELS_MAX = "image_pixels_max", Holds::Whole(1, 1_000_000_000), None,
        "The maximum width times height of an image, in pixels.";
    MASTER_KEY = "master_key",
        Holds::Secret("32 random bytes in base64 or hex, as `openssl rand -base64 32` makes them"),
        Some("generated at the first start and kept in the data folder"),
        "The key that encrypts stored data. With Postgres it is required, because all nodes share it.";
    MASTER_KEY_OTHER = "master_key_other", Holds::Secret("as for master_key"), Some("none"),
        "A second master key during a rotation; it decrypts data that it has encrypted.";
    KEY_VAULT = "key_vault", Holds::Text("a URL such as https://vault:8200/transit/bioserver"), Some("none"),
        "A key in the Transit engine of HashiCorp Vault. It replaces the master key for wrapping the hourly keys.";
    KEY_VAULT_TOKEN = "key_vault_token", Holds::Secret("a Vault token"), Some("none"),
        "The token that authenticates the server to the vault. Leave it out if a vault agent adds one.";
    SIGNING_ALGORITHM = "signing_algorithm", Holds::OneOf(<Algorithm as VariantNames>::VARIANTS), None,
        "The algorithm that signs answers.";
    SIGNING_KEY = "signing_key", Holds::Secret("an RSA or P-256 private key in PEM, and the certificate for it"),
        Some("generated and kept in the database"),
        "The operator's own signing key.";
    SIGNING_CERTIFICATE = "signing_certificate", Holds::Secret("the certificate of the signing key, in PEM"),
        Some("self-signed"),
        "The certificate of `signing_key`.";
    MODE = "mode", Holds::OneOf(<Mode as VariantNames>::VARIANTS), None,
        "The mode of a face if the caller does not ask for one.";
    SESSION_TTL_SECONDS = "session_ttl_seconds", Holds::Whole(1, SESSION_SECONDS_MAX), None,
        "The lifetime of a session if the caller does not set one.";
    SESSION_TTL_SECONDS_MAX = "session_ttl_seconds_max", Holds::Whole(1, SESSION_SECONDS_MAX), None,
        "The maximum lifetime of a session. A provider can have its own maximum.";
    SESSION_FACES_MAX = "session_faces_max", Holds::Whole(1, FACES_LISTED_MAX as u64), None,
        "The maximum number of faces in a session.";
    VERIFIED_FACES_ONLY = "verified_faces_only", SWITCH, None,
        "If true, the server refuses a face sent as JSON unless it has a valid signature of this server. If false, such a face gets `\"verified\": false`.";
    REQUESTS_PER_MINUTE = "requests_per_minute", COUNT, Some("no limit"),
        "The maximum number of requests per minute of each provider on each node; beyond it a request gets 429 with `Retry-After`. A provider can have its own limit.";
    REQUESTS_AT_ONCE = "requests_at_once", COUNT, None,
        "The maximum number of requests in flight of each provider on each node; beyond it a request gets 429 with `Retry-After`. A provider can have its own limit.";
    REPLAYS_AT_ONCE = "replays_at_once", Holds::Whole(1, WORKERS_MAX as u64), Some("one for each worker"),
        "The number of captures that a node examines at the same time.";
    REPLAY_WAIT_SECONDS = "replay_wait_seconds", SECONDS, None,
        "A capture that would wait longer gets 429.";
    REPLAY_LEASE_SECONDS = "replay_lease_seconds", SECONDS, None,
        "The lease of a node on a capture. If the node crashes, another node takes over the capture when the lease ends.";
    CALLBACK_ALLOW = "callback_allow",
        Holds::Text("hosts such as localhost:9943 or http://localhost:9943, separated by spaces"), Some("public hosts only"),
        "The hosts that callbacks may reach besides public hosts.";
    CALLBACK_CA_FILE = "callback_ca_file", Holds::Text("a file of certificates in PEM"), Some("the system's only"),
        "Certificates that callbacks trust besides those of the operating system.";
    MEDIA = "media", Holds::Text("a folder, s3://bucket, s3://bucket/folder"), Some("`media` in the data folder"),
        "The storage for images and videos. All nodes need the same one.";
    MEDIA_SEALED = "media_sealed", SWITCH, None,
        "If true, the server encrypts images and videos before it stores them.";
    MEDIA_WAIT_MS = "media_wait_ms", MILLISECONDS, None,
        "A request that waits longer for the media storage gets 503; each mebibyte of the image adds one second.";
    S3_REGION = "s3_region", Holds::Text("a region such as eu-central-1"), None,
        "The region of the bucket.";
    S3_ENDPOINT = "s3_endpoint", Holds::Text("a URL such as https://minio.example:9000"), Some("the region's own address"),
        "The address of a storage that is not Amazon's, such as MinIO.";
    S3_ACCESS_KEY_ID = "s3_access_key_id", Holds::Text("a key's id"), Some("none"),
        "The id of the access key. It is required with a bucket.";
    S3_SECRET_ACCESS_KEY = "s3_secret_access_key", Holds::Secret("a secret access key"), Some("none"),
        "The secret of the access key. It is required with a bucket.";
    AUDIT_DAYS = "audit_days", Holds::Whole(1, 36_500), None,
        "The number of days after which the server deletes entries of the audit log. The remaining entries can still be verified.";
    LOG_FORMAT = "log_format", Holds::OneOf(LogFormat::VARIANTS), None,
        "The format of the log, which is written to standard error.";
    LOG_FILTER = "log_filter", Holds::Text("levels such as info or warn,bioserver=debug"), None,
        "The levels of the messages that are logged, for all parts or for each.";
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

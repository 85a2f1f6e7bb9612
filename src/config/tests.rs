//! Tests of the configuration and its faults.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::config::table::Setting;
use crate::domain::Moment;
use crate::domain::face::Mode;

const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8=";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, Box<Faults>> {
    let folder = Folder::new();
    let path = PathBuf::from(folder.write("c.toml", file));
    Config::load(Some(&path), variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
}

/// Returns the names of the faulty settings.
fn faulty(file: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let faults = load(file, variables).expect_err("there are faults");
    let shown = faults.to_string();
    assert!(!shown.contains("hunter2") && !format!("{faults:?}").contains("hunter2"), "{shown}");
    faults.faults.iter().map(|fault| fault.setting.clone()).collect()
}

#[test]
fn nothing_needs_to_be_said() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.to_string(), "sqlite:./data/bioserver.db");
    assert!(matches!(&config.master_key, master::Source::Kept(path) if path == Path::new("./data/master.key")));
    assert!(matches!(config.signing, signing::Settings::Kept(Algorithm::Es256)));
    assert_eq!((config.prefix.as_str(), config.policy.mode), ("/bioserver-app", Mode::F6_4Vid60x));
    assert_eq!((config.bodies.image_bytes, config.policy.image_pixels_max), (10_485_760, 50_000_000));
    assert_eq!((config.request_bytes_max, config.bodies.pause), (256 << 20, Duration::from_secs(20)));
    assert_eq!(config.queue_wait, Duration::from_secs(2));
    assert_eq!(config.settings.len(), table::ALL.len());
    assert!(config.settings.iter().all(|setting| setting.source == Source::Default));
}

/// Returns a table of all settings in Markdown.
fn documented() -> String {
    let in_force = load("", &[]).unwrap().settings;
    let rows = table::ALL.iter().map(|setting| {
        let Setting { name, default, help, .. } = setting;
        let shown = || in_force.iter().find(|in_force| in_force.name == *name).unwrap().value.clone();
        let default = default.map_or_else(|| format!("`{}`", shown()), str::to_owned);
        format!("| `{name}` | {default} | {} | {help} |\n", setting.allowed())
    });
    ["| setting | default | allowed | what it decides |\n|---|---|---|---|\n".to_owned()]
        .into_iter()
        .chain(rows)
        .collect()
}

#[test]
fn the_page_of_settings_lists_every_setting() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")).unwrap();
    let table = documented();
    assert!(page.contains(&table), "docs/settings.md lacks this table, or has an old one:\n{table}");
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_default() {
    let file = "workers = 3\nmode = \"F5_1_VID0\"\nqueue_wait_ms = 50\nlog_format = \"json\"\ndata = \"/d\"\n";
    let variables = [("BIOSERVER_WORKERS", "4"), ("BIOSERVER_ENGINE", "burn"), ("BIOSERVER_MODE", "")];
    let config = load(file, &variables).unwrap();
    assert_eq!((config.workers, config.engine), (4, Engine::Burn));
    assert_eq!((config.policy.mode, config.queue_wait.as_millis()), (Mode::F5_1Vid0, 50));
    assert_eq!((config.log.format, config.store.to_string().as_str()), (LogFormat::Json, "sqlite:/d/bioserver.db"));
    let source = |name: &str| config.settings.iter().find(|setting| setting.name == name).unwrap().source.to_string();
    assert_eq!(source("workers"), "BIOSERVER_WORKERS");
    assert!(source("mode").ends_with("c.toml"));
    assert_eq!(source("listen"), "default");
}

#[test]
fn all_faults_are_reported_together() {
    let file =
        "listen = \"here\"\nworkers = 0\nspeed = 9\nprefix = \"x/\"\nimage_bytes_max = true\nlog_filter = \"a=b=c\"\n";
    let variables = [
        ("BIOSERVER_MODE", "F7"),
        ("BIOSERVER_PACK", "/no/such/folder"),
        ("BIOSERVER_SIGNING_ALGORITHM", "none"),
        ("BIOSERVER_QUEUE_WAIT", "1"),
        ("BIOSERVER_MASTER_KEY", "hunter2"),
        ("BIOSERVER_SHARED", "anything"),
        ("PATH", "anything"),
    ];
    let mut found = faulty(file, &variables);
    found.sort();
    let mut expected = [
        "BIOSERVER_QUEUE_WAIT",
        "image_bytes_max",
        "listen",
        "log_filter",
        "master_key",
        "mode",
        "pack",
        "prefix",
        "signing_algorithm",
        "speed",
        "workers",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    let shown = load(file, &variables).unwrap_err().to_string();
    assert!(shown.contains("mode = 'F7' (BIOSERVER_MODE)"), "{shown}");
    assert!(shown.contains("F5_1_VID0, F5_2_VID75"), "{shown}");
}

#[test]
fn a_file_that_is_no_toml_is_named_by_line_and_not_repeated() {
    let shown = load("workers = 2\nmaster_key = \"hunter2\n", &[]).unwrap_err().to_string();
    assert!(shown.contains("line 2") && !shown.contains("hunter2"), "{shown}");
    let missing = Config::load(Some(Path::new("/no/such/file")), []).unwrap_err();
    assert_eq!(missing.faults.len(), 1);
}

#[test]
fn postgres_demands_a_master_key() {
    let url = ("DATABASE_URL", "postgres://me:hunter2@db/bio");
    assert_eq!(faulty("", &[url]), ["master_key"]);
    let config = load(&format!("master_key = \"{MASTER_KEY}\""), &[url]).unwrap();
    assert_eq!(config.store.to_string(), "postgres://me@db:5432/bio");
    assert!(matches!(config.master_key, master::Source::Given(_)));
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("AAAA"), "{shown}");
    assert_eq!(faulty("database_url = \"mysql://me:hunter2@db/bio\"", &[]), ["database_url"]);
}

#[test]
fn secrets_may_lie_in_files() {
    let folder = Folder::new();
    let key = folder.write("key", &format!("{MASTER_KEY}\n"));
    let config = load("", &[("BIOSERVER_MASTER_KEY_FILE", &key)]).unwrap();
    assert!(matches!(config.master_key, master::Source::Given(_)));
    let config =
        load(&format!("master_key_file = {key:?}\nmaster_key = \"hunter2\""), &[("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    assert!(config.is_ok(), "variables win together");
    assert_eq!(faulty(&format!("master_key_file = {key:?}\nmaster_key = \"hunter2\""), &[]), ["master_key"]);
    assert_eq!(faulty("", &[("BIOSERVER_MASTER_KEY_FILE", "/no/such/file")]), ["master_key_file"]);
    let url = folder.write("url", "sqlite:x.db");
    let config = load("", &[("DATABASE_URL_FILE", &url)]).unwrap();
    assert_eq!(config.store.to_string(), "sqlite:x.db");
}

#[test]
fn an_operators_own_key_signs() {
    let now = Moment::new(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
    let key = Key::make(Algorithm::Rs256, now).unwrap();
    let body = STANDARD.encode(key.der().expose_secret());
    let folder = Folder::new();
    let private = folder.write("key.pem", &format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"));
    let certificate = folder.write("cert.pem", key.certificate_pem());
    let own = [("BIOSERVER_SIGNING_KEY_FILE", &*private), ("BIOSERVER_SIGNING_CERTIFICATE_FILE", &*certificate)];
    let config = load("", &own).unwrap();
    assert!(matches!(&config.signing, signing::Settings::Own(own) if own.kid() == key.kid()));
    assert!(config.settings.iter().any(|setting| setting.name == "signing_algorithm" && setting.value == "RS256"));
    assert_eq!(faulty("signing_algorithm = \"ES256\"", &own), ["signing_key"]);
    assert_eq!(faulty("", &own[..1]), ["signing_key"]);
    assert_eq!(faulty("", &own[1..]), ["signing_certificate"]);
    let swapped = [("BIOSERVER_SIGNING_KEY_FILE", &*certificate), ("BIOSERVER_SIGNING_CERTIFICATE_FILE", &*private)];
    assert_eq!(faulty("", &swapped), ["signing_key"]);
}

#[test]
fn the_largest_body_finds_room() {
    let large = load("image_bytes_max = 1073741824\n", &[]).unwrap();
    assert_eq!(large.request_bytes_max, 4 * large.bodies.body_bytes);
    assert_eq!(faulty("request_bytes_max = 40000000\n", &[]), ["request_bytes_max"]);
    assert_eq!(faulty("image_bytes_max = 100000000\nrequest_bytes_max = 300000000\n", &[]), ["request_bytes_max"]);
}

#[test]
fn a_gpu_needs_a_program_that_can_use_one() {
    assert_eq!(load("", &[]).unwrap().device, Device::Cpu);
    match load("device = \"gpu\"", &[]) {
        Ok(config) => assert_eq!((config.device, gpu::IS_BUILT_IN), (Device::Gpu, true)),
        Err(faults) => {
            let shown = faults.to_string();
            let told = "'gpu': this program was built without the feature `gpu`; build it with `--features gpu`";
            assert!(!gpu::IS_BUILT_IN && shown.contains(told), "{shown}");
        }
    }
}

#[test]
fn sessions_are_bounded() {
    let file = "session_ttl_seconds_max = 120\nrequests_per_minute = 600\nmedia_sealed = false\n";
    let policy = load(file, &[("BIOSERVER_SESSION_FACES_MAX", "7")]).unwrap().policy;
    assert_eq!((policy.ttl_seconds, policy.ttl_seconds_max, policy.faces_max), (120, 120, 7));
    assert_eq!((policy.limits.requests_per_minute, policy.limits.requests_at_once), (Some(600), Some(64)));
    assert!(!policy.media_sealed);
    // The default is one capture at a time for each core.
    let checks_at_once = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(load("", &[]).unwrap().policy, Policy { checks_at_once, ..Policy::default() });
    assert_eq!(faulty("session_ttl_seconds = 61\nsession_ttl_seconds_max = 60\n", &[]), ["session_ttl_seconds"]);
    let wrong = "session_ttl_seconds = 0\nsession_faces_max = 1001\nrequests_at_once = 0\nmedia_sealed = \"no\"\n";
    assert_eq!(faulty(wrong, &[]), ["session_ttl_seconds", "session_faces_max", "requests_at_once", "media_sealed"]);
}

#[test]
fn images_lie_in_a_folder_or_in_a_bucket() {
    let folder = |config: Config| match config.media {
        media::Settings::Folder(path) => path,
        media::Settings::S3(s3) => panic!("{s3:?}"),
    };
    assert_eq!(folder(load("data = \"/d\"", &[]).unwrap()), PathBuf::from("/d/media"));
    assert_eq!(folder(load("media = \"/m\"", &[]).unwrap()), PathBuf::from("/m"));
    let file = "media = \"s3://bucket/a/b/\"\ns3_access_key_id = \"id\"\ns3_endpoint = \"http://minio:9000/\"\n";
    let config = load(file, &[("BIOSERVER_S3_SECRET_ACCESS_KEY", "hunter2")]).unwrap();
    assert!(config.settings.iter().all(|setting| !setting.value.contains("hunter2")));
    let media::Settings::S3(s3) = config.media else { panic!("it is a bucket") };
    assert_eq!((s3.bucket.as_str(), s3.folder.as_str(), s3.region.as_str()), ("bucket", "a/b", "us-east-1"));
    assert_eq!(s3.endpoint.as_deref(), Some("http://minio:9000"));
    assert_eq!(s3.credentials.unwrap().secret.expose_secret(), "hunter2");

    let keys = ["s3_access_key_id", "s3_secret_access_key"];
    assert_eq!(faulty("media = \"s3://bucket\"", &[]), keys);
    assert_eq!(faulty("media = \"s3://bucket\"\ns3_access_key_id = \"id\"", &[]), keys[1..]);
    for place in ["s3:///a", "s3://Bucket", "s3://b u"] {
        assert_eq!(faulty(&format!("media = \"{place}\""), &[]), ["media", keys[0], keys[1]]);
    }
    assert_eq!(faulty("media = \"gs://bucket\"", &[]), ["media"]);
    assert_eq!(faulty("media = \"\"", &[]), ["media"]);
    let folder = Folder::new();
    let secret = folder.write("secret", "hunter2");
    let file = format!("s3_region = \"eu-central-1\"\ns3_secret_access_key_file = {secret:?}");
    assert_eq!(faulty(&file, &[]), ["s3_region", "s3_secret_access_key"]);
    assert_eq!(faulty("s3_endpoint = \"minio:9000\"", &[]), ["s3_endpoint"]);
}

#[test]
fn a_fault_says_where_the_value_comes_from() {
    let shown = load("", &[("BIOSERVER_SESSION_TTL_SECONDS", "90000")]).unwrap_err().to_string();
    assert!(shown.contains("session_ttl_seconds (BIOSERVER_SESSION_TTL_SECONDS): 90000 is more"), "{shown}");
    let shown = load("", &[("BIOSERVER_S3_REGION", "here")]).unwrap_err().to_string();
    assert!(shown.contains("s3_region (BIOSERVER_S3_REGION): 'media' is the folder ./data/media"), "{shown}");
}

#[test]
fn callbacks_reach_whom_the_operator_allows() {
    let none = load("", &[]).unwrap().callbacks;
    assert!(none.allow.is_empty() && none.ca.is_empty());
    let now = Moment::new(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
    let folder = Folder::new();
    let ca = folder.write("ca.pem", Key::make(Algorithm::Es256, now).unwrap().certificate_pem());
    let variables =
        [("BIOSERVER_CALLBACK_ALLOW", "localhost:9943 http://localhost:80"), ("BIOSERVER_CALLBACK_CA_FILE", &*ca)];
    let config = load("callback_allow = \"elsewhere\"", &variables).unwrap();
    assert_eq!(config.callbacks.allow, ["localhost:9943", "http://localhost:80"].map(|text| text.parse().unwrap()));
    assert_eq!(config.callbacks.ca.len(), 1);
    let shown = |name: &str| config.settings.iter().find(|setting| setting.name == name).unwrap().value.clone();
    assert_eq!(shown("callback_allow"), "localhost:9943 http://localhost:80");
    assert_eq!(shown("callback_ca_file"), ca);
    let empty = folder.write("empty.pem", "no certificate\n");
    for wrong in ["/no/such/file", &*empty] {
        assert_eq!(faulty("", &[("BIOSERVER_CALLBACK_CA_FILE", wrong)]), ["callback_ca_file"]);
    }
    assert_eq!(faulty("callback_allow = \"localhost:9943/callback\"", &[]), ["callback_allow"]);
}

//! Tests `check`, which tries all needs of a server before it starts, and reports each part with its cause.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use testkit::authority::named;
use testkit::postgres;

use crate::bucket::Bucket;
use crate::collector::Collector;
use crate::commands::{bioserver, refused, succeeded};
use crate::nodes::MASTER_KEY;
use crate::proxy::Way;
use crate::server::{Server, free_address, program};
use crate::tls::{Files, text};

/// Returns the state and the detail of each part.
fn tried(data: &Path, variables: &[(&str, &str)]) -> (bool, BTreeMap<String, (String, String)>) {
    let output = check(data, variables).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, parts) = text.split_once("PART").unwrap_or_else(|| panic!("{text}"));
    let row = |line: &str| {
        let mut words = line.splitn(2, char::is_whitespace);
        let part = words.next().expect("it has a name").to_owned();
        let (state, detail) = words.next()?.trim().split_once(char::is_whitespace)?;
        Some((part, (state.to_owned(), detail.trim().to_owned())))
    };
    (output.status.success(), parts.lines().skip(1).filter_map(row).collect())
}

fn check(data: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = program(data);
    command.current_dir(data).args(["check", "--connect"]).env("BIOSERVER_LISTEN", "127.0.0.1:0");
    command.envs(variables.iter().copied());
    command
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_new_place_is_good_and_stays_empty() {
    let data = tempfile::tempdir().expect("there is room");
    let (is_good, parts) = tried(data.path(), &[]);
    assert!(is_good, "{parts:#?}");
    let known = ["database", "listen", "master_key", "media", "pack", "signing_certificate"];
    assert_eq!(parts.keys().collect::<Vec<_>>(), known);
    assert!(names(data.path()).is_empty(), "a check makes nothing");
}

#[test]
fn a_server_that_runs_is_found_with_its_keys() {
    let server = Server::start();
    let data = server.data();
    let address = server.url.trim_start_matches("http://");
    let before = names(data);
    let (is_good, parts) = tried(data, &[("BIOSERVER_LISTEN", address)]);
    assert!(is_good, "{parts:#?}");
    assert!(parts["database"].1.ends_with("is this program's"), "{parts:#?}");
    assert_eq!(parts["listen"].1, format!("{address}: a BioServer already listens here"));
    assert_eq!(parts["master_key"].1, "decrypts the 3 keys of this server");
    assert_eq!(names(data), before, "a check leaves all as it is");
    succeeded(&program(data).args(["health", "--listen", address]).output().expect("it runs"));

    // Another server's master key, or none, does not open this server's keys.
    let (is_good, parts) = tried(data, &[("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    assert!(!is_good && parts["master_key"].1.contains("another master key"), "{parts:#?}");
    fs::rename(data.join("master.key"), data.join("kept.key")).expect("it is there");
    let (is_good, parts) = tried(data, &[]);
    assert!(!is_good && parts["master_key"].1.contains("the file is missing"), "{parts:#?}");
}

/// The settings of a server whose database, bucket and port are all unavailable.
fn lost(bucket: &Bucket, database: &str, store: &str, port: &str) -> Vec<(&'static str, String)> {
    let mut variables = bucket.variables();
    variables.retain(|(name, _)| *name != "BIOSERVER_S3_ENDPOINT");
    variables.extend([
        ("DATABASE_URL", format!("postgres://me:hunter2@{database}/bio")),
        ("BIOSERVER_MASTER_KEY", MASTER_KEY.to_owned()),
        ("BIOSERVER_S3_ENDPOINT", format!("http://{store}")),
        ("BIOSERVER_LISTEN", port.to_owned()),
        ("BIOSERVER_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
    ]);
    variables
}

fn lent<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn everything_is_tried_and_each_cause_is_named() {
    let data = tempfile::tempdir().expect("there is room");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").to_string();
    let [database, store] = [(); 2].map(|()| free_address().to_string());
    let variables = lost(&Bucket::new().await, &database, &store, &port);
    let (is_good, parts) = tried(data.path(), &lent(&variables));
    assert!(!is_good);
    let failed: Vec<_> = parts.iter().filter(|(_, (state, _))| state == "FAILED").map(|(part, _)| part).collect();
    assert_eq!(failed, ["database", "listen", "master_key", "media"], "{parts:#?}");
    assert_eq!(parts.len(), 7, "{parts:#?}");
    assert_eq!(parts["database"].1, format!("{database}: connection refused"));
    assert!(parts["media"].1.ends_with(&format!(" at http://{store}: connection refused")), "{parts:#?}");
    assert_eq!(parts["listen"].1, format!("{port}: address already in use"));
}

#[tokio::test]
async fn a_database_and_a_bucket_that_refuse_say_why() {
    let data = tempfile::tempdir().expect("there is room");
    let bucket = Bucket::new().await;
    let mut variables = bucket.variables();
    for (name, value) in &mut variables {
        if *name == "BIOSERVER_MEDIA" {
            *value = "s3://no-such-bucket".to_owned();
        }
    }
    let url = postgres::database().replace("user=postgres", "user=nobody");
    variables.extend([("DATABASE_URL", url), ("BIOSERVER_MASTER_KEY", MASTER_KEY.to_owned())]);
    let (is_good, parts) = tried(data.path(), &lent(&variables));
    assert!(!is_good);
    assert!(parts["database"].1.ends_with(": role \"nobody\" does not exist"), "{parts:#?}");
    assert!(parts["media"].1.contains(": NoSuchBucket: "), "{parts:#?}");
    bucket.set(Way::Frozen);
    let (_, parts) = tried(data.path(), &lent(&variables));
    assert!(parts["media"].1.ends_with(": no answer in time"), "{parts:#?}");
}

#[test]
fn certificates_and_a_collector_are_tried_where_they_are_configured() {
    let data = tempfile::tempdir().expect("there is room");
    let (files, collector) = (Files::new(), Collector::start());
    fs::write(files.path("ca.pem"), &files.authority.pem).expect("there is room");
    let [certificate, key, trusted] = ["certificate.pem", "key.pem", "ca.pem"].map(|name| text(&files.path(name)));
    let variables = [
        ("BIOSERVER_TLS_CERTIFICATE_FILE", certificate.as_str()),
        ("BIOSERVER_TLS_KEY_FILE", &key),
        ("BIOSERVER_TLS_CLIENT_CA_FILE", &trusted),
        ("BIOSERVER_CALLBACK_CA_FILE", &trusted),
        ("BIOSERVER_OTLP_ENDPOINT", &collector.endpoint),
    ];
    let (is_good, parts) = tried(data.path(), &variables);
    assert!(is_good, "{parts:#?}");
    assert_eq!(parts["tls_certificate_file"].1, format!("{certificate}: 1 certificate(s), valid now"));
    for part in ["tls_client_ca_file", "callback_ca_file"] {
        assert_eq!(parts[part].1, format!("{trusted}: 1 certificate(s), valid now"));
    }
    assert_eq!(parts["otlp_endpoint"].1, format!("{}: accepts spans", collector.endpoint));
    assert!(collector.spans().is_empty());

    let mut ended = named("localhost");
    ended.not_after = rcgen::date_time_ymd(2001, 2, 3);
    files.put(&files.authority.signs(&ended));
    let (is_good, parts) = tried(data.path(), &variables);
    assert!(!is_good);
    let cause = format!("{certificate}: the certificate ended at 2001-02-03 00:00:00 UTC");
    assert_eq!(parts["tls_certificate_file"], ("FAILED".to_owned(), cause));
}

#[test]
fn a_server_that_speaks_tls_is_asked_as_well() {
    let data = tempfile::tempdir().expect("there is room");
    let files = Files::new();
    let server = files.serve(&[]);
    let address = server.url.rsplit('/').next().expect("it ends in an address");
    let said = succeeded(&bioserver(data.path(), &["health", "--listen", address]));
    assert_eq!(said, format!("{address}: ready\n"));
    let (_, parts) = tried(data.path(), &[("BIOSERVER_LISTEN", address)]);
    assert_eq!(parts["listen"].1, format!("{address}: a BioServer already listens here"));
}

/// A start that fails uses the words of the check.
#[test]
fn a_server_that_cannot_start_names_host_and_cause() {
    let data = tempfile::tempdir().expect("there is room");
    let serve = |variables: &[(&str, &str)]| {
        refused(&program(data.path()).arg("serve").envs(variables.iter().copied()).output().expect("it runs"))
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").to_string();
    assert_eq!(
        serve(&[("BIOSERVER_LISTEN", &port)]).lines().last(),
        Some(format!("bioserver: cannot listen on {port}: address already in use").as_str())
    );
    let database = free_address();
    let url = format!("postgres://me:hunter2@{database}/bio");
    let said = serve(&[("DATABASE_URL", &url), ("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    assert_eq!(said, format!("bioserver: the database cannot be opened: {database}: connection refused\n"));
    let url = postgres::database().replace("user=postgres", "user=nobody");
    let said = serve(&[("DATABASE_URL", &url), ("BIOSERVER_MASTER_KEY", MASTER_KEY)]);
    assert!(said.ends_with(": role \"nobody\" does not exist\n"), "{said}");
    let said = refused(&bioserver(data.path(), &["health", "--listen", &database.to_string()]));
    assert_eq!(said, format!("bioserver: {database}: connection refused\n"));
}

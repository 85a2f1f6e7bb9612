//! Tests the commands `keys`, `providers`, `callbacks`, `usage`, `verify` and `check` of the binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use bioserver::clock::Clock;
use bioserver::domain::callback::CallbackStatus;
use bioserver::domain::{CallbackId, Operation, SessionId};
use bioserver::seal::master::Master;
use bioserver::service::signing;
use bioserver::store::callbacks::Share;
use bioserver::store::sessions::StoredSession;
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store};
use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;

/// A working directory with its own data folder.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bioserver"));
        command.env_clear().current_dir(self.0.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Returns the output of a command that succeeds.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", error(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(arguments)).unwrap()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_key_is_made_listed_and_revoked() {
    let place = Place::new();
    let made = place.json(&["keys", "create", "--provider", "Acme", "--expires", "2999-01-31", "--json"]);
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["provider", "id", "key", "expires"]);
    assert_eq!((&made["provider"], &made["expires"]), (&json!("Acme"), &json!("2999-01-31T00:00:00.000Z")));
    let id = made["id"].as_str().unwrap();
    assert!(made["key"].as_str().unwrap().starts_with(&format!("bio_{id}_")));

    let some = place.json(&["keys", "create", "--provider=Acme", "--permission=match", "--permission=face", "--json"]);
    assert_eq!(some["expires"], Value::Null);
    let listed = place.json(&["keys", "list", "--json"]);
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(listed[0]["permissions"], json!(["session", "face", "match", "image", "liveness", "age"]));
    assert_eq!(listed[1]["permissions"], json!(["face", "match"]));
    assert_eq!(listed[0]["revoked"], Value::Null);

    let first = place.text(&["keys", "revoke", id]);
    assert_eq!(place.text(&["keys", "revoke", &format!("bio_{id}")]), first);
    assert!(place.json(&["keys", "list", "--json"])[0]["revoked"].is_string());
    assert!(place.text(&["keys", "list"]).contains("revoked 2"));
}

#[test]
fn a_key_is_shown_once_and_kept_nowhere() {
    let place = Place::new();
    let made = place.json(&["keys", "create", "--provider", "Acme", "--json"]);
    let key = made["key"].as_str().unwrap();
    let (_, secret) = key.strip_prefix("bio_").unwrap().split_once('_').unwrap();
    assert!(!place.text(&["keys", "list"]).contains(secret));
    let mut files = 0;
    for file in fs::read_dir(place.0.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files > 0);
    assert_eq!(fs::metadata(place.0.path().join("data")).unwrap().permissions().mode() & 0o777, 0o700);
    let shown = place.text(&["keys", "create", "--provider", "Acme"]);
    assert!(shown.contains("key       bio_") && shown.contains("not shown again"));
}

#[test]
fn errors_exit_with_1_and_wrong_usage_with_2() {
    let place = Place::new();
    let failing: [&[&str]; 5] = [
        &["keys", "create", "--provider", "Acme", "--expires", "2020-01-31"],
        &["keys", "create", "--provider", ""],
        &["keys", "revoke", "00000000000000000000000000000000"],
        &["verify", "no-such-file"],
        &["--config", "no-such-file", "keys", "list"],
    ];
    for arguments in failing {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty() && error(&output).starts_with("bioserver: "), "{arguments:?}");
    }
    let wrong: [&[&str]; 6] = [
        &[],
        &["fly"],
        &["keys", "create"],
        &["keys", "create", "--provider", "Acme", "--permission", "everything"],
        &["keys", "create", "--provider", "Acme", "--expires", "tomorrow"],
        &["keys", "revoke", "not-an-id"],
    ];
    for arguments in wrong {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn check_shows_what_is_in_force_and_where_it_comes_from() {
    let place = Place::new();
    place.write("bioserver.toml", "workers = 3\nmaster_key = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8\"\n");
    let output = place.command(&["check"]).env("BIOSERVER_LISTEN", "[::1]:9000").output().unwrap();
    assert!(output.status.success(), "{}", error(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(line("listen"), ["listen", "[::1]:9000", "BIOSERVER_LISTEN"]);
    assert_eq!(line("workers"), ["workers", "3", "bioserver.toml"]);
    assert_eq!(line("master_key"), ["master_key", "(secret)", "bioserver.toml"]);
    assert_eq!(line("prefix"), ["prefix", "/bioserver-app", "default"]);
    assert!(!text.contains("AAAA"));

    let output =
        place.command(&["check"]).env("BIOSERVER_WORKERS", "no").env("BIOSERVER_NONSENSE", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stdout.is_empty());
    for name in ["workers = 'no' (BIOSERVER_WORKERS)", "BIOSERVER_NONSENSE"] {
        assert!(error(&output).contains(name), "{}", error(&output));
    }
    // Other commands report the same faults.
    let output = place.command(&["keys", "list"]).env("BIOSERVER_WORKERS", "no").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("BIOSERVER_WORKERS"));
}

#[tokio::test]
async fn a_saved_answer_is_verified_by_the_stores_keys_or_a_key_set() {
    let place = Place::new();
    let lonely = place.write("lonely.json", r#"{"signature":"a.b.c"}"#);
    let output = place.run(&["verify", &lonely]);
    assert!(output.status.code() == Some(1) && error(&output).contains("--jwks"), "{}", error(&output));

    let store = Store::open(&Settings::Sqlite(place.0.path().join("data/bioserver.db"))).await.unwrap();
    let kept = signing::Settings::default();
    let master = Master::keep(&place.0.path().join("data/master.key")).unwrap();
    let signer = signing::open(&store, &master, kept, &Clock::default()).await.unwrap();
    let jws = signer.sign(br#"{"score":2500.5,"a":1}"#).unwrap();
    let answer = place.write("answer.json", &format!(r#"{{"score":2500.5,"a":1,"signature":"{jws}"}}"#));
    let pretty =
        place.write("pretty.json", &format!("{{\n  \"score\": 2500.5,\n  \"a\": 1,\n  \"signature\": \"{jws}\"\n}}\n"));
    let changed = place.write("changed.json", &format!(r#"{{"score":2600.5,"a":1,"signature":"{jws}"}}"#));
    let bare = place.write("bare.jws", &jws);
    let jwks = place.write("jwks.json", &signer.jwks().to_string());
    let empty = place.write("empty.json", r#"{"keys":[]}"#);

    assert!(place.text(&["verify", &answer]).contains("byte for byte"));
    assert!(place.text(&["verify", &answer, "--jwks", &jwks]).contains("byte for byte"));
    assert!(place.text(&["verify", &pretty]).contains("another layout"));
    assert!(place.text(&["verify", &bare]).starts_with("Verified"));
    for arguments in [&["verify", &changed][..], &["verify", &answer, "--jwks", &empty]] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stdout).unwrap().starts_with("NOT verified"));
    }
    let input = fs::File::open(&answer).unwrap();
    let output = place.command(&["verify", "-"]).stdin(input).output().unwrap();
    assert!(output.status.success());
}

#[test]
fn a_providers_limits_are_set_listed_and_taken_away() {
    let place = Place::new();
    assert!(place.text(&["providers", "list"]).contains("no providers"));
    place.json(&["keys", "create", "--provider", "Acme", "--json"]);
    assert!(place.text(&["providers", "list"]).contains("as configured"));
    let set = ["providers", "limit", "Acme", "--ttl-seconds-max", "120", "--requests-per-minute", "600"];
    assert_eq!(place.text(&set), "Acme: sessions of at most 120 s, 600 requests per minute\n");
    let more = ["providers", "limit", "Acme", "--requests-per-minute", "none", "--requests-at-once", "4"];
    assert_eq!(place.text(&more), "Acme: sessions of at most 120 s, 4 requests in flight\n");
    let listed = &place.json(&["providers", "list", "--json"])[0];
    assert_eq!((&listed["provider"], &listed["ttlSecondsMax"]), (&json!("Acme"), &json!(120)));
    assert_eq!((&listed["requestsPerMinute"], &listed["requestsAtOnce"]), (&Value::Null, &json!(4)));
    assert_eq!(place.run(&["providers", "limit", "Nobody", "--requests-at-once", "4"]).status.code(), Some(1));
    assert_eq!(place.run(&["providers", "limit", "Acme", "--requests-at-once", "0"]).status.code(), Some(2));
}

#[tokio::test]
async fn usage_is_shown_by_provider_operation_and_day() {
    let place = Place::new();
    assert!(place.text(&["usage"]).starts_with("There were no requests from "));
    for name in ["Acme, Inc.", "Zenith"] {
        place.json(&["keys", "create", "--provider", name, "--json"]);
    }
    let store = Store::open(&Settings::Sqlite(place.0.path().join("data/bioserver.db"))).await.unwrap();
    let today = Clock::default().now();
    let mut tx = store.begin().await.unwrap();
    for (name, days_ago, times) in [("Acme, Inc.", 0, 2), ("Acme, Inc.", 40, 1), ("Zenith", 1, 1)] {
        let provider = store::providers::named(&mut tx, name).await.unwrap().unwrap().id;
        for _ in 0..times {
            let when = today.plus(chrono::TimeDelta::days(-days_ago));
            store::usage::count(&mut tx, provider, Operation::Match, when).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    store.close().await;

    let day = |days_ago: i64| today.plus(chrono::TimeDelta::days(-days_ago)).utc().date_naive().to_string();
    let csv = place.text(&["usage", "--csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "provider,operation,day,count");
    assert_eq!(lines[1..], [format!("\"Acme, Inc.\",match,{},2", day(0)), format!("Zenith,match,{},1", day(1))]);
    let all = place.json(&["usage", "--json", "--from", &day(50), "--provider", "Acme, Inc."]);
    let expected = json!([
        { "provider": "Acme, Inc.", "operation": "match", "day": day(40), "count": 1 },
        { "provider": "Acme, Inc.", "operation": "match", "day": day(0), "count": 2 },
    ]);
    assert_eq!(all, expected);
    let table = place.text(&["usage", "--to", &day(1)]);
    assert!(table.starts_with("PROVIDER") && table.contains("Zenith") && !table.contains("Acme"), "{table}");
    assert_eq!(place.run(&["usage", "--from", &day(0), "--to", &day(1)]).status.code(), Some(1));
    assert_eq!(place.run(&["usage", "--provider", "Acme"]).status.code(), Some(1), "there is no such provider");
    assert_eq!(place.run(&["usage", "--csv", "--json"]).status.code(), Some(2));
}

#[test]
fn the_callback_secret_is_made_once_and_rotated() {
    let place = Place::new();
    place.json(&["keys", "create", "--provider", "Acme", "--json"]);
    place.json(&["keys", "create", "--provider", "Zenith", "--json"]);
    let first = place.text(&["providers", "callback-secret", "Acme"]);
    assert_eq!(first.trim_end().strip_prefix("whsec_").unwrap().len(), 44, "32 bytes in Base64");
    assert_eq!(place.text(&["providers", "callback-secret", "Acme"]), first);
    assert_ne!(place.text(&["providers", "callback-secret", "Zenith"]), first);
    let second = place.text(&["providers", "callback-secret", "Acme", "--rotate", "--overlap", "2"]);
    assert_ne!(second, first);
    assert_eq!(place.text(&["providers", "callback-secret", "Acme"]), second);
    for arguments in
        [&["providers", "callback-secret", "Nobody"][..], &["providers", "callback-secret", "Nobody", "--rotate"]]
    {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty() && error(&output).contains("'Nobody'"), "{}", error(&output));
    }
    assert_eq!(place.run(&["providers", "callback-secret"]).status.code(), Some(2));
    assert_eq!(place.run(&["providers", "callback-secret", "Acme", "--overlap", "2"]).status.code(), Some(2));
}

#[tokio::test]
async fn only_serve_and_migrate_change_a_schema() {
    let place = Place::new();
    place.text(&["keys", "create", "--provider", "Acme"]);
    // Restores the state before the last migration.
    let path = place.0.path().join("data/bioserver.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let newest = "SELECT MAX(version) FROM _sqlx_migrations";
    let version: i64 = sqlx::query_scalar(newest).fetch_one(&mut database).await.unwrap();
    assert_eq!(version, 12, "this test undoes step 12");
    for undone in
        ["ALTER TABLE providers DROP COLUMN attestation_sealed", "DELETE FROM _sqlx_migrations WHERE version = 12"]
    {
        sqlx::query(undone).execute(&mut database).await.unwrap();
    }
    let before: i64 = sqlx::query_scalar(newest).fetch_one(&mut database).await.unwrap();
    for arguments in [&["keys", "list"][..], &["providers", "list"], &["usage"], &["callbacks", "list"]] {
        let output = place.run(arguments);
        let said = error(&output);
        assert!(output.status.code() == Some(1) && said.contains("run `bioserver migrate` first"), "{said}");
    }
    let version: i64 = sqlx::query_scalar(newest).fetch_one(&mut database).await.unwrap();
    assert_eq!(version, before, "nothing was changed");
    assert_eq!(place.text(&["migrate"]), "The schema is up to date.\n");
    assert!(place.text(&["keys", "list"]).contains("Acme"));
    // An older program keeps working after a newer one has changed the schema.
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'of a later program', TRUE, x'00', 0)";
    sqlx::query(newer).execute(&mut database).await.unwrap();
    assert!(place.text(&["keys", "list"]).contains("Acme"));
    place.text(&["migrate"]);
}

/// Inserts a session's callback with this outcome.
async fn ended(store: &Store, status: CallbackStatus, last: &str) -> (CallbackId, SessionId) {
    let now = Clock::default().now();
    let id = CallbackId::new();
    let mut tx = store.begin().await.unwrap();
    let session = StoredSession {
        id: SessionId::new(),
        provider: store::providers::named(&mut tx, "Acme").await.unwrap().unwrap().id,
        owner: None,
        epoch: None,
        image_storage_enabled: false,
        has_callback: true,
        created: now,
        expires: now.plus(chrono::TimeDelta::hours(1)),
        key_sealed: b"sealed".to_vec(),
        about_sealed: None,
        correlation_id: None,
        evidence_id: None,
        callback_url: None,
    };
    store::sessions::insert(&mut tx, &session).await.unwrap();
    store::callbacks::insert(&mut tx, id, session.id, now).await.unwrap();
    let leased = store::callbacks::take(&mut tx, now, now, Share { limit: 1, of_provider: 1, without: &[] })
        .await
        .unwrap()
        .remove(0);
    store::callbacks::note(&mut tx, &leased, status, now, last).await.unwrap();
    tx.commit().await.unwrap();
    (id, session.id)
}

#[tokio::test]
async fn callbacks_are_listed_and_sent_once_more() {
    let place = Place::new();
    assert_eq!(place.text(&["callbacks", "list"]), "There are no callbacks.\n");
    assert_eq!(place.json(&["callbacks", "list", "--json"]), json!([]));
    place.json(&["keys", "create", "--provider", "Acme", "--json"]);
    let store = Store::open(&Settings::Sqlite(place.0.path().join("data/bioserver.db"))).await.unwrap();
    let (dead, _) = ended(&store, CallbackStatus::Dead, "the host answered 410").await;
    let (delivered, session) = ended(&store, CallbackStatus::Delivered, "the host answered 204").await;
    store.close().await;

    let listed = place.json(&["callbacks", "list", "--json"]);
    let names: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "session", "status", "attempts", "due", "last", "created"]);
    let of = |listed: &Value, id: CallbackId| {
        let found = listed.as_array().unwrap().iter().find(|callback| callback["id"] == id.to_string());
        let found = found.unwrap();
        (found["status"].clone(), found["attempts"].clone(), found["last"].clone())
    };
    assert_eq!(of(&listed, delivered), (json!("DELIVERED"), json!(1), json!("the host answered 204")));
    assert_eq!(of(&listed, dead), (json!("DEAD"), json!(1), json!("the host answered 410")));
    let table = place.text(&["callbacks", "list"]);
    let line = table.lines().find(|line| line.starts_with(&delivered.to_string())).unwrap();
    assert!(line.contains(&session.to_string()) && line.ends_with("the host answered 204"), "{table}");

    assert_eq!(place.text(&["callbacks", "retry", "--dead"]), "1 callback(s) will be retried.\n");
    assert_eq!(place.text(&["callbacks", "retry", "--dead"]), "0 callback(s) will be retried.\n");
    assert_eq!(of(&place.json(&["callbacks", "list", "--json"]), dead).0, "OWED");
    place.text(&["callbacks", "retry", &delivered.to_string()]);
    assert_eq!(of(&place.json(&["callbacks", "list", "--json"]), delivered).0, "OWED");
    let unknown = CallbackId::new().to_string();
    let output = place.run(&["callbacks", "retry", &unknown]);
    assert!(output.status.code() == Some(1) && error(&output).contains(&unknown), "{}", error(&output));
    for arguments in
        [&["callbacks", "retry"][..], &["callbacks", "retry", "no-id"], &["callbacks", "retry", &unknown, "--dead"]]
    {
        assert_eq!(place.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

//! A server on a database of its own, and a client that checks every answer against the document.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use bioserver::api;
use bioserver::api::http::connections::places::Places;
use bioserver::api::http::{connections, payload};
use bioserver::domain::{Caller, Limits, Moment, Permission};
use bioserver::service::keys::{self, Credentials, NewKey};
use bioserver::service::{Deps, Policy};
use bioserver::store::{self, Store};
use bytes::Bytes;
use face::FaceEngine;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use testkit::postgres;
use testkit::script::Script;
use tokio::net::TcpListener;

use crate::both::{Database, Subject};
use crate::{conformance, deps};

pub const PREFIX: &str = "/bioserver-app";
/// The limit of one image: small, so that tests can exceed it.
pub const IMAGE_BYTES_MAX: usize = 2 << 20;

pub struct TestApp {
    pub url: String,
    /// The key of a provider with all permissions.
    pub key: String,
    pub deps: Deps,
    pub script: Arc<Script>,
    pub document: Value,
    client: reqwest::Client,
    database: Database,
    /// The folder of kept images.
    pub media_folder: PathBuf,
    /// Holds the folder; it is deleted with the test.
    _folder: TempDir,
}

impl Subject for TestApp {
    async fn on(database: Database) -> Self {
        let script = Arc::new(Script::default());
        Self::start(database, script.clone(), script, Policy::default()).await
    }
}

impl TestApp {
    /// Starts on SQLite with this policy.
    pub async fn with_policy(policy: Policy) -> Self {
        let script = Arc::new(Script::default());
        Self::start(Database::sqlite(), script.clone(), script, policy).await
    }

    /// Starts on SQLite with this face engine.
    pub async fn with(faces: Arc<dyn FaceEngine>) -> Self {
        Self::start(Database::sqlite(), faces, Arc::default(), Policy::default()).await
    }

    async fn start(database: Database, faces: Arc<dyn FaceEngine>, script: Arc<Script>, policy: Policy) -> Self {
        let store = Store::open(&database.settings()).await.expect("a new database opens");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let media_folder = folder.path().join("media");
        let deps = deps::on(store, &media_folder, faces, policy);
        let limits = payload::Limits::of_images(IMAGE_BYTES_MAX);
        let settings = api::Settings { prefix: PREFIX.to_owned(), limits, ..api::Settings::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let places = Places::new(connections::Settings::default(), deps.clock.clone());
        let endpoint = api::endpoint(deps.clone(), settings);
        tokio::spawn(connections::serve(endpoint, listener, None, places, std::future::pending()));
        let document = api::docs::json(PREFIX);
        let client = reqwest::Client::new();
        let mut app =
            Self { url, key: String::new(), deps, script, document, client, database, media_folder, _folder: folder };
        app.key = app.make_key("provider", &Permission::ALL, None).await;
        app
    }

    pub async fn make_key(&self, provider: &str, permissions: &[Permission], expires: Option<Moment>) -> String {
        let new = NewKey { provider: provider.to_owned(), permissions: permissions.to_vec(), expires };
        let made =
            keys::create(&self.deps.store, &self.deps.master, &self.deps.clock, new).await.expect("a key is made");
        made.text.expose_secret().to_owned()
    }

    /// Returns the caller that the key belongs to.
    pub async fn caller(&self) -> Caller {
        let key = Credentials::Key(self.key.as_str().into());
        keys::authenticate(&self.deps, &key).await.expect("the key is valid")
    }

    /// Sets the limits of the provider from now on.
    pub async fn limit(&self, limits: Limits) {
        let provider = self.caller().await.provider;
        let mut tx = self.deps.store.begin().await.expect("it begins");
        store::providers::limit(&mut tx, provider, limits).await.expect("it writes");
        tx.commit().await.expect("it commits");
    }

    /// Returns the provider's usage of today, by operation.
    pub async fn used(&self) -> Vec<(String, i64)> {
        let provider = self.caller().await.provider;
        let today = self.deps.clock.now().utc().date_naive();
        let mut tx = self.deps.store.read().await.expect("it reads");
        let used = store::usage::between(&mut tx, provider, today, today).await.expect("it reads");
        used.into_iter().map(|used| (used.operation, used.count)).collect()
    }

    /// Returns the database as stored on disk: the files of SQLite, or a dump of Postgres.
    pub fn database_at_rest(&self) -> Vec<Bytes> {
        match &self.database {
            Database::Folder(folder) => {
                let files = std::fs::read_dir(folder.path().join("data")).expect("it is there");
                files.map(|file| std::fs::read(file.expect("it is there").path()).expect("it reads").into()).collect()
            }
            Database::Url(url) => {
                let program = postgres::binaries().expect("there is a server").join("pg_dump");
                let dump = Command::new(program).args(["--dbname", url]).output().expect("it starts");
                assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
                vec![dump.stdout.into()]
            }
        }
    }

    /// Changes the database directly, as an attacker with write access could.
    pub async fn tamper(&self, statement: &'static str) {
        let changed = match &self.deps.store {
            Store::Postgres(pool, _) => sqlx::query(statement).execute(pool).await.expect("it is SQL").rows_affected(),
            Store::Sqlite(pools) => {
                sqlx::query(statement).execute(&pools.writer).await.expect("it is SQL").rows_affected()
            }
        };
        assert!(changed > 0, "{statement}");
    }

    /// Chooses the statement for this database.
    pub fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        if matches!(self.deps.store, Store::Sqlite(_)) { sqlite } else { postgres }
    }

    /// A POST request of the contract, with the key.
    pub fn post(&self, path: &str) -> Request<'_> {
        self.request(Method::POST, &format!("{PREFIX}{path}")).with(|request| request.header("apikey", &self.key))
    }

    /// A GET request of the contract, with the key.
    pub fn get(&self, path: &str) -> Request<'_> {
        self.request(Method::GET, &format!("{PREFIX}{path}")).with(|request| request.header("apikey", &self.key))
    }

    /// A DELETE request of the contract, with the key.
    pub fn delete(&self, path: &str) -> Request<'_> {
        self.request(Method::DELETE, &format!("{PREFIX}{path}")).with(|request| request.header("apikey", &self.key))
    }

    /// Any request, without a key; `path` starts at the root of the host.
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        let builder = self.client.request(method.clone(), format!("{}{path}", self.url));
        Request { app: self, builder, method, path: path.to_owned() }
    }
}

pub struct Request<'a> {
    app: &'a TestApp,
    builder: RequestBuilder,
    method: Method,
    path: String,
}

impl Request<'_> {
    #[must_use]
    pub fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { builder: change(self.builder), ..self }
    }

    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|builder| builder.header(name, value))
    }

    /// Sends a body exactly as written, except that each ` ` becomes CRLF.
    pub async fn wire(self, content_type: &str, body: &str) -> Reply {
        let body = body.replace('\n', "\r\n");
        self.header("content-type", content_type).with(|builder| builder.body(body)).send().await
    }

    pub async fn json(self, body: &Value) -> Reply {
        self.with(|builder| builder.json(body)).send().await
    }

    pub async fn form(self, form: reqwest::multipart::Form) -> Reply {
        self.with(|builder| builder.multipart(form)).send().await
    }

    /// Sends the request and returns the answer after checking it against the document.
    pub async fn send(self) -> Reply {
        let response = self.builder.send().await.expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the answer is whole");
        let checked = conformance::check(&self.app.document, self.method.as_str(), &self.path, status, &headers, &body);
        checked.unwrap_or_else(|problem| panic!("{problem}\n{}", String::from_utf8_lossy(&body)));
        Reply { status, headers, body }
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("it is JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("it is text"))
    }

    /// Returns the body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Returns the status, the code and the message of a refusal.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String, String) {
        assert!(self.status >= 400, "{}", String::from_utf8_lossy(&self.body));
        let body = self.json();
        let text = |member: &str| body[member].as_str().expect("it is said").to_owned();
        (self.status, text("code"), text("message"))
    }
}

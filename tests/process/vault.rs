//! Tests keys of the hours in a key vault. The vault is this test's own and follows the documentation of Vault's
//! Transit (encrypt and decrypt with an AES-256-GCM key with versions and associated data), over real HTTP and with
//! real AES.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::StatusCode;
use poem::listener::TcpListener;
use poem::middleware::SetHeader;
use poem::web::{Data, Json, Path as Step};
use poem::{EndpointExt, Request, Route, handler, post};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::nodes;
use crate::server::{Server, free_address};
use crate::wait::until;

const TOKEN: &str = "hvs.token-of-a-test";

/// The fault that the vault simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Forbidden,
    Sealed,
    Silent,
    Nonsense,
}

struct State {
    /// The keys by version, oldest first.
    keys: Vec<[u8; 32]>,
    fault: Fault,
}

type Shared = Arc<Mutex<State>>;

fn new_key() -> [u8; 32] {
    let mut key = [0; 32];
    rand::fill(&mut key).expect("there are random numbers");
    key
}

fn cipher(key: [u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("it has the length"))
}

fn bytes(body: &Value, name: &str) -> Option<Vec<u8>> {
    STANDARD.decode(body[name].as_str()?).ok()
}

fn encrypt(state: &State, body: &Value) -> Option<Value> {
    let (mut text, aad) = (bytes(body, "plaintext")?, bytes(body, "associated_data")?);
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).expect("there are random numbers");
    let version = state.keys.len();
    let key = cipher(*state.keys.last()?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut text).ok()?;
    let sealed = STANDARD.encode([&nonce[..], &text].concat());
    Some(json!({ "data": { "ciphertext": format!("vault:v{version}:{sealed}"), "key_version": version } }))
}

fn decrypt(state: &State, body: &Value) -> Option<Value> {
    let (version, sealed) = body["ciphertext"].as_str()?.strip_prefix("vault:v")?.split_once(':')?;
    let key = cipher(*state.keys.get(version.parse::<usize>().ok()?.checked_sub(1)?)?);
    let sealed = STANDARD.decode(sealed).ok()?;
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = text.to_vec();
    let aad = Aad::from(bytes(body, "associated_data")?);
    let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut text).ok()?;
    Some(json!({ "data": { "plaintext": STANDARD.encode(plain) } }))
}

#[handler]
async fn transit(
    request: &Request,
    state: Data<&Shared>,
    Step((verb, key)): Step<(String, String)>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let refused = |status, why: &str| (status, Json(json!({ "errors": [why] })));
    let fault = state.lock().expect("nobody panicked").fault;
    match fault {
        Fault::None => {}
        Fault::Forbidden => return refused(StatusCode::FORBIDDEN, "permission denied"),
        Fault::Sealed => return refused(StatusCode::SERVICE_UNAVAILABLE, "Vault is sealed"),
        Fault::Silent => std::future::pending().await,
        Fault::Nonsense => return (StatusCode::OK, Json(json!({ "data": "nothing" }))),
    }
    if request.header("x-vault-token") != Some(TOKEN) || key != "bioserver" {
        return refused(StatusCode::FORBIDDEN, "permission denied");
    }
    let state = state.lock().expect("nobody panicked");
    let done = if verb == "encrypt" { encrypt(&state, &body) } else { decrypt(&state, &body) };
    match done {
        Some(done) => (StatusCode::OK, Json(done)),
        None => refused(StatusCode::BAD_REQUEST, "cipher: message authentication failed"),
    }
}

struct Vault {
    address: String,
    state: Shared,
    serving: JoinHandle<()>,
}

impl Vault {
    async fn start() -> Self {
        let address = free_address().to_string();
        let state = Arc::new(Mutex::new(State { keys: vec![new_key()], fault: Fault::None }));
        let serving = Self::serve(&address, &state).await;
        Self { address, state, serving }
    }

    async fn serve(address: &str, state: &Shared) -> JoinHandle<()> {
        // Each connection serves one request: a stopped vault then answers on no connection.
        let close = SetHeader::new().overriding("connection", "close");
        let app = Route::new().at("/v1/transit/:verb/:key", post(transit)).data(state.clone()).with(close);
        let listener = TcpListener::bind(address.to_owned());
        let serving = tokio::spawn(async move { poem::Server::new(listener).run(app).await.expect("it serves") });
        let client = Client::new();
        until("the vault does not listen", async || client.get(format!("http://{address}/")).send().await.is_ok())
            .await;
        serving
    }

    fn suffer(&self, fault: Fault) {
        self.state.lock().expect("nobody panicked").fault = fault;
    }

    fn rotate(&self) {
        self.state.lock().expect("nobody panicked").keys.push(new_key());
    }

    async fn go_away(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
        let (client, url) = (Client::new(), format!("http://{}/", self.address));
        until("the vault listens still", async || client.get(&url).send().await.is_err()).await;
    }

    async fn come_back(&mut self) {
        self.serving = Self::serve(&self.address, &self.state).await;
    }
}

/// Lists the keys of the hours among the media.
fn keys(server: &Server) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    list(&server.inside().join("media")).iter().flat_map(|owner| list(&owner.join("keys"))).collect()
}

fn count_of_version(server: &Server, version: usize) -> usize {
    let mark = format!("vault:v{version}:");
    keys(server).iter().filter(|path| std::fs::read(path).is_ok_and(|key| key.starts_with(mark.as_bytes()))).count()
}

/// Asks for a session that ends in this many hours: each hour has a key of its own.
async fn ask(client: &Client, server: &Server, hours: i64) -> reqwest::Response {
    let request = server.request(client, Method::POST, "/v2/bio-sessions");
    request.json(&json!({ "ttlSeconds": hours * 3600 })).send().await.expect("it answers")
}

async fn is_refused(reply: reqwest::Response) -> bool {
    let is_later = reply.status() == 503 && reply.headers().contains_key("retry-after");
    let body: Value = reply.json().await.expect("it is JSON");
    is_later && body["code"] == "KEY_VAULT_UNAVAILABLE"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_the_hours_are_wrapped_by_a_vault() {
    let mut vault = Vault::start().await;
    let url = format!("http://{}/transit/bioserver", vault.address);
    let mut server = Server::configured(&[("BIOSERVER_KEY_VAULT", &url), ("BIOSERVER_KEY_VAULT_TOKEN", TOKEN)]);
    let client = Client::new();
    let session = nodes::location(&ask(&client, &server, 3).await);
    nodes::read(&client, &server, &session).await;
    assert_eq!(count_of_version(&server, 1), keys(&server).len(), "the master key has wrapped none");

    // During a fault, the node serves with the keys that it knows, and refuses the rest until the vault is back.
    for (hours, fault) in (5..).zip([Fault::Forbidden, Fault::Sealed, Fault::Silent, Fault::Nonsense]) {
        vault.suffer(fault);
        assert!(is_refused(ask(&client, &server, hours).await).await, "{fault:?}");
        nodes::read(&client, &server, &session).await;
        vault.suffer(Fault::None);
        assert_eq!(ask(&client, &server, hours).await.status(), 201, "{fault:?}");
    }
    vault.go_away().await;
    assert!(is_refused(ask(&client, &server, 10).await).await);
    nodes::read(&client, &server, &session).await;
    vault.come_back().await;
    assert_eq!(ask(&client, &server, 10).await.status(), 201);

    // The vault rotates its own key; values wrapped before can still be unwrapped.
    vault.rotate();
    let later = nodes::location(&ask(&client, &server, 12).await);
    assert!(count_of_version(&server, 2) > 0 && count_of_version(&server, 1) > 0);
    server.kill();
    vault.go_away().await;
    server.restart();
    let read = server.request(&client, Method::GET, &session).send().await.expect("it answers");
    assert!(is_refused(read).await, "this node has no key yet");
    vault.come_back().await;
    nodes::read(&client, &server, &session).await;
    nodes::read(&client, &server, &later).await;
}

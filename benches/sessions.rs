//! Milliseconds of each operation on sessions, through the whole server except the socket, on an `SQLite` file, or on
//! the Postgres of `DATABASE_URL`. Faces are scripted where no network is measured.

use std::path::Path;
use std::sync::Arc;

use bioserver::capture::key::Keys;
use bioserver::cli::capture::Check;
use bioserver::clock::Clock;
use bioserver::domain::{Operation, OwnerId, Permission, SessionId};
use bioserver::media::{self, Media};
use bioserver::seal::master::Master;
use bioserver::service::keys::{self, Credentials, NewKey};
use bioserver::service::limits::Meters;
use bioserver::service::turns::Turns;
use bioserver::service::{Deps, Policy, PolicyInForce};
use bioserver::sign::key::Key;
use bioserver::sign::{Algorithm, Signer};
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store};
use bioserver::tasks::liveness;
use bioserver::{api, callback, capture};
use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use evaluate::performer::portrait::Portrait;
use evaluate::performer::{self, FRAME_MS, Performance};
use face::FaceEngine;
use face::networks::{self, Compiled, Networks};
use face::pack::Pack;
use face::values::liveness::LivenessType;
use face::workers::{self, Workers};
use poem::endpoint::BoxEndpoint;
use poem::{Body, Endpoint, EndpointExt, Request};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::script::Script;
use tokio::runtime::Runtime;

const FACES: usize = 100;

/// A server without a socket, and a provider's key.
struct Server {
    runtime: Runtime,
    endpoint: BoxEndpoint<'static>,
    deps: Deps,
    key: SecretString,
    _folder: TempDir,
}

impl Server {
    fn start(face_engine: Arc<dyn FaceEngine>) -> Self {
        let runtime = Runtime::new().expect("it starts");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let settings = match std::env::var("DATABASE_URL") {
            Ok(url) => url.parse().expect("it is a database's URL"),
            Err(_) => Settings::Sqlite(folder.path().join("bio.db")),
        };
        let (deps, key) = runtime.block_on(async {
            let clock = Clock::default();
            let capture_key = capture::key::Key::make(capture::key::Algorithm::EcdhEs, clock.now()).unwrap();
            let signing = Key::make(Algorithm::Es256, clock.now()).expect("a key can be made");
            let deps = Deps {
                store: Store::open(&settings).await.expect("it opens"),
                face_engine,
                signer: Arc::new(Signer::new(signing, vec![])),
                meters: Arc::new(Meters::new(clock.clone())),
                turns: Turns::default(),
                vitals: Arc::default(),
                deliveries: Arc::default(),
                clock,
                master: Master::make(),
                media: Media::open(&media::Settings::Folder(folder.path().join("media"))).expect("it opens"),
                owner: OwnerId::new(),
                epochs: Arc::default(),
                vault: None,
                audit: Arc::default(),
                known_keys: Arc::default(),
                eraser: Arc::default(),
                capture_keys: Arc::new(Keys::new(vec![capture_key])),
                pace: Arc::default(),
                callbacks: callback::Client::new(callback::Settings::default()).unwrap(),
                policy: PolicyInForce::new(Policy { faces_max: i64::MAX, ..Policy::default() }),
            };
            let new = NewKey { provider: "bench".to_owned(), permissions: Permission::ALL.to_vec(), expires: None };
            let key = keys::create(&deps.store, &deps.master, &deps.clock, new).await.expect("it is made").text;
            (deps, key)
        });
        let endpoint = api::endpoint(deps.clone(), api::Settings::default()).boxed();
        Self { runtime, endpoint, deps, key, _folder: folder }
    }

    /// Sends a request; returns the status, `Location` and the body.
    async fn ask(&self, method: &str, path: &str, content_type: &str, body: impl Into<Body>) -> (u16, String, String) {
        let request = Request::builder()
            .header("host", "localhost")
            .method(method.parse().expect("it is a method"))
            .uri(format!("/bioserver-app{path}").parse().expect("it is a path"))
            .header("apikey", self.key.expose_secret())
            .header("content-type", content_type)
            .body(body);
        let reply = self.endpoint.call(request).await.expect("it answers");
        let location = reply.header("location").unwrap_or_default().to_owned();
        (reply.status().as_u16(), location, reply.into_body().into_string().await.expect("it is text"))
    }

    async fn open(&self) -> String {
        let (status, location, _) = self.ask("POST", "/v2/bio-sessions", "application/json", "{}").await;
        assert_eq!(status, 201);
        location
    }

    async fn add(&self, session: &str, face: &Value) -> String {
        let body = face.to_string();
        let (status, location, said) = self.ask("POST", &format!("{session}/faces"), "application/json", body).await;
        assert_eq!(status, 201, "{said}");
        location
    }

    async fn add_image(&self, session: &str, image: &[u8]) -> String {
        let mut body =
            b"--B\r\nContent-Disposition: form-data; name=\"face\"\r\n\r\n{\"imageType\":\"SELFIE\"}\r\n".to_vec();
        body.extend(b"--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n");
        body.extend(image);
        body.extend(b"\r\n--B--\r\n");
        let path = format!("{session}/faces");
        let (status, location, said) = self.ask("POST", &path, "multipart/form-data; boundary=B", body).await;
        assert_eq!(status, 201, "{said}");
        location
    }

    async fn read(&self, path: &str) -> String {
        let (status, _, body) = self.ask("GET", path, "application/json", "").await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

/// Makes a face with a template of 512 pseudo-random whole numbers, the length of the built-in recogniser's.
fn face(server: &Server, number: usize) -> Value {
    let version = server.deps.face_engine.template_version();
    let values: Vec<f32> =
        (0..512u32).map(|at| (at + 512 * number as u32).wrapping_mul(2_654_435_761) as f32 - 2.1e9).collect();
    let template = face::values::template::Template::new(version, &values).expect("it is not zero").encode();
    json!({
        "mode": "F6_4_VID60X", "imageType": "SELFIE", "quality": 212, "friendlyName": format!("face {number}"),
        "landmarks": { "eyes": { "x1": 518.25, "y1": 444.5, "x2": 655.75, "y2": 446.25 } }, "template": template,
    })
}

fn operations(criterion: &mut Criterion) {
    let server = Server::start(Arc::new(Script::default()));
    let session = server.runtime.block_on(server.open());
    let known = face(&server, 0);
    let made = server.runtime.block_on(server.add(&session, &known));
    let mut group = criterion.benchmark_group("sessions");
    group.bench_function("createBioSession", |b| b.iter(|| server.runtime.block_on(server.open())));
    group.bench_function("getBioSession", |b| b.iter(|| server.runtime.block_on(server.read(&session))));
    group.bench_function("getFace", |b| b.iter(|| server.runtime.block_on(server.read(&made))));
    group.bench_function("createFaceFromJson", |b| {
        // Each run has a session of its own: a growing session would be slower to count.
        b.iter_batched(
            || server.runtime.block_on(server.open()),
            |session| server.runtime.block_on(server.add(&session, &known)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Measures comparing, signing and writing 99 matches, and the database's share of it.
fn matches(criterion: &mut Criterion) {
    let server = Server::start(Arc::new(Script::default()));
    let (session, reference) = server.runtime.block_on(async {
        let session = server.open().await;
        let mut made = String::new();
        for number in 0..FACES {
            made = server.add(&session, &face(&server, number)).await;
        }
        (session, made)
    });
    let path = format!("{reference}/matches");
    let found: Value = serde_json::from_str(&server.runtime.block_on(server.read(&path))).expect("it is JSON");
    assert_eq!(found.as_array().map(Vec::len), Some(FACES - 1));

    let id = SessionId(session.rsplit('/').next().expect("it ends in its id").parse().expect("it is one"));
    let database = async || {
        let (deps, now) = (&server.deps, server.deps.clock.now());
        let credentials = Credentials::Key(server.key.clone());
        let caller = keys::authenticate(deps, &credentials).await.expect("the key is valid");
        let mut tx = deps.store.read().await.expect("it reads");
        store::sessions::find(&mut tx, caller.provider, id, now).await.expect("it reads").expect("it is alive");
        let kept = store::faces::list(&mut tx, id, FACES as i64).await.expect("it reads");
        drop(tx);
        let mut tx = deps.store.begin().await.expect("it begins");
        store::usage::count(&mut tx, caller.provider, Operation::GetMatches, now).await.expect("it counts");
        tx.commit().await.expect("it commits");
        kept.len()
    };
    let mut group = criterion.benchmark_group("getMatches of 100 faces");
    group.bench_function("whole", |b| b.iter(|| server.runtime.block_on(server.read(&path))));
    group.bench_function("its database", |b| b.iter(|| server.runtime.block_on(database())));
    group.finish();
}

/// Measures faces from images with the built-in networks, which createFaceFromJson saves.
fn from_image(criterion: &mut Criterion) {
    let pack = Pack::built_in().expect("it is whole");
    let workers = Workers::start(&pack, &workers::Settings::default()).expect("it starts");
    let server = Server::start(Arc::new(workers));
    let image = sample();
    let mut group = criterion.benchmark_group("a face, by the built-in networks");
    group.sample_size(20);
    let session = server.runtime.block_on(server.open());
    let made = server.runtime.block_on(server.add_image(&session, &image));
    let known: Value = serde_json::from_str(&server.runtime.block_on(server.read(&made))).expect("it is JSON");
    group.bench_function("createFaceFromImage", |b| {
        b.iter(|| server.runtime.block_on(server.add_image(&session, &image)));
    });
    group.bench_function("createFaceFromJson", |b| {
        b.iter(|| server.runtime.block_on(server.add(&session, &known)));
    });
    group.finish();
}

/// Measures a liveness check on one core with the built-in networks, from the received capture to the committed
/// verdict. Films have 10 frames a second for about three seconds; passive liveness needs only one second.
fn replays(criterion: &mut Criterion) {
    let pack = Pack::built_in().expect("it is whole");
    let compiled = Compiled::new(&pack, networks::Settings::default()).expect("it compiles");
    let portrait = Portrait::read(&mut Networks::new(&compiled), &sample()).expect("it shows a face");
    let settings = workers::Settings { threads: Some(1), ..workers::Settings::default() };
    let server = Server::start(Arc::new(Workers::start(&pack, &settings).expect("it starts")));
    // Opens a session, and films the person who does what it asks for.
    let filmed = |liveness_type: LivenessType| {
        server.runtime.block_on(async {
            let session = server.open().await;
            let asked = match liveness_type {
                LivenessType::Active => json!({ "type": liveness_type.name(), "nbChallenge": 1 }),
                _ => json!({ "type": liveness_type.name() }),
            };
            let path = format!("{session}/init-liveness-parameters");
            let (status, _, told) = server.ask("POST", &path, "application/json", asked.to_string()).await;
            assert_eq!(status, 200, "{told}");
            let check = Check::read(&serde_json::from_str(&told).expect("it is JSON")).expect("a client can read it");
            let performance = Performance { asked: check.asked.clone(), seed: 1, frame_ms: FRAME_MS };
            let frames = performer::perform(&portrait, &performance);
            (session, frames.len(), check.sealed(frames).expect("it can be sealed"))
        })
    };
    let judged = async |session: &str, sealed: String| {
        let path = format!("{session}/replay-liveness");
        let (status, _, told) = server.ask("POST", &path, "application/jose", sealed).await;
        assert_eq!(status, 202, "{told}");
        liveness::step(&server.deps).await.expect("it is looked at");
    };
    let mut group = criterion.benchmark_group("a check of liveness, on one core");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for liveness_type in LivenessType::ALL {
        let (session, frames, sealed) = filmed(liveness_type);
        server.runtime.block_on(judged(&session, sealed));
        let state = format!("{}/replay-liveness-metadata", session.replace("/v2/", "/v3/"));
        let state = server.runtime.block_on(server.read(&state));
        assert!(state.contains(r#""status":"SUCCESS""#), "{state}");
        group.bench_function(format!("{liveness_type}, about {frames} frames"), |b| {
            b.iter_batched(
                || filmed(liveness_type),
                |(session, _, sealed)| server.runtime.block_on(judged(&session, sealed)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn sample() -> Vec<u8> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/obama.jpg");
    std::fs::read(sample).expect("the sample is in the project")
}

criterion_group!(benches, operations, matches, from_image, replays);
criterion_main!(benches);

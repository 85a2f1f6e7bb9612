//! The dependencies of the server's rules, as the tests build them.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use bioserver::callback;
use bioserver::capture::key as capture_key;
use bioserver::clock::Clock;
use bioserver::domain::OwnerId;
use bioserver::media::{self, Media};
use bioserver::seal::master::Master;
use bioserver::service::limits::Meters;
use bioserver::service::turns::Turns;
use bioserver::service::{Deps, Policy, PolicyInForce, turns};
use bioserver::sign::key::Key;
use bioserver::sign::{Algorithm, Signer};
use bioserver::store::Store;
use face::FaceEngine;

/// Made only once, because an RSA key takes a while.
static CAPTURE_KEYS: LazyLock<Arc<capture_key::Keys>> = LazyLock::new(|| {
    let make = |algorithm| capture_key::Key::make(algorithm, Clock::default().now()).expect("a key can be made");
    Arc::new(capture_key::Keys::new(capture_key::Algorithm::ALL.map(make).into()))
});

/// Makes dependencies with keys of their own and a clock that only the test moves; callbacks may reach this machine.
pub fn on(store: Store, media_folder: &Path, face_engine: Arc<dyn FaceEngine>, policy: Policy) -> Deps {
    let clock = Clock::default();
    let signing = Key::make(Algorithm::Es256, clock.now()).expect("a key can be made");
    let allow = vec!["http://127.0.0.1".parse().expect("it is a host")];
    Deps {
        store,
        face_engine,
        signer: Arc::new(Signer::new(signing, vec![])),
        meters: Arc::new(Meters::new(clock.clone())),
        vitals: Arc::default(),
        turns: Turns::new(turns::Settings::default(), clock.clone()),
        deliveries: Arc::default(),
        clock,
        master: Master::make(),
        media: Media::open(&media::Settings::Folder(media_folder.to_owned())).expect("a folder can be made"),
        owner: OwnerId::new(),
        epochs: Arc::default(),
        vault: None,
        audit: Arc::default(),
        known_keys: Arc::default(),
        eraser: Arc::default(),
        capture_keys: CAPTURE_KEYS.clone(),
        pace: Arc::default(),
        callbacks: callback::Client::new(callback::Settings { allow, ca: vec![] }).expect("it can be made"),
        policy: PolicyInForce::new(policy),
    }
}

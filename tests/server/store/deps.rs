//! What the rules work with, on a store and a media folder of the test's own.

use std::sync::Arc;

use bioserver::callback;
use bioserver::clock::Clock;
use bioserver::media::{self, Media};
use bioserver::seal::Master;
use bioserver::service::limits::Meters;
use bioserver::service::{Deps, Policy};
use bioserver::sign::key::Key;
use bioserver::sign::{Algorithm, Signer};
use bioserver::store::settings::Settings;
use testkit::script::Script;

use crate::store::both::{Folder, open};

/// The folder goes with what is returned.
pub async fn deps(settings: &Settings) -> (Deps, Folder) {
    let clock = Clock::default();
    let key = Key::make(Algorithm::Es256, clock.now()).unwrap();
    let folder = Folder::new();
    let deps = Deps {
        store: open(settings).await,
        faces: Arc::new(Script::default()),
        signer: Arc::new(Signer::new(key, vec![])),
        meters: Arc::new(Meters::new(clock.clone())),
        clock,
        master: Master::make(),
        media: Media::open(&media::Settings::Folder(folder.0.clone())).unwrap(),
        capture_keys: Arc::default(),
        pace: Arc::default(),
        callbacks: callback::Client::new(callback::Settings::default()).unwrap(),
        policy: Policy::default(),
    };
    (deps, folder)
}

//! The one place that builds the server: configuration to dependencies to a running server.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use face::pack::{Network, Pack};
use face::workers::{self, Workers};
use face::{FaceEngine, Picture, WantedFace, networks, samples};
use onnx::Device;
use onnx::gpu::Gpu;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::api::home::Credit;
use crate::api::http::connections;
use crate::api::http::connections::places::Places;
use crate::api::http::tls::Tls;
use crate::api::metrics_page;
use crate::clock::Clock;
use crate::config::Config;
use crate::media::Media;
use crate::seal::vault::Vault;
use crate::service::audit::recorder;
use crate::service::limits::Meters;
use crate::service::turns::Turns;
use crate::service::{Deps, PolicyInForce, capture_keys, signing, storage, time, turns};
use crate::store::Store;
use crate::telemetry::otlp;
use crate::{api, callback, cause, tasks, telemetry};

/// The longest wait for a worker. Turns bound the wait of pictures before that; a picture that has its turn waits at
/// most for captures, and few captures are processed at once.
const WORKERS_WAIT_MAX: Duration = Duration::from_secs(30);

/// The time that steps of background work have to end after the last request. With the 15 seconds for requests, it
/// stays below the 25 to 30 seconds that supervisors give a process to stop.
const TASKS_STOP_PATIENCE: Duration = Duration::from_secs(7);

/// A server that is ready to listen.
pub struct App {
    pub deps: Deps,
    settings: api::Settings,
    connections: connections::Settings,
    tls: Option<Arc<Tls>>,
    /// The address of the metrics; `None` if they are off.
    metrics: Option<SocketAddr>,
}

impl App {
    /// Opens the store, loads the networks and tries them on a photograph.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        let clock = Clock::default();
        let store = Store::open(&config.store).await.context("the database cannot be opened")?;
        time::follow(&store, &clock).await.context("the database does not say what time it is")?;
        let master = config.master_key.master()?;
        let pack = Pack::open(config.pack.as_deref())?;
        let networks = pack.networks().map(credit).collect();
        let workers = workers(&config, &pack, config.workers).await?;
        let signer = signing::open(&store, &master, config.signing, &clock).await?;
        let capture_keys = capture_keys::open(&store, &master, &clock).await?;
        let media = Media::open(&config.media)?.within(config.media_wait);
        let vault = config.vault.map(Vault::new).transpose()?;
        let owner = storage::owner(&store).await?;
        let turns = turns::Settings {
            workers: config.workers,
            wait_max: config.queue_wait,
            bytes_max: config.request_bytes_max,
        };

        let deps = Deps {
            store,
            face_engine: Arc::new(workers),
            signer: Arc::new(signer),
            meters: Arc::new(Meters::new(clock.clone())),
            vitals: Arc::default(),
            turns: Turns::new(turns, clock.clone()),
            deliveries: Arc::default(),
            clock,
            master,
            media,
            owner,
            epochs: Arc::default(),
            vault,
            audit: Arc::default(),
            known_keys: Arc::default(),
            eraser: Arc::default(),
            capture_keys: Arc::new(capture_keys),
            pace: Arc::default(),
            callbacks: callback::Client::new(config.callbacks)?,
            policy: PolicyInForce::new(config.policy),
        };
        let proxies = config.connections.proxies.clone();
        let settings = api::Settings { prefix: config.prefix, limits: config.bodies, proxies, networks };
        let tls = config.tls.map(Tls::open).transpose()?.map(Arc::new);
        if config.metrics.is_some() {
            telemetry::keep();
        }
        if let Some(endpoint) = &config.otlp {
            otlp::start(endpoint)?;
        }
        Ok(Self { deps, settings, connections: config.connections, tls, metrics: config.metrics })
    }

    /// Returns the part of the server that may change while it serves.
    pub fn changeable(&self) -> Changeable {
        Changeable { policy: self.deps.policy.clone(), tls: self.tls.clone() }
    }

    /// Returns the scheme of the server's address: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Serves until `stop` is ready; then accepts no new request and finishes those in flight.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let deps = self.deps.clone();
        let (stop_tasks, stopped) = watch::channel(false);
        let tasks = tokio::spawn(tasks::run(deps.clone(), stopped.clone()));
        let mut metrics = None;
        if let Some(address) = self.metrics {
            let listener = listen(address).await?;
            let places = Places::new(connections::Settings::default(), deps.clock.clone());
            tracing::info!(address = %listener.local_addr()?, "numbers are at /metrics");
            let stop = until_stopped(stopped.clone());
            metrics = Some(tokio::spawn(connections::serve(
                metrics_page::endpoint(deps.clone()),
                listener,
                None,
                places,
                stop,
            )));
        }
        let places = Places::new(connections::fit_to_files(self.connections), deps.clock.clone());
        let following = self.tls.clone().map(|tls| tokio::spawn(async move { tls.follow().await }));
        let endpoint = api::endpoint(self.deps, self.settings);
        let served = connections::serve(endpoint, listener, self.tls, places, stop).await;
        drop(stop_tasks);
        if let Some(following) = following {
            following.abort();
        }
        if timeout(TASKS_STOP_PATIENCE, tasks).await.is_err() {
            tracing::warn!("background work is broken off: another node or the next start does it again");
        }
        if let Some(metrics) = metrics {
            metrics.await??;
        }
        recorder::flush(&deps).await;
        deps.store.close().await;
        tokio::task::spawn_blocking(otlp::stop).await?;
        served?;
        Ok(())
    }
}

/// The part of a running server that may change.
pub struct Changeable {
    policy: PolicyInForce,
    tls: Option<Arc<Tls>>,
}

impl Changeable {
    /// Adopts the changeable part of another configuration, and reads the certificates again.
    pub fn take_over(&self, config: &Config) -> anyhow::Result<()> {
        self.policy.change(&config.policy);
        self.tls.as_ref().map_or(Ok(()), |tls| tls.look().context("the certificates in use stay"))
    }
}

pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| anyhow!("cannot listen on {address}: {}", cause::of(&error)))
}

fn credit((role, network): (&'static str, &Network)) -> Credit {
    Credit { role, origin: network.origin.clone(), licence: network.licence.clone() }
}

/// Loads the networks of the pack for `threads` threads, and tries them on a photograph.
pub async fn workers(config: &Config, pack: &Pack, threads: usize) -> anyhow::Result<Workers> {
    let settings = workers::Settings { threads: Some(threads), wait_max: WORKERS_WAIT_MAX, networks: networks(config) };
    let workers = Workers::start(pack, &settings)?;
    let portrait = Picture { bytes: Bytes::from_static(samples::PORTRAIT), rotation: false, wanted: WantedFace::Only };
    workers.describe(portrait).await.context("the networks do not find the face of a portrait")?;
    Ok(workers)
}

/// Returns the settings that the configured networks run with. If the configuration asks for a GPU and none can be used,
/// the log says so, and the networks run on the CPU.
pub fn networks(config: &Config) -> networks::Settings {
    let gpu = match config.device {
        Device::Cpu => None,
        Device::Gpu => Gpu::open()
            .inspect(|gpu| tracing::info!(%gpu, "networks run on the GPU"))
            .inspect_err(|error| tracing::warn!("networks run on the CPU, since no GPU can be used: {error}"))
            .ok(),
    };
    networks::Settings { engine: config.engine, gpu, pixels_max: config.policy.image_pixels_max }
}

/// Becomes ready when the server stops.
async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // A closed channel also means that the server stops.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}

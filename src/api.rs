//! The contract as HTTP: mounts the tags; every refusal leaves through `http::problem`.

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Response};
use poem_openapi::OpenApiService;

use crate::api::http::middleware::{Surroundings, record};
use crate::api::http::payload::Limits;
use crate::api::http::payload::json::Json;
use crate::api::http::proxies::Proxies;
use crate::api::wire::Signable;
use crate::service::{self, Deps};

mod admin_page;
mod ages;
pub mod capture_page;
#[allow(clippy::pedantic, reason = "build.rs wrote it")]
pub mod contract;
pub mod docs;
mod faces;
mod file;
pub mod home;
mod html;
pub mod http;
mod legacy;
mod liveness;
mod matches;
pub mod metrics_page;
pub mod routes;
mod sessions;
mod system;
#[allow(clippy::pedantic, reason = "build.rs wrote it")]
pub mod types;
pub mod wire;

/// How long keys and certificate may be kept: a new key is announced before it signs.
pub const KEYS_CACHED: &str = "public, max-age=300";

/// Serves every operation of the document; its handlers stand in one file for each tag.
#[derive(Clone)]
pub struct Api {
    pub deps: Deps,
}

impl Api {
    /// The answer with its signature.
    fn sign<T: Signable>(&self, mut answer: T) -> Result<T, service::Error> {
        let signature = self.deps.signer.sign(&wire::signed_payload(&mut answer))?;
        answer.set_signature(Some(signature));
        Ok(answer)
    }

    /// The answer with its signature, which leaves the payload out (RFC 7515, appendix F).
    fn sign_detached<T: Signable>(&self, mut answer: T) -> Result<T, service::Error> {
        let signature = self.deps.signer.sign_detached(&wire::signed_payload(&mut answer))?;
        answer.set_signature(Some(signature));
        Ok(answer)
    }

    /// The answer with its signature, unless the caller wants none.
    fn signed<T: Signable>(&self, answer: T, is_disabled: bool) -> Result<Json<T>, service::Error> {
        Ok(Json(if is_disabled { answer } else { self.sign(answer)? }))
    }

    /// Answers that are each signed by themselves.
    fn signed_each<T: Signable>(&self, answers: Vec<T>) -> Result<Json<Vec<T>>, service::Error> {
        Ok(Json(answers.into_iter().map(|answer| self.sign(answer)).collect::<Result<_, _>>()?))
    }
}

/// What the operator decides about the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Under which the contract's paths lie: begins with a slash, and does not end with one.
    pub prefix: String,
    pub limits: Limits,
    pub proxies: Proxies,
    /// The networks of the pack that serves.
    pub networks: Vec<home::Credit>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "/bioserver-app".to_owned(),
            limits: Limits::default(),
            proxies: Proxies::default(),
            networks: vec![],
        }
    }
}

/// Everything the server answers.
pub fn endpoint(deps: Deps, settings: Settings) -> impl Endpoint<Output = Response> {
    let Settings { prefix, limits, proxies, networks } = settings;
    let api = Api { deps: deps.clone() };
    let prefixed = OpenApiService::new(routes::prefixed_routes(&api), routes::TITLE, routes::VERSION);
    let root = OpenApiService::new(routes::root_routes(&api), routes::TITLE, routes::VERSION);
    let root = home::before(root, &prefix, deps.face_engine.pack(), &networks);
    let pages = capture_page::add(home::add(docs::routes(&prefix)), &prefix);
    let surroundings = Arc::new(Surroundings { prefix, proxies, deps: deps.clone() });
    let recorded = {
        let deps = deps.clone();
        pages.nest(&*surroundings.prefix, prefixed).nest("/", root).around(move |next, request| {
            let deps = deps.clone();
            async move { record::around(&deps, next, request).await }
        })
    };
    recorded.data(deps).data(limits).around(move |next, request| {
        let surroundings = surroundings.clone();
        async move { Ok(surroundings.around(next, request).await) }
    })
}

//! Serves the contract over HTTP: it mounts the tags, and `http::problem` renders every refusal.

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

/// The cache header of keys and certificate. Five minutes are safe: a new key is published before it signs.
pub const KEYS_CACHED: &str = "public, max-age=300";

/// Serves every operation of the document. The handlers stand in one file for each tag.
#[derive(Clone)]
pub struct Api {
    pub deps: Deps,
}

impl Api {
    /// Adds the signature to an answer.
    fn sign<T: Signable>(&self, mut answer: T) -> Result<T, service::Error> {
        let signature = self.deps.signer.sign(&wire::signed_payload(&mut answer))?;
        answer.set_signature(Some(signature));
        Ok(answer)
    }

    /// Adds a detached signature, which leaves the payload out (RFC 7515, appendix F), to an answer.
    fn sign_detached<T: Signable>(&self, mut answer: T) -> Result<T, service::Error> {
        let signature = self.deps.signer.sign_detached(&wire::signed_payload(&mut answer))?;
        answer.set_signature(Some(signature));
        Ok(answer)
    }

    /// Adds the signature to an answer, unless the caller disabled it.
    fn signed<T: Signable>(&self, answer: T, is_disabled: bool) -> Result<Json<T>, service::Error> {
        Ok(Json(if is_disabled { answer } else { self.sign(answer)? }))
    }

    /// Signs each answer of a list by itself.
    fn signed_each<T: Signable>(&self, answers: Vec<T>) -> Result<Json<Vec<T>>, service::Error> {
        Ok(Json(answers.into_iter().map(|answer| self.sign(answer)).collect::<Result<_, _>>()?))
    }
}

/// The operator's settings for HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The prefix of the contract's paths: it begins with a slash and does not end with one.
    pub prefix: String,
    pub limits: Limits,
    pub proxies: Proxies,
    /// The networks of the pack that is in use.
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

/// Builds the endpoint that answers every request of the server.
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

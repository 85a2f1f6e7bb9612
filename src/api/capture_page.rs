//! The capture page, on which a person's camera makes a capture. It lies at the root of the host and loads nothing from
//! another server.
//!
//! A provider sends the person to `/capture?session=ID#TOKEN`; the token is that of `createCaptureToken`.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use face::pack::Pack;
use poem::http::{HeaderName, HeaderValue, header};
use poem::web::Data;
use poem::{EndpointExt, Request, Response, Route, get, handler};
use serde::Deserialize;
use uuid::Uuid;

use crate::api::capture_page::languages::{LANGUAGES, asked, texts};
use crate::api::file::File;
use crate::api::html::escaped;
use crate::domain::SessionId;
use crate::service::{Deps, origins};

mod languages;

const PAGE: &str = include_str!("capture_page/index.html");
pub const PATH: &str = "/capture";
/// The face detector of the page's guide. It is that of the built-in pack, whichever pack the server uses.
const DETECTOR: &str = "/capture/detector.onnx";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A part of the page: its path, its type and its text.
macro_rules! parts {
    ($($name:literal: $content_type:expr),*) => {
        [$((concat!("/capture/", $name), $content_type, include_str!(concat!("capture_page/", $name)))),*]
    };
}
const PARTS: [(&str, &str, &str); 16] = parts!(
    "style.css": STYLE,
    "figure.css": STYLE,
    "page.js": SCRIPT,
    "old.js": SCRIPT,
    "camera.js": SCRIPT,
    "capture.js": SCRIPT,
    "cues.js": SCRIPT,
    "detector.js": SCRIPT,
    "filming.js": SCRIPT,
    "frame.js": SCRIPT,
    "guide.js": SCRIPT,
    "jose.js": SCRIPT,
    "look.js": SCRIPT,
    "network.js": SCRIPT,
    "server.js": SCRIPT,
    "texts.js": SCRIPT
);

/// The page may use the camera, and no other device.
const PERMISSIONS: &str = "camera=(self), microphone=(), geolocation=(), display-capture=()";

/// True for a path that this module serves.
pub fn serves(path: &str) -> bool {
    let is_text = || LANGUAGES.iter().any(|(language, _)| path == texts_path(language));
    path == PATH || path == DETECTOR || PARTS.iter().any(|(part, ..)| *part == path) || is_text()
}

fn texts_path(language: &str) -> String {
    format!("/capture/texts/{language}.json")
}

/// Renders the page in one language; the page finds the server's paths under `prefix`.
fn page(language: &str, written: &str, prefix: &str) -> String {
    let mut options = String::new();
    for (other, written) in LANGUAGES {
        let name = escaped(&texts(written)["languageName"]);
        let chosen = if other == language { " selected" } else { "" };
        write!(options, "<option value=\"{other}\" lang=\"{other}\"{chosen}>{name}</option>").expect("it is memory");
    }
    let filled = PAGE.replace("{{languages}}", &options);
    let own = [("language", language), ("prefix", prefix)];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.into_iter().chain(texts(written)).fold(filled, |page, (name, text)| {
        let place = format!("{{{{{name}}}}}");
        page.replace(&place, &escaped(&text))
    })
}

/// The content security policy of the page: it loads scripts and styles from this server alone, keeps the camera's film
/// in the page, and takes a logo from a data: URL. Only the origins in `embedders` may show it in a frame.
fn policy(embedders: &[String]) -> HeaderValue {
    let embedders = if embedders.is_empty() { "'none'".to_owned() } else { embedders.join(" ") };
    let policy = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {embedders}"
    );
    HeaderValue::try_from(policy).expect("origins are ASCII")
}

fn file(content_type: &'static str, body: impl Into<Bytes>) -> File {
    let fixed = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy(&[])),
        fixed("permissions-policy", PERMISSIONS),
        fixed("cross-origin-opener-policy", "same-origin"),
        fixed("cross-origin-resource-policy", "same-origin"),
    ];
    headers.into_iter().fold(File::new(content_type, body), |file, (name, value)| file.with(name, value))
}

/// The page in each language, in the order of [`LANGUAGES`].
#[derive(Clone)]
struct Pages(Arc<[File]>);

#[derive(Deserialize)]
struct Query {
    session: Option<Uuid>,
}

#[handler]
async fn meet(request: &Request, Data(deps): Data<&Deps>, Data(Pages(pages)): Data<&Pages>) -> Response {
    let page = &pages[asked(request)];
    // Browsers say whether they load a frame; a browser that does not say so is taken to load one.
    let is_framed = request.header("sec-fetch-dest").is_none_or(|kind| kind != "document");
    let session = request.params::<Query>().ok().and_then(|query| query.session).filter(|_| is_framed);
    let Some(session) = session else { return page.answer(request) };
    // While the database is away nobody may embed the page; it would not work then anyway.
    let embedders = origins::of_session(&deps.store, SessionId(session), deps.clock.now()).await.unwrap_or_default();
    page.clone().with(header::CONTENT_SECURITY_POLICY, policy(&embedders)).answer(request)
}

/// Adds the page and its parts to the routes.
pub fn add(routes: Route, prefix: &str) -> Route {
    let vary = HeaderValue::from_static("accept-encoding, accept-language, sec-fetch-dest");
    let pages = LANGUAGES.map(|(language, written)| {
        file("text/html; charset=utf-8", page(language, written, prefix)).with(header::VARY, vary.clone())
    });
    let detector = Pack::built_in_file("blazeface.onnx").expect("the built-in pack has it");
    let routes = routes.at(PATH, get(meet).data(Pages(pages.into())));
    let routes = routes.at(DETECTOR, get(file("application/octet-stream", detector)));
    let routes = PARTS
        .into_iter()
        .fold(routes, |routes, (path, content_type, text)| routes.at(path, get(file(content_type, text.as_bytes()))));
    LANGUAGES.into_iter().fold(routes, |routes, (language, text)| {
        routes.at(texts_path(language), get(file("application/json", text.as_bytes())))
    })
}

#[cfg(test)]
mod tests;

//! The page at the root of the host: it tells the version, the health and the networks of the server, and links to the
//! other pages.

use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderValue, header};
use poem::web::Data;
use poem::{Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Response, Route, get, handler};

use crate::api::file::File;
use crate::api::html::escaped;
use crate::service::{Deps, health};

const PAGE: &str = include_str!("home/index.html");
const PATH: &str = "/";
const STYLE_PATH: &str = "/style.css";
/// The style sheet of this page and of the operator's page.
pub const STYLE: &str = include_str!("pages.css");
/// The policy of the server's own pages: they load one style sheet of this server, and nothing else.
pub const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// True for a path that this module serves.
pub fn serves(path: &str) -> bool {
    [PATH, STYLE_PATH].contains(&path)
}

/// The origin and licence of one network of the pack that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    pub role: &'static str,
    pub origin: String,
    pub licence: String,
}

/// The page, complete except for the parts that change while the server runs.
#[derive(Clone)]
struct Page(String);

/// The style sheet of the server's own pages.
pub fn style() -> File {
    File::new("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes()))
}

/// Adds the style sheet to the routes.
pub fn add(routes: Route) -> Route {
    routes.at(STYLE_PATH, get(style()))
}

/// Serves the page at the root, before `others` are asked: they take every path.
pub fn before<E>(others: E, prefix: &str, pack: &str, networks: &[Credit]) -> impl Endpoint<Output = Response> + use<E>
where
    E: IntoEndpoint<Endpoint: 'static>,
{
    let page = Arc::new(get(home).data(Page(filled(prefix, pack, networks))));
    others.into_endpoint().around(move |others, request| {
        let page = page.clone();
        async move {
            if request.uri().path() == PATH {
                return page.call(request).await.map(IntoResponse::into_response);
            }
            others.call(request).await.map(IntoResponse::into_response)
        }
    })
}

fn filled(prefix: &str, pack: &str, networks: &[Credit]) -> String {
    let row = |Credit { role, origin, licence }: &Credit| {
        let cells = [origin, licence].map(|cell| format!("<td>{}</td>", escaped(cell)));
        format!("<tr><th scope=\"row\">{}</th>{}</tr>", role.replace('_', " "), cells.concat())
    };
    let rows: Vec<String> = networks.iter().map(row).collect();
    PAGE.replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{prefix}}", &escaped(prefix))
        .replace("{{pack}}", &escaped(pack))
        .replace("{{networks}}", &rows.join("\n"))
}

#[handler]
async fn home(Data(deps): Data<&Deps>, Data(Page(page)): Data<&Page>) -> Response {
    let health = health::ready(deps).await;
    let down: Vec<&str> = health.down().map(|part| part.name).collect();
    let told =
        if down.is_empty() { "It is ready.".to_owned() } else { format!("It is not ready: {}.", down.join(", ")) };
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .body(page.replace("{{health}}", &told))
}

//! The metrics of a node, at an address of their own: callers of the contract do not see them.

use poem::web::Data;
use poem::{Endpoint, EndpointExt, Response, Route, get, handler};

use crate::api::admin_page;
use crate::service::{Deps, gauges};
use crate::telemetry;

const PATH: &str = "/metrics";
/// The text format of Prometheus.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn endpoint(deps: Deps) -> impl Endpoint<Output = Response> {
    admin_page::add(Route::new().at(PATH, get(numbers))).data(deps).map_to_response()
}

#[handler]
async fn numbers(Data(deps): Data<&Deps>) -> Response {
    Response::builder().content_type(CONTENT_TYPE).body(telemetry::text(gauges::now(deps).await))
}

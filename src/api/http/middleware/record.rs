//! Writes an entry into the audit log for every request about a person, unless the change that the request made has
//! written one.

use std::sync::Arc;

use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use uuid::Uuid;

use crate::api::http::auth::UnderWay;
use crate::api::http::middleware::methods::Methods;
use crate::api::http::problem::Problem;
use crate::domain::SessionId;
use crate::domain::audit::{self, DONE};
use crate::service::Deps;
use crate::service::audit::{About, of_caller, of_nobody, recorder};

/// Calls `next`, and records a request about a person before it is answered.
pub async fn around<E: Endpoint>(deps: &Deps, next: Arc<E>, request: Request) -> poem::Result<Response> {
    let (record, under_way) = (request.data::<Record>().cloned(), request.data::<UnderWay>().cloned());
    let answered = next.call(request).await.map(IntoResponse::into_response);
    let (Some(record), Some(under_way)) = (record, under_way) else { return answered };
    let response = answered.unwrap_or_else(|error| Problem::of_framework(error).into_response());
    Ok(record.end(deps, &under_way, response).await)
}

/// A request of an operation that needs a key.
#[derive(Clone)]
pub struct Record {
    request: audit::Request,
    about: About,
}

impl Record {
    /// Begins the record of a request whose name is `name`; `None` if its operation needs no key.
    pub fn begin(request: &Request, methods: &'static Methods, name: &str) -> Option<Self> {
        let method = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        let (_, operation) = methods.secured.iter().find(|(secured, _)| *secured == method.as_str())?;
        Some(Self { request: audit::Request::new(name, operation), about: about(request.uri().path()) })
    }

    pub fn request(&self) -> &audit::Request {
        &self.request
    }

    /// Records the outcome of the request. A successful answer waits until its entry is written; if the entry cannot be
    /// written, the request is refused.
    async fn end(self, deps: &Deps, under_way: &UnderWay, response: Response) -> Response {
        let status = response.status();
        let is_done = !(status.is_client_error() || status.is_server_error());
        let outcome = if is_done { DONE } else { status.as_str() };
        let now = deps.clock.now();
        let Some(caller) = under_way.caller() else {
            if status == StatusCode::UNAUTHORIZED {
                recorder::note_refused(deps, of_nobody(&self.request, outcome, now));
            }
            return response;
        };
        if is_done && self.request.is_recorded() {
            return response;
        }
        // Nothing was done or read, and there may be very many of these.
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            return response;
        }
        let made = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let entry = of_caller(&caller, made.map_or(self.about, about), outcome, now);
        if !is_done {
            recorder::note(deps, &entry);
            return response;
        }
        match recorder::write(deps, &entry).await {
            Ok(()) => response,
            Err(error) => Problem::from(error).into_response(),
        }
    }
}

/// Reads the session and the face that a path names.
fn about(path: &str) -> About {
    let after = |noun: &str| -> Option<Uuid> {
        let mut steps = path.split('/').skip_while(|step| *step != noun);
        steps.nth(1)?.parse().ok()
    };
    let subject = after("faces").map(|face| face.to_string());
    About { session: after("bio-sessions").map(SessionId), subject }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_it_is_about() {
        let (session, face) = (Uuid::now_v7(), Uuid::now_v7());
        let found = about(&format!("/bioserver-app/v2/bio-sessions/{session}/faces/{face}/matches"));
        assert_eq!((found.session, found.subject), (Some(SessionId(session)), Some(face.to_string())));
        for path in ["/bioserver-app/v2/faces", "/v2/bio-sessions/Ludmilla/faces/Zweistein", "/faces", "/"] {
            let found = about(path);
            assert_eq!((found.session, found.subject), (None, None), "{path}");
        }
    }
}

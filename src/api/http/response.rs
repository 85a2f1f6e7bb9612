//! Gives the framework an operation's answer: the result of a handler, or a refusal before it was called.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, Registry};
use poem_openapi::types::Type;

use crate::api::http::payload::json::Json;
use crate::api::http::problem::Problem;
use crate::api::types::ApiError;

/// The refusals that the document names for one operation.
pub trait Refusal: From<Problem> {
    fn documented() -> Vec<MetaResponse>;

    /// Returns the status to answer with, and the problem.
    fn into_problem(self) -> (u16, Problem);
}

/// The result of a handler, or the reason why it was not called.
pub enum Answer<T, E> {
    Given(T),
    Refused(E),
}

impl<T, E> From<Result<T, E>> for Answer<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(given) => Self::Given(given),
            Err(refused) => Self::Refused(refused),
        }
    }
}

impl<T: IntoResponse, E: Refusal + Send> IntoResponse for Answer<T, E> {
    fn into_response(self) -> Response {
        match self {
            Self::Given(given) => given.into_response(),
            Self::Refused(refused) => {
                let (status, mut problem) = refused.into_problem();
                problem.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                problem.into_response()
            }
        }
    }
}

impl<T: ApiResponse, E: Refusal> ApiResponse for Answer<T, E> {
    const BAD_REQUEST_HANDLER: bool = true;

    fn meta() -> MetaResponses {
        let mut meta = T::meta();
        meta.responses.extend(E::documented());
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        ApiError::register(registry);
    }

    fn from_parse_request_error(error: poem::Error) -> Self {
        Self::Refused(Problem::of_framework(error).into())
    }
}

/// Returns a refusal's entry in the framework's document.
pub fn refusal(status: u16, description: &'static str, headers: Vec<MetaHeader>) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: Json::<ApiError>::CONTENT_TYPE, schema: ApiError::schema_ref() }];
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}

/// Returns a header's entry in the framework's document.
pub fn header<T: Type>(name: &str, description: &str, limits: MetaSchema) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: T::IS_REQUIRED,
        deprecated: false,
        schema: T::schema_ref().merge(limits),
    }
}

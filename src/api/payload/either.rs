//! Bodies that may be one thing or another: JSON or a form, JSON or nothing.

use poem::Request;
use poem::RequestBody;
use poem_openapi::ApiExtractor;
use poem_openapi::ApiExtractorType;
use poem_openapi::ExtractParamOptions;
use poem_openapi::registry::MetaMediaType;
use poem_openapi::registry::MetaRequest;
use poem_openapi::registry::Registry;

use crate::api::payload::FORM_DATA;
use crate::api::payload::Form;
use crate::api::payload::JSON;
use crate::api::payload::Json;
use crate::api::payload::MIXED;
use crate::api::payload::Multipart;
use crate::api::payload::is_type;
use crate::api::problem::Problem;
use crate::api::wire::Wire;

/// A form or JSON: the content type says which.
#[derive(Debug)]
pub enum Upload<F, J> {
    Form(F),
    Json(J),
}

impl<F: Form, J: Wire> Upload<F, J> {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        let is = |expected| request.content_type().is_some_and(|content_type| is_type(content_type, expected));
        if is(JSON) {
            Json::read(request, body).await.map(|Json(json)| Self::Json(json))
        } else if is(FORM_DATA) || is(MIXED) {
            Multipart::read(request, body).await.map(|Multipart(form)| Self::Form(form))
        } else {
            Err(Problem::unsupported(&[FORM_DATA, MIXED, JSON]))
        }
    }
}

impl<'a, F: Form, J: Wire> ApiExtractor<'a> for Upload<F, J> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        F::register(registry);
        J::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let form = |content_type| MetaMediaType { content_type, schema: F::schema_ref() };
        let json = MetaMediaType { content_type: JSON, schema: J::schema_ref() };
        Some(MetaRequest { description: None, required: true, content: vec![form(FORM_DATA), form(MIXED), json] })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::read(request, body).await?)
    }
}

/// JSON, or no body at all.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<'a, T: Wire> ApiExtractor<'a> for OptionalJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let json = MetaMediaType { content_type: JSON, schema: T::schema_ref() };
        Some(MetaRequest { description: None, required: false, content: vec![json] })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let is_sent = poem::Body::is_empty;
        let sent = body.take().map_err(|error| Problem::internal(error.to_string()))?;
        if is_sent(&sent) {
            return Ok(Self(None));
        }
        *body = RequestBody::new(sent);
        Ok(Json::read(request, body).await.map(|Json(json)| Self(Some(json)))?)
    }
}

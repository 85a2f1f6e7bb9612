//! Reads the responses of an operation into answers of the model.

use openapiv3::{
    Header as AuthoredHeader, MediaType, OpenAPI, ParameterSchemaOrContent, Response, Responses, StatusCode,
};

use super::model::{Answer, Content, Header, Limits, ValueType};
use super::{Refusal, document, names, schemas};

/// The schema of every refusal.
const ERROR_SCHEMA: &str = "ApiError";

/// Returns the answers in the order of their statuses.
pub fn all(document: &OpenAPI, responses: &Responses) -> Result<Vec<Answer>, Refusal> {
    if responses.default.is_some() {
        return Err("a default answer is not supported; name each status".to_owned());
    }
    let mut answers = Vec::new();
    for (code, response) in &responses.responses {
        let StatusCode::Code(status) = *code else {
            return Err(format!("the status range {code} is not supported; name each status"));
        };
        let response = document::response(document, response)?;
        answers.push(answer(document, status, response).map_err(|refusal| format!("the answer {status}: {refusal}"))?);
    }
    answers.sort_by_key(|answer| answer.status);
    Ok(answers)
}

fn answer(document: &OpenAPI, status: u16, response: &Response) -> Result<Answer, Refusal> {
    let variant = names::status(status).ok_or("this status has no name in build/names.rs")?;
    let content = content(response)?;
    let headers = response
        .headers
        .iter()
        .map(|(name, authored)| header(name, document::header(document, authored)?))
        .collect::<Result<Vec<_>, _>>()?;
    if status < 400 && headers.iter().any(|header| header.limits != Limits::default()) {
        return Err("limits of a header are supported on refusals alone".to_owned());
    }
    let refusal = matches!(&content, Content::Json(ValueType::Named(name)) if name == ERROR_SCHEMA);
    if status >= 400 && !refusal {
        return Err(format!("a refusal is {ERROR_SCHEMA} as application/json"));
    }
    let passes = status == 429 || status == 503;
    if passes && !headers.iter().any(|header| header.name == "Retry-After" && header.required) {
        return Err("must have a required header Retry-After".to_owned());
    }
    Ok(Answer { status, variant, description: response.description.trim().to_owned(), content, headers })
}

fn content(response: &Response) -> Result<Content, Refusal> {
    let mut types = response.content.iter();
    let Some((content_type, media)) = types.next() else { return Ok(Content::None) };
    let value = media_value(media)?;
    if value == ValueType::File {
        return bytes(response);
    }
    if types.next().is_some() {
        return Err("several content types are supported for binary answers alone".to_owned());
    }
    if media.example.is_none() && media.examples.is_empty() {
        return Err(format!("{content_type} has no example"));
    }
    match (content_type.as_str(), value) {
        ("application/json", value @ (ValueType::Named(_) | ValueType::List(_))) => Ok(Content::Json(value)),
        ("application/json", _) => Err("the schema of a JSON answer must have a name, or be a list".to_owned()),
        (other, ValueType::Text) => Ok(Content::Text(other.to_owned())),
        (other, _) => Err(format!("{other} must be a plain string, or binary")),
    }
}

/// Reads an answer of bytes, whose content types need no example.
fn bytes(response: &Response) -> Result<Content, Refusal> {
    let mut types = Vec::new();
    for (content_type, media) in &response.content {
        if media_value(media)? != ValueType::File {
            return Err(format!("{content_type} must be binary, as the first content type is"));
        }
        types.push(content_type.clone());
    }
    Ok(Content::Bytes(types))
}

fn media_value(media: &MediaType) -> Result<ValueType, Refusal> {
    let schema = media.schema.as_ref().ok_or("has no schema")?;
    let (value, _) = schemas::value(schema)?;
    Ok(value)
}

fn header(name: &str, authored: &AuthoredHeader) -> Result<Header, Refusal> {
    let ParameterSchemaOrContent::Schema(schema) = &authored.format else {
        return Err(format!("header {name}: needs a schema"));
    };
    let (value, notes) = schemas::value(schema).map_err(|refusal| format!("header {name}: {refusal}"))?;
    if !matches!(value, ValueType::Text | ValueType::Int32 | ValueType::Int64) {
        return Err(format!("header {name}: only strings and integers are supported"));
    }
    let description = authored.description.clone().ok_or_else(|| format!("header {name}: has no description"))?;
    Ok(Header { name: name.to_owned(), required: authored.required, description, value, limits: notes.limits })
}

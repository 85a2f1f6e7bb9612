//! A checked document: everything the emitters need, and nothing they would have to refuse.

use serde_json::Value;

pub struct Contract {
    pub title: String,
    pub version: String,
    pub schemas: Vec<Schema>,
    pub security: Vec<SecurityScheme>,
    pub tags: Vec<Tag>,
    pub paths: Vec<Path>,
}

/// A named schema.
pub struct Schema {
    pub name: String,
    pub description: String,
    pub example: Option<Value>,
    pub kind: Kind,
}

pub enum Kind {
    Enumeration {
        words: Vec<String>,
        /// Words that are refused by a code of their own, with that.
        refused: Vec<(String, String)>,
    },
    Object(Vec<Field>),
    /// The parts of a multipart body.
    Form(Vec<Field>),
    /// One value of a schema, by its name, or a list of them.
    OneOrList {
        item: String,
        limits: Limits,
    },
}

pub struct Field {
    pub name: String,
    pub required: bool,
    pub value: ValueType,
    pub notes: Notes,
}

/// What a value is.
#[derive(Clone, PartialEq)]
pub enum ValueType {
    Text,
    Uuid,
    Uri,
    Timestamp,
    File,
    Boolean,
    Int32,
    Int64,
    Float,
    Double,
    List(Box<ValueType>),
    /// A schema, by name.
    Named(String),
}

/// What is said about a value besides its type.
#[derive(Default, Clone)]
pub struct Notes {
    pub description: Option<String>,
    /// The type that stands beside a reference: OpenAPI wants one beside `nullable`.
    pub beside: Option<String>,
    pub default: Option<Value>,
    pub example: Option<Value>,
    pub nullable: bool,
    pub deprecated: bool,
    pub limits: Limits,
    /// The code that refuses the value, where it has one of its own.
    pub error_code: Option<String>,
}

#[derive(Default, Clone, PartialEq)]
pub struct Limits {
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub length_min: Option<usize>,
    pub length_max: Option<usize>,
    /// A regular expression that is found in the text.
    pub pattern: Option<String>,
    pub items_min: Option<usize>,
    pub items_max: Option<usize>,
}

pub struct SecurityScheme {
    pub name: String,
    pub description: String,
    pub kind: SecurityKind,
}

pub enum SecurityKind {
    /// A header of this name.
    Header(String),
    /// An HTTP authentication scheme.
    Http(String),
}

pub struct Tag {
    pub name: String,
    pub description: String,
    pub operations: Vec<Operation>,
}

pub struct Operation {
    pub id: String,
    /// What client code calls it with each kind of body, where there are several.
    pub client_ids: Vec<String>,
    pub method: String,
    pub path: String,
    /// Whether it lies at the root of the host, not under the prefix.
    pub root: bool,
    pub summary: String,
    pub description: String,
    pub deprecated: bool,
    pub access: Access,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
}

#[derive(Debug, PartialEq, Clone, Copy)]
pub enum Access {
    Open,
    /// No key is fine, a wrong one is not.
    Optional,
    Secured,
}

pub struct Parameter {
    pub place: Place,
    pub field: Field,
}

#[derive(PartialEq, Clone, Copy)]
pub enum Place {
    Path,
    Query,
    Header,
}

pub struct Body {
    pub description: Option<String>,
    pub kind: BodyKind,
}

/// What a body may be, by the names of its schemas.
pub enum BodyKind {
    Json(String),
    /// JSON, or nothing at all.
    OptionalJson(String),
    Multipart(String),
    /// Either, by its content type.
    Upload {
        form: String,
        json: String,
    },
    /// A JOSE object in compact form, as it is.
    Jose,
}

impl BodyKind {
    pub fn form(&self) -> Option<&String> {
        match self {
            Self::Multipart(form) | Self::Upload { form, .. } => Some(form),
            Self::Json(_) | Self::OptionalJson(_) | Self::Jose => None,
        }
    }

    pub fn json(&self) -> Option<&String> {
        match self {
            Self::Json(json) | Self::OptionalJson(json) | Self::Upload { json, .. } => Some(json),
            Self::Multipart(_) | Self::Jose => None,
        }
    }
}

pub struct Answer {
    pub status: u16,
    /// The variant that stands for the status.
    pub variant: &'static str,
    pub description: String,
    pub content: Content,
    pub headers: Vec<Header>,
}

pub enum Content {
    None,
    Json(ValueType),
    /// Text of this content type.
    Text(String),
    /// Bytes of one of these content types.
    Bytes(Vec<String>),
}

pub struct Header {
    pub name: String,
    pub required: bool,
    pub description: String,
    pub value: ValueType,
    pub limits: Limits,
}

/// The methods of a path, for the `Allow` header.
pub struct Path {
    pub template: String,
    pub root: bool,
    pub allow: String,
}

//! A checked document: it holds everything that the emitters need, and nothing that they would have to refuse.

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
        /// Words that are refused with a code of their own, each with that code.
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

/// The type of a value.
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

/// Everything that the document says about a value besides its type.
#[derive(Default, Clone)]
pub struct Notes {
    pub description: Option<String>,
    /// The type that stands beside a reference: OpenAPI requires one beside `nullable`.
    pub beside: Option<String>,
    pub default: Option<Value>,
    pub example: Option<Value>,
    pub nullable: bool,
    pub deprecated: bool,
    pub limits: Limits,
    /// The code that refuses the value, if it has a code of its own.
    pub error_code: Option<String>,
}

#[derive(Default, Clone, PartialEq)]
pub struct Limits {
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub length_min: Option<usize>,
    pub length_max: Option<usize>,
    /// A regular expression that must match somewhere in the text.
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
    /// The names of the operation in client code, one for each kind of body; empty if there is only one kind.
    pub client_ids: Vec<String>,
    pub method: String,
    pub path: String,
    /// True if it lies at the root of the host; false if it lies under the prefix.
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
    /// The key may be left out; a key that is sent must be valid.
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

/// The kinds of a body, with the names of their schemas.
pub enum BodyKind {
    Json(String),
    /// JSON, or an empty body.
    OptionalJson(String),
    Multipart(String),
    /// A form or JSON, by the content type of the body.
    Upload {
        form: String,
        json: String,
    },
    /// A JOSE object in compact form, which is passed on unparsed.
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

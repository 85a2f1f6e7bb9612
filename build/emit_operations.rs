//! Emits the operations of a tag: a trait, and the answers that its methods may give.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::emit_types::{doc, notes, rust_type};
use super::model::{
    Access, Answer, Body, BodyKind, Content, Header, Notes, Operation, Parameter, Place, Tag, ValueType,
};
use super::names::{ident, pascal, snake};

pub fn all(tag: &Tag) -> TokenStream {
    let (api, answers) = (api(tag), tag.operations.iter().map(answers));
    quote!(#api #(#answers)*)
}

/// Returns the Rust type of a value, as code outside the wire types names it.
pub fn value_type(value: &ValueType) -> TokenStream {
    match value {
        ValueType::Named(_) => {
            let named = rust_type(value);
            quote!(types::#named)
        }
        ValueType::List(items) => {
            let items = value_type(items);
            quote!(Vec<#items>)
        }
        _ => rust_type(value),
    }
}

/// One argument of an operation's method. Arguments stand in the order in which they are read from the request: no byte
/// of a body is read before the key has been checked.
pub struct Argument {
    pub name: Ident,
    pub rust_type: TokenStream,
    pub source: Source,
}

pub enum Source {
    Key,
    Parameter(usize),
    Body,
}

pub fn arguments(operation: &Operation) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let key = match operation.access {
        Access::Open => None,
        Access::Optional => Some(quote!(auth::OptionalCaller)),
        Access::Secured => Some(quote!(Caller)),
    };
    if let Some(rust_type) = key {
        arguments.push(Argument { name: ident("caller"), rust_type, source: Source::Key });
    }
    for (index, parameter) in operation.parameters.iter().enumerate() {
        let name = ident(&snake(&parameter.field.name));
        arguments.push(Argument {
            name,
            rust_type: extractor(parameter, &value_type(&parameter.field.value)),
            source: Source::Parameter(index),
        });
    }
    if let Some(Body { kind, .. }) = &operation.body {
        let schema = |name: &String| value_type(&ValueType::Named(name.clone()));
        let (form, json) = (kind.form().map(schema), kind.json().map(schema));
        let rust_type = match kind {
            BodyKind::Json(_) => quote!(payload::json::Json<#json>),
            BodyKind::OptionalJson(_) => quote!(payload::either::OptionalJson<#json>),
            BodyKind::Multipart(_) => quote!(payload::multipart::Multipart<#form>),
            BodyKind::Upload { .. } => quote!(payload::either::Upload<#form, #json>),
            BodyKind::Jose => quote!(payload::jose::Jose),
        };
        arguments.push(Argument { name: ident("body"), rust_type, source: Source::Body });
    }
    arguments
}

/// Returns the extractor of a parameter whose type is `value`: for its place, and optional unless it always has a
/// value.
pub fn extractor(parameter: &Parameter, value: &TokenStream) -> TokenStream {
    let place = place(parameter);
    if is_always_there(parameter) { quote!(#place<#value>) } else { quote!(#place<Option<#value>>) }
}

/// Returns the framework's type for the place where a parameter is sent.
pub fn place(parameter: &Parameter) -> Ident {
    ident(match parameter.place {
        Place::Path => "Path",
        Place::Query => "Query",
        Place::Header => "Header",
    })
}

/// True if a parameter has a value in every request: it is required or has a default.
pub fn is_always_there(parameter: &Parameter) -> bool {
    parameter.field.required || parameter.field.notes.default.is_some()
}

/// Returns the names of the two enums of an operation: its answers and its refusals.
pub fn answer_types(operation: &Operation) -> (Ident, Ident) {
    let stem = pascal(&operation.id);
    (format_ident!("{stem}Ok"), format_ident!("{stem}Error"))
}

fn api(tag: &Tag) -> TokenStream {
    let (id, about) = (format_ident!("{}Api", pascal(&tag.name)), doc(&tag.description));
    let methods = tag.operations.iter().map(|operation| {
        let (summary, method) = (doc(&operation.summary), ident(&snake(&operation.id)));
        let (ok, error) = answer_types(operation);
        let arguments = arguments(operation);
        let arguments = arguments.iter().map(|Argument { name, rust_type, .. }| quote!(#name: #rust_type));
        quote! {
            #summary
            fn #method(&self, #(#arguments),*) -> impl Future<Output = Result<#ok, #error>> + Send;
        }
    });
    quote! {
        #about
        pub trait #id: Send + Sync + 'static { #(#methods)* }
    }
}

fn answers(operation: &Operation) -> TokenStream {
    let (good, bad): (Vec<_>, Vec<_>) = operation.answers.iter().partition(|answer| answer.status < 400);
    let good = accepted(operation, &good);
    let bad = refused(operation, &bad);
    quote!(#good #bad)
}

fn accepted(operation: &Operation, answers: &[&Answer]) -> TokenStream {
    let (id, _) = answer_types(operation);
    let about = doc(&format!("What `{}` answers.", operation.id));
    let variants = answers.iter().map(|answer| {
        let (status, about, variant) = (answer.status, doc(&answer.description), ident(answer.variant));
        let (body, content_type) = match &answer.content {
            Content::None => (None, None),
            Content::Json(value) => {
                let value = value_type(value);
                (Some(quote!(payload::json::Json<#value>)), None)
            }
            Content::Text(content_type) => (Some(quote!(PlainText<String>)), Some(content_type)),
            Content::Bytes(_) => {
                let content = content_type(operation);
                (Some(quote!(#content)), None)
            }
        };
        let headers = answer.headers.iter().map(|header| {
            let (name, about, value) = (&header.name, doc(&header.description), header_type(header));
            quote!(#about #[oai(header = #name)] #value)
        });
        let fields: Vec<_> = body.into_iter().chain(headers).collect();
        let fields = (!fields.is_empty()).then(|| quote!((#(#fields),*)));
        let content_type = content_type.map(|content_type| quote!(, content_type = #content_type));
        quote!(#about #[oai(status = #status #content_type)] #variant #fields)
    });
    let contents = answers.iter().filter_map(|answer| match &answer.content {
        Content::Bytes(types) => Some(contents(operation, types)),
        _ => None,
    });
    quote! {
        #(#contents)*

        #about
        #[derive(ApiResponse)]
        pub enum #id { #(#variants),* }
    }
}

/// Returns the name of the enum of the byte contents that an operation answers with.
fn content_type(operation: &Operation) -> Ident {
    format_ident!("{}Content", pascal(&operation.id))
}

fn contents(operation: &Operation, types: &[String]) -> TokenStream {
    let id = content_type(operation);
    let about = doc(&format!("The bytes that `{}` answers, by their kind.", operation.id));
    let variants = types.iter().map(|content_type| {
        let (_, subtype) = content_type.split_once('/').unwrap_or(("", content_type));
        let variant = ident(&pascal(subtype));
        quote!(#[oai(content_type = #content_type)] #variant(Binary<Vec<u8>>))
    });
    quote! {
        #about
        #[derive(ResponseContent)]
        pub enum #id { #(#variants),* }
    }
}

fn header_type(header: &Header) -> TokenStream {
    let value = value_type(&header.value);
    if header.required { value } else { quote!(Option<#value>) }
}

fn refused(operation: &Operation, answers: &[&Answer]) -> TokenStream {
    let (_, id) = answer_types(operation);
    let about = doc(&format!("What `{}` refuses with.", operation.id));
    let variants: Vec<_> = answers.iter().map(|answer| ident(answer.variant)).collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let descriptions = answers.iter().map(|answer| &answer.description);
    let docs = answers.iter().map(|answer| doc(&answer.description));
    let headers = answers.iter().map(|answer| {
        let headers = answer.headers.iter().map(|header| {
            let (name, description, value) = (&header.name, &header.description, header_type(header));
            let limits = notes(&Notes { limits: header.limits.clone(), ..Notes::default() });
            quote!(response::header::<#value>(#name, #description, #limits))
        });
        quote!(vec![#(#headers),*])
    });
    quote! {
        #about
        #[derive(Debug)]
        pub enum #id { #(#docs #variants(Problem)),* }

        impl response::Refusal for #id {
            fn documented() -> Vec<MetaResponse> {
                vec![#(response::refusal(#statuses, #descriptions, #headers)),*]
            }
            fn into_problem(self) -> (u16, Problem) {
                match self { #(Self::#variants(problem) => (#statuses, problem)),* }
            }
        }

        /// A status that the document does not name becomes 500.
        impl From<Problem> for #id {
            fn from(problem: Problem) -> Self {
                match problem.status.as_u16() {
                    #(#statuses => Self::#variants(problem),)*
                    _ => Self::InternalServerError(problem.undocumented()),
                }
            }
        }

        impl From<service::Error> for #id {
            fn from(error: service::Error) -> Self {
                Problem::from(error).into()
            }
        }
    }
}

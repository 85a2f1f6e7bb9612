//! An OpenAPI 3.0 document in, Rust out.
//!
//! ```text
//! text → document → model → tokens → text
//! ```
//!
//! The document is hand-written, and what it may say is narrower than OpenAPI: whatever this
//! generator does not carry into Rust, or would carry wrongly, it refuses with the name of the
//! operation or schema. So what is served as the document is what the server does.

mod answers;
mod document;
mod emit_operations;
mod emit_routes;
mod emit_types;
mod model;
mod names;
mod operations;
mod schemas;
mod security;

/// Why a document is refused: the operation or schema, and the rule it breaks.
pub type Refusal = String;

/// What a document turned into.
#[derive(Debug)]
pub struct Written {
    /// The wire types, traits and routes.
    pub rust: String,
    /// The document as JSON, with its YAML anchors resolved.
    pub json: String,
}

pub fn generate(yaml: &str) -> Result<Written, Refusal> {
    let (json, document) = document::read(yaml)?;
    let contract = operations::contract(&document)?;
    let types = emit_types::all(&contract);
    let operations = emit_operations::all(&contract);
    let routes = emit_routes::all(&contract);
    let file = syn::parse2(quote::quote!(#types #operations #routes))
        .map_err(|error| format!("the generated code does not parse: {error}"))?;
    Ok(Written { rust: prettyplease::unparse(&file), json })
}

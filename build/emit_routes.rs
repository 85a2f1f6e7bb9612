//! Emits the routes of the tags, which the framework serves.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::emit_operations::{
    Argument, Source, answer_types, arguments, extractor, is_always_there, place, value_type,
};
use super::emit_types::{checks, doc};
use super::model::{Contract, Operation, Parameter, Tag};
use super::names::{ident, pascal, snake};

pub fn all(contract: &Contract) -> TokenStream {
    let tags = tag_names(contract);
    let routes = contract.tags.iter().flat_map(|tag| [false, true].map(|root| routes(tag, root)));
    let prefixed = together("prefixed", "The routes under the prefix.", contract, false);
    let root = together("root", "The routes at the root of the host.", contract, true);
    let (title, version) = (&contract.title, &contract.version);
    quote! {
        pub const TITLE: &str = #title;
        pub const VERSION: &str = #version;
        #tags
        #(#routes)*
        #prefixed
        #root
    }
}

fn tag_names(contract: &Contract) -> TokenStream {
    let tags = contract.tags.iter().map(|tag| {
        let (id, name, about) = (ident(&pascal(&tag.name)), &tag.name, doc(&tag.description));
        quote!(#about #[oai(rename = #name)] #id)
    });
    quote! {
        #[derive(Tags)]
        pub enum ApiTags { #(#tags),* }
    }
}

/// Emits the routes of a tag that lie in one place; `None` if the tag has no route there.
fn routes(tag: &Tag, root: bool) -> Option<TokenStream> {
    let operations: Vec<_> = tag.operations.iter().filter(|operation| operation.root == root).collect();
    if operations.is_empty() {
        return None;
    }
    let (id, api) = (routes_name(tag, root), api_trait(tag));
    let place = if root { "at the root of the host" } else { "under the prefix" };
    let about = doc(&format!("Routes {place} to what serves the tag {}.", tag.name));
    let defaults = operations.iter().flat_map(|operation| {
        operation.parameters.iter().filter_map(|parameter| default_function(operation, parameter))
    });
    let methods = operations.iter().map(|operation| method(tag, operation));
    Some(quote! {
        #(#defaults)*

        #about
        pub struct #id<T>(pub T);

        #[OpenApi]
        impl<T: #api> #id<T> { #(#methods)* }
    })
}

/// Returns the path of a tag's trait, as the routes name it.
fn api_trait(tag: &Tag) -> TokenStream {
    let (module, id) = (module(tag), format_ident!("{}Api", pascal(&tag.name)));
    quote!(#module::#id)
}

/// Returns the module of a tag's operations.
fn module(tag: &Tag) -> Ident {
    ident(&snake(&tag.name))
}

fn routes_name(tag: &Tag, root: bool) -> Ident {
    let place = if root { "RootRoutes" } else { "Routes" };
    format_ident!("{}{place}", pascal(&tag.name))
}

fn default_name(operation: &Operation, parameter: &Parameter) -> String {
    format!("default_{}_{}", snake(&operation.id), snake(&parameter.field.name))
}

fn default_function(operation: &Operation, parameter: &Parameter) -> Option<TokenStream> {
    let default = parameter.field.notes.default.as_ref()?.to_string();
    let (id, value) = (ident(&default_name(operation, parameter)), value_type(&parameter.field.value));
    Some(quote! {
        fn #id() -> Sent<#value> {
            Sent::default(wire::json(#default))
        }
    })
}

fn method(tag: &Tag, operation: &Operation) -> TokenStream {
    let id = ident(&snake(&operation.id));
    let about = doc(&format!("{}\n\n{}", operation.summary, operation.description));
    // The framework writes parameters as `:name`; it would take `{name}` literally.
    let path = operation.path.replace('{', ":").replace('}', "");
    let (method, operation_id) = (&operation.method, &operation.id);
    let (module, tag) = (module(tag), format!("ApiTags::{}", ident(&pascal(&tag.name))));
    let deprecated = operation.deprecated.then(|| quote!(, deprecated));
    let (ok, error) = answer_types(operation);
    let arguments = arguments(operation);
    let given = arguments.iter().map(|Argument { name, source, .. }| match source {
        Source::Parameter(index) => read(name, &operation.parameters[*index]),
        Source::Key | Source::Body => quote!(#name),
    });
    let taken = arguments.iter().map(|Argument { name, rust_type, source }| {
        let attributes = match source {
            Source::Key => None,
            Source::Parameter(index) => Some(parameter(operation, &operation.parameters[*index])),
            Source::Body => {
                let description = operation.body.as_ref().and_then(|body| body.description.as_ref());
                description.map(|description| doc(description))
            }
        };
        let rust_type = match source {
            Source::Parameter(index) => sent(&operation.parameters[*index]),
            Source::Key | Source::Body => rust_type.clone(),
        };
        quote!(#attributes #name: #rust_type)
    });
    quote! {
        #about
        #[oai(path = #path, method = #method, operation_id = #operation_id, tag = #tag #deprecated)]
        async fn #id(&self, #(#taken),*) -> response::Answer<#module::#ok, #module::#error> {
            let answered = async { self.0.#id(#(#given),*).await };
            answered.await.into()
        }
    }
}

/// Returns the type of a parameter as the client sends it.
fn sent(parameter: &Parameter) -> TokenStream {
    let value = value_type(&parameter.field.value);
    extractor(parameter, &quote!(Sent<#value>))
}

/// Emits the parameter `name` as the handler receives it.
fn read(name: &Ident, parameter: &Parameter) -> TokenStream {
    let (place, sent_name) = (place(parameter), &parameter.field.name);
    let checks = checks(&parameter.field.notes.limits);
    if is_always_there(parameter) {
        quote!(#place(#name.0.read(#sent_name, #checks)?))
    } else {
        quote!(#place(#name.0.map(|sent| sent.read(#sent_name, #checks)).transpose()?))
    }
}

fn parameter(operation: &Operation, parameter: &Parameter) -> TokenStream {
    let field = &parameter.field;
    let (name, description) = (&field.name, field.notes.description.as_ref());
    let description = description.map(|text| doc(text));
    let deprecated = field.notes.deprecated.then(|| quote!(, deprecated));
    let default = field.notes.default.as_ref().map(|_| {
        let function = default_name(operation, parameter);
        quote!(, default = #function)
    });
    let limits = &field.notes.limits;
    let number = |limit: Option<f64>| limit.map(|limit| limit.to_string());
    let minimum = number(limits.minimum).map(|limit| quote!(minimum(value = #limit)));
    let maximum = number(limits.maximum).map(|limit| quote!(maximum(value = #limit)));
    let length_min = limits.length_min.map(|limit| quote!(min_length = #limit));
    let length_max = limits.length_max.map(|limit| quote!(max_length = #limit));
    let pattern = limits.pattern.as_ref().map(|pattern| quote!(pattern = #pattern));
    let limits: Vec<_> = [minimum, maximum, length_min, length_max, pattern].into_iter().flatten().collect();
    let limits = (!limits.is_empty()).then(|| quote!(, validator(#(#limits),*)));
    quote!(#description #[oai(name = #name #default #deprecated #limits)])
}

/// Emits a function that builds the routes of all tags of one place.
fn together(name: &str, about: &str, contract: &Contract, root: bool) -> TokenStream {
    let has_any = |tag: &&Tag| tag.operations.iter().any(|operation| operation.root == root);
    let tags: Vec<_> = contract.tags.iter().filter(has_any).collect();
    let apis = tags.iter().map(|tag| api_trait(tag));
    let routes = tags.iter().map(|tag| routes_name(tag, root));
    let (name, about) = (ident(&format!("{name}_routes")), doc(about));
    // The framework joins routes in pairs, so the list begins with the unit, which has no routes.
    quote! {
        #about
        pub fn #name<T: Clone + #(#apis +)* 'static>(api: &T) -> impl OpenApi + use<T> {
            ((), #(#routes(api.clone())),*)
        }
    }
}

//! Emits the Rust types of the schemas.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::{Contract, Field, Kind, Limits, Notes, Schema, ValueType};
use super::names::{ident, pascal, snake};

pub fn all(contract: &Contract) -> TokenStream {
    let schema = |schema: &Schema| match &schema.kind {
        Kind::Enumeration { words, refused } => enumeration(schema, words, refused),
        Kind::Object(fields) => object(schema, fields),
        Kind::Form(fields) => form(contract, schema, fields),
        Kind::OneOrList { item, limits } => one_or_list(schema, item, limits),
    };
    contract.schemas.iter().map(schema).collect()
}

/// Returns the Rust type of a value.
pub fn rust_type(value: &ValueType) -> TokenStream {
    match value {
        ValueType::Text => quote!(String),
        ValueType::Uuid => quote!(uuid::Uuid),
        ValueType::Uri => quote!(wire::Uri),
        ValueType::Timestamp => quote!(wire::Timestamp),
        ValueType::File => quote!(wire::File),
        ValueType::Boolean => quote!(bool),
        ValueType::Int32 => quote!(i32),
        ValueType::Int64 => quote!(i64),
        ValueType::Float => quote!(f32),
        ValueType::Double => quote!(f64),
        ValueType::Named(name) => {
            let name = ident(&pascal(name));
            quote!(#name)
        }
        ValueType::List(items) => {
            let items = rust_type(items);
            quote!(Vec<#items>)
        }
    }
}

/// Returns a doc comment with this text.
pub fn doc(text: &str) -> TokenStream {
    let text = format!(" {text}");
    quote!(#[doc = #text])
}

/// Returns an expression that makes a JSON value.
fn json(value: &serde_json::Value) -> TokenStream {
    let text = value.to_string();
    quote!(wire::json(#text))
}

/// Returns an expression of the limits that the generated code checks values against.
pub fn checks(limits: &Limits) -> TokenStream {
    let Limits { minimum, maximum, length_min, length_max, pattern, items_min, items_max } = limits;
    let minimum = minimum.map(|limit| quote!(wire::Limit::Minimum(#limit)));
    let maximum = maximum.map(|limit| quote!(wire::Limit::Maximum(#limit)));
    let length_min = length_min.map(|limit| quote!(wire::Limit::LengthMin(#limit)));
    let length_max = length_max.map(|limit| quote!(wire::Limit::LengthMax(#limit)));
    let pattern = pattern.as_ref().map(|pattern| quote!(wire::Limit::Pattern(wire::pattern!(#pattern))));
    let items_min = items_min.map(|limit| quote!(wire::Limit::ItemsMin(#limit)));
    let items_max = items_max.map(|limit| quote!(wire::Limit::ItemsMax(#limit)));
    let all = [minimum, maximum, length_min, length_max, pattern, items_min, items_max].into_iter().flatten();
    quote!(&[#(#all),*])
}

/// Returns an expression of the framework's schema for a value, without the value's type.
pub fn notes(notes: &Notes) -> TokenStream {
    let Notes { description, beside, default, example, nullable, deprecated, limits, error_code: _ } = notes;
    let Limits { minimum, maximum, length_min, length_max, pattern, items_min, items_max } = limits;
    let members = [
        description.as_ref().map(|text| quote!(description: Some(#text))),
        beside.as_ref().map(|kind| quote!(ty: #kind)),
        default.as_ref().map(json).map(|value| quote!(default: Some(#value))),
        example.as_ref().map(json).map(|value| quote!(example: Some(#value))),
        nullable.then(|| quote!(nullable: true)),
        deprecated.then(|| quote!(deprecated: true)),
        minimum.map(|limit| quote!(minimum: Some(#limit))),
        maximum.map(|limit| quote!(maximum: Some(#limit))),
        length_min.map(|limit| quote!(min_length: Some(#limit))),
        length_max.map(|limit| quote!(max_length: Some(#limit))),
        pattern.as_ref().map(|pattern| quote!(pattern: Some(#pattern.to_owned()))),
        items_min.map(|limit| quote!(min_items: Some(#limit))),
        items_max.map(|limit| quote!(max_items: Some(#limit))),
    ];
    let members = members.into_iter().flatten();
    quote!(MetaSchema { #(#members,)* ..MetaSchema::ANY })
}

fn enumeration(schema: &Schema, words: &[String], refused: &[(String, String)]) -> TokenStream {
    let Schema { name, description, example, .. } = schema;
    let id = ident(&pascal(name));
    let variants: Vec<_> = words.iter().map(|word| ident(&pascal(word))).collect();
    let example = example.as_ref().map(json).map(|value| quote!(example: Some(#value),));
    let doc = doc(description);
    let refused = refused
        .iter()
        .map(|(word, code)| quote!(Some(#word) => Err(wire::Invalid::not_one_of(Self::WORDS).coded(#code)),));
    quote! {
        #doc
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum #id { #(#variants),* }

        impl #id {
            /// Every value, in the document's order.
            pub const ALL: &[Self] = &[#(Self::#variants),*];
            const WORDS: &[&str] = &[#(#words),*];

            /// As the contract spells it.
            pub fn word(self) -> &'static str {
                match self { #(Self::#variants => #words),* }
            }
        }

        impl wire::Named for #id {
            const NAME: &str = #name;
            fn schema(_: &mut Registry) -> MetaSchema {
                MetaSchema {
                    description: Some(#description),
                    enum_items: Self::WORDS.iter().map(|word| (*word).into()).collect(),
                    #example
                    ..MetaSchema::new("string")
                }
            }
        }

        impl wire::Wire for #id {
            fn read(value: serde_json::Value) -> Result<Self, wire::Invalid> {
                match value.as_str() {
                    #(Some(#words) => Ok(Self::#variants),)*
                    #(#refused)*
                    _ => Err(wire::Invalid::not_one_of(Self::WORDS)),
                }
            }
            fn write(&self) -> serde_json::Value {
                self.word().into()
            }
        }

        wire::named!(#id);
    }
}

/// Emits an enum of one value or a list of values, and its schema for the framework.
fn one_or_list(schema: &Schema, item: &str, limits: &Limits) -> TokenStream {
    let Schema { name, description, example, .. } = schema;
    let (id, item) = (ident(&pascal(name)), ident(&pascal(item)));
    let example = example.as_ref().map(json).map(|value| quote!(example: Some(#value),));
    let (doc, checks) = (doc(description), checks(limits));
    let notes = notes(&Notes { limits: limits.clone(), ..Notes::default() });
    quote! {
        #doc
        #[derive(Clone, PartialEq)]
        pub enum #id {
            One(#item),
            List(Vec<#item>),
        }

        impl wire::Named for #id {
            const NAME: &str = #name;
            fn schema(registry: &mut Registry) -> MetaSchema {
                MetaSchema {
                    description: Some(#description),
                    one_of: vec![
                        wire::property::<#item>(registry, MetaSchema::ANY),
                        wire::property::<Vec<#item>>(registry, #notes),
                    ],
                    #example
                    ..MetaSchema::ANY
                }
            }
        }

        impl wire::Wire for #id {
            fn read(value: serde_json::Value) -> Result<Self, wire::Invalid> {
                if value.is_array() {
                    wire::limited(value, #checks).map(Self::List)
                } else {
                    wire::Wire::read(value).map(Self::One)
                }
            }
            fn write(&self) -> serde_json::Value {
                match self {
                    Self::One(one) => one.write(),
                    Self::List(list) => list.write(),
                }
            }
        }

        wire::named!(#id);
    }
}

/// Emits the struct, and its schema for the framework.
fn structure(schema: &Schema, fields: &[Field]) -> TokenStream {
    let Schema { name, description, example, .. } = schema;
    let id = ident(&pascal(name));
    let members = fields.iter().map(|field| {
        let (id, stored) = (ident(&snake(&field.name)), stored_type(field));
        let doc = field.notes.description.as_deref().map(doc);
        quote!(#doc pub #id: #stored)
    });
    let required = fields.iter().filter(|field| field.required).map(|field| &field.name);
    let properties = fields.iter().map(|field| {
        let (name, value, notes) = (&field.name, rust_type(&field.value), notes(&field.notes));
        quote!((#name, wire::property::<#value>(registry, #notes)))
    });
    let example = example.as_ref().map(json).map(|value| quote!(example: Some(#value),));
    let doc = doc(description);
    quote! {
        #doc
        #[derive(Clone, PartialEq)]
        pub struct #id { #(#members),* }

        impl wire::Named for #id {
            const NAME: &str = #name;
            fn schema(registry: &mut Registry) -> MetaSchema {
                MetaSchema {
                    description: Some(#description),
                    required: vec![#(#required),*],
                    properties: vec![#(#properties),*],
                    #example
                    ..MetaSchema::new("object")
                }
            }
        }

        wire::named!(#id);
    }
}

fn stored_type(field: &Field) -> TokenStream {
    let value = rust_type(&field.value);
    if field.required || field.notes.default.is_some() { value } else { quote!(Option<#value>) }
}

/// Emits the `read` of a required field, of a field with a default, or of an optional field.
fn taken(field: &Field, required: &TokenStream, optional: &TokenStream) -> TokenStream {
    let (id, name, checks) = (ident(&snake(&field.name)), &field.name, checks(&field.notes.limits));
    let code = field.notes.error_code.as_ref().map(|code| quote!(.map_err(|invalid| invalid.coded(#code))));
    match &field.notes.default {
        _ if field.required => quote!(#id: #required(#name, #checks)#code?),
        None => quote!(#id: #optional(#name, #checks)#code?),
        Some(default) => {
            let (default, value) = (default.to_string(), rust_type(&field.value));
            quote!(#id: match #optional(#name, #checks)#code? {
                Some(value) => value,
                None => <#value as wire::Wire>::read(wire::json(#default))?,
            })
        }
    }
}

fn object(schema: &Schema, fields: &[Field]) -> TokenStream {
    let id = ident(&pascal(&schema.name));
    let structure = structure(schema, fields);
    let reads = fields.iter().map(|field| taken(field, &quote!(members.required), &quote!(members.optional)));
    let writes = fields.iter().map(|field| {
        let (id, name) = (ident(&snake(&field.name)), &field.name);
        let always = field.required || field.notes.default.is_some();
        if always { quote!(members.put(#name, &self.#id)) } else { quote!(members.put_some(#name, self.#id.as_ref())) }
    });
    let signature = fields.iter().find(|field| field.name == "signature" && !field.required);
    let signable = signature.map(|_| {
        quote! {
            impl wire::Signable for #id {
                fn set_signature(&mut self, signature: Option<String>) {
                    self.signature = signature;
                }
            }
        }
    });
    quote! {
        #structure

        impl wire::Wire for #id {
            fn read(value: serde_json::Value) -> Result<Self, wire::Invalid> {
                let mut members = wire::Members::of(value)?;
                Ok(Self { #(#reads),* })
            }
            fn write(&self) -> serde_json::Value {
                let mut members = wire::Members::default();
                #(#writes;)*
                members.into_value()
            }
        }

        #signable
    }
}

fn form(contract: &Contract, schema: &Schema, fields: &[Field]) -> TokenStream {
    let id = ident(&pascal(&schema.name));
    let structure = structure(schema, fields);
    let parts = fields.iter().map(|field| {
        let (name, kind) = (&field.name, part_kind(contract, &field.value));
        quote!((#name, wire::form::PartKind::#kind))
    });
    let reads = fields.iter().map(|field| match (&field.value, field.required) {
        (ValueType::File, required) => {
            let (id, name) = (ident(&snake(&field.name)), &field.name);
            if required { quote!(#id: parts.file(#name)?) } else { quote!(#id: parts.optional_file(#name)?) }
        }
        _ => taken(field, &quote!(parts.required), &quote!(parts.optional)),
    });
    quote! {
        #structure

        impl wire::form::Form for #id {
            const PARTS: &[(&str, wire::form::PartKind)] = &[#(#parts),*];
            fn read(mut parts: wire::form::Parts) -> Result<Self, wire::Invalid> {
                Ok(Self { #(#reads),* })
            }
        }
    }
}

fn part_kind(contract: &Contract, value: &ValueType) -> TokenStream {
    let is_object = |name: &String| {
        contract.schemas.iter().any(|schema| schema.name == *name && !matches!(schema.kind, Kind::Enumeration { .. }))
    };
    match value {
        ValueType::File => quote!(File),
        ValueType::List(_) => quote!(Json),
        ValueType::Named(name) if is_object(name) => quote!(Json),
        _ => quote!(Text),
    }
}

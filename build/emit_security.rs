//! Emits the security schemes as the framework describes them.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::{Contract, SecurityKind};

pub fn all(contract: &Contract) -> TokenStream {
    let names = contract.security.iter().map(|scheme| &scheme.name);
    let schemes = contract.security.iter().map(|scheme| {
        let (name, description) = (&scheme.name, &scheme.description);
        let (kind, header, place, http) = match &scheme.kind {
            SecurityKind::Header(header) => ("apiKey", quote!(Some(#header)), quote!(Some("header")), quote!(None)),
            SecurityKind::Http(http) => ("http", quote!(None), quote!(None), quote!(Some(#http))),
        };
        quote!(registry.create_security_scheme(#name, MetaSecurityScheme {
            ty: #kind,
            description: Some(#description),
            name: #header,
            key_in: #place,
            scheme: #http,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        }))
    });
    quote! {
        /// The names of the ways to send a key.
        pub const NAMES: &[&str] = &[#(#names),*];

        /// Tells the framework the ways to send a key.
        pub fn register(registry: &mut Registry) { #(#schemes;)* }
    }
}

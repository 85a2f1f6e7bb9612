//! Paths to the table of their methods.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::Contract;

pub fn all(contract: &Contract) -> TokenStream {
    let paths = contract.paths.iter().map(|path| {
        let (template, root, allow) = (&path.template, path.root, &path.allow);
        quote!(Methods { path: #template, root: #root, allow: #allow })
    });
    quote! {
        /// Every path of the document.
        pub const METHODS: &[Methods] = &[#(#paths),*];
    }
}

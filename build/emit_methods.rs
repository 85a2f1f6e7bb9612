//! Emits the table of the methods of every path.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::{Access, Contract};

pub fn all(contract: &Contract) -> TokenStream {
    let operations = || contract.tags.iter().flat_map(|tag| &tag.operations);
    let paths = contract.paths.iter().map(|path| {
        let (template, root, allow) = (&path.template, path.root, &path.allow);
        let secured = operations().filter(|operation| {
            operation.path == *template && operation.root == root && operation.access == Access::Secured
        });
        let secured = secured.map(|operation| {
            let (method, id) = (operation.method.to_uppercase(), &operation.id);
            quote!((#method, #id))
        });
        quote!(Methods { path: #template, root: #root, allow: #allow, secured: &[#(#secured),*] })
    });
    quote! {
        /// Every path of the document.
        pub const METHODS: &[Methods] = &[#(#paths),*];
    }
}

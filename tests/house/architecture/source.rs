//! Source files as the rules see them: the module of each, and the paths that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One source file.
pub struct Source {
    /// Relative to the repository root.
    pub path: String,
    /// `["net", "plan"]` for `src/net/plan.rs`; empty for `lib.rs`.
    pub module: Vec<String>,
    pub text: String,
}

impl Source {
    /// `folder` is the crate's root: `src` or `build`.
    pub fn new(folder: &str, path: &str, text: &str) -> Self {
        let inside = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/').trim_end_matches(".rs");
        let module = if inside == "lib" { vec![] } else { inside.split('/').map(String::from).collect() };
        Self { path: path.into(), module, text: text.into() }
    }

    pub fn room(&self) -> &str {
        self.module.first().map_or("lib", |room| room)
    }

    pub fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// Returns every path that the file names, also in macros, as its segments from the crate's root or another crate.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let stream: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        let mut words = Vec::new();
        flatten(stream, 0, &mut words);
        let (mut paths, mut imported) = (Vec::new(), BTreeMap::new());
        let mut group: Option<Vec<String>> = None;
        let mut is_import = false;
        let mut at = 0;
        while at < words.len() {
            let mut end = at + 1;
            while end + 1 < words.len() && words[end].text == "::" && words[end + 1].is_name() {
                end += 2;
            }
            let before = at.checked_sub(1).map_or("", |before| words[before].text.as_str());
            is_import = before == "use" || is_import && group.is_some();
            if words[at].text == ")" {
                group = None;
            } else if words[at].is_name() && !matches!(before, "." | "::" | "as") {
                let names: Vec<String> = words[at..end].iter().step_by(2).map(|word| word.text.clone()).collect();
                let path = match &group {
                    Some(start) if names[0] == "self" => start.clone(),
                    Some(start) => [start.clone(), names].concat(),
                    None => self.absolute(names, words[at].nesting),
                };
                // `use store::{faces, keys};` names two paths.
                if words[end..].iter().take(2).map(|word| word.text.as_str()).eq(["::", "("]) {
                    group = Some(path);
                    end += 2;
                } else {
                    if is_import {
                        imported.insert(path[path.len() - 1].clone(), path.clone());
                    }
                    paths.push(path);
                }
            }
            at = end;
        }
        // `store::keys` after `use crate::store` is `crate::store::keys`.
        for path in paths.iter_mut().filter(|path| path.len() > 1) {
            if let Some(start) = imported.get(&path[0]) {
                path.splice(..1, start.clone());
            }
        }
        paths
    }

    /// Turns `self`, `super` and the crate's own name into `crate`; `nesting` counts the modules around it in the file.
    fn absolute(&self, mut path: Vec<String>, nesting: usize) -> Vec<String> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        if supers > 0 || path[0] == "self" {
            let left = self.module.len().saturating_sub(supers.saturating_sub(nesting));
            path.splice(..supers.max(1), ["crate".into()].into_iter().chain(self.module[..left].iter().cloned()));
        } else if path[0] == "bioserver" && path.len() > 1 {
            path[0] = "crate".into();
        }
        path
    }
}

/// Lists the Rust files of a folder of the repository and of its subfolders.
pub fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder_in) = folders.pop() {
        for entry in fs::read_dir(&folder_in).unwrap_or_else(|error| panic!("{}: {error}", folder_in.display())) {
            let path = entry.expect("the folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it lies in the repository").to_string_lossy().into_owned();
                found.push(Source::new(folder, &name, &fs::read_to_string(&path).expect("source is UTF-8")));
            }
        }
    }
    assert!(!found.is_empty(), "no source in {folder}");
    found
}

struct Word {
    text: String,
    nesting: usize,
}

impl Word {
    fn is_name(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

/// Flattens tokens to names and punctuation, with `::` as one word; literals and comments are left out.
fn flatten(stream: TokenStream, nesting: usize, words: &mut Vec<Word>) {
    for tree in stream {
        match tree {
            TokenTree::Ident(name) => words.push(Word { text: name.to_string(), nesting }),
            TokenTree::Punct(mark) => match words.last_mut() {
                Some(last) if last.text == ":" && mark.as_char() == ':' => last.text.push(':'),
                _ => words.push(Word { text: mark.to_string(), nesting }),
            },
            TokenTree::Literal(_) => words.push(Word { text: "\"".into(), nesting }),
            TokenTree::Group(group) => {
                let before_name = words.len().checked_sub(2).map(|at| words[at].text.as_str());
                let module = group.delimiter() == Delimiter::Brace && before_name == Some("mod");
                words.push(Word { text: "(".into(), nesting });
                flatten(group.stream(), nesting + usize::from(module), words);
                words.push(Word { text: ")".into(), nesting });
            }
        }
    }
}

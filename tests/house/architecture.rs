//! Checks the source against the rules of the house, which `docs/ARCHITECTURE.md` states in words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::architecture::source::{Source, sources};

mod source;

/// The server's modules from the top layer to the bottom. A module imports from lower layers only, never from its own.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["config"],
    &["api", "tasks"],
    &["service"],
    &["store", "capture"],
    &["sign", "media"],
    &["seal", "callback"],
    &["cause", "clock", "telemetry"],
    &["domain"],
];

/// Crates that only one of the server's modules may name.
const OWNERS: &[(&str, &str)] = &[("sqlx", "store"), ("poem", "api"), ("poem_openapi", "api"), ("rcgen", "sign")];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// File names that say nothing; `mod` is among them because a module is `name.rs` beside `name/`.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "impl", "mod"];

/// Words with which a comment begins a fragment instead of a sentence.
const FRAGMENTS: &[&str] = &["How", "Of", "What", "Whether"];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn climbing(source: &Source) -> Vec<String> {
    let own = source.room();
    if own == "lib" {
        return vec![];
    }
    let Some(standing) = floor(own) else { return vec![format!("{}: the room {own} has no floor", source.path)] };
    let paths = source.paths().into_iter().filter(|path| path[0] == "crate" && path.len() > 1);
    let rooms: BTreeSet<String> = paths.map(|path| path[1].clone()).filter(|room| room != own).collect();
    let climbs = rooms.iter().filter(|room| floor(room).is_none_or(|floor| floor <= standing));
    climbs.map(|room| format!("{}: {own} does not stand above {room}", source.path)).collect()
}

fn trespassing(source: &Source) -> Vec<String> {
    let named: BTreeSet<String> =
        source.paths().into_iter().filter(|path| path.len() > 1).map(|path| path[0].clone()).collect();
    let owned = OWNERS.iter().filter(|(name, owner)| named.contains(*name) && source.room() != *owner);
    owned.map(|(name, owner)| format!("{}: only {owner} names {name}", source.path)).collect()
}

fn long_file(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX { vec![format!("{}: {lines} lines", source.path)] } else { vec![] }
}

fn fragments(source: &Source) -> Vec<String> {
    let begins = |line: &str| {
        let comment = line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']).trim_start();
        let first = comment.split(' ').next()?;
        FRAGMENTS.contains(&first).then(|| format!("{}: a comment begins with '{first}'", source.path))
    };
    source.text.lines().filter_map(begins).collect()
}

fn empty_name(source: &Source) -> Vec<String> {
    let stem = Path::new(&source.path).file_stem().expect("a file has a name").to_string_lossy();
    let empty = stem.split('_').any(|word| EMPTY_NAMES.contains(&word));
    if empty { vec![format!("{}: the name says nothing", source.path)] } else { vec![] }
}

/// Finds the rules that the syntax of one file breaks: long functions, imports of one module in several `use`.
struct Grammar<'a> {
    path: &'a str,
    nesting: usize,
    faults: Vec<String>,
}

impl Grammar<'_> {
    fn check(source: &Source) -> Vec<String> {
        // A file of tests corresponds to the module of tests at another file's end.
        let nesting = usize::from(source.path.ends_with("/tests.rs"));
        let mut grammar = Grammar { path: &source.path, nesting, faults: vec![] };
        let syntax = source.syntax();
        grammar.imports(&syntax.items);
        grammar.visit_file(&syntax);
        grammar.faults
    }

    /// Checks that the items imported from one module stand in one `use`.
    fn imports(&mut self, items: &[syn::Item]) {
        let mut seen = BTreeSet::new();
        for item in items {
            let syn::Item::Use(item) = item else { continue };
            // The `use` that gives a macro its path stands beside the macro.
            let is_import = item.attrs.is_empty() && matches!(item.vis, syn::Visibility::Inherited);
            if is_import && !seen.insert(module_of(&item.tree)) {
                let line = item.span().start().line;
                self.faults.push(format!("{}:{line}: one module in several uses", self.path));
            }
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line - signature.span().start().line + 1;
        if lines > FUNCTION_LINES_MAX {
            self.faults.push(format!("{}: {} has {lines} lines", self.path, signature.ident));
        }
    }
}

impl<'ast> Visit<'ast> for Grammar<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.nesting += 1;
        self.imports(item.content.as_ref().map_or(&[], |(_, items)| items));
        visit::visit_item_mod(self, item);
        self.nesting -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let line = item.span().start().line;
        // A macro gets its path by `pub(crate) use name;`.
        let of_macro = matches!(item.vis, syn::Visibility::Restricted(_)) && matches!(item.tree, syn::UseTree::Name(_));
        if !matches!(item.vis, syn::Visibility::Inherited) && !of_macro {
            self.faults.push(format!("{}:{line}: a re-export", self.path));
        }
        visit::visit_item_use(self, item);
    }

    fn visit_use_group(&mut self, group: &'ast syn::UseGroup) {
        let nests = |tree: &syn::UseTree| matches!(tree, syn::UseTree::Path(_) | syn::UseTree::Group(_));
        if group.items.iter().any(nests) {
            self.faults.push(format!("{}:{}: a use of several modules", self.path, group.span().start().line));
        }
        visit::visit_use_group(self, group);
    }

    fn visit_use_path(&mut self, path: &'ast syn::UsePath) {
        // A module inside a file, such as its tests, may import everything of the file.
        let inner = self.nesting > 0 && path.ident == "super" && matches!(*path.tree, syn::UseTree::Glob(_));
        if !inner {
            visit::visit_use_path(self, path);
        }
    }

    fn visit_use_glob(&mut self, glob: &'ast syn::UseGlob) {
        self.faults.push(format!("{}:{}: a glob", self.path, glob.span().start().line));
    }
}

/// Returns the module that a `use` imports from, without the items.
fn module_of(tree: &syn::UseTree) -> String {
    match tree {
        syn::UseTree::Path(path) => format!("{}::{}", path.ident, module_of(&path.tree)),
        _ => String::new(),
    }
}

/// Finds modules that import each other in a circle. A parent and its parts are one module and may know each other.
fn circles(sources: &[Source]) -> Vec<String> {
    let modules: BTreeSet<&[String]> = sources.iter().map(|source| source.module.as_slice()).collect();
    let mut edges: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for source in sources {
        for path in source.paths().iter().filter(|path| path[0] == "crate") {
            let longest = (2..=path.len()).rev().find_map(|len| modules.get(&path[1..len]));
            let Some(target) = longest else { continue };
            let shared = source.module.iter().zip(target.iter()).take_while(|(a, b)| a == b).count();
            // The two sibling modules that contain one and the other.
            if let (Some(_), Some(_)) = (source.module.get(shared), target.get(shared)) {
                edges.entry(&source.module[..=shared]).or_default().insert(&target[..=shared]);
            }
        }
    }
    edges.keys().filter_map(|start| circle(start, &edges)).collect()
}

/// Finds the shortest path from a module back to itself, reported only for its alphabetically first member.
fn circle(start: &[String], edges: &BTreeMap<&[String], BTreeSet<&[String]>>) -> Option<String> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = (!ways.is_empty()).then(|| ways.remove(0)) {
        for &next in edges.get(way.last()?).into_iter().flatten() {
            if next == start {
                let names: Vec<String> = way.iter().map(|module| module.join("::")).collect();
                return way.iter().all(|module| *module >= start).then(|| format!("a circle: {}", names.join(" -> ")));
            }
            if seen.insert(next) {
                ways.push(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

#[track_caller]
fn assert_none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_point_down() {
    assert_none(sources("src").iter().flat_map(climbing));
}

#[test]
fn crates_are_named_where_they_belong() {
    assert_none(sources("src").iter().flat_map(trespassing));
}

/// Lists the source folders of every crate, of the server and of the generator.
fn source_folders() -> Vec<String> {
    let crates = std::fs::read_dir(testkit::project::path("crates")).expect("the project has crates");
    let names = crates.map(|entry| entry.expect("the folder can be listed").file_name().into_string());
    let crates = names.map(|name| format!("crates/{}/src", name.expect("it is UTF-8")));
    crates.chain(["src", "build"].map(String::from)).collect()
}

#[test]
fn modules_form_no_circles() {
    assert_none(source_folders().iter().flat_map(|folder| circles(&sources(folder))));
}

#[test]
fn files_are_short_and_their_names_say_something() {
    let all = ["src", "build", "tests", "crates"].into_iter().flat_map(sources);
    assert_none(all.flat_map(|source| [long_file(&source), empty_name(&source)].concat()));
}

#[test]
fn comments_are_sentences() {
    let all = ["src", "build", "tests", "benches", "crates"].into_iter().flat_map(sources);
    assert_none(all.flat_map(|source| fragments(&source)));
}

#[test]
fn functions_fit_on_a_screen_and_imports_are_grouped_by_module() {
    assert_none(source_folders().iter().flat_map(|folder| sources(folder)).flat_map(|source| Grammar::check(&source)));
}

#[test]
fn the_crate_root_is_a_map_without_code() {
    let lib = sources("src").into_iter().find(|source| source.module.is_empty()).expect("there is a lib.rs");
    let is_map = |item: &syn::Item| matches!(item, syn::Item::Mod(module) if module.content.is_none());
    assert!(lib.syntax().items.iter().all(is_map), "lib.rs has code");
}

fn source(path: &str, text: &str) -> Source {
    Source::new("src", path, text)
}

#[test]
fn a_climb_is_seen_however_it_is_written() {
    let climbs = |path: &str, text: &str| !climbing(&source(path, text)).is_empty();
    assert!(!climbs("src/service/faces.rs", "use crate::store;\nuse super::Deps;\nfn f() { store::faces::insert(); }"));
    assert!(climbs("src/store/faces.rs", "use crate::service;"));
    assert!(climbs("src/store.rs", "use super::service::Deps;"));
    assert!(climbs("src/store.rs", "use crate::{domain, service};"));
    assert!(climbs("src/store.rs", "use super::{domain, service::Deps};"));
    assert!(climbs("src/store.rs", "fn f() { run!(|tx| crate::service::faces::get(tx)); }"));
    assert!(climbs("src/store.rs", "#[cfg(test)]\nmod tests { use super::super::app::App; }"));
    assert!(!climbs("src/store.rs", "#[cfg(test)]\nmod tests { use super::app::App; }"));
    assert!(climbs("src/tasks.rs", "use crate::api;"), "rooms of one floor do not know each other");
    assert!(climbs("src/attic.rs", ""), "a new room needs a floor");
    assert!(!climbs("src/main.rs", "use bioserver::cli;"));
    assert!(!climbs("src/store.rs", "/// [`crate::service`] is above.\nconst NAME: &str = \"crate::service\";"));
}

#[test]
fn a_trespass_is_seen_however_it_is_written() {
    let trespasses = |path: &str, text: &str| !trespassing(&source(path, text)).is_empty();
    assert!(trespasses("src/service.rs", "use sqlx::Row;"));
    assert!(trespasses("src/service.rs", "fn f() { on!(tx, |conn| sqlx::query(conn)); }"));
    assert!(trespasses("src/service.rs", "#[derive(sqlx::FromRow)]\nstruct A;"));
    assert!(trespasses("src/service.rs", "use sqlx::{Row, query};"));
    assert!(!trespasses("src/store/keys.rs", "use sqlx::Row;"));
    assert!(!trespasses("src/service.rs", "use crate::store::sqlx;\nfn f() { sqlx::run(); }"));
}

#[test]
fn a_circle_is_seen_between_neighbours_only() {
    let count = |files: &[(&str, &str)]| {
        circles(&files.iter().map(|(path, text)| source(path, text)).collect::<Vec<_>>()).len()
    };
    let one = ("src/net/plan.rs", "use crate::net::step;");
    assert_eq!(count(&[one, ("src/net/step.rs", "use crate::net::plan::Plan;")]), 1);
    let way = [("src/net/step.rs", "use crate::net::nest;"), ("src/net/nest.rs", "fn f() { super::plan::run(); }")];
    assert_eq!(count(&[one, way[0], way[1]]), 1);
    assert_eq!(count(&[one, ("src/net/step/fill.rs", "use crate::net::plan::Plan;"), way[0]]), 1);
    assert_eq!(count(&[one, way[0], ("src/net/nest.rs", "")]), 0);
    assert_eq!(count(&[("src/net.rs", "use crate::net::plan;"), ("src/net/plan.rs", "use crate::net::Engine;")]), 0);
}

#[test]
fn long_files_and_empty_names_are_seen() {
    assert_none(long_file(&source("src/net.rs", &"\n".repeat(FILE_LINES_MAX))));
    assert_eq!(long_file(&source("src/net.rs", &"\n".repeat(FILE_LINES_MAX + 1))), ["src/net.rs: 401 lines"]);
    for name in ["src/util.rs", "src/face/helpers.rs", "src/net/mod.rs", "src/key_manager.rs", "src/store_impl.rs"] {
        assert!(!empty_name(&source(name, "")).is_empty(), "{name}");
    }
    assert_none(empty_name(&source("src/net/model.rs", "")));
}

#[test]
fn fragments_are_seen() {
    for text in
        ["/// Whether it is.", "//! What it is.", "    // Of which there are two.", "/// First.\n/// How it works."]
    {
        assert_eq!(fragments(&source("src/net.rs", text)).len(), 1, "{text}");
    }
    assert_none(fragments(&source("src/net.rs", "/// Often it is.\nlet what = \"What is it?\"; // it is whole")));
}

#[test]
fn long_functions_and_scattered_imports_are_seen() {
    let faults = |text: &str| Grammar::check(&source("src/net.rs", text)).len();
    let function = |lines: usize| format!("/// Why.\nfn f() {{{}}}", "\n".repeat(lines - 1));
    assert_eq!(faults(&function(FUNCTION_LINES_MAX)), 0);
    assert_eq!(faults(&function(FUNCTION_LINES_MAX + 1)), 1);
    assert_eq!(faults(&format!("impl A {{ {} }}", function(FUNCTION_LINES_MAX + 1))), 1);
    assert_eq!(faults("use crate::net::graph::Graph;\nuse std::fmt::Write as _;"), 0);
    assert_eq!(faults("use std::{fmt, fs};"), 0);
    assert_eq!(faults("use std::fmt;\nuse std::fs;"), 1);
    assert_eq!(faults("mod tests { use crate::net::Engine; use crate::net::Port; }"), 1);
    assert_eq!(faults("use std::{fmt::Write as _, fs};"), 1);
    assert_eq!(faults("use crate::net::*;"), 1);
    assert_eq!(faults("mod tests { use super::*; }"), 0);
    assert_eq!(faults("use super::*;"), 1);
    assert_eq!(faults("pub use crate::net::Engine;"), 1);
    assert_eq!(faults("pub(crate) use crate::net::Engine;"), 1);
    assert_eq!(faults("pub(crate) use on;"), 0);
    assert!(Grammar::check(&source("src/config/tests.rs", "use super::*;")).is_empty());
}

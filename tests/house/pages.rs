//! The project's pages in Markdown: their links lead somewhere, the index reaches them, and tests run their commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;
use testkit::{page, project};

/// Folders with pages, beside those in the project's root.
const FOLDERS: [&str; 8] = ["crates", "deploy", "docs", "examples", "models", "packages", "tests", "tools"];
/// A newcomer reads so much before the first command.
const README_WORDS_MAX: usize = 700;

/// All pages, by their paths from the project's root.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut paths = vec![];
    collect(Path::new(""), false, &mut paths);
    for folder in FOLDERS {
        collect(Path::new(folder), true, &mut paths);
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(project::path(&path)).expect("it is text");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, with_subfolders: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(project::path(folder)).expect("it is a folder").flatten() {
        let path = folder.join(entry.file_name());
        let is_folder = entry.file_type().expect("it has a type").is_dir();
        if is_folder && with_subfolders && entry.file_name() != "node_modules" {
            collect(&path, true, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The page without its code: blocks, and words between backticks.
fn prose(page: &str) -> String {
    let outside = page.split("```").step_by(2).collect::<Vec<_>>().join("\n");
    Regex::new("`[^`\n]*`").expect("it is a pattern").replace_all(&outside, "`code`").into_owned()
}

/// Where links and pictures lead that stay in the project.
fn links(page: &str) -> Vec<String> {
    let pattern = Regex::new(r#"\]\(([^)\s]+)\)|<img src="([^"]+)""#).expect("it is a pattern");
    let prose = prose(page);
    let found = pattern.captures_iter(&prose).filter_map(|link| link.get(1).or(link.get(2)));
    let is_inside = |link: &String| !link.contains("://") && !link.starts_with("mailto:");
    found.map(|link| link.as_str().to_owned()).filter(is_inside).collect()
}

/// The names by which `#…` leads to the headings of a page, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let outside = page.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    let mut anchors = BTreeSet::new();
    for heading in outside.lines().filter(|line| line.starts_with('#')) {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let text = text.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
        let name: String = text.map(|char| if char == ' ' { '-' } else { char }).collect();
        let free = |number: &usize| !anchors.contains(&numbered(&name, *number));
        let number = (0..=anchors.len()).find(free).expect("each heading before it takes one number");
        anchors.insert(numbered(&name, number));
    }
    anchors
}

fn numbered(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name}-{number}") }
}

/// The path from the project's root to which a link of `page` leads.
fn target(page: &Path, link: &str) -> PathBuf {
    let (path, _) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return page.to_owned();
    }
    let mut found = PathBuf::new();
    for step in page.parent().expect("a file lies in a folder").join(path).components() {
        match step {
            Component::ParentDir => assert!(found.pop(), "{}: '{link}' leaves the project", page.display()),
            Component::Normal(step) => found.push(step),
            _ => {}
        }
    }
    found
}

/// Returns the fault of a link; `None` if it has none.
fn fault(pages: &BTreeMap<PathBuf, String>, page: &Path, link: &str) -> Option<String> {
    let target = target(page, link);
    if !project::path(&target).exists() {
        return Some(format!("{}: '{link}' leads nowhere", page.display()));
    }
    let (_, heading) = link.split_once('#')?;
    let has_heading = pages.get(&target).is_some_and(|page| anchors(page).contains(heading));
    (!has_heading).then(|| format!("{}: '{link}' names no heading", page.display()))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let links = pages.iter().flat_map(|(path, page)| links(page).into_iter().map(move |link| (path, link)));
    let links: Vec<_> = links.collect();
    assert!(links.len() > 80, "only {} links are found", links.len());
    let faults: Vec<_> = links.iter().filter_map(|(page, link)| fault(&pages, page, link)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_index_reaches_every_page_of_the_documentation() {
    let pages = pages();
    let (mut reached, mut open) = (BTreeSet::new(), vec![PathBuf::from("docs/README.md")]);
    while let Some(path) = open.pop() {
        let Some(page) = pages.get(&path).filter(|_| path.starts_with("docs")) else { continue };
        if reached.insert(path.clone()) {
            open.extend(links(page).iter().map(|link| target(&path, link)));
        }
    }
    let all: BTreeSet<_> = pages.into_keys().filter(|path| path.starts_with("docs")).collect();
    assert!(all.len() > 20);
    assert_eq!(all.difference(&reached).collect::<Vec<_>>(), Vec::<&PathBuf>::new(), "docs/README.md leads to them");
}

#[test]
fn the_readme_is_one_page() {
    let words = pages()[Path::new("README.md")].split_whitespace().count();
    assert!(words <= README_WORDS_MAX, "README.md has {words} words");
}

#[test]
fn a_test_runs_every_page_with_commands() {
    let mut tests = String::new();
    for folder in ["tests/process", "tests/clients"] {
        for entry in fs::read_dir(project::path(folder)).expect("it is a folder").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                tests += &fs::read_to_string(entry.path()).expect("it is text");
            }
        }
    }
    let is_run = |path: &Path| {
        let is_named = |path: &Path| tests.contains(&format!("\"{}\"", path.display()));
        is_named(path) || path.parent().is_some_and(|folder| folder.components().count() > 1 && is_named(folder))
    };
    let has_commands = |page: &str| page::blocks(page).iter().any(|(language, _)| *language == "sh");
    let with_commands: Vec<_> = pages().into_iter().filter(|(_, page)| has_commands(page)).collect();
    assert!(with_commands.len() > 10);
    let unrun: Vec<_> = with_commands.into_iter().map(|(path, _)| path).filter(|path| !is_run(path)).collect();
    assert!(unrun.is_empty(), "no test runs the blocks marked `sh` of {unrun:?}");
}

#[test]
fn the_walks_name_functions_that_are_there() {
    let page = pages().remove(Path::new("docs/ARCHITECTURE.md")).expect("it is there");
    let (_, walks) = page.split_once("\n## Three walks\n").expect("it has walks");
    let walks = walks.split("\n## ").next().expect("the walks have an end");
    let step = Regex::new(r"`([\w/.]+\.rs)`\s\((`\w+`(?:, `\w+`)*)\)").expect("it is a pattern");
    let steps: Vec<_> = step.captures_iter(walks).map(|step| step.extract::<2>().1).collect();
    assert!(steps.len() > 30, "only {} steps are found", steps.len());
    assert_eq!(steps.len(), walks.matches(".rs`").count() - 1, "each file but this test is named with its functions");
    for [path, names] in steps {
        let source = fs::read_to_string(project::path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        for name in names.split(", ").map(|name| name.trim_matches('`')) {
            let function = Regex::new(&format!(r"\bfn (r#)?{name}\b")).expect("it is a pattern");
            assert!(function.is_match(&source), "{path} has no function {name}");
        }
    }
}

#[test]
fn a_broken_link_is_seen() {
    let (page, other) =
        ("# One\n## Two words, `code`\n[a](#two-words-code)\n```sh\n# none\n```\n", "# Other\n# Other\n");
    let pages = BTreeMap::from([("README.md".into(), page.to_owned()), ("docs/README.md".into(), other.to_owned())]);
    let faults = |page: &str, link: &str| fault(&pages, Path::new(page), link).is_some();
    for fine in ["#two-words-code", "docs/README.md#other-1", "docs/README.md", "docs"] {
        assert!(!faults("README.md", fine), "{fine}");
    }
    for wrong in ["#none", "docs/README.md#other-2", "docs/none.md", "LICENSE#one"] {
        assert!(faults("README.md", wrong), "{wrong}");
    }
    assert!(!faults("docs/README.md", "../README.md#one") && faults("docs/README.md", "README.md#one"));
    assert_eq!(links("[a](b.md) `[c](d.md)` [e](https://f.example)\n<img src=\"g.png\">"), ["b.md", "g.png"]);
}

//! Splits the page of clients into its parts.

use testkit::{page, project};

/// The part of the page under one heading.
pub struct Section {
    blocks: Vec<(String, String)>,
}

fn read() -> String {
    std::fs::read_to_string(project::path("docs/clients.md")).expect("the page is there")
}

/// Returns the part before the first heading.
pub fn introduction() -> Section {
    Section { blocks: blocks(read().split("\n## ").next().unwrap_or_default()) }
}

/// Returns the part under this heading.
///
/// # Panics
/// If there is none.
pub fn section(heading: &str) -> Section {
    let page = read();
    let mut parts = page.split("\n## ").skip(1);
    let part = parts.find(|part| part.lines().next() == Some(heading)).unwrap_or_else(|| panic!("no part {heading}"));
    Section { blocks: blocks(part) }
}

impl Section {
    /// Returns its only block in this language.
    ///
    /// # Panics
    /// If there is none, or if there are several.
    pub fn block(&self, language: &str) -> &str {
        let mut found = self.blocks.iter().filter(|(known, _)| known == language);
        match (found.next(), found.next()) {
            (Some((_, text)), None) => text,
            _ => panic!("the page must have one block of {language} here"),
        }
    }
}

fn blocks(text: &str) -> Vec<(String, String)> {
    page::blocks(text).into_iter().map(|(language, text)| (language.to_owned(), text.to_owned())).collect()
}

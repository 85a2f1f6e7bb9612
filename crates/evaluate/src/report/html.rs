//! A self-contained page of HTML with tables and drawings.

use crate::Error;
use crate::measure::table::{self, Table};
use crate::report::made::Made;
use crate::report::plot::{self, Plot};

pub mod calibration;
pub mod liveness;
pub mod recognition;

/// Drawings keep a light background in dark mode, since their colours were chosen for it. A table that is too wide
/// scrolls by itself.
const STYLE: &str = ":root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ccc }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161a1e; --line: #555 } }
body { font: 15px/1.5 sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
.scroll { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: bold; padding: .3rem 0; min-width: 16rem }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .7rem; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
figure { margin: 1.5rem 0 }
svg { width: 100%; max-width: 36rem; height: auto; background: #fff }
footer { border-top: 1px solid var(--line); margin-top: 2rem }
";

/// A page under construction, from top to bottom. Apart from its first line it is also well-formed XML.
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    pub fn new(title: String) -> Self {
        Self { title, body: String::new() }
    }

    pub fn heading(&mut self, words: &str) {
        self.element("h2", words);
    }

    pub fn text(&mut self, words: &str) {
        self.element("p", words);
    }

    pub fn list(&mut self, items: &[String]) {
        if !items.is_empty() {
            self.body += "<ul>\n";
            for item in items {
                self.element("li", item);
            }
            self.body += "</ul>\n";
        }
    }

    pub fn table(&mut self, table: &Table) {
        let title = table::escaped(&table.title);
        self.body += &["<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", &title, "\">\n"].concat();
        self.body += &table.html();
        self.body += "</div>\n";
    }

    /// Adds a plot with a caption.
    pub fn figure(&mut self, plot: &Plot, words: &str) -> Result<(), Error> {
        self.body += "<figure>\n";
        self.body += &plot::svg(plot)?;
        self.element("figcaption", words);
        self.body += "</figure>\n";
        Ok(())
    }

    /// Returns the page, which ends with how it was made.
    pub fn finish(mut self, made: &Made) -> String {
        self.body += "<footer>\n";
        for (name, value) in made.lines() {
            self.text(&format!("{name}: {value}"));
        }
        self.body += "</footer>\n";
        let title = table::escaped(&self.title);
        let head = ["<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>", &title, "</title>\n<style>\n", STYLE, "</style>\n"].concat();
        let body = ["<main>\n<h1>", &title, "</h1>\n", &self.body, "</main>\n"].concat();
        ["<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n", &head, "</head>\n<body>\n", &body, "</body>\n</html>\n"]
            .concat()
    }

    fn element(&mut self, name: &str, words: &str) {
        self.body += &["<", name, ">", &table::escaped(words), "</", name, ">\n"].concat();
    }
}

/// Panics unless a page is well-formed, holds this number of drawings, and loads nothing from elsewhere.
#[cfg(test)]
pub fn assert_whole(html: &str, drawings: usize) {
    let mut reader = quick_xml::Reader::from_str(html);
    let mut found = 0;
    loop {
        match reader.read_event().expect("it is well-formed") {
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                found += usize::from(tag.name().as_ref() == b"svg");
                assert!(!matches!(tag.name().as_ref(), b"script" | b"link" | b"img" | b"iframe"), "{tag:?}");
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("it is well-formed");
                    assert!(!matches!(attribute.key.as_ref(), b"src" | b"href" | b"xlink:href"), "{attribute:?}");
                }
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
    assert_eq!(found, drawings);
}

#[cfg(test)]
pub fn made() -> Made {
    Made {
        version: "1.2.3".to_owned(),
        date: "2026-02-03T14:33:09.580Z".to_owned(),
        command: "bioserver evaluate <toys>".to_owned(),
        pack_digest: Some("ab12".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_whatever_it_says() {
        let mut page = Page::new("A <toy> & more".into());
        page.heading("Heading");
        page.text("1 < 2 & \"so on\"");
        page.list(&["<b>".into()]);
        page.list(&[]);
        page.table(&Table { title: "<t>".into(), head: vec!["<h>"], rows: vec![vec!["&".into()]] });
        let html = page.finish(&made());
        assert_whole(&html, 0);
        assert!(html.contains("<p>1 &lt; 2 &amp; &quot;so on&quot;</p>"), "{html}");
        assert_eq!(html.matches("<ul>").count(), 1);
        for told in ["1.2.3", "2026-02-03", "bioserver evaluate &lt;toys&gt;", "SHA-256 of the pack: ab12"] {
            assert!(html.contains(told), "{told}");
        }
    }
}

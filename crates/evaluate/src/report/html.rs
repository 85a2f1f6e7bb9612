//! A page of HTML that needs nothing else: tables, and drawings within it.

use crate::Error;
use crate::measure::table::{self, Table};
use crate::report::plot::{self, Plot};

pub mod calibration;
pub mod liveness;
pub mod recognition;

const STYLE: &str =
    "body { font: 15px/1.5 sans-serif; color: #222; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: bold; padding: .3rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .7rem; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
figure { margin: 1.5rem 0 }
svg { max-width: 100%; height: auto }
";

/// What a page says, from top to bottom. It is well-formed XML, too, apart from its first line.
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
        self.body += &table.html();
    }

    /// Draws a plot, with words below it.
    pub fn figure(&mut self, plot: &Plot, words: &str) -> Result<(), Error> {
        self.body += "<figure>\n";
        self.body += &plot::svg(plot)?;
        self.element("figcaption", words);
        self.body += "</figure>\n";
        Ok(())
    }

    pub fn finish(self) -> String {
        let title = table::escaped(&self.title);
        let head = ["<meta charset=\"utf-8\"/>\n<title>", &title, "</title>\n<style>\n", STYLE, "</style>\n"].concat();
        let body = ["<h1>", &title, "</h1>\n", &self.body].concat();
        ["<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n", &head, "</head>\n<body>\n", &body, "</body>\n</html>\n"]
            .concat()
    }

    fn element(&mut self, name: &str, words: &str) {
        self.body += &["<", name, ">", &table::escaped(words), "</", name, ">\n"].concat();
    }
}

/// Panics unless a page is well-formed, shows as many drawings as it should, and asks for nothing from elsewhere.
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
        let html = page.finish();
        assert_whole(&html, 0);
        assert!(html.contains("<p>1 &lt; 2 &amp; &quot;so on&quot;</p>"), "{html}");
        assert_eq!(html.matches("<ul>").count(), 1);
    }
}

//! A table of figures, as text for a terminal, as HTML or as Markdown.

use std::fmt::{self, Write};

/// Words and numbers in rows as long as the head. The first column names the subject of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Writes the table under its title, in aligned columns with numbers to the right.
    pub fn text(&self, f: &mut dyn Write) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let length = |text: &str| text.chars().count();
        let width = |at: usize| {
            let cells = self.rows.iter().map(|row| length(&row[at]));
            cells.chain([length(self.head[at])]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(String::as_str).collect::<Vec<&str>>());
        for row in std::iter::once(self.head.clone()).chain(rows) {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// Returns a `table` element with the title as its caption.
    pub fn html(&self) -> String {
        let mut html = format!("<table>\n<caption>{}</caption>\n<tr>", escaped(&self.title));
        for name in &self.head {
            html += &["<th>", &escaped(name), "</th>"].concat();
        }
        html += "</tr>\n";
        for row in &self.rows {
            html += "<tr>";
            for cell in row {
                html += &["<td>", &escaped(cell), "</td>"].concat();
            }
            html += "</tr>\n";
        }
        html + "</table>\n"
    }

    /// Returns the title on a line of its own, and a table in GitHub's Markdown.
    pub fn markdown(&self) -> String {
        let mut markdown = format!("**{}**\n\n|", self.title);
        for name in &self.head {
            markdown += &[" ", name, " |"].concat();
        }
        markdown += "\n|---|";
        markdown += &"---:|".repeat(self.head.len() - 1);
        for row in &self.rows {
            markdown += "\n|";
            for cell in row {
                markdown += &[" ", &cell.replace('|', "\\|"), " |"].concat();
            }
        }
        markdown + "\n"
    }
}

/// Escapes text for use between tags and in attributes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy() -> Table {
        let rows = [["a & b", "1"], ["<c>|", "1,234"]].map(|row| row.map(String::from).to_vec());
        Table { title: "Toy".into(), head: vec!["who", "n"], rows: rows.to_vec() }
    }

    #[test]
    fn a_table_is_written_as_text_html_and_markdown() {
        let mut text = String::new();
        toy().text(&mut text).expect("a string takes it");
        assert_eq!(text, "Toy\n    who      n\n  a & b      1\n   <c>|  1,234\n");
        assert_eq!(toy().markdown(), "**Toy**\n\n| who | n |\n|---|---:|\n| a & b | 1 |\n| <c>\\| | 1,234 |\n");
        let html = toy().html();
        assert!(html.starts_with("<table>\n<caption>Toy</caption>\n<tr><th>who</th><th>n</th></tr>\n"), "{html}");
        assert!(html.ends_with("<tr><td>&lt;c&gt;|</td><td>1,234</td></tr>\n</table>\n"), "{html}");
    }
}

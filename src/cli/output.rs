//! Writes the output of commands: results on standard output, and files.

use std::fmt::Display;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};

/// The reader closed standard output, as in `bioserver evaluate … | head`. This is no failure.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub struct Closed;

/// Writes a text as it is, without adding a line end.
///
/// # Errors
/// [`Closed`], or the output cannot be written, for example because the disk is full.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
        written => written.context("standard output cannot be written"),
    }
}

/// Returns a table with a header. A column whose name ends with `>` is aligned to the right.
pub fn table<const N: usize>(names: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(names.map(|name| name.trim_end_matches('>')));
    table.add_rows(rows);
    for (column, name) in table.column_iter_mut().zip(names) {
        column.set_padding((0, 2));
        if name.ends_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// Makes a folder and its parents.
pub fn make(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))
}

/// Writes a whole file; an error names the file.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [["Müller", "7", "fine"], ["B", "12345", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["NAME", "COUNT>", "STATE"], rows),
            "NAME    COUNT  STATE\nMüller      7  fine\nB       12345\n"
        );
    }
}

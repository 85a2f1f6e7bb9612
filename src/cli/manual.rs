//! `bioserver completions` and `bioserver man`: describe the commands for shells and for `man`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

use crate::cli::output::print;

#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell to print the script for
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub struct Man {
    /// The folder to write the pages to; it is created if it is missing
    folder: PathBuf,
}

/// Prints the completion script of a shell.
pub fn completions(args: &Completions, mut program: Command) -> anyhow::Result<()> {
    let (name, mut script) = (program.get_name().to_owned(), vec![]);
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    print(String::from_utf8(script)?)
}

/// Writes a manual page for the program, and one for each command.
pub fn man(args: &Man, program: Command) -> anyhow::Result<()> {
    let Man { folder } = args;
    let write = |folder: &Path| {
        fs::create_dir_all(folder)?;
        clap_mangen::generate_to(program, folder)
    };
    write(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    print(format!("Written to {0}; `man -l {0}/bioserver.1` shows the first page.\n", folder.display()))
}

// SPDX-License-Identifier: GPL-2.0

//! Manual pages, from what the command line says.

use super::cli;
use anyhow::{
    Context,
    Result, //
};
use clap::CommandFactory;
use std::fs;

/// Runs the command.
pub fn run(options: &cli::Man) -> Result<i32> {
    let folder = options.folder.display();
    fs::create_dir_all(&options.folder).with_context(|| format!("cannot make {folder}"))?;
    clap_mangen::generate_to(cli::Cli::command(), &options.folder)
        .with_context(|| format!("cannot write to {folder}"))?;
    Ok(0)
}

// SPDX-License-Identifier: GPL-2.0

//! `kmview`: traces and virtualises the system calls of programs.

mod calls;
mod cli;
mod flags;
mod man;
mod names;
mod program;
mod show;
mod signals;
mod stat;
mod structures;
mod trace;
mod view;

use clap::Parser;
use std::process::ExitCode;

/// The status when we ourselves failed, as other programs that run programs have it.
const FAILED: u8 = 125;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let result = match &cli.command {
        cli::Command::Trace(options) => trace::run(options),
        cli::Command::View(options) => view::run(options),
        cli::Command::Stat(options) => stat::run(options),
        cli::Command::Man(options) => man::run(options),
    };
    match result {
        Ok(status) => ExitCode::from(status as u8),
        Err(err) => {
            eprintln!("kmview: {err:#}");
            let cannot_run = err.downcast_ref::<program::CannotRun>();
            ExitCode::from(cannot_run.map_or(FAILED, program::CannotRun::status))
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The program that we run.

use anyhow::{
    Context,
    Result, //
};
use kmview::{
    Error,
    Program,
    Session, //
};
use nix::sys::signal::{
    signal,
    SigHandler,
    Signal, //
};
use std::{
    io::ErrorKind,
    os::unix::process::ExitStatusExt,
    process::Command, //
};

/// Starts it in the session.
pub fn spawn(session: &Session, words: &[String]) -> Result<Program> {
    let (program, args) = words.split_first().context("no program to run")?;
    session
        .spawn(Command::new(program).args(args))
        .map_err(|err| match err {
            Error::Spawn(err) if err.kind() == ErrorKind::NotFound => {
                anyhow::anyhow!(
                    "cannot run {program}: there is no such program, or what it needs to be loaded"
                )
            }
            Error::Spawn(err) => anyhow::anyhow!("cannot run {program}: {err}"),
            err => err.into(),
        })
}

/// Has the terminal's interrupts end the program, not us. To be called when it runs: it would inherit it.
pub fn ignore_terminal_signals() -> Result<()> {
    for number in [Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: No handler is installed.
        unsafe { signal(number, SigHandler::SigIgn) }.context("cannot ignore signals")?;
    }
    Ok(())
}

/// Waits for it, and tells how it ended, as a shell would.
pub fn status(mut program: Program) -> Result<i32> {
    let status = program.wait().context("wait")?;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

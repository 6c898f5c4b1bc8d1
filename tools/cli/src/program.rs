// SPDX-License-Identifier: GPL-2.0

//! The program that we run.

use super::signals::{
    self,
    Signals, //
};
use anyhow::{
    Context,
    Result, //
};
use kmview::{
    Error,
    Program,
    Session, //
};
use nix::{
    errno::Errno,
    poll::{
        poll,
        PollFd,
        PollFlags,
        PollTimeout, //
    },
    sys::signal::{
        kill,
        signal,
        SigHandler,
        Signal, //
    },
    unistd::Pid, //
};
use std::{
    fmt,
    io::{
        self,
        ErrorKind, //
    },
    os::{
        fd::AsFd,
        unix::process::{
            CommandExt,
            ExitStatusExt, //
        }, //
    },
    path::Path,
    process::{
        Command,
        ExitStatus, //
    }, //
};

/// The program could not be run.
#[derive(Debug)]
pub struct CannotRun {
    program: String,
    why: io::Error,
}

impl CannotRun {
    /// The status to end with: that of a shell.
    pub fn status(&self) -> u8 {
        match self.why.kind() {
            ErrorKind::NotFound => 127,
            _ => 126,
        }
    }
}

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = &self.program;
        match self.why.kind() {
            ErrorKind::NotFound => write!(
                f,
                "cannot run {program}: there is no such program, or what it needs to be loaded"
            ),
            _ => write!(f, "cannot run {program}: {}", self.why),
        }
    }
}

impl std::error::Error for CannotRun {}

/// Starts it in the session.
pub fn spawn(session: &Session, words: &[String]) -> Result<Program> {
    spawn_other(session, words, None)
}

/// The same; but it is another file that is run under this name, if there is one.
pub fn spawn_other(session: &Session, words: &[String], file: Option<&Path>) -> Result<Program> {
    let (program, args) = words.split_first().context("no program to run")?;
    let mut command = Command::new(file.unwrap_or(Path::new(program)));
    session
        .spawn(command.arg0(program).args(args))
        .map_err(|err| match err {
            Error::Spawn(why) => CannotRun {
                program: program.clone(),
                why,
            }
            .into(),
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
    Ok(as_shell(program.wait().context("wait")?))
}

fn as_shell(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// The same; but if somebody wants us to end, the program is told, and not waited for.
pub fn status_unless(mut program: Program, signals: &Signals) -> Result<i32> {
    loop {
        if let Some(status) = program.try_wait().context("wait")? {
            return Ok(as_shell(status));
        }
        match signals.take() {
            Some(signal) if signals::is_of_terminal(signal) => continue,
            Some(signal) => return Ok(pass_on(&program, signal)),
            None => {}
        }
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(err) => return Err(err).context("poll"),
        }
    }
}

/// Sends the program the signal that is to end us. Gives the status of who was ended by it.
pub fn pass_on(program: &Program, signal: Signal) -> i32 {
    let pid = Pid::from_raw(program.id());
    // It is our child, not waited for: the number is its own. One that is stopped would not see it.
    let _ = kill(pid, signal);
    let _ = kill(pid, Signal::SIGCONT);
    128 + signal as i32
}

// SPDX-License-Identifier: GPL-2.0

//! Programs that are started in a session.

use super::{
    abi,
    sys::adopt_raw,
    Adopt,
    Error,
    Result,
    Session, //
};
use std::{
    io::{
        self,
        Read,
        Write, //
    },
    os::{
        fd::AsRawFd,
        unix::{
            net::UnixStream,
            process::{
                CommandExt,
                ExitStatusExt, //
            },
        },
    },
    process::{
        Command,
        ExitStatus, //
    }, //
};

/// A program that was started in a session. It is not waited for when this is dropped.
#[derive(Debug)]
pub struct Program {
    pid: i32,
    status: Option<ExitStatus>,
}

impl Program {
    /// The number of its process.
    pub fn id(&self) -> i32 {
        self.pid
    }

    /// Waits until it has ended, which it does only if somebody answers its events.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.reap(0)? {
                return Ok(status);
            }
        }
    }

    /// How it has ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.reap(libc::WNOHANG)
    }

    fn reap(&mut self, flags: i32) -> io::Result<Option<ExitStatus>> {
        let mut raw = 0;
        while self.status.is_none() {
            // SAFETY: The number of a child of ours that nobody else waits for.
            match unsafe { libc::waitpid(self.pid, &raw mut raw, flags) } {
                0 => return Ok(None),
                -1 => {
                    let err = io::Error::last_os_error();
                    if err.kind() != io::ErrorKind::Interrupted {
                        return Err(err);
                    }
                }
                _ => self.status = Some(ExitStatus::from_raw(raw)),
            }
        }
        Ok(self.status)
    }
}

/// The standard library's way to start a program ends when the program has left execve(2), and so not
/// before somebody has answered the events in it: this one ends when there are any.
pub(crate) fn spawn(session: &Session, command: &mut Command) -> Result<Program> {
    let (failure, mut tell) = UnixStream::pair().map_err(Error::Spawn)?;
    let adopt: abi::Adopt = Adopt::Myself.raw();
    let fd = session.as_raw_fd();
    // SAFETY: The child does what is allowed after a fork of a program with threads: the C library
    // keeps its memory usable, and nothing else is shared.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(Error::Spawn(io::Error::last_os_error())),
        0 => {
            let errno = |err: io::Error| err.raw_os_error().unwrap_or(libc::EINVAL);
            // Negative: not the program, but the session does not want it.
            let why = match adopt_raw(fd, adopt) {
                Ok(()) => errno(command.exec()),
                Err(err) => -errno(err),
            };
            let _ = tell.write_all(&why.to_ne_bytes());
            // SAFETY: Ends the child without what the parent has to do at its end.
            unsafe { libc::_exit(127) }
        }
        pid => {
            drop(tell);
            let mut program = Program { pid, status: None };
            match why_not(session, failure)? {
                None => Ok(program),
                Some(why) => {
                    let _ = program.wait();
                    let err = io::Error::from_raw_os_error(why.abs());
                    Err(match why < 0 {
                        true => Error::of("KMVIEW_ADOPT", err),
                        false => Error::Spawn(err),
                    })
                }
            }
        }
    }
}

/// Waits until the program has been loaded, and maybe waits for an answer; or tells why it was not.
fn why_not(session: &Session, mut failure: UnixStream) -> Result<Option<i32>> {
    let mut polls = [failure.as_raw_fd(), session.as_raw_fd()].map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: There are two.
    while unsafe { libc::poll(polls.as_mut_ptr(), 2, -1) } < 0 {
        let err = io::Error::last_os_error();
        if err.kind() != io::ErrorKind::Interrupted {
            return Err(Error::Os("poll", err));
        }
    }
    // An event of another thread of the session, perhaps. Then wait() tells.
    if polls[0].revents == 0 {
        return Ok(None);
    }
    let mut why = [0; 4];
    Ok(failure
        .read_exact(&mut why)
        .ok()
        .map(|()| i32::from_ne_bytes(why)))
}

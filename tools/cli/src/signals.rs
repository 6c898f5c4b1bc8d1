// SPDX-License-Identifier: GPL-2.0

//! The signals that end us, as a descriptor.

use anyhow::{
    Context,
    Result, //
};
use nix::sys::{
    signal::{
        SigSet,
        Signal, //
    },
    signalfd::{
        SfdFlags,
        SignalFd, //
    }, //
};
use std::os::fd::{
    AsFd,
    BorrowedFd, //
};

/// Ends of us that somebody asks for. From when it is made, they wait here to be taken; and who polls it
/// wakes when a child of ours has ended.
pub struct Signals(SignalFd);

impl Signals {
    /// A program that is started after that has them blocked.
    pub fn new() -> Result<Self> {
        let set: SigSet = [
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGCHLD,
        ]
        .into_iter()
        .collect();
        set.thread_block().context("cannot block signals")?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Signals(fd.context("signalfd")?))
    }

    /// One that came.
    pub fn take(&self) -> Option<Signal> {
        loop {
            let info = self.0.read_signal().ok()??;
            match Signal::try_from(i32::try_from(info.ssi_signo).ok()?) {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                Ok(signal) => return Some(signal),
            }
        }
    }
}

/// Whether the terminal sends it to all programs that it has in the foreground.
pub fn is_of_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::SIGINT | Signal::SIGQUIT)
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

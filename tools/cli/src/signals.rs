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

/// Ends of us that somebody asks for. From when it is made, they wait here to be taken.
pub struct Signals(SignalFd);

impl Signals {
    pub fn new() -> Result<Self> {
        let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
            .into_iter()
            .collect();
        set.thread_block().context("cannot block signals")?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Signals(fd.context("signalfd")?))
    }

    /// One that came.
    pub fn take(&self) -> Option<i32> {
        let info = self.0.read_signal().ok()??;
        i32::try_from(info.ssi_signo).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

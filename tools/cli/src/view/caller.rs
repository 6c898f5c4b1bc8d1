// SPDX-License-Identifier: GPL-2.0

//! A thread that waits for us in a system call.

use kmview::{
    Abi,
    Error,
    Session,
    ThreadId,
    Ticket, //
};
use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::PathBuf, //
};

/// A call: what the thread has asked for.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of the call.
    pub name: std::borrow::Cow<'static, str>,
    /// How it was made.
    pub abi: Abi,
    /// Its arguments, as the program gave them.
    pub args: [u64; 6],
}

impl Call {
    /// An argument that is an `int`.
    pub fn int(&self, n: usize) -> i32 {
        self.args[n] as i32
    }
}

/// A thread that waits.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    pub session: &'a Session,
    pub ticket: Ticket,
    pub thread: ThreadId,
    pub tid: i32,
}

impl Caller<'_> {
    /// The path of an argument, before the call: which uses what is read here, whatever other threads
    /// of the process write. Or the errno that the call is to fail with.
    pub fn take_path(&self, arg: usize) -> Result<PathBuf, i32> {
        match self.session.snapshot_string(self.ticket, arg as u32) {
            Ok(bytes) => Ok(PathBuf::from(OsString::from_vec(bytes))),
            Err(err) => Err(err.errno().unwrap_or(libc::EFAULT)),
        }
    }

    /// Likewise the first bytes of a structure, of which the call uses `size`.
    pub fn take<const N: usize>(&self, arg: usize, size: u64) -> Option<[u8; N]> {
        let mut bytes = vec![0; usize::try_from(size).ok().filter(|size| *size <= 4096)?];
        self.session
            .snapshot_buffer(self.ticket, arg as u32, &mut bytes)
            .ok()?;
        bytes.first_chunk().copied()
    }

    /// A path in its memory.
    pub fn path(&self, address: u64) -> Option<PathBuf> {
        let max = libc::PATH_MAX as usize;
        let bytes = self.session.read_string(self.ticket, address, max).ok()?;
        (bytes.len() < max).then(|| PathBuf::from(OsString::from_vec(bytes)))
    }

    /// Bytes in its memory, all or none.
    pub fn read<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let count = self
            .session
            .read_memory(self.ticket, address, &mut bytes)
            .ok()?;
        (count == N).then_some(bytes)
    }

    /// Writes to its memory; says whether all of it was there.
    pub fn write(&self, address: u64, bytes: &[u8]) -> bool {
        matches!(self.session.write_memory(self.ticket, address, bytes), Ok(count) if count == bytes.len())
    }

    /// Has the call use these bytes for an argument, the NUL of a string included.
    pub fn give(&self, arg: u32, bytes: &[u8]) -> anyhow::Result<()> {
        match self.session.give_bytes(self.ticket, arg, bytes) {
            // Somebody has killed it, and there is nothing left to do.
            Err(Error::Stale(_)) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Where it is, or what a descriptor of its is.
    pub fn folder(&self, dirfd: Option<i32>) -> Option<PathBuf> {
        let name = match dirfd {
            None | Some(libc::AT_FDCWD) => format!("/proc/{}/cwd", self.tid),
            Some(fd) => format!("/proc/{}/fd/{fd}", self.tid),
        };
        std::fs::read_link(name).ok()
    }
}

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
    path::{
        Component,
        Path,
        PathBuf, //
    }, //
};

/// The names in a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect()
}

/// A call: what the thread has asked for.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its number.
    pub nr: i64,
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
    pub pid: i32,
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

    /// Likewise a buffer, all of it.
    pub fn take_all(&self, arg: usize, size: usize) -> Result<Vec<u8>, i32> {
        let mut bytes = vec![0; size];
        match self
            .session
            .snapshot_buffer(self.ticket, arg as u32, &mut bytes)
        {
            Ok(()) => Ok(bytes),
            Err(err) => Err(err.errno().unwrap_or(libc::EFAULT)),
        }
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

    /// What an absolute path, without "..", leads to, as the thread sees it: its own /proc/self, and links. What
    /// is not there yet stands for itself. None: it goes round.
    pub fn real(&self, path: &Path) -> Option<PathBuf> {
        const MAX_LINKS: usize = 40;

        let (mut done, mut links) = (PathBuf::from("/"), 0);
        let mut left: Vec<OsString> = parts(path);
        while let Some(part) = left.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(&part);
            let to = match done.to_str() {
                Some("/proc/self") => Ok(self.pid.to_string().into()),
                Some("/proc/thread-self") => Ok(format!("{}/task/{}", self.pid, self.tid).into()),
                _ => std::fs::read_link(&done),
            };
            let Ok(to) = to else { continue };
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            done.pop();
            if to.is_absolute() {
                done = PathBuf::from("/");
            }
            left.extend(parts(&to));
        }
        Some(done)
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

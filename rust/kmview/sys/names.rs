// SPDX-License-Identifier: GPL-2.0

//! What system calls name: descriptors and paths.

use super::bindings as b;
use kernel::{
    error::to_result,
    prelude::*,
    task::Task, //
};

/// What a call names.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    /// Which arguments are descriptors, as bits.
    pub(crate) fds: u8,
    /// Which are paths, relative to the current directory.
    pub(crate) paths: u8,
    /// Which are, relative to the descriptor in the argument before.
    pub(crate) ats: u8,
    pub(crate) change: Change,
}

/// What a call does to the descriptors of its process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    Close,
    CloseRange,
    Dup,
    Dup2,
    Fcntl,
    Unshare,
    /// Nothing, but there are some in memory that it names.
    InMemory,
}

impl Names {
    /// Whether it may change what descriptors there are of what is open.
    pub(crate) fn changes(self) -> bool {
        !matches!(self.change, Change::Nothing | Change::InMemory)
    }
}

/// What the call names; `None` if it is not known.
pub(crate) fn names(abi: usize, nr: i32) -> Option<Names> {
    // SAFETY: `abi` is one of two. What is given is constant.
    let raw = unsafe { b::kmview_names(abi.min(1) as u32, nr).as_ref() }?;
    let change = match u32::from(raw.change) {
        b::KMVIEW_FDS_CLOSE => Change::Close,
        b::KMVIEW_FDS_CLOSE_RANGE => Change::CloseRange,
        b::KMVIEW_FDS_DUP => Change::Dup,
        b::KMVIEW_FDS_DUP2 => Change::Dup2,
        b::KMVIEW_FDS_FCNTL => Change::Fcntl,
        b::KMVIEW_FDS_UNSHARE => Change::Unshare,
        b::KMVIEW_FDS_IN_MEMORY => Change::InMemory,
        _ => Change::Nothing,
    };
    Some(Names {
        fds: raw.fds,
        paths: raw.paths,
        ats: raw.ats,
        change,
    })
}

/// Whether the current thread, which is alive, has something open with this number.
pub(crate) fn is_open(fd: i32) -> bool {
    // SAFETY: The current thread has descriptors until it is dead.
    unsafe { b::kmview_is_open(fd) }
}

/// `AT_FDCWD`.
pub(crate) const CURRENT: i32 = -100;

/// The path, as the current thread sees it, of what it has open as `fd`, or of its current directory.
/// Gives the length.
///
/// # Errors
///
/// It has none, or it is too long.
pub(crate) fn directory(fd: i32, to: &mut [u8]) -> Result<usize> {
    // SAFETY: `to` is valid for writing as many bytes; the current thread is alive.
    let len = unsafe { b::kmview_directory(fd, to.as_mut_ptr().cast(), to.len() as i32) };
    to_result(len)?;
    Ok(len as usize)
}

/// Names the table of descriptors that a thread has, for comparison. Another one may get this name
/// when it is gone.
pub(crate) fn files(task: &Task) -> usize {
    // SAFETY: The thread is valid; what is given is not looked into.
    unsafe { b::kmview_files(task.as_ptr()) as usize }
}

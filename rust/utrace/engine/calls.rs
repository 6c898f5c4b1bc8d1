// SPDX-License-Identifier: GPL-2.0

//! Which system calls an engine is called for.

use crate::sys::{
    atomic::AtomicU8,
    syscall, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// System calls, 64-bit and 32-bit ones, of which engines hear the entry, the exit, or both: for
/// [`AttachOptions::calls`](crate::AttachOptions::calls). One set may be that of any number of
/// engines, and may be changed at any time.
///
/// A call that is not in the set of its thread's one engine costs a look at the set. New here.
pub struct CallSet([AtomicU8; 2 * ROOM]);

/// For the calls of one convention: a byte for each number, and one for all that are beyond. A power of
/// two, so that no place needs to be checked.
const ROOM: usize = 1024;

/// The place of a call.
#[inline(always)]
fn place(compat: bool, nr: u32) -> usize {
    usize::from(compat) * ROOM + nr.min(CallSet::NUMBERS) as usize % ROOM
}

/// The convention of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallAbi {
    /// 64-bit calls. Numbers of x32 calls are beyond the set.
    Native = 0,
    /// 32-bit calls.
    Compat = 1,
}

/// As which the entry, and the exit, stand in a byte.
pub(crate) const ENTRY: u8 = 1;
pub(crate) const EXIT: u8 = 2;

impl CallSet {
    /// Numbers that the set tells apart: 0 to 511.
    pub const NUMBERS: u32 = 512;

    /// A set with no call in it. May sleep. `ENOMEM`.
    pub fn new() -> Result<Arc<Self>> {
        let empty = [const { AtomicU8::new(0) }; 2 * ROOM];
        Ok(Arc::new(CallSet(empty), GFP_KERNEL)?)
    }

    /// Puts the entry of the call of that number, or its exit, into the set or takes it out. All
    /// numbers from [`Self::NUMBERS`] on, and negative ones, are one. From any context. It holds for
    /// the next call of each thread.
    pub fn set(&self, abi: CallAbi, nr: u32, entry: bool, exit: bool) {
        let what = if entry { ENTRY } else { 0 } | if exit { EXIT } else { 0 };
        self.0[place(abi == CallAbi::Compat, nr)].store(what);
    }

    /// Whether the call that the current thread is in, which has this number, is in the set for what
    /// `end` says.
    #[inline(always)]
    pub(crate) fn has(&self, nr: u32, end: u8) -> bool {
        self.0[place(syscall::is_compat(), nr)].load() & end != 0
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Which system calls an engine is called for.

use crate::sys::{
    atomic::AtomicU8,
    syscall::Regs, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// One byte for each number, and in the last place one for all that are beyond.
type Numbers = [AtomicU8; CallSet::NUMBERS as usize + 1];

/// System calls, 64-bit and 32-bit ones, of which engines hear the entry, the exit, or both: for
/// [`AttachOptions::calls`](crate::AttachOptions::calls). One set may be that of any number of
/// engines, and may be changed at any time.
///
/// A call that is not in the set of its thread's one engine costs a look at the set. New here.
pub struct CallSet([Numbers; 2]);

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
        let empty = [const { [const { AtomicU8::new(0) }; Self::NUMBERS as usize + 1] }; 2];
        Ok(Arc::new(CallSet(empty), GFP_KERNEL)?)
    }

    /// Puts the entry of the call of that number, or its exit, into the set or takes it out. All
    /// numbers from [`Self::NUMBERS`] on, and negative ones, are one. From any context. It holds for
    /// the next call of each thread.
    pub fn set(&self, abi: CallAbi, nr: u32, entry: bool, exit: bool) {
        let what = if entry { ENTRY } else { 0 } | if exit { EXIT } else { 0 };
        self.0[abi as usize][nr.min(Self::NUMBERS) as usize].store(what);
    }

    /// Whether the call that `regs` are in is in the set for what `end` says.
    #[inline(always)]
    pub(crate) fn has(&self, regs: &Regs<'_>, end: u8) -> bool {
        let nr = (regs.nr() as u32).min(Self::NUMBERS);
        self.0[usize::from(regs.is_compat())][nr as usize].load() & end != 0
    }
}

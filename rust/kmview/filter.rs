// SPDX-License-Identifier: GPL-2.0

//! What makes an event. Read by every thread at each of its system calls, without a lock.

use crate::sys::{
    abi::Events,
    uapi::{
        self,
        Kind, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use utrace::EventSet;

const WORDS: usize = 8;

/// The largest bitmap.
pub(crate) const MAX_CALLS: u32 = (WORDS * 64) as u32;

/// A set of the calls of both ABIs.
struct Calls {
    words: [[Atomic<u64>; WORDS]; 2],
    /// A bit for each ABI: numbers beyond the bitmap.
    others: [Atomic<u32>; 2],
}

impl Calls {
    const fn new() -> Self {
        Calls {
            words: [const { [const { Atomic::new(0) }; WORDS] }; 2],
            others: [const { Atomic::new(0) }; 2],
        }
    }

    #[inline]
    fn has(&self, abi: usize, nr: i32) -> bool {
        let nr = nr as u32 as usize;
        match self.words[abi].get(nr / 64) {
            Some(word) => word.load(Relaxed) >> (nr % 64) & 1 != 0,
            None => self.others[abi].load(Relaxed) != 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.words
            .iter()
            .flatten()
            .all(|word| word.load(Relaxed) == 0)
            && self.others.iter().all(|others| others.load(Relaxed) == 0)
    }
}

/// What a session wants to hear of.
pub(crate) struct Filter {
    entry: Calls,
    ret: Calls,
    wait: Atomic<u32>,
    wait_signals: Atomic<u64>,
}

/// 0: native, 1: compat.
#[inline]
fn abi_of(arch: u32) -> usize {
    const AUDIT_ARCH_64BIT: u32 = 0x8000_0000;

    usize::from(arch & AUDIT_ARCH_64BIT == 0)
}

impl Filter {
    pub(crate) const fn new() -> Self {
        Filter {
            entry: Calls::new(),
            ret: Calls::new(),
            wait: Atomic::new(0),
            wait_signals: Atomic::new(0),
        }
    }

    /// Replaces a set of calls.
    ///
    /// # Errors
    ///
    /// `EINVAL`: there is no such set or ABI.
    pub(crate) fn set_calls(
        &self,
        what: u32,
        abi: u32,
        words: &[u64; WORDS],
        others: bool,
    ) -> Result {
        let calls = match what {
            uapi::CALLS_ENTRY => &self.entry,
            uapi::CALLS_RETURN => &self.ret,
            _ => return Err(EINVAL),
        };
        let abi = abi as usize;
        let places = calls.words.get(abi).ok_or(EINVAL)?;
        for (place, word) in places.iter().zip(words) {
            place.store(*word, Relaxed);
        }
        calls.others[abi].store(others.into(), Relaxed);
        Ok(())
    }

    pub(crate) fn set_events(&self, events: &Events) {
        self.wait.store(events.wait, Relaxed);
        self.wait_signals.store(events.wait_signals, Relaxed);
    }

    /// Whether the call is to wait at its entry.
    #[inline]
    pub(crate) fn has_entry(&self, arch: u32, nr: i32) -> bool {
        self.entry.has(abi_of(arch), nr)
    }

    /// Whether it is to wait at its exit.
    #[inline]
    pub(crate) fn has_return(&self, arch: u32, nr: i32) -> bool {
        self.ret.has(abi_of(arch), nr)
    }

    /// Whether events of this kind, which is none of system calls, are to wait.
    pub(crate) fn waits(&self, kind: Kind) -> bool {
        self.wait.load(Relaxed) & kind.bit() != 0
    }

    pub(crate) fn has_signal(&self, number: i32) -> bool {
        self.waits(Kind::Signal) && self.wait_signals.load(Relaxed) >> (number - 1) & 1 != 0
    }

    /// What the engine of a thread has to hear of. The first four are for the session itself: it
    /// follows, lets go of programs that it may not reach, and says how a thread has ended.
    pub(crate) fn events(&self) -> EventSet {
        let mut set = EventSet::CLONE | EventSet::EXEC | EventSet::EXIT | EventSet::DEATH;
        if !self.entry.is_empty() {
            set = set | EventSet::SYSCALL_ENTRY;
        }
        if !self.ret.is_empty() {
            set = set | EventSet::SYSCALL_EXIT;
        }
        if self.waits(Kind::Signal) {
            set = set | EventSet::SIGNAL_ALL;
        }
        set
    }
}

/// The words of a bitmap of `bits` bits.
pub(crate) fn words(bits: u32, mut next: impl FnMut() -> Result<u64>) -> Result<[u64; WORDS]> {
    let mut words = [0; WORDS];
    if bits > MAX_CALLS {
        return Err(EINVAL);
    }
    for (i, word) in words.iter_mut().enumerate() {
        let left = bits.saturating_sub(i as u32 * 64);
        if left == 0 {
            break;
        }
        *word = next()?;
        if left < 64 {
            *word &= (1 << left) - 1;
        }
    }
    Ok(words)
}

// SPDX-License-Identifier: GPL-2.0

//! What makes an event. Read by every thread at each of its system calls, without a lock.

use crate::sys::{
    abi::Events,
    atomic::{
        AtomicU32,
        AtomicU64, //
    },
    names,
    uapi::{
        self,
        Kind, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use utrace::{
    CallAbi,
    CallSet,
    EventSet, //
};

const WORDS: usize = 8;

/// The largest bitmap.
pub(crate) const MAX_CALLS: u32 = (WORDS * 64) as u32;

/// What a call is selected for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selected(u32);

impl Selected {
    /// It waits at its entry, and at its exit.
    pub(crate) const ENTRY: Selected = Selected(1 << 0);
    pub(crate) const RETURN: Selected = Selected(1 << 1);
    /// They are recorded.
    pub(crate) const RECORD_ENTRY: Selected = Selected(1 << 2);
    pub(crate) const RECORD_RETURN: Selected = Selected(1 << 3);
    /// With copies of what arguments point to.
    pub(crate) const COPY_ENTRY: Selected = Selected(1 << 4);
    pub(crate) const COPY_RETURN: Selected = Selected(1 << 5);
    /// Only when a descriptor, or a path, that it names is selected.
    pub(crate) const FD: Selected = Selected(1 << 6);
    pub(crate) const PATH: Selected = Selected(1 << 7);
    /// It may change what descriptors are selected.
    pub(crate) const FOLLOW: Selected = Selected(1 << 8);
    /// It is counted.
    pub(crate) const COUNT: Selected = Selected(1 << 9);

    /// Both.
    pub(crate) const NAMES: Selected = Self::FD.or(Self::PATH);
    /// It makes an event at its entry, or at its exit.
    pub(crate) const ENTRIES: Selected = Self::ENTRY.or(Self::RECORD_ENTRY);
    pub(crate) const RETURNS: Selected = Self::RETURN.or(Self::RECORD_RETURN);

    /// Above all that, how often it has been taken out of those that are counted.
    const ERA: u32 = 1 << 16;

    /// Whether it is selected for any of these.
    #[inline]
    pub(crate) const fn has(self, any: Selected) -> bool {
        self.0 & any.0 != 0
    }

    /// Without the events, and not counted.
    pub(crate) const fn deselected(self) -> Selected {
        Selected(self.0 & !Self::ENTRIES.or(Self::RETURNS).or(Self::COUNT).0)
    }

    /// With an entry that is recorded, and waits or does not.
    pub(crate) const fn recorded(self, waits: bool) -> Selected {
        let entry = match waits {
            true => Self::ENTRIES,
            false => Self::RECORD_ENTRY,
        };
        Selected(self.0 & !Self::ENTRIES.0).or(entry)
    }

    /// Tells what was counted before the call was taken out from what is counted now.
    pub(crate) const fn era(self) -> u32 {
        self.0 / Self::ERA
    }

    pub(crate) const fn or(self, other: Selected) -> Selected {
        Selected(self.0 | other.0)
    }
}

/// For each number, and in the last place for those beyond the bitmap, [`Selected`].
type Numbers = [AtomicU32; MAX_CALLS as usize + 1];

/// What a session wants to hear of. Changed by one party at a time.
pub(crate) struct Filter {
    calls: [Numbers; 2],
    /// Those for which the threads' engines are called at all.
    pub(crate) set: Arc<CallSet>,
    /// What any call is selected for.
    any: AtomicU32,
    wait: AtomicU32,
    wait_signals: AtomicU64,
    record: AtomicU32,
    record_signals: AtomicU64,
}

/// 0: native, 1: compat.
#[inline]
pub(crate) fn abi_of(arch: u32) -> usize {
    const AUDIT_ARCH_64BIT: u32 = 0x8000_0000;

    usize::from(arch & AUDIT_ARCH_64BIT == 0)
}

impl Filter {
    pub(crate) const fn new(set: Arc<CallSet>) -> Self {
        Filter {
            calls: [const { [const { AtomicU32::new(0) }; MAX_CALLS as usize + 1] }; 2],
            set,
            any: AtomicU32::new(0),
            wait: AtomicU32::new(0),
            wait_signals: AtomicU64::new(0),
            record: AtomicU32::new(0),
            record_signals: AtomicU64::new(0),
        }
    }

    /// What the call is selected for.
    #[inline]
    pub(crate) fn call(&self, arch: u32, nr: i32) -> Selected {
        self.call_of(abi_of(arch), nr as u32)
    }

    /// The same by the ABI.
    #[inline]
    pub(crate) fn call_of(&self, abi: usize, nr: u32) -> Selected {
        Selected(self.calls[abi][nr.min(MAX_CALLS) as usize].load())
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
        let set = match what {
            uapi::CALLS_ENTRY => Selected::ENTRY,
            uapi::CALLS_RETURN => Selected::RETURN,
            uapi::CALLS_RECORD_ENTRY => Selected::RECORD_ENTRY,
            uapi::CALLS_RECORD_RETURN => Selected::RECORD_RETURN,
            uapi::CALLS_FD => Selected::FD,
            uapi::CALLS_PATH => Selected::PATH,
            uapi::CALLS_COUNT => Selected::COUNT,
            _ => return Err(EINVAL),
        };
        let places = self.calls.get(abi as usize).ok_or(EINVAL)?;
        for (nr, place) in places.iter().enumerate() {
            let selected = match words.get(nr / 64) {
                Some(word) => word >> (nr % 64) & 1 != 0,
                None => others,
            };
            change(place, set, selected);
        }
        self.settle();
        Ok(())
    }

    /// Says whether there is something to copy for a call.
    pub(crate) fn set_copies(&self, abi: usize, nr: u32, (entry, ret): (bool, bool)) {
        let Some(place) = self.calls.get(abi).and_then(|it| it.get(nr as usize)) else {
            return;
        };
        change(place, Selected::COPY_ENTRY, entry);
        change(place, Selected::COPY_RETURN, ret);
    }

    /// From now on, what calls do to descriptors is followed.
    pub(crate) fn follow(&self) {
        for (abi, places) in self.calls.iter().enumerate() {
            for (nr, place) in places.iter().enumerate() {
                let names = names::names(abi, nr as i32);
                let follows = names.is_some_and(|names| names.changes());
                change(place, Selected::FOLLOW, follows);
            }
        }
        self.settle();
    }

    pub(crate) fn follows(&self) -> bool {
        Selected(self.any.load()).has(Selected::FOLLOW)
    }

    /// What the entry and the exit of calls mean to the session.
    fn settle(&self) {
        const BOTH: Selected = Selected::FOLLOW.or(Selected::COUNT);
        const ENTRY: Selected = Selected::ENTRIES.or(BOTH);
        const EXIT: Selected = Selected::RETURNS.or(BOTH);

        let mut any = 0;
        for (abi, places) in [CallAbi::Native, CallAbi::Compat].iter().zip(&self.calls) {
            for (nr, place) in places.iter().enumerate() {
                let selected = Selected(place.load());
                any |= selected.0;
                // What a call names is looked at before it is made.
                let names = selected.has(Selected::NAMES) && selected.has(Selected::RETURNS);
                let entry = selected.has(ENTRY) || names;
                self.set.set(*abi, nr as u32, entry, selected.has(EXIT));
            }
        }
        self.any.store(any);
    }

    pub(crate) fn set_events(&self, events: &Events) {
        self.wait.store(events.wait);
        self.wait_signals.store(events.wait_signals);
        self.record.store(events.record);
        self.record_signals.store(events.record_signals);
    }

    /// Whether events of this kind, which is none of system calls, are to wait.
    pub(crate) fn waits(&self, kind: Kind) -> bool {
        self.wait.load() & kind.bit() != 0
    }

    /// Whether they are to be recorded.
    pub(crate) fn records(&self, kind: Kind) -> bool {
        self.record.load() & kind.bit() != 0
    }

    pub(crate) fn waits_for_signal(&self, number: i32) -> bool {
        self.waits(Kind::Signal) && self.wait_signals.load() >> (number - 1) & 1 != 0
    }

    pub(crate) fn records_signal(&self, number: i32) -> bool {
        self.records(Kind::Signal) && self.record_signals.load() >> (number - 1) & 1 != 0
    }

    /// What the engine of a thread has to hear of. The first four are for the session itself: it
    /// follows, lets go of programs that it may not reach, and says how a thread has ended.
    pub(crate) fn events(&self) -> EventSet {
        let mut set = EventSet::CLONE | EventSet::EXEC | EventSet::EXIT | EventSet::DEATH;
        let any = Selected(self.any.load());
        // What a call names is looked at before it is made.
        if any.has(Selected::ENTRIES.or(Selected::FOLLOW).or(Selected::COUNT))
            || any.has(Selected::NAMES) && any.has(Selected::RETURNS)
        {
            set = set | EventSet::SYSCALL_ENTRY;
        }
        if any.has(Selected::RETURNS.or(Selected::COUNT)) {
            set = set | EventSet::SYSCALL_EXIT;
        }
        if self.waits(Kind::Signal) || self.records(Kind::Signal) {
            set = set | EventSet::SIGNAL_ALL;
        }
        set
    }
}

fn change(place: &AtomicU32, set: Selected, selected: bool) {
    let before = place.load();
    let after = match selected {
        true => before | set.0,
        false => before & !set.0,
    };
    let uncounted = Selected(before & !after).has(Selected::COUNT);
    place.store(after.wrapping_add(if uncounted { Selected::ERA } else { 0 }));
}

/// The words of a bitmap of `bits` bits; beyond them, all are as `others` says.
pub(crate) fn words(
    bits: u32,
    others: bool,
    mut next: impl FnMut() -> Result<u64>,
) -> Result<[u64; WORDS]> {
    let beyond = if others { u64::MAX } else { 0 };
    let mut words = [beyond; WORDS];
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
            let inside = (1 << left) - 1;
            *word = *word & inside | beyond & !inside;
        }
    }
    Ok(words)
}

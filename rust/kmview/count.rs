// SPDX-License-Identifier: GPL-2.0

//! Calls that are only counted: by the thread that makes them, without an event or a lock.

use crate::{
    filter::{
        self,
        Selected,
        MAX_CALLS, //
    },
    sys::{
        abi,
        atomic::{
            AtomicU32,
            AtomicU64, //
        },
        ring, //
    }, //
};
use kernel::{
    alloc::KVVec,
    prelude::*, //
};

/// How many counts each ABI has: one for each number, and one for all beyond the bitmap.
const PLACES: usize = MAX_CALLS as usize + 1;

/// What is counted of one call.
struct Count {
    calls: AtomicU64,
    returns: AtomicU64,
    errors: AtomicU64,
    time: AtomicU64,
    longest: AtomicU64,
}

/// The counts of a session.
pub(crate) struct Counts(KVVec<Count>);

/// The call that a thread is in, if it is counted. Used by the thread itself.
pub(crate) struct Running {
    /// Where it is counted, from 1 on; or 0.
    place: AtomicU32,
    /// [`Selected::era`] of the call.
    era: AtomicU32,
    began: AtomicU64,
}

/// The number may be another one at the end: the program is.
const EXECED: u32 = 1 << 31;

impl Counts {
    pub(crate) fn new() -> Result<Self> {
        let mut counts = KVVec::with_capacity(2 * PLACES, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..2 * PLACES {
            let count = Count {
                calls: AtomicU64::new(0),
                returns: AtomicU64::new(0),
                errors: AtomicU64::new(0),
                time: AtomicU64::new(0),
                longest: AtomicU64::new(0),
            };
            let _ = counts.push_within_capacity(count);
        }
        Ok(Counts(counts))
    }

    /// The counts of an ABI from number `first` on, `count` of them.
    ///
    /// # Errors
    ///
    /// `EINVAL`: there are not as many, or no such ABI.
    pub(crate) fn some(
        &self,
        abi: u32,
        first: u32,
        count: u32,
    ) -> Result<impl Iterator<Item = abi::Count> + '_> {
        let (first, count) = (first as usize, count as usize);
        if abi > 1 || first > PLACES || count > PLACES - first {
            return Err(EINVAL);
        }
        let begin = abi as usize * PLACES + first;
        Ok(self.0[begin..begin + count].iter().map(|count| abi::Count {
            // The other way round than they are counted: never more returns than calls.
            longest: count.longest.load(),
            time: count.time.load(),
            errors: count.errors.load(),
            returns: count.returns.load(),
            calls: count.calls.load(),
        }))
    }

    fn at(&self, place: u32) -> Option<&Count> {
        self.0.get(place as usize - 1)
    }
}

/// Where a call is counted, from 1 on.
fn place(arch: u32, nr: i32) -> u32 {
    filter::abi_of(arch) as u32 * PLACES as u32 + (nr as u32).min(MAX_CALLS) + 1
}

/// Which call is counted there: its ABI, and its number.
fn call_at(place: u32) -> (usize, u32) {
    let place = place as usize - 1;
    (place / PLACES, (place % PLACES) as u32)
}

impl Running {
    pub(crate) const fn new() -> Self {
        Running {
            place: AtomicU32::new(0),
            era: AtomicU32::new(0),
            began: AtomicU64::new(0),
        }
    }

    /// The thread is about to make a call that is counted.
    pub(crate) fn begin(&self, counts: &Counts, arch: u32, nr: i32, era: u32) {
        let place = place(arch, nr);
        if let Some(count) = counts.at(place) {
            count.calls.fetch_add(1);
        }
        self.place.store(place);
        self.era.store(era);
        self.began.store(ring::now());
    }

    /// The call loads a program.
    pub(crate) fn exec(&self) {
        let place = self.place.load();
        if place != 0 {
            self.place.store(place | EXECED);
        }
    }

    /// Whether the thread is in a call that is counted.
    #[inline(always)]
    pub(crate) fn is_counted(&self) -> bool {
        self.place.load() != 0
    }

    /// That call has come back unheard.
    #[cold]
    pub(crate) fn forget(&self) {
        self.place.store(0);
    }

    /// A call has come back: if it is the one that began, and has been in the set since then, it is
    /// counted. `selected` is what a call is selected for.
    pub(crate) fn end(
        &self,
        counts: &Counts,
        arch: u32,
        nr: i32,
        selected: impl FnOnce(usize, u32) -> Selected,
        is_error: bool,
    ) {
        let now = ring::now();
        let began = self.place.load();
        self.place.store(0);
        // Not one that was skipped, or made into another one.
        if began & EXECED == 0 && began != place(arch, nr) {
            return;
        }
        let began = began & !EXECED;
        let Some(count) = counts.at(began) else {
            return;
        };
        let (abi, nr) = call_at(began);
        // What began may have come back unheard while it was not in the set: this is another one.
        let selected = selected(abi, nr);
        if !selected.has(Selected::COUNT) || selected.era() != self.era.load() {
            return;
        }
        let time = now.saturating_sub(self.began.load());
        count.returns.fetch_add(1);
        if is_error {
            count.errors.fetch_add(1);
        }
        count.time.fetch_add(time);
        let mut longest = count.longest.load();
        while longest < time {
            match count.longest.compare_exchange(longest, time) {
                Ok(_) => break,
                Err(other) => longest = other,
            }
        }
    }
}

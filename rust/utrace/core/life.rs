// SPDX-License-Identifier: GPL-2.0

//! Who cleans up: the attachment of an engine, and the death and reap of its thread.
//!
//! Each is in one atomic word, so that of several parties that come together exactly one is told to
//! do the work.

use super::{
    super::place::AtomicU32,
    stop::EngineWord,
    word::update, //
};

// Between the phase and the number of the stop.
const DETACHED: u64 = 1 << 3;
const IN_CALLBACK: u64 = 1 << 4;
const CLEANED: u64 = 1 << 5;
const AWAITED: u64 = 1 << 6;
/// While in a callback: the number of the event that it is for.
const EVENT_SHIFT: u32 = 7;
const EVENT: u64 = 0x1f << EVENT_SHIFT;

/// What a callback for the event of this number adds to the word.
pub(super) const fn in_callback(event: u32) -> u64 {
    IN_CALLBACK | (event as u64) << EVENT_SHIFT
}

/// What a detach comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detach {
    /// The caller ended the attachment, and cleans up.
    CleanUp,
    /// A callback runs; whoever runs it cleans up after it.
    InProgress,
    /// Somebody else ended it before.
    Already,
}

/// What is left to do after a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leave {
    /// The engine was detached meanwhile: the caller cleans up.
    pub(crate) clean_up: bool,
    /// Somebody waits for the end of the callback.
    pub(crate) wake: bool,
}

/// The life of one attachment.
///
/// ```text
/// attached --enter--> attached, in callback --leave--> attached
///     | detach              | detach (InProgress)
///     v                     v
/// detached: CleanUp     detached, in callback --leave: clean_up--> detached
/// ```
impl EngineWord {
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load() & DETACHED != 0
    }

    pub(crate) fn is_in_callback(&self) -> bool {
        self.0.load() & IN_CALLBACK != 0
    }

    /// The number of the event that a callback runs for, if one does.
    pub(crate) fn callback(&self) -> Option<u32> {
        let word = self.0.load();
        (word & IN_CALLBACK != 0).then_some(((word & EVENT) >> EVENT_SHIFT) as u32)
    }

    /// Begins a callback for the event of this number; not when the engine is detached. Whether the
    /// event is still wanted is to be looked at behind this: who takes it back looks behind that
    /// whether a callback runs.
    pub(crate) fn enter(&self, event: u32) -> bool {
        let old = update(&self.0, |old| match old & DETACHED {
            0 => Some(old & !EVENT | in_callback(event)),
            _ => None,
        });
        old & DETACHED == 0
    }

    /// Ends a callback.
    pub(crate) fn leave(&self) -> Leave {
        let old = update(&self.0, |old| {
            // Who cleans up stays "in callback" until done, so that a waiter waits for it.
            match old & DETACHED {
                0 => Some(old & !(IN_CALLBACK | AWAITED | EVENT)),
                _ => None,
            }
        });
        Leave {
            clean_up: old & DETACHED != 0,
            wake: old & DETACHED == 0 && old & AWAITED != 0,
        }
    }

    /// Ends the attachment.
    pub(crate) fn detach(&self) -> Detach {
        let old = update(&self.0, |old| match old & DETACHED {
            0 => Some(old | DETACHED),
            _ => None,
        });
        match (old & DETACHED, old & IN_CALLBACK) {
            (0, 0) => Detach::CleanUp,
            (0, _) => Detach::InProgress,
            _ => Detach::Already,
        }
    }

    /// Says that the cleaning up is done. Tells whether somebody waits for it.
    pub(crate) fn cleaned(&self) -> bool {
        let old = update(&self.0, |old| {
            Some((old | CLEANED) & !(IN_CALLBACK | AWAITED | EVENT))
        });
        old & AWAITED != 0
    }

    /// Whether a barrier has to wait, and if so announces the waiter: for the callback that runs,
    /// and for the cleaning up of an engine that is detached.
    pub(crate) fn must_wait(&self) -> bool {
        let busy = |old| old & IN_CALLBACK != 0 || old & (DETACHED | CLEANED) == DETACHED;
        let old = update(&self.0, |old| busy(old).then_some(old | AWAITED));
        busy(old)
    }
}

const DEATH_BEGUN: u32 = 1 << 0;
const DEATH_DONE: u32 = 1 << 1;
const REAPED: u32 = 1 << 2;

/// The end of a thread: one death report, then one reap, never at the same time.
pub(crate) struct ThreadLife(AtomicU32);

impl ThreadLife {
    pub(crate) fn new() -> Self {
        ThreadLife(AtomicU32::new(0))
    }

    pub(crate) fn death_has_begun(&self) -> bool {
        self.0.load() & DEATH_BEGUN != 0
    }

    pub(crate) fn is_reaped(&self) -> bool {
        self.0.load() & REAPED != 0
    }

    /// Claims the death report. Only one caller gets it.
    pub(crate) fn begin_death(&self) -> bool {
        let old = update(&self.0, |old| match old & DEATH_BEGUN {
            0 => Some(old | DEATH_BEGUN),
            _ => None,
        });
        old & DEATH_BEGUN == 0
    }

    /// Ends the death report. Tells whether the reap came meanwhile and is the caller's to make.
    pub(crate) fn end_death(&self) -> bool {
        let old = update(&self.0, |old| Some(old | DEATH_DONE));
        old & REAPED != 0
    }

    /// Notes the reap. Tells whether it is the caller's to make: not when it was noted before, nor
    /// while the death report is still to be made or under way.
    pub(crate) fn reap(&self) -> bool {
        let old = update(&self.0, |old| match old & REAPED {
            0 => Some(old | REAPED),
            _ => None,
        });
        old & REAPED == 0 && old & DEATH_DONE != 0
    }
}

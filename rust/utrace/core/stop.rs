// SPDX-License-Identifier: GPL-2.0

//! The stop word: phase and ticket of the stop that an engine's report makes.
//!
//! ```text
//! Running --prepare--> Prepared(n) --park--> Parked(n) --release--> Released(n) --settle--> Running
//!                          |   \-------------release---------------^
//!                          \--settle--> Running
//! any --close--> Closed
//! ```
//!
//! Only the traced thread prepares, parks and settles; anybody, in any context, releases; the
//! thread's death and the engine's detach close. Every transition is one compare-and-exchange of
//! one 64-bit word, so a release that comes before the thread has parked is seen when it tries to.

use super::{
    super::place::AtomicU64,
    word::update, //
};

/// Names one stop of one engine.
///
/// Numbers grow; none is used twice by an engine. A report's stops have even numbers, the stops
/// asked for from outside odd ones (see [`super::hold`]), so that one number finds its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(u64);

impl Number {
    /// Was never given out.
    pub(crate) const NONE: Number = Number(0);

    pub(crate) const fn from_raw(raw: u64) -> Self {
        Number(raw)
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    /// Whether the stop was asked for from outside, not made by a report.
    pub(crate) const fn is_ask(self) -> bool {
        self.0 % 2 == 1
    }
}

/// In which phase a release found the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There was no stop to release.
    Nothing,
    /// The thread had not parked yet, and will not.
    Prepared,
    /// The thread was parked.
    Parked,
}

/// Why a release did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReleaseError {
    /// The stop that the ticket names is over (`ESTALE`).
    Stale,
    /// The thread is dying, or the engine is detached (`ESRCH`).
    Gone,
}

/// What the traced thread has to do after it looked at the word in the final check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The stop holds: the word is Parked.
    Hold,
    /// The stop has been released, cancelled or closed: run on.
    Run,
}

/// How a stop stands, for who examines the thread in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is none, or it was released.
    Over,
    /// The thread has not parked yet, and may still do something else.
    Prepared,
    /// The thread is parked.
    Parked,
    /// There will be none any more.
    Closed,
}

const PHASE_BITS: u32 = 3;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;

const RUNNING: u64 = 0;
const PREPARED: u64 = 1;
const PARKED: u64 = 2;
const RELEASED: u64 = 3;
const CLOSED: u64 = 4;

const fn word(number: u64, phase: u64) -> u64 {
    number << PHASE_BITS | phase
}

const fn phase(word: u64) -> u64 {
    word & PHASE_MASK
}

const fn number(word: u64) -> u64 {
    word >> PHASE_BITS
}

/// The phase of a stop word, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No stop.
    Running,
    /// A callback runs, or has just returned.
    Prepared,
    /// The thread is parked.
    Parked,
    /// The stop was released, and the thread has not noticed yet.
    Released,
    /// There will be no stop any more.
    Closed,
}

/// The stop word of one engine.
pub(crate) struct StopWord(AtomicU64);

impl StopWord {
    pub(crate) fn new() -> Self {
        StopWord(AtomicU64::new(word(0, RUNNING)))
    }

    /// What it is at this moment.
    pub(crate) fn peek(&self) -> (Phase, Number) {
        let word = self.0.load();
        let phase = match phase(word) {
            RUNNING => Phase::Running,
            PREPARED => Phase::Prepared,
            PARKED => Phase::Parked,
            RELEASED => Phase::Released,
            _ => Phase::Closed,
        };
        (phase, Number(number(word)))
    }

    /// Opens a stop, before the callback that may ask for it is called. By the thread only.
    ///
    /// A closed word stays closed: its number is over at once.
    pub(crate) fn prepare(&self) -> Number {
        let next = |old| match phase(old) {
            CLOSED => None,
            _ => Some(word(number(old) + 2, PREPARED)),
        };
        let old = update(&self.0, next);
        Number(number(next(old).unwrap_or(old)))
    }

    /// Whether the current stop is neither released nor parked yet.
    #[inline]
    pub(crate) fn is_prepared(&self) -> bool {
        phase(self.0.load()) == PREPARED
    }

    /// Ends the stop of the thread, whatever became of it. By the thread only.
    pub(crate) fn settle(&self) {
        update(&self.0, |old| match phase(old) {
            RUNNING | CLOSED => None,
            _ => Some(word(number(old), RUNNING)),
        });
    }

    /// The final check: parks the word unless the stop was released. By the thread only, last of
    /// all before it sleeps, under the lock of [`super::hold`] under which it is also woken.
    pub(crate) fn park(&self) -> Check {
        let old = update(&self.0, |old| match phase(old) {
            PREPARED => Some(word(number(old), PARKED)),
            _ => None,
        });
        match phase(old) {
            PREPARED | PARKED => Check::Hold,
            _ => Check::Run,
        }
    }

    /// What utrace did before: parks without looking whether the stop was released meanwhile.
    #[cfg(utrace_test)]
    pub(crate) fn park_blindly(&self) -> Check {
        let old = update(&self.0, |old| match phase(old) {
            PREPARED | RELEASED => Some(word(number(old), PARKED)),
            _ => None,
        });
        match phase(old) {
            PREPARED | RELEASED | PARKED => Check::Hold,
            _ => Check::Run,
        }
    }

    /// Releases the current stop, or the one that `ticket` names, exactly once. By anybody.
    ///
    /// A caller that got [`Found::Parked`] wakes the thread, under the lock of [`super::hold`].
    pub(crate) fn release(&self, ticket: Option<Number>) -> Result<Found, ReleaseError> {
        let current = |old| match ticket {
            Some(Number(n)) => n == number(old),
            None => true,
        };
        let old = update(&self.0, |old| match phase(old) {
            PREPARED | PARKED if current(old) => Some(word(number(old), RELEASED)),
            _ => None,
        });
        match (phase(old), ticket) {
            (CLOSED, _) => Err(ReleaseError::Gone),
            (PREPARED, _) if current(old) => Ok(Found::Prepared),
            (PARKED, _) if current(old) => Ok(Found::Parked),
            (_, Some(_)) => Err(ReleaseError::Stale),
            (_, None) => Ok(Found::Nothing),
        }
    }

    /// What utrace did before tickets: a release that comes while nothing is stopped, or for a
    /// stop that is over, is remembered and swallows the next stop. For the model alone.
    #[cfg(all(utrace_test, loom))]
    pub(crate) fn release_and_remember(&self) -> Found {
        let old = update(&self.0, |old| match phase(old) {
            RUNNING => Some(word(number(old) + 2, RELEASED)),
            PREPARED | PARKED => Some(word(number(old), RELEASED)),
            _ => None,
        });
        match phase(old) {
            PREPARED => Found::Prepared,
            PARKED => Found::Parked,
            _ => Found::Nothing,
        }
    }

    /// [`Self::prepare`] that keeps what [`Self::release_and_remember`] left.
    #[cfg(all(utrace_test, loom))]
    pub(crate) fn prepare_remembering(&self) {
        update(&self.0, |old| match phase(old) {
            RUNNING => Some(word(number(old) + 2, PREPARED)),
            _ => None,
        });
    }

    /// How the stop stands: exact for a parked one, under the lock of [`super::hold`].
    pub(crate) fn standing(&self) -> Standing {
        match phase(self.0.load()) {
            PREPARED => Standing::Prepared,
            PARKED => Standing::Parked,
            CLOSED => Standing::Closed,
            _ => Standing::Over,
        }
    }

    /// Ends every stop for ever: the thread is dying or the engine is detached.
    pub(crate) fn close(&self) {
        update(&self.0, |old| match phase(old) {
            CLOSED => None,
            _ => Some(word(number(old), CLOSED)),
        });
    }
}

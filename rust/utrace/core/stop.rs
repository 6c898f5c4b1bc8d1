// SPDX-License-Identifier: GPL-2.0

//! The word of an engine: phase and ticket of the stop that its report makes, and the life of its
//! attachment (see [`super::life`]). One word for both, so that a callback to which nothing comes
//! in between costs one exchange before it and one after it.
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
    life::in_callback,
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

const PHASE_MASK: u64 = 7;

const RUNNING: u64 = 0;
const PREPARED: u64 = 1;
const PARKED: u64 = 2;
const RELEASED: u64 = 3;
const CLOSED: u64 = 4;

/// The life of the attachment is in between.
const NUMBER_SHIFT: u32 = 12;
const NUMBER_MASK: u64 = u64::MAX << NUMBER_SHIFT;

/// A report's stops have even numbers.
const NEXT_NUMBER: u64 = 2 << NUMBER_SHIFT;

/// The word in another phase. The life of the attachment stays what it is.
const fn in_phase(word: u64, phase: u64) -> u64 {
    word & !PHASE_MASK | phase
}

/// The word in the first phase of the next stop.
const fn prepared(word: u64) -> u64 {
    in_phase(word.wrapping_add(NEXT_NUMBER), PREPARED)
}

const fn phase(word: u64) -> u64 {
    word & PHASE_MASK
}

const fn number(word: u64) -> u64 {
    word >> NUMBER_SHIFT
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

/// The word of one engine.
pub(crate) struct EngineWord(pub(super) AtomicU64);

/// A callback that was begun with [`EngineWord::begin`].
#[derive(Clone, Copy)]
pub(crate) struct Begun(u64);

impl Begun {
    /// The ticket that the callback has.
    pub(crate) fn number(self) -> Number {
        Number(number(self.0))
    }
}

impl EngineWord {
    pub(crate) fn new() -> Self {
        EngineWord(AtomicU64::new(RUNNING))
    }

    /// [`Self::enter`] and [`Self::prepare`] at once, if the engine is attached, neither stopped nor
    /// called, and nothing comes in between. By the thread only.
    #[inline(always)]
    pub(crate) fn begin(&self, event: u32) -> Option<Begun> {
        // If it is anything but running and attached, the exchange fails.
        let old = self.0.load() & NUMBER_MASK | RUNNING;
        let new = prepared(old) | in_callback(event);
        match self.0.compare_exchange(old, new) {
            Ok(_) => Some(Begun(new)),
            Err(_) => None,
        }
    }

    /// [`Self::settle`] and [`Self::leave`] at once, if nothing came since [`Self::begin`]: no
    /// release, no detach, nobody who waits. Otherwise does nothing and gives `false`.
    #[inline(always)]
    pub(crate) fn end(&self, begun: Begun) -> bool {
        let quiet = begun.0 & NUMBER_MASK;
        self.0.compare_exchange(begun.0, quiet).is_ok()
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
            _ => Some(prepared(old)),
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
            _ => Some(in_phase(old, RUNNING)),
        });
    }

    /// The final check: parks the word unless the stop was released. By the thread only, last of
    /// all before it sleeps, under the lock of [`super::hold`] under which it is also woken.
    pub(crate) fn park(&self) -> Check {
        let old = update(&self.0, |old| match phase(old) {
            PREPARED => Some(in_phase(old, PARKED)),
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
            PREPARED | RELEASED => Some(in_phase(old, PARKED)),
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
            PREPARED | PARKED if current(old) => Some(in_phase(old, RELEASED)),
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
            RUNNING => Some(in_phase(old.wrapping_add(NEXT_NUMBER), RELEASED)),
            PREPARED | PARKED => Some(in_phase(old, RELEASED)),
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
            RUNNING => Some(prepared(old)),
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
            _ => Some(in_phase(old, CLOSED)),
        });
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What keeps a thread parked, and the one function in which it parks.
//!
//! A thread parks for the stop word of one engine's report, and for every stop that was asked for
//! from outside (`utrace_control(.., UTRACE_STOP)`). Engines come one after the other: the thread
//! runs on when the report's stop is released and nobody asks.
//!
//! One small lock per thread, taken with interrupts off, covers three things: the final check with
//! the store of the sleeping state, the wake-up, and the count of asks. Three rules follow:
//!
//! * no release falls between the check and the sleep;
//! * a wake-up reaches the thread only while it is parked *here*, never in another sleep (a late
//!   one would break a ptrace stop, which does not loop);
//! * who asks for a stop while the thread is parked is told so and finds it parked until released.
//!
//! A parked thread still belongs to its process: when that is stopped by a signal, it stops with it,
//! and is parked again when the process goes on. Whoever makes it so leaves a notice here first, and
//! the thread looks, under the lock that the other one holds, before it sleeps.

use super::super::place::AtomicU64;
use super::stop::{
    Check,
    EngineWord,
    Found,
    Number,
    ReleaseError,
    Standing, //
};

/// What the lock of a thread guards.
pub(crate) struct Hold {
    /// The thread sleeps in [`park`], or is about to, having found something that holds it.
    parked: bool,
    /// How many engines ask for a stop from outside.
    asks: u32,
    /// The thread was killed: nothing parks it any more, and nothing is left to resume.
    killed: bool,
    /// Counts the parks in which the thread slept: names the one in which it is examined.
    turn: u64,
    examiner: Examiner,
    /// Its process may be about to stop, or have stopped before anybody could leave a notice.
    noticed: bool,
}

/// Who looks at the thread, which does not leave [`park`] meanwhile, whatever happens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Examiner {
    /// Nobody.
    None,
    /// Somebody.
    Looks,
    /// Somebody, until when the thread waits to leave.
    IsAwaited,
}

impl Hold {
    pub(crate) const fn new() -> Self {
        Hold {
            parked: false,
            asks: 0,
            killed: false,
            turn: 0,
            examiner: Examiner::None,
            noticed: true,
        }
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asks != 0
    }
}

/// The stop that one engine asks for from outside. Changed only under the thread's lock.
///
/// A word of its own, because it has another owner than the report's: a release of the stop that a
/// callback made must not let go the stop that somebody else just asked for.
pub(crate) struct Ask {
    /// The number (odd), and in the lowest bit whether the stop is held.
    word: AtomicU64,
}

impl Ask {
    pub(crate) fn new() -> Self {
        Ask {
            word: AtomicU64::new(0),
        }
    }

    /// Whether the stop is asked for and not released. Exact under the lock, a hint without.
    pub(crate) fn is_held(&self) -> bool {
        self.word.load() & 1 == 1
    }

    fn number(&self) -> u64 {
        self.word.load() >> 1
    }

    /// The stop, if it is asked for and not released. A hint without the lock.
    pub(crate) fn held(&self) -> Option<Number> {
        let word = self.word.load();
        (word & 1 == 1).then(|| Number::from_raw(word >> 1))
    }

    fn set(&self, number: u64, held: bool) {
        self.word.store(number << 1 | u64::from(held));
    }
}

/// What the protocol needs of a thread: its lock, its sleep and its wake-up.
pub(crate) trait Site {
    /// Proves that the lock is held, and gives what it guards.
    type Guard<'a>: core::ops::DerefMut<Target = Hold>
    where
        Self: 'a;

    /// Takes the lock, interrupts off.
    fn lock(&self) -> Self::Guard<'_>;

    /// Sets the sleeping state of the current thread.
    fn set_parked_state(&self, guard: &mut Self::Guard<'_>);

    /// Sleeps until a wake-up or a fatal signal, unless one came since the state was set.
    fn sleep(&self);

    /// Sets the current thread running again.
    fn set_running_state(&self);

    /// Wakes the thread. Called only with the lock held and while it is parked.
    fn wake(&self, guard: &mut Self::Guard<'_>);

    /// Sets the state in which the current thread waits for its examiner: nothing but
    /// [`Site::wake_leaving`] ends it, a fatal signal neither.
    fn set_leaving_state(&self, guard: &mut Self::Guard<'_>);

    /// Wakes the thread from that. Called only with the lock held and while it is leaving.
    fn wake_leaving(&self, guard: &mut Self::Guard<'_>);

    /// Whether a fatal signal is pending for the current thread.
    fn fatal_signal_pending(&self) -> bool;

    /// Has the current thread stop if its process does, and sleep until that goes on or dies.
    fn stop_with_process(&self);

    /// Test builds switch the final check off, to show what it is for.
    #[cfg(utrace_test)]
    fn final_check(&self) -> bool {
        true
    }
}

/// How a park ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parked {
    /// Everything that held the thread has been released. Says whether it slept at all.
    Released {
        /// Whether the thread ever was parked.
        slept: bool,
    },
    /// The thread was killed; it must run no user code.
    Killed,
}

/// Parks the current thread until nothing holds it: the stop of `word`, if any, and every ask.
///
/// By the thread itself, in a context that may sleep. This is the only place where a thread stops.
pub(crate) fn park<S: Site>(site: &S, word: Option<&EngineWord>) -> Parked {
    let mut slept = false;
    let outcome = loop {
        let mut guard = site.lock();
        if guard.killed || site.fatal_signal_pending() {
            guard.killed = true;
            guard.parked = false;
            // Closed under the lock: no later release finds it parked and wakes the thread
            // somewhere else.
            if let Some(word) = word {
                word.close();
            }
            if guard.examiner != Examiner::None {
                wait_for_examiner(site, guard);
                continue;
            }
            break Parked::Killed;
        }
        if guard.noticed {
            guard.noticed = false;
            drop(guard);
            site.stop_with_process();
            continue;
        }
        // The final check: last of all, the state set and the word parked in the same critical
        // section as every wake-up.
        let word_holds = word.is_some_and(|word| check(site, word, slept) == Check::Hold);
        if !word_holds && !guard.is_asked() {
            if guard.examiner != Examiner::None {
                wait_for_examiner(site, guard);
                continue;
            }
            guard.parked = false;
            break Parked::Released { slept };
        }
        if !slept {
            guard.turn += 1;
        }
        guard.parked = true;
        site.set_parked_state(&mut guard);
        drop(guard);
        slept = true;
        site.sleep();
    };
    site.set_running_state();
    if let Some(word) = word {
        word.settle();
    }
    outcome
}

/// Sleeps until nobody looks at the thread any more: a moment. What it does then is decided anew.
#[cold]
fn wait_for_examiner<S: Site>(site: &S, mut guard: S::Guard<'_>) {
    guard.parked = false;
    guard.examiner = Examiner::IsAwaited;
    site.set_leaving_state(&mut guard);
    drop(guard);
    site.sleep();
}

#[cfg(not(utrace_test))]
fn check<S: Site>(_site: &S, word: &EngineWord, _slept: bool) -> Check {
    word.park()
}

/// Once asleep, the old code did see a release: it only missed the one that came before.
#[cfg(utrace_test)]
fn check<S: Site>(site: &S, word: &EngineWord, slept: bool) -> Check {
    if site.final_check() || slept {
        word.park()
    } else {
        word.park_blindly()
    }
}

/// Releases the stop of a report. From any context, hard interrupts included; never sleeps.
pub(crate) fn release<S: Site>(
    site: &S,
    word: &EngineWord,
    ticket: Option<Number>,
) -> Result<Found, ReleaseError> {
    let found = word.release(ticket);
    match found {
        // Not parked, and it will not park: nothing to wake.
        Ok(Found::Prepared) => {}
        Ok(Found::Parked) => {
            let mut guard = site.lock();
            if guard.parked {
                site.wake(&mut guard);
            }
        }
        // Tell a stop that is over from a thread that is.
        Ok(Found::Nothing) | Err(_) => {
            if site.lock().killed {
                return Err(ReleaseError::Gone);
            }
        }
    }
    found
}

/// Closes the stop word of a report, and lets the thread go if it is parked there.
pub(crate) fn close<S: Site>(site: &S, word: &EngineWord) {
    let mut guard = site.lock();
    word.close();
    if guard.parked {
        site.wake(&mut guard);
    }
}

/// Asks for a stop from outside. Gives its number, and whether the thread is parked already: if
/// so, it stays until this ask is released. An ask that is held already is the same ask.
pub(crate) fn ask<S: Site>(site: &S, ask: &Ask) -> Result<(Number, bool), ReleaseError> {
    let mut guard = site.lock();
    if guard.killed {
        return Err(ReleaseError::Gone);
    }
    if !ask.is_held() {
        // From 0 to 1, then odd numbers: even ones are the reports'.
        let last = ask.number();
        ask.set(last + 1 + last % 2, true);
        guard.asks += 1;
    }
    Ok((Number::from_raw(ask.number()), guard.parked))
}

/// Releases the stop asked for from outside, and wakes the thread when it was the last. From any
/// context.
pub(crate) fn release_ask<S: Site>(
    site: &S,
    ask: &Ask,
    ticket: Option<Number>,
) -> Result<Found, ReleaseError> {
    let mut guard = site.lock();
    if guard.killed {
        return Err(ReleaseError::Gone);
    }
    if !ask.is_held() || ticket.is_some_and(|n| n.raw() != ask.number()) {
        return match ticket {
            Some(_) => Err(ReleaseError::Stale),
            None => Ok(Found::Nothing),
        };
    }
    Ok(let_go(site, &mut guard, ask))
}

/// As [`release_ask`], but only for a thread that is parked; a stop that was asked for and not
/// reached stays so.
pub(crate) fn release_parked_ask<S: Site>(site: &S, ask: &Ask) -> Result<Found, ReleaseError> {
    let mut guard = site.lock();
    if guard.killed {
        return Err(ReleaseError::Gone);
    }
    if !ask.is_held() || !guard.parked {
        return Ok(Found::Nothing);
    }
    Ok(let_go(site, &mut guard, ask))
}

fn let_go<S: Site>(site: &S, guard: &mut S::Guard<'_>, ask: &Ask) -> Found {
    ask.set(ask.number(), false);
    guard.asks -= 1;
    if !guard.parked {
        return Found::Prepared;
    }
    if guard.asks == 0 {
        site.wake(guard);
    }
    Found::Parked
}

/// Tells the thread that its process is about to stop. Whoever makes it so holds a lock meanwhile
/// that [`Site::stop_with_process`] takes.
pub(crate) fn notice<S: Site>(site: &S) {
    let mut guard = site.lock();
    guard.noticed = true;
    if guard.parked {
        site.wake(&mut guard);
    }
}

/// Marks the thread as killed, and wakes it: no park holds it from now on.
pub(crate) fn kill<S: Site>(site: &S) {
    let mut guard = site.lock();
    guard.killed = true;
    if guard.parked {
        site.wake(&mut guard);
    }
}

/// Why a thread cannot be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExamineError {
    /// The engine holds no stop (`EINVAL`).
    NoStop,
    /// It does, but the thread has not parked yet (`EAGAIN`).
    Runs,
    /// The thread is dying, or the engine is detached (`ESRCH`).
    Gone,
}

/// Names the park in which the engine with these stops holds the thread.
pub(crate) fn examine<S: Site>(
    site: &S,
    word: &EngineWord,
    ask: &Ask,
) -> Result<u64, ExamineError> {
    let guard = site.lock();
    holds(&guard, word, ask)?;
    Ok(guard.turn)
}

fn holds(guard: &Hold, word: &EngineWord, ask: &Ask) -> Result<(), ExamineError> {
    if guard.killed {
        return Err(ExamineError::Gone);
    }
    match (word.standing(), ask.is_held()) {
        (Standing::Closed, _) => Err(ExamineError::Gone),
        (Standing::Over, false) => Err(ExamineError::NoStop),
        (Standing::Prepared, false) => Err(ExamineError::Runs),
        _ if guard.parked => Ok(()),
        _ => Err(ExamineError::Runs),
    }
}

/// Whether the engine still holds the thread in the park that [`examine`] named.
pub(crate) fn is_held_since<S: Site>(site: &S, word: &EngineWord, ask: &Ask, turn: u64) -> bool {
    let guard = site.lock();
    guard.turn == turn && holds(&guard, word, ask).is_ok()
}

/// Begins to look at the thread, if [`is_held_since`]: it stays in [`park`] until
/// [`end_examining`], even if it is released or killed. By one party at a time, and for a moment:
/// this is all that ever delays a kill.
#[must_use]
pub(crate) fn begin_examining<S: Site>(site: &S, word: &EngineWord, ask: &Ask, turn: u64) -> bool {
    let mut guard = site.lock();
    let begins = guard.turn == turn && holds(&guard, word, ask).is_ok();
    if begins {
        guard.examiner = Examiner::Looks;
    }
    begins
}

/// Ends that.
pub(crate) fn end_examining<S: Site>(site: &S) {
    let mut guard = site.lock();
    if core::mem::replace(&mut guard.examiner, Examiner::None) == Examiner::IsAwaited {
        site.wake_leaving(&mut guard);
    }
}

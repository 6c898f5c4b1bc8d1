// SPDX-License-Identifier: GPL-2.0

//! Looking at a thread that an engine holds, and changing it.

use super::{
    global,
    object::Engine, //
};
use crate::{
    core::{
        event::Event,
        hold::{
            self,
            ExamineError, //
        }, //
    },
    sys::{
        atomic::AtomicU32,
        still::Still,
        task, //
    }, //
};
use kernel::{
    prelude::*,
    types::ScopeGuard, //
};

/// Where in a system call a thread is, while it is in a callback or parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Nowhere that could be said.
    Nowhere,
    /// Before it.
    Entry,
    /// After it.
    Exit,
}

impl From<Option<Event>> for At {
    fn from(event: Option<Event>) -> Self {
        match event {
            Some(Event::SyscallEntry) => At::Entry,
            Some(Event::SyscallExit) => At::Exit,
            _ => At::Nowhere,
        }
    }
}

/// Where the thread is parked, and what its examiners want: written by the thread before it parks,
/// by them in [`Utrace::examine_alone`], taken by the thread after it parked.
pub(crate) struct Place(AtomicU32);

const ENTRY: u32 = 1;
const EXIT: u32 = 2;
const SKIP: u32 = 1 << 8;

impl Place {
    pub(crate) const fn new() -> Self {
        Place(AtomicU32::new(0))
    }

    /// The thread is going to park.
    pub(crate) fn enter(&self, at: At) {
        self.0.store(match at {
            At::Nowhere => 0,
            At::Entry => ENTRY,
            At::Exit => EXIT,
        });
    }

    /// The thread has parked. Tells whether the call that it is about to make is to be skipped.
    pub(crate) fn leave(&self) -> bool {
        self.0.swap(0) & SKIP != 0
    }

    fn at(&self) -> At {
        match self.0.load() & (ENTRY | EXIT) {
            ENTRY => At::Entry,
            EXIT => At::Exit,
            _ => At::Nowhere,
        }
    }

    fn skip(&self) {
        self.0.store(self.0.load() | SKIP);
    }
}

impl From<ExamineError> for Error {
    fn from(err: ExamineError) -> Error {
        match err {
            ExamineError::NoStop => EINVAL,
            ExamineError::Runs => EAGAIN,
            ExamineError::Gone => ESRCH,
        }
    }
}

/// One park of a thread that one engine holds.
#[derive(Clone, Copy)]
pub(crate) struct Examination<'a> {
    pub(crate) engine: &'a Engine,
    turn: u64,
}

impl<'a> Examination<'a> {
    /// `utrace_prepare_examine`: returns with the thread off its CPU. May sleep.
    pub(crate) fn begin(engine: &'a Engine) -> Result<Self> {
        let utrace = &*engine.utrace;
        if engine.word.is_detached() || task::is_dead(utrace.task()) {
            return Err(ESRCH);
        }
        let turn = hold::examine(utrace, &engine.word, &engine.ask)?;
        let this = Examination { engine, turn };
        this.with(|_| Ok(()))?;
        Ok(this)
    }

    /// Names the park, for [`Self::again`].
    pub(crate) fn turn(&self) -> u64 {
        self.turn
    }

    /// The examination of that park once more. Of one that never was, everything fails.
    pub(crate) fn again(engine: &'a Engine, turn: u64) -> Self {
        Examination { engine, turn }
    }

    /// `EAGAIN` once the thread has left the park, or the engine has let it go.
    pub(crate) fn check(&self) -> Result {
        let engine = self.engine;
        match hold::is_held_since(&*engine.utrace, &engine.word, &engine.ask, self.turn) {
            true => Ok(()),
            false => Err(EAGAIN),
        }
    }

    /// Runs `f` with the thread, which does not go on meanwhile, released, killed or not. `f` may
    /// be run again, if the thread was woken for nothing. May sleep, and should be short.
    pub(crate) fn with<R>(&self, f: impl FnMut(&Still<'_>) -> Result<R>) -> Result<R> {
        let engine = self.engine;
        let utrace = &*engine.utrace;
        // One after the other: two writers would leave a mixture.
        utrace.examine_alone(|| {
            if !hold::begin_examining(utrace, &engine.word, &engine.ask, self.turn) {
                return Err(EAGAIN);
            }
            let _end = ScopeGuard::new(|| hold::end_examining(utrace));
            // SAFETY: The thread was in `park` and cannot leave it before `end_examining`.
            unsafe { global::get().stiller.parked(utrace.task(), f) }
        })
    }

    /// Where the thread is. Good for as long as the park lasts.
    pub(crate) fn at(&self) -> At {
        self.engine.utrace.place.at()
    }

    /// Has the call that the thread is about to make skipped. Within [`Self::with`].
    pub(crate) fn skip(&self) {
        self.engine.utrace.place.skip();
    }
}

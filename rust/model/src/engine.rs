// SPDX-License-Identifier: GPL-2.0

//! What the engine layer does with the core, step by step in its order: `rust/utrace/engine`, of
//! which the functions here have their names, cannot be built outside the kernel.

use super::{
    core::{
        hold::{
            self,
            Ask,
            Parked, //
        },
        life::Detach,
        stop::{
            EngineWord,
            Number,
            ReleaseError, //
        },
    },
    thread::Thread, //
};
use loom::{
    cell::UnsafeCell,
    sync::{
        Condvar,
        Mutex, //
    }, //
};

/// The per-thread structure.
pub(crate) struct Utrace {
    pub(crate) thread: Thread,
    list: Mutex<()>,
    settled: Condvar,
}

pub(crate) struct Engine {
    pub(crate) word: EngineWord,
    pub(crate) ask: Ask,
    tracer: Tracer,
}

/// The tracer's value: how often it was called, until it is taken.
struct Tracer(UnsafeCell<Option<u32>>);

// SAFETY: loom fails the exploration in which two threads reach it unordered.
unsafe impl Sync for Tracer {}

impl Tracer {
    fn call(&self) {
        // A callback has the tracer for itself as far as taking it goes; changing the value is what
        // has loom watch over that.
        // SAFETY: As above.
        let calls = self
            .0
            .with_mut(|place| unsafe { (*place).as_mut().map(|calls| *calls += 1) });
        assert!(
            calls.is_some(),
            "the tracer was called after it had been let go"
        );
    }

    fn take(&self) {
        // SAFETY: As above.
        let tracer = self.0.with_mut(|place| unsafe { (*place).take() });
        assert!(tracer.is_some(), "the tracer was let go twice");
    }

    fn peek(&self) -> Option<u32> {
        // SAFETY: As above.
        self.0.with(|place| unsafe { *place })
    }
}

/// What a callback returns.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    Stop,
    Resume,
    Detach,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Engine {
            word: EngineWord::new(),
            ask: Ask::new(),
            tracer: Tracer(UnsafeCell::new(Some(0))),
        }
    }

    /// The callback itself: uses the tracer.
    pub(crate) fn callback(&self) {
        self.tracer.call();
    }

    /// The number of callbacks so far; `None` once the tracer has been let go. For those that may
    /// look because no callback runs.
    pub(crate) fn calls(&self) -> Option<u32> {
        self.tracer.peek()
    }
}

impl Utrace {
    pub(crate) fn new() -> Self {
        Utrace {
            thread: Thread::new(),
            list: Mutex::new(()),
            settled: Condvar::new(),
        }
    }

    /// `report::call`: one callback of one engine. `None`: not called, or not parked.
    pub(crate) fn call(&self, engine: &Engine, verdict: Verdict) -> Option<Parked> {
        let Some(begun) = engine.word.begin(0) else {
            return self.call_slowly(engine, verdict);
        };
        engine.callback();
        if verdict == Verdict::Resume && engine.word.end(begun) {
            return None;
        }
        self.finish(engine, verdict)
    }

    /// `report::call_slowly`.
    fn call_slowly(&self, engine: &Engine, verdict: Verdict) -> Option<Parked> {
        if !engine.word.enter(0) {
            return None;
        }
        engine.word.prepare();
        engine.callback();
        self.finish(engine, verdict)
    }

    /// `report::finish`.
    fn finish(&self, engine: &Engine, verdict: Verdict) -> Option<Parked> {
        if verdict != Verdict::Stop {
            engine.word.settle();
        }
        self.leave(engine, verdict == Verdict::Detach);
        (verdict == Verdict::Stop).then(|| self.park(Some(engine)))
    }

    /// `report::leave`.
    pub(crate) fn leave(&self, engine: &Engine, detach: bool) {
        if detach {
            let _ = engine.word.detach();
        }
        let left = engine.word.leave();
        if left.clean_up {
            self.clean_up(engine);
        } else if left.wake {
            self.notify_waiters();
        }
    }

    /// [`hold::park`], and then another stop, which nobody of ours may wake.
    pub(crate) fn park(&self, engine: Option<&Engine>) -> Parked {
        let parked = hold::park(&self.thread, engine.map(|engine| &engine.word));
        self.thread.task.stop_for_ptrace();
        parked
    }

    /// `report::before_user_mode`, as far as stops from outside go.
    pub(crate) fn before_user_mode(&self) {
        if self.thread.is_asked() {
            self.park(None);
        }
    }

    /// `attach::detach`.
    pub(crate) fn detach(&self, engine: &Engine) -> Detach {
        let outcome = engine.word.detach();
        if outcome == Detach::CleanUp {
            self.clean_up(engine);
        }
        outcome
    }

    /// `attach::clean_up`.
    fn clean_up(&self, engine: &Engine) {
        hold::close(&self.thread, &engine.word);
        let _ = hold::release_ask(&self.thread, &engine.ask, None);
        engine.tracer.take();
        drop(self.list.lock().unwrap());
        if engine.word.cleaned() {
            self.notify_waiters();
        }
    }

    /// `attach::wait`, not interruptible.
    pub(crate) fn wait(&self, engine: &Engine) {
        let mut list = self.list.lock().unwrap();
        while engine.word.must_wait() {
            list = self.settled.wait(list).unwrap();
        }
    }

    /// `attach::notify_waiters`.
    fn notify_waiters(&self) {
        let _list = self.list.lock().unwrap();
        self.settled.notify_all();
    }

    /// `control::stop`, without the work that it queues.
    pub(crate) fn stop(&self, engine: &Engine) -> Result<(Number, bool), ReleaseError> {
        let asked = hold::ask(&self.thread, &engine.ask)?;
        if engine.word.is_detached() {
            let _ = hold::release_ask(&self.thread, &engine.ask, None);
            return Err(ReleaseError::Gone);
        }
        Ok(asked)
    }
}

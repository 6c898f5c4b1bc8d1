// SPDX-License-Identifier: GPL-2.0

//! The passes over the engines of a thread: who is called, in which order, and what becomes of
//! what they return.
//!
//! No lock is held while a callback runs. A Stop takes effect before the next engine is called, so
//! that each engine's monitor is done with the event before the next one sees it.

use super::{
    attach,
    object::Engine,
    payload::Verdict,
    thread::Utrace, //
};
use crate::{
    core::{
        action::{
            pending,
            Syscall, //
            Wish,
        },
        event::Event,
        hold::{
            self,
            Parked, //
        },
        stop::Number, //
    },
    sys::{
        syscall::Regs,
        task,
        task_work::Notify, //
    },
    testing::{
        window,
        Window, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    task::Task, //
};

/// What a report is about.
pub(crate) enum Data<'a, 'r> {
    /// Before the report of `event`, or with none: about to enter user mode.
    Quiesce { event: Option<Event> },
    /// Before a system call.
    SyscallEntry {
        regs: &'a mut Regs<'r>,
        /// An engine that was called before has aborted the call.
        aborted: bool,
        /// The pass is repeated, because an engine asked for a report when it resumed.
        resumed: bool,
    },
    /// After a system call.
    SyscallExit { regs: &'a mut Regs<'r> },
    /// A thread has been made.
    Clone { child: &'a Task, flags: u64 },
    /// A program has been loaded.
    Exec { regs: &'a mut Regs<'r> },
    /// The thread begins to exit.
    Exit { code: &'a mut c_long },
    /// The thread is dead.
    Death { group_dead: bool },
    /// The thread is let go.
    Reap { task: &'a Task },
}

impl Data<'_, '_> {
    pub(crate) fn event(&self) -> Event {
        match self {
            Data::Quiesce { .. } => Event::Quiesce,
            Data::SyscallEntry { .. } => Event::SyscallEntry,
            Data::SyscallExit { .. } => Event::SyscallExit,
            Data::Clone { .. } => Event::Clone,
            Data::Exec { .. } => Event::Exec,
            Data::Exit { .. } => Event::Exit,
            Data::Death { .. } => Event::Death,
            Data::Reap { .. } => Event::Reap,
        }
    }
}

/// What a pass came to.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// What the engines together want of the system call.
    pub(crate) syscall: Syscall,
    /// The thread was parked.
    pub(crate) stopped: bool,
    /// The thread was killed; the rest of the engines was not called.
    pub(crate) killed: bool,
}

impl Outcome {
    const NOTHING: Outcome = Outcome {
        syscall: Syscall::Run,
        stopped: false,
        killed: false,
    };

    fn note(&mut self, parked: Parked) {
        match parked {
            Parked::Released { slept } => self.stopped |= slept,
            Parked::Killed => self.killed = true,
        }
    }
}

/// Reports an event to every engine that wants it. By the thread itself (reaps excepted).
pub(crate) fn pass(utrace: &Utrace, data: &mut Data<'_, '_>) -> Outcome {
    let mut outcome = Outcome::NOTHING;
    let event = data.event();
    if utrace.wants() & event.called_for() == 0 {
        return outcome;
    }
    utrace.with_engines(|engines| {
        if event.stops_in_place() {
            flush_deferred(utrace, engines, &mut outcome);
        }
        // An exit is reported to everybody; of anything else a killed thread sees no more.
        let killable = event.stops_in_place() && event != Event::Exit;
        let mut called = false;
        let mut visit = |engine| {
            if called && killable && task::fatal_signal_pending() {
                outcome.killed = true;
            }
            if !outcome.killed {
                one(engine, event, data, &mut outcome);
            }
            called = true;
        };
        if event.is_reverse() {
            engines.iter().rev().for_each(&mut visit);
        } else {
            engines.iter().for_each(&mut visit);
        }
    });
    outcome
}

/// One engine's part of a pass: QUIESCE first, and then, unless that changed its mind, the event.
fn one(engine: &Arc<Engine>, event: Event, data: &mut Data<'_, '_>, outcome: &mut Outcome) {
    let events = engine.events();
    if event != Event::Quiesce && event != Event::Reap && events & Event::Quiesce.bit() != 0 {
        // An engine hears of events that only others asked for, too.
        let mut quiesce = Data::Quiesce { event: Some(event) };
        call(engine, event.stops_in_place(), &mut quiesce, outcome);
        if outcome.killed {
            return;
        }
    }
    if engine.events() & event.bit() != 0 {
        call(engine, event.stops_in_place(), data, outcome);
    }
}

/// Calls one engine once, and does what it says.
fn call(
    engine: &Arc<Engine>,
    stops_in_place: bool,
    data: &mut Data<'_, '_>,
    outcome: &mut Outcome,
) {
    if !engine.life.enter() {
        return;
    }
    // A stop deferred by an earlier report keeps its ticket until it takes effect.
    let ticket = if engine.deferred.get() {
        Number::from_raw(0)
    } else {
        // From the first instruction of the callback there is a ticket to resume.
        engine.stop.prepare()
    };
    engine.set_caller(true);
    // SAFETY: The callback was entered above, and is left below.
    let verdict = unsafe { engine.payload.call(engine, ticket, data) };
    engine.set_caller(false);
    window(Window::CallbackReturned, engine);
    let stop = decide(engine, data.event(), stops_in_place, verdict, outcome);
    leave(engine, verdict_is_detach(&stop));
    window(Window::BeforePark, engine);
    if let Decision::Stop = stop {
        outcome.note(hold::park(&*engine.utrace, Some(&engine.stop)));
    }
    if let Data::SyscallEntry { aborted, .. } = data {
        *aborted = outcome.syscall == Syscall::Abort;
    }
}

/// What a callback's return value means for its own engine.
enum Decision {
    Stop,
    Detach,
    Nothing,
}

fn verdict_is_detach(decision: &Decision) -> bool {
    matches!(decision, Decision::Detach)
}

fn decide(
    engine: &Engine,
    event: Event,
    stops_in_place: bool,
    verdict: Verdict,
    outcome: &mut Outcome,
) -> Decision {
    outcome.syscall = outcome.syscall.merge(verdict.syscall);
    if verdict.resume == Wish::Stop {
        if stops_in_place {
            return Decision::Stop;
        }
        if event == Event::Clone || event == Event::Quiesce {
            defer(engine);
            return Decision::Nothing;
        }
    }
    if !engine.deferred.get() {
        engine.stop.settle();
    }
    match verdict.resume {
        Wish::Detach => return Decision::Detach,
        Wish::Interrupt => ask_for_report(&engine.utrace, verdict.resume, Notify::Signal),
        Wish::Report => ask_for_report(&engine.utrace, verdict.resume, Notify::Resume),
        Wish::Stop | Wish::Resume => {}
    }
    Decision::Nothing
}

fn ask_for_report(utrace: &Arc<Utrace>, wish: Wish, notify: Notify) {
    utrace.add_pending(pending::of(wish));
    // An exiting thread enters user mode no more.
    let _ = utrace.queue(notify);
}

/// Keeps the stop prepared until the thread is on its way to user mode.
fn defer(engine: &Engine) {
    engine.deferred.set(true);
    let _ = engine.utrace.queue(Notify::Resume);
}

/// Parks for the stops that were deferred.
fn flush_deferred(utrace: &Utrace, engines: &[Arc<Engine>], outcome: &mut Outcome) {
    for engine in engines {
        if engine.deferred.get() {
            engine.deferred.set(false);
            outcome.note(hold::park(utrace, Some(&engine.stop)));
        }
    }
}

/// Ends a callback, with all that may have come meanwhile.
fn leave(engine: &Arc<Engine>, detach: bool) {
    if detach {
        // Whoever detached before: after `leave`, we clean up.
        let _ = engine.life.detach();
    }
    let left = engine.life.leave();
    if left.clean_up {
        attach::clean_up(engine);
    } else if left.wake {
        attach::notify_waiters(&engine.utrace);
    }
}

/// Work queued by reports and controls: the thread is about to enter user mode.
pub(crate) fn before_user_mode(utrace: &Arc<Utrace>) {
    loop {
        if task::with_current(task::is_exiting) || task::fatal_signal_pending() {
            return;
        }
        let owed = utrace.take_pending();
        let mut outcome = Outcome::NOTHING;
        utrace.with_engines(|engines| flush_deferred(utrace, engines, &mut outcome));
        if !outcome.killed && owed & pending::REPORT != 0 {
            let round = pass(utrace, &mut Data::Quiesce { event: None });
            outcome.stopped |= round.stopped;
            outcome.killed = round.killed;
        }
        if !outcome.killed && utrace.is_asked() {
            outcome.note(hold::park(&**utrace, None));
        }
        if outcome.killed || (owed == 0 && !outcome.stopped) {
            return;
        }
    }
}

/// The last report: every engine hears of it that wants to, and is detached. By whoever the
/// thread's life named, with the thread dead and its death reported.
pub(crate) fn reap(utrace: &Utrace) {
    let task = utrace.task.clone();
    let mut outcome = Outcome::NOTHING;
    utrace.with_engines(|engines| {
        for engine in engines {
            one(
                engine,
                Event::Reap,
                &mut Data::Reap { task: &task },
                &mut outcome,
            );
            attach::detach(engine);
        }
    });
}

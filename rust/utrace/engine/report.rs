// SPDX-License-Identifier: GPL-2.0

//! The passes over the engines of a thread: who is called, in which order, and what becomes of
//! what they return.
//!
//! No lock is held while a callback runs. A Stop takes effect before the next engine is called, so
//! that each engine's monitor is done with the event before the next one sees it.

use super::{
    attach,
    examine::At,
    global,
    object::Engine,
    payload::Verdict,
    step,
    thread::{
        Utrace,
        DEFERRED,
        STEPPING, //
    }, //
};
use crate::{
    core::{
        action::{
            pending,
            Disposition,
            Round,
            Syscall,
            Wish, //
        },
        event::{
            signal_of,
            Event, //
        },
        hold::{
            self,
            Parked, //
        },
        stop::{
            Begun,
            Number, //
        }, //
    },
    sys::{
        signal::Signal,
        syscall::Regs,
        table::User,
        task,
        task_work::Notify,
        trace::{
            self,
            Counter, //
        }, //
    },
    testing::{
        window,
        Window, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
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
    /// A signal is about to act.
    Signal {
        signal: &'a mut Signal,
        disposition: &'a mut Disposition,
    },
    /// No signal, but somebody asked for a report.
    Round {
        round: Round,
        /// The signal whose handler has been set up, or 0.
        handled: i32,
        /// For an engine to make a signal of.
        signal: &'a mut Signal,
    },
    /// The process is about to stop, or goes on.
    Jctl {
        stopped: bool,
        /// What the parent is told for it, by this thread: the `CLD_*` number, or 0.
        notify: c_int,
    },
    /// The thread begins to exit.
    Exit {
        /// The code before any engine changed it.
        original: c_long,
        code: &'a mut c_long,
    },
    /// The thread is dead.
    Death {
        group_dead: bool,
        /// What the parent was sent; see [`task::death_signal`].
        signal: c_int,
    },
    /// The thread is let go.
    Reap { task: &'a Task },
}

/// What a pass came to.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// What the engines together want of the system call.
    pub(crate) syscall: Syscall,
    /// An examiner of the parked thread wants the call skipped, whatever the engines say.
    pub(crate) skipped: bool,
    /// The thread was parked.
    pub(crate) stopped: bool,
    /// The thread was killed; the rest of the engines was not called.
    pub(crate) killed: bool,
}

impl Outcome {
    const NOTHING: Outcome = Outcome {
        syscall: Syscall::Run,
        skipped: false,
        stopped: false,
        killed: false,
    };

    fn note(&mut self, parked: Parked) {
        match parked {
            Parked::Released { slept } => self.stopped |= slept,
            Parked::Killed => {
                Counter::Kills.add();
                self.killed = true;
            }
        }
    }
}

/// Reports an event to every engine that wants it. By the thread itself, which has looked `utrace`
/// up, or for [`Event::Reap`] by its reaper.
///
/// Compiled once for each event, as all that depends on it is known where it is called.
#[inline(always)]
pub(crate) fn pass(utrace: &User<Utrace>, event: Event, data: &mut Data<'_, '_>) -> Outcome {
    // SAFETY: By our own contract.
    let view = unsafe { utrace.view() };
    let mut outcome = Outcome::NOTHING;
    walk(utrace, event, data, view.engines(), &mut outcome);
    outcome
}

/// The pass over the engines of `rest`, or what is left of it.
#[inline(always)]
fn walk(
    utrace: &Utrace,
    event: Event,
    data: &mut Data<'_, '_>,
    mut rest: &[Arc<Engine>],
    outcome: &mut Outcome,
) {
    if event.stops_in_place() && utrace.has(DEFERRED) {
        flush_deferred(utrace, rest, outcome);
        if outcome.killed && event != Event::Exit {
            return;
        }
    }
    // An exit is reported to everybody; of anything else a killed thread sees no more.
    let killable = event.stops_in_place() && event != Event::Exit;
    while let Some((engine, others)) = next(event, rest) {
        one(engine, event, data, outcome);
        rest = others;
        outcome.killed |= killable && !rest.is_empty() && utrace.is_being_killed();
        if outcome.killed && event != Event::Exit {
            return;
        }
    }
}

/// [`pass`] for the events of system calls, as short as it can be where there is one engine, without
/// QUIESCE, that lets the thread go on: one exchange of its word before the callback, and one after
/// it. Only if something else came of it, `then` is called.
#[inline(always)]
pub(crate) fn syscall_pass(utrace: User<Utrace>, event: Event, regs: &mut Regs<'_>, then: Then) {
    // SAFETY: As in `pass`.
    let Some(view) = (unsafe { utrace.own_view() }) else {
        return syscall_within(utrace, event, regs, then);
    };
    // A stop that was deferred is in the engine's word, and the callback does not begin. Whether the
    // call is one that it wants has been looked at.
    let Some(engine) = view.single() else {
        drop(view);
        return syscall_several(utrace, event, regs, then);
    };
    window(Window::BeforeCallback, engine);
    let inner = &**engine;
    // From the first instruction of the callback there is a ticket to resume.
    let Some(begun) = inner.word.begin(event.number()) else {
        drop(view);
        return syscall_several(utrace, event, regs, then);
    };
    if !inner.wants(event) {
        drop(view);
        return syscall_rest(utrace, event, regs, Verdict::RESUME, then);
    }
    // SAFETY: The callback has begun, and is ended below.
    let verdict = unsafe { call_begun(engine, inner, event, begun, regs) };
    if verdict != Verdict::RESUME {
        drop(view);
        return syscall_rest(utrace, event, regs, verdict, then);
    }
    if trace::report_is_on() || !inner.word.end(begun) {
        drop(view);
        return syscall_rest(utrace, event, regs, Verdict::RESUME, then);
    }
    window(Window::BeforePark, engine);
    drop(view);
    if task::is_signalled(utrace.task()) {
        then_nothing(utrace, regs, then);
    }
}

/// What is to be done after the pass for a system call that was not over at once.
pub(crate) type Then = fn(&User<Utrace>, &mut Regs<'_>, Outcome);

#[cold]
#[inline(never)]
fn then_nothing(utrace: User<Utrace>, regs: &mut Regs<'_>, then: Then) {
    then(&utrace, regs, Outcome::NOTHING);
}

/// Calls an engine for the event of a system call. `inner` is what `engine` leads to, which need not
/// be looked up again.
///
/// # Safety
///
/// The callback has begun, and the caller ends it.
#[inline(always)]
unsafe fn call_begun(
    engine: &Arc<Engine>,
    inner: &Engine,
    event: Event,
    begun: Begun,
    regs: &mut Regs<'_>,
) -> Verdict {
    let (tracer, ticket) = (&inner.payload, begun.number());
    // SAFETY: By the contract.
    let verdict = unsafe {
        match event {
            Event::SyscallEntry => tracer.syscall_entry(engine, ticket, regs, false, false),
            _ => {
                inner.wants_exit.set(false);
                tracer.syscall_exit(engine, ticket, regs)
            }
        }
    };
    window(Window::CallbackReturned, engine);
    verdict
}

/// A system call's report within another report.
#[cold]
#[inline(never)]
fn syscall_within(utrace: User<Utrace>, event: Event, regs: &mut Regs<'_>, then: Then) {
    // SAFETY: As in `pass`.
    let view = unsafe { utrace.view() };
    let outcome = syscall_slowly(&utrace, event, regs, view.engines(), None);
    drop(view);
    then(&utrace, regs, outcome);
}

/// What is left of such a pass when its one engine has been called.
#[cold]
#[inline(never)]
fn syscall_rest(
    utrace: User<Utrace>,
    event: Event,
    regs: &mut Regs<'_>,
    verdict: Verdict,
    then: Then,
) {
    // SAFETY: As in `pass`. Nothing has changed since: it is the thread that looks at its list anew.
    let engine = unsafe { utrace.own_view() }.and_then(|view| view.single().cloned());
    let outcome = syscall_slowly(&utrace, event, regs, engine.as_slice(), Some(verdict));
    then(&utrace, regs, outcome);
}

/// Such a pass where there are several engines, or one with QUIESCE, or with a stop that is not over,
/// or where the thread steps.
#[inline(never)]
fn syscall_several(utrace: User<Utrace>, event: Event, regs: &mut Regs<'_>, then: Then) {
    // SAFETY: As in `pass`.
    let view = unsafe { utrace.view() };
    let outcome = each_in_turn(&utrace, event, regs, view.engines());
    drop(view);
    if let Some(outcome) = outcome {
        then(&utrace, regs, outcome);
    }
}

/// `None`: nobody wanted anything but to let the thread go on.
#[inline(always)]
fn each_in_turn(
    utrace: &User<Utrace>,
    event: Event,
    regs: &mut Regs<'_>,
    mut rest: &[Arc<Engine>],
) -> Option<Outcome> {
    if utrace.is_special() {
        return Some(syscall_specially(utrace, event, regs, rest));
    }
    while let Some((engine, others)) = next(event, rest) {
        let wanted = engine.wanted();
        if wanted & Event::Quiesce.bit() != 0 {
            return Some(syscall_slowly(utrace, event, regs, rest, None));
        }
        if wanted & event.bit() != 0 && engine.selects(event, regs.nr() as u32) {
            window(Window::BeforeCallback, engine);
            let Some(begun) = engine.word.begin(event.number()) else {
                if engine.word.is_detached() {
                    rest = others;
                    continue;
                }
                return Some(syscall_slowly(utrace, event, regs, rest, None));
            };
            let verdict = if engine.wants(event) {
                // SAFETY: The callback has begun, and is ended below.
                unsafe { call_begun(engine, engine, event, begun, regs) }
            } else {
                Verdict::RESUME
            };
            if trace::report_is_on() || verdict != Verdict::RESUME || !engine.word.end(begun) {
                return Some(syscall_slowly(utrace, event, regs, rest, Some(verdict)));
            }
            window(Window::BeforePark, engine);
        }
        rest = others;
        if task::is_signalled(utrace.task()) {
            return Some(syscall_slowly(utrace, event, regs, rest, None));
        }
    }
    None
}

/// Such a pass of a thread that steps, or that has a stop to make.
#[cold]
#[inline(never)]
fn syscall_specially(
    utrace: &User<Utrace>,
    event: Event,
    regs: &mut Regs<'_>,
    rest: &[Arc<Engine>],
) -> Outcome {
    if utrace.has(STEPPING) {
        match event {
            Event::SyscallEntry => step::call_begins(utrace),
            _ => step::call_ends(utrace),
        }
        if utrace.wants() & event.bit() == 0 {
            return Outcome::NOTHING;
        }
    }
    syscall_slowly(utrace, event, regs, rest, None)
}

/// What is left of such a pass, when something is out of the ordinary: the engines of `rest`, of
/// which the first has been called if there is a `verdict`.
#[cold]
#[inline(never)]
fn syscall_slowly(
    utrace: &Utrace,
    event: Event,
    regs: &mut Regs<'_>,
    mut rest: &[Arc<Engine>],
    verdict: Option<Verdict>,
) -> Outcome {
    let mut outcome = Outcome::NOTHING;
    let data = &mut match event {
        Event::SyscallEntry => Data::SyscallEntry {
            regs,
            aborted: false,
            resumed: false,
        },
        _ => Data::SyscallExit { regs },
    };
    if let (Some(verdict), Some((engine, others))) = (verdict, next(event, rest)) {
        if trace::report_is_on() {
            trace_report(engine, event, verdict.wish());
        }
        if finish(engine, event, data, &mut outcome, verdict, false) {
            call_again(engine, event, event, data, &mut outcome);
        }
        rest = others;
    }
    outcome.killed |= !rest.is_empty() && utrace.is_being_killed();
    if !outcome.killed {
        walk(utrace, event, data, rest, &mut outcome);
    }
    outcome
}

/// Who is called next, and who after that.
#[inline(always)]
fn next(event: Event, engines: &[Arc<Engine>]) -> Option<(&Arc<Engine>, &[Arc<Engine>])> {
    if event.is_reverse() {
        engines.split_last()
    } else {
        engines.split_first()
    }
}

/// One engine's part of a pass: QUIESCE first, and then, unless that changed its mind, the event.
#[inline(always)]
fn one(engine: &Arc<Engine>, event: Event, data: &mut Data<'_, '_>, outcome: &mut Outcome) {
    // A detached engine is not called, whatever it wanted.
    let wanted = engine.wanted();
    if event != Event::Quiesce && event != Event::Reap && wanted & Event::Quiesce.bit() != 0 {
        quiesce_before(engine, event, data, outcome);
        if (outcome.killed && event != Event::Exit) || engine.wanted() & event.bit() == 0 {
            return;
        }
    } else if wanted & event.bit() == 0 {
        return;
    }
    if let Data::SyscallEntry { regs, .. } | Data::SyscallExit { regs } = data {
        if !engine.selects(event, regs.nr() as u32) {
            return;
        }
    }
    if call(engine, event, event, data, outcome) {
        call_again(engine, event, event, data, outcome);
    }
}

/// Calls an engine that wants to be called once more after its stop.
#[cold]
#[inline(never)]
fn call_again(
    engine: &Arc<Engine>,
    event: Event,
    called: Event,
    data: &mut Data<'_, '_>,
    outcome: &mut Outcome,
) {
    engine.again.set(true);
    while call(engine, event, called, data, outcome) {}
    engine.again.set(false);
}

/// An engine with QUIESCE hears of events that only others asked for, too.
#[cold]
fn quiesce_before(
    engine: &Arc<Engine>,
    event: Event,
    data: &mut Data<'_, '_>,
    outcome: &mut Outcome,
) {
    let quiesce = &mut Data::Quiesce { event: Some(event) };
    if call(engine, event, Event::Quiesce, quiesce, outcome) {
        call_again(engine, event, Event::Quiesce, quiesce, outcome);
    }
    if let Data::SyscallEntry { aborted, .. } = data {
        *aborted |= outcome.skipped;
    }
}

/// Calls one engine once, in the pass for `event`, its callback for `called`, and does what it says.
/// Tells whether it wants to be called again.
fn call(
    engine: &Arc<Engine>,
    event: Event,
    called: Event,
    data: &mut Data<'_, '_>,
    outcome: &mut Outcome,
) -> bool {
    window(Window::BeforeCallback, engine);
    if !engine.word.enter(called as u32) {
        return false;
    }
    // Taken back since it was looked at: whoever did that may have found no callback running. What it
    // has paused in, it brings to an end.
    if !engine.wants(called) && !engine.again.get() {
        leave(engine);
        return false;
    }
    let deferred = engine.deferred.get() && engine.word.is_prepared();
    // A stop deferred by an earlier report keeps its ticket until it takes effect.
    let ticket = if deferred {
        Number::NONE
    } else {
        // From the first instruction of the callback there is a ticket to resume.
        engine.word.prepare()
    };
    if step::is_decided_anew(data) {
        engine.step.store(0);
    }
    if event == Event::Reap {
        engine.set_caller(true);
    }
    if called == Event::SyscallExit {
        engine.wants_exit.set(false);
    }
    // SAFETY: The callback was entered above, and is left below.
    let verdict = unsafe { engine.payload.call(engine, ticket, data) };
    if event == Event::Reap {
        engine.set_caller(false);
    }
    if trace::report_is_on() {
        trace_report(engine, called, verdict.wish());
    }
    window(Window::CallbackReturned, engine);
    finish(engine, event, data, outcome, verdict, deferred)
}

/// Does what a callback wants, and ends it.
fn finish(
    engine: &Arc<Engine>,
    event: Event,
    data: &mut Data<'_, '_>,
    outcome: &mut Outcome,
    verdict: Verdict,
    deferred: bool,
) -> bool {
    let mut verdict = verdict;
    if matches!(data, Data::Round { .. })
        && matches!(verdict.wish(), Wish::Report | Wish::Interrupt)
    {
        // A round that asks for the next one has no end.
        verdict = Verdict::RESUME;
    }
    outcome.syscall = outcome.syscall.merge(verdict.syscall());
    let stop = verdict.wish() == Wish::Stop;
    let park = stop && event.stops_in_place();
    if stop && event == Event::Clone {
        defer(engine);
    } else if !(deferred || park) {
        engine.word.settle();
    }
    if !matches!(verdict.wish(), Wish::Stop | Wish::Resume) {
        follow(engine, verdict.wish());
    }
    leave(engine);
    window(Window::BeforePark, engine);
    if park {
        self::park(engine, event, outcome);
    }
    if engine.utrace.step_offered.get() {
        step::released(&engine.utrace);
    }
    if let Data::SyscallEntry { aborted, .. } = data {
        *aborted |= outcome.syscall == Syscall::Abort;
    }
    park && verdict.again() && !outcome.killed
}

/// Parks for the stop that a callback made, where examiners find the thread at `event`.
#[cold]
fn park(engine: &Engine, event: Event, outcome: &mut Outcome) {
    let utrace = &*engine.utrace;
    utrace.place.enter(At::from(Some(event)));
    outcome.note(stop_for(utrace, engine, event));
    if utrace.place.leave() {
        outcome.skipped = true;
        outcome.syscall = Syscall::Abort;
    }
}

/// For the tracepoint. What it needs is looked up here, so that a call that nobody traces does not
/// keep it.
#[cold]
#[inline(never)]
fn trace_report(engine: &Engine, event: Event, wish: Wish) {
    let ticket = engine.word.peek().1;
    trace::report(
        engine.utrace.task(),
        engine.serial,
        event.number(),
        ticket.raw(),
        wish as u32,
    );
}

/// Stops the thread until the engine's stop is released.
#[inline(never)]
fn stop_for(utrace: &Utrace, engine: &Engine, event: Event) -> Parked {
    Counter::Stops.add();
    let ticket = engine.word.peek().1;
    trace::stop(utrace.task(), engine.serial, event.number(), ticket.raw());
    hold::park(utrace, Some(&engine.word))
}

/// Does what a callback wants besides stopping and running.
#[cold]
fn follow(engine: &Engine, wish: Wish) {
    if let Some(step) = wish.step() {
        engine.step.store(step as u32);
        step::wanted(&engine.utrace);
        return;
    }
    let notify = match wish {
        Wish::Detach => {
            // Whoever detached before: the callback's end cleans up.
            let _ = engine.word.detach();
            return;
        }
        Wish::Interrupt => Notify::Signal,
        _ => Notify::Resume,
    };
    engine.utrace.add_pending(pending::of(wish));
    // An exiting thread enters user mode no more.
    let _ = engine.utrace.queue(notify);
}

/// Keeps the stop prepared until the thread is on its way to user mode.
#[cold]
fn defer(engine: &Engine) {
    engine.deferred.set(true);
    engine.utrace.set_special(DEFERRED, true);
    let _ = engine.utrace.queue(Notify::Resume);
}

/// Ends a callback, with all that may have come meanwhile.
fn leave(engine: &Arc<Engine>) {
    let left = engine.word.leave();
    if left.clean_up {
        attach::clean_up(engine);
    } else if left.wake {
        attach::notify_waiters(&engine.utrace);
    }
}

/// Parks for the stops that were deferred.
#[cold]
#[inline(never)]
fn flush_deferred(utrace: &Utrace, engines: &[Arc<Engine>], outcome: &mut Outcome) {
    utrace.set_special(DEFERRED, false);
    for engine in engines {
        if engine.deferred.get() {
            engine.deferred.set(false);
            outcome.note(stop_for(utrace, engine, Event::Clone));
        }
    }
}

/// Work queued by reports and controls: the thread is about to enter user mode.
pub(crate) fn before_user_mode(utrace: &Arc<Utrace>) {
    super::signal::settle_wants(utrace);
    // It may be out of the table by now, with nobody left to report to.
    let found = task::with_current(|current| global::get().table.lookup(current));
    let Some(utrace) = found.filter(|found| core::ptr::eq(&**found, &**utrace)) else {
        return;
    };
    if utrace.acting.get() {
        return;
    }
    let outer = utrace.settling.get();
    utrace.settling.set(true);
    let lives = rounds(&utrace);
    utrace.settling.set(outer);
    if lives && !outer {
        step::settle(&utrace);
    }
}

/// Makes the reports and stops that are owed. False when the thread does not enter user mode.
fn rounds(utrace: &User<Utrace>) -> bool {
    loop {
        // Work is also done where a thread that has reported its exit is traced by somebody else.
        let dying = task::fatal_signal_pending() || task::with_current(task::is_exiting);
        if dying || utrace.is_killed() {
            return false;
        }
        let owed = utrace.take_pending();
        let handled = utrace.take_handled();
        let round = match handled {
            Some(_) => Some(Round::Handler),
            None => (owed & pending::INTERRUPT != 0).then_some(Round::Report),
        };
        let mut outcome = Outcome::NOTHING;
        if utrace.has(DEFERRED) {
            // SAFETY: The thread itself, which has looked it up.
            let view = unsafe { utrace.view() };
            flush_deferred(utrace, view.engines(), &mut outcome);
        }
        if !outcome.killed && (owed & pending::REPORT != 0 || round.is_some()) {
            let came_to = match round {
                Some(round) => make_round(utrace, round, handled.unwrap_or(0)),
                None => pass(utrace, Event::Quiesce, &mut Data::Quiesce { event: None }),
            };
            outcome.stopped |= came_to.stopped;
            outcome.killed = came_to.killed;
        }
        if !outcome.killed && utrace.is_asked() {
            outcome.note(hold::park(&**utrace, None));
        }
        if outcome.killed || (owed == 0 && !outcome.stopped) {
            return !outcome.killed;
        }
    }
}

/// A round of reports, in which engines that hear of signals are called as for one, and the others
/// for QUIESCE.
#[cold]
fn make_round(utrace: &User<Utrace>, round: Round, handled: i32) -> Outcome {
    // SAFETY: The thread itself, which has looked it up.
    let view = unsafe { utrace.view() };
    let mut outcome = Outcome::NOTHING;
    for engine in view.engines() {
        let wanted = engine.wanted();
        let signal = signal_of(wanted).filter(|_| engine.takes_rounds);
        let mut none = Signal::none();
        let (event, mut data) = match signal {
            Some(event) => (
                event,
                Data::Round {
                    round,
                    handled,
                    signal: &mut none,
                },
            ),
            None if wanted & Event::Quiesce.bit() != 0 => {
                (Event::Quiesce, Data::Quiesce { event: None })
            }
            None => continue,
        };
        if call(engine, event, event, &mut data, &mut outcome) {
            call_again(engine, event, event, &mut data, &mut outcome);
        }
        outcome.killed |= utrace.is_being_killed();
        if outcome.killed {
            break;
        }
    }
    outcome
}

/// The last report: every engine hears of it that wants to, and is detached. By whoever the
/// thread's life named, with the thread dead and its death reported.
pub(crate) fn reap(utrace: &User<Utrace>) {
    let task = ARef::<Task>::from(utrace.task());
    let mut outcome = Outcome::NOTHING;
    // SAFETY: It was looked up, and no pass is made any more but this.
    for engine in unsafe { utrace.view() }.engines() {
        one(
            engine,
            Event::Reap,
            &mut Data::Reap { task: &task },
            &mut outcome,
        );
        attach::detach(engine);
    }
}

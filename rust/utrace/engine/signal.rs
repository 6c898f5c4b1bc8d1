// SPDX-License-Identifier: GPL-2.0

//! What becomes of the signals of a thread whose engines want to hear of them.
//!
//! The kernel's `get_signal` is wrapped. Its body runs without any signal first, to stop, freeze or
//! die as it must; then with one signal at a time, each reported before. A signal stays queued
//! while it is reported, on the thread's own queue, and the body then sees it alone: none is lost,
//! let through unreported, or reported twice.
//!
//! What the body could see more than one of, as it goes on to the next signal after those that are
//! ignored or stop the process, it does not see: that is done here.

use super::{
    global,
    report::{
        self,
        Data, //
    },
    step,
    thread::{
        Utrace,
        STEPPING, //
    }, //
};
use crate::{
    core::{
        action::{
            pending,
            Disposition, //
        },
        event::{
            Event,
            SIGNALS,
            STEPS, //
        }, //
    },
    sys::{
        signal::{
            self,
            Change,
            Class,
            Functions,
            GetSignal,
            Signal, //
        },
        step::Over,
        task,
        task_work::Notify, //
    }, //
};
use kernel::sync::Arc;

/// Stands for `get_signal`, and returns what that returns: whether a handler is to be run.
pub(crate) fn get_signal(call: &mut GetSignal<'_>) -> bool {
    let handled = look(call);
    if handled {
        note_handler(call);
    }
    signal::leave();
    handled
}

fn look(call: &mut GetSignal<'_>) -> bool {
    let step = step::signals_begin();
    let handled = take(call, step);
    step::signals_end(handled);
    handled
}

/// Takes one signal after the other. `step`: the step that was under way, and whose trap may come.
fn take(call: &mut GetSignal<'_>, step: Option<Over>) -> bool {
    let functions = &global::get().signals;
    // Whether the trap has come, and then whether somebody waits for it.
    let mut expected = None;
    loop {
        call.run_work(functions);
        let report_stops = wants_stops();
        if report_stops {
            join_stop(functions);
        }
        // Nothing is held across the body: it may end the thread. And nothing that is owed is done in
        // it, by the work that it begins with: parked there, the thread would hear of no stop signal.
        put_off(true);
        let handled = call.run_without_signals(report_stops);
        put_off(false);
        if handled {
            return true;
        }
        // One that came too late to be joined above: it comes before any signal.
        if report_stops && signal::is_stop_pending() {
            continue;
        }
        let Some(mut signal) = Signal::next(*functions) else {
            return false;
        };
        let trap = step.as_ref();
        let trap = trap.filter(|step| step.is_ended_by(signal.number(), signal.origin().0));
        let trap = trap.map(|step| (step, *expected.get_or_insert_with(step::is_made)));
        let immutable = signal.is_immutable().then(|| signal.copy());
        let mut disposition = become_of(&mut signal, trap);
        if let Some(unchanged) = immutable {
            (signal, disposition) = (unchanged, Disposition::Deliver);
        }
        if disposition == Disposition::Ignore {
            call.ignore(&signal);
            if let Some((step, _)) = trap {
                step.restore_choice();
            }
            continue;
        }
        let change = signal.settle();
        if change == Change::Gone {
            continue;
        }
        match disposition {
            Disposition::Deliver => {
                if deliver(call, &signal, change, functions) {
                    return true;
                }
            }
            Disposition::Terminate => call.kill(&signal, false, functions),
            Disposition::Core => call.kill(&signal, true, functions),
            Disposition::Stop => stop(call, &signal, Stop::Always, functions),
            Disposition::JobStop => stop(call, &signal, Stop::JobControl, functions),
            Disposition::Ignore | Disposition::Hold => {}
        }
    }
}

/// Does what the signal does by itself. True when a handler is to be run.
fn deliver(
    call: &mut GetSignal<'_>,
    signal: &Signal,
    change: Change,
    functions: &Functions,
) -> bool {
    let changed = change == Change::Own || signal.is_action_changed();
    match signal.class_now() {
        // What an engine has put into its place is nobody else's.
        Class::Handled if changed => return call.deliver(signal),
        Class::Term if changed => call.kill(signal, false, functions),
        Class::Core if changed => call.kill(signal, true, functions),
        // ptrace has its say in the body.
        Class::Ignored if changed || !signal::is_ptraced() => call.ignore(signal),
        Class::Stop if changed || !signal::is_ptraced() => {
            let how = match signal.number() {
                SIGSTOP => Stop::Always,
                _ => Stop::JobControl,
            };
            stop(call, signal, how, functions);
        }
        _ => {
            put_off(true);
            let handled = call.run_with(signal, wants_stops());
            put_off(false);
            return handled;
        }
    }
    false
}

/// What is owed before user mode comes after what the signal does, though the body of `get_signal`
/// begins with queued work.
fn put_off(acting: bool) {
    let Some(utrace) = task::with_current(|current| global::get().table.lookup(current)) else {
        return;
    };
    utrace.acting.set(acting);
    if !acting && (utrace.owes(!0) || utrace.is_asked()) {
        // Not when it exits.
        let _ = Arc::from(utrace.as_arc()).queue(Notify::Resume);
    }
}

/// Whether a stop takes the process group into account.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Always,
    JobControl,
}

const SIGSTOP: i32 = 19;
const SIGTSTP: i32 = 20;

/// Stops the process for the signal.
fn stop(call: &mut GetSignal<'_>, signal: &Signal, how: Stop, functions: &Functions) {
    if how == Stop::JobControl && functions.is_orphaned() {
        call.ignore(signal);
        return;
    }
    let number = match (signal.number(), how) {
        // SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU.
        (number @ 19..=22, _) => number,
        (_, Stop::Always) => SIGSTOP,
        (_, Stop::JobControl) => SIGTSTP,
    };
    if !wants_stops() {
        functions.begin_stop(signal, number);
        return;
    }
    // Others stop when this one has begun: it is the last only if it is alone.
    if report_stop(signal::stops_alone()) {
        functions.begin_stop(signal, number);
        report_continued(functions);
    }
}

/// Takes part in a stop of the process that another thread began, and reports it.
fn join_stop(functions: &Functions) {
    if let Some(completes) = signal::stop_pending() {
        if report_stop(completes) {
            functions.join_stop();
            report_continued(functions);
        }
    }
}

/// Whether an engine wants to hear of stops of the process.
fn wants_stops() -> bool {
    let table = &global::get().table;
    table.lookup_current(Event::Jctl.bit()).is_some()
}

/// Reports that the thread is about to stop with its process. False when it was killed meanwhile.
fn report_stop(completes: bool) -> bool {
    report_jctl(true, if completes { signal::CLD_STOPPED } else { 0 })
}

/// Reports that the process goes on, or was not stopped after all.
fn report_continued(functions: &Functions) {
    // It is not, and who has attached with ptrace meanwhile does not wait for engines.
    if signal::stops_for_ptrace() {
        return;
    }
    let told = functions.tell_continued();
    report_jctl(false, told);
}

fn report_jctl(stopped: bool, notify: i32) -> bool {
    let Some(utrace) = global::get().table.lookup_current(Event::Jctl.bit()) else {
        return true;
    };
    let data = &mut Data::Jctl { stopped, notify };
    utrace.stopping.set(stopped);
    let outcome = report::pass(&utrace, Event::Jctl, data);
    utrace.stopping.set(false);
    !outcome.killed
}

/// Reports the signal, and says what is to become of it. The trap of a step is for the engines, if
/// they still wait for it: the program does not get it unless one of them says so, or it has set the
/// trap flag itself. ptrace gets its own.
fn become_of(signal: &mut Signal, trap: Option<(&Over, bool)>) -> Disposition {
    let Some((step, expected)) = trap else {
        return report(signal, Disposition::Deliver);
    };
    let unchanged = match step.is_the_programs() {
        true => Disposition::Deliver,
        false => Disposition::Ignore,
    };
    let others = step.shared || step.is_the_programs();
    let chosen = match expected || others {
        true => report(signal, unchanged),
        false => unchanged,
    };
    match chosen {
        Disposition::Ignore if step.shared => Disposition::Deliver,
        disposition => disposition,
    }
}

/// The events of signals that the kernel acts on, or drops, when they are sent.
const EARLY: u32 = Event::SignalTerm.bit() | Event::SignalIgn.bit();

/// Sees to it that the thread gets all signals that its engines want to hear of. Only the thread
/// itself can say so, so it is interrupted for it; anybody can take it back.
pub(crate) fn wants_changed(utrace: &Arc<Utrace>, before: u32, wants: u32) {
    if (before ^ wants) & EARLY == 0 {
        return;
    }
    if wants & EARLY == 0 {
        signal::clear_reported(utrace.task());
        // Another engine may have come before that was done, and be deaf now.
        let now = global::get().table.lookup(utrace.task());
        if let Some(now) = now.filter(|now| now.wants() & EARLY != 0) {
            let _ = Arc::from(now.as_arc()).queue(Notify::Signal);
        }
    } else {
        // A thread that exits acts on no signal any more.
        let _ = utrace.queue(Notify::Signal);
    }
}

/// The current thread takes a signal from its queue, with the siglock held: perhaps at the end of
/// sigtimedwait(2), which has undone what [`settle_wants`] did.
pub(crate) fn dequeued() {
    let Some(utrace) = global::get().table.lookup_current(EARLY) else {
        return;
    };
    signal::restore_reported(utrace.wants() & Event::SignalIgn.bit() != 0);
}

/// By the thread itself, about to enter user mode.
pub(crate) fn settle_wants(utrace: &Utrace) {
    let wants = utrace.wants();
    signal::set_reported(wants & EARLY != 0, wants & Event::SignalIgn.bit() != 0);
}

/// Whether an engine of the current thread wants to hear of signals, or of what they do to its
/// process, or the thread steps. If so, [`get_signal`] is called next: the module stays until it has
/// returned, or the thread has died in it.
pub(crate) fn enter() -> bool {
    let table = &global::get().table;
    let Some(utrace) = table.lookup_current(SIGNALS | Event::Jctl.bit() | STEPS) else {
        return false;
    };
    if signal::is_put_off() {
        return false;
    }
    let entered = signal::enter();
    if !entered && utrace.has(STEPPING) {
        step::signals_are_not_ours(&utrace);
    }
    entered
}

/// A handler is about to be set up. If a report is owed, it is made when that is done.
fn note_handler(call: &GetSignal<'_>) {
    let Some(utrace) = global::get().table.lookup_current(SIGNALS) else {
        return;
    };
    if utrace.owes(pending::REPORT) {
        let (number, handler) = call.handled();
        utrace.set_handler(number, handler);
        // Not when it exits, and then no handler runs.
        let _ = Arc::from(utrace.as_arc()).queue(Notify::Resume);
    }
}

/// Reports the signal, and says what the engines want of it; `unchanged` without any.
fn report(signal: &mut Signal, unchanged: Disposition) -> Disposition {
    let event = match signal.class() {
        Class::Handled => Event::Signal,
        Class::Ignored => Event::SignalIgn,
        Class::Stop => Event::SignalStop,
        Class::Term => Event::SignalTerm,
        Class::Core => Event::SignalCore,
    };
    let mut disposition = unchanged;
    let Some(utrace) = global::get().table.lookup_current(event.bit()) else {
        return disposition;
    };
    let data = &mut Data::Signal {
        signal,
        disposition: &mut disposition,
    };
    let outcome = report::pass(&utrace, event, data);
    match disposition {
        // It would be found again at once.
        Disposition::Hold if !outcome.stopped && !outcome.killed => unchanged,
        // Left for the body, which ends the thread.
        _ if outcome.killed => Disposition::Hold,
        disposition => disposition,
    }
}

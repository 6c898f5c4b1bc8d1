// SPDX-License-Identifier: GPL-2.0

//! What becomes of the signals of a thread whose engines want to hear of them.
//!
//! The kernel's `get_signal` is wrapped. Its body runs without any signal first, to stop, freeze or
//! die as it must; then with one signal at a time, each reported before. A signal stays queued
//! while it is reported, on the thread's own queue, and the body then sees it alone: none is lost,
//! let through unreported, or reported twice.

use super::{
    global,
    report::{
        self,
        Data, //
    },
    thread::Utrace, //
};
use crate::{
    core::{
        action::Disposition,
        event::{
            Event,
            SIGNALS, //
        }, //
    },
    sys::{
        signal::{
            self,
            Class,
            GetSignal,
            Signal, //
        },
        task_work::Notify, //
    }, //
};
use kernel::sync::Arc;

/// Stands for `get_signal`, and returns what that returns: whether a handler is to be run.
pub(crate) fn get_signal(call: &mut GetSignal<'_>) -> bool {
    let handled = look(call);
    signal::leave();
    handled
}

fn look(call: &mut GetSignal<'_>) -> bool {
    let functions = global::get().signals;
    loop {
        // Nothing is held across the body: it may end the thread.
        if call.run_without_signals() {
            return true;
        }
        let Some(signal) = Signal::next(functions) else {
            return false;
        };
        match (report(&signal), signal.class()) {
            (Disposition::Deliver, _) | (Disposition::Stop, Class::Stop) => {
                if call.run_with(&signal) {
                    return true;
                }
            }
            (Disposition::Ignore, _) => call.ignore(&signal),
            (Disposition::Terminate, _) => call.kill(&signal, false, functions),
            (Disposition::Core, _) => call.kill(&signal, true, functions),
            (Disposition::Stop, _) => call.stop(&signal),
            (Disposition::Hold, _) => {}
        }
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
        signal::clear_reported(&utrace.task);
    } else {
        // A thread that exits acts on no signal any more.
        let _ = utrace.queue(Notify::Signal);
    }
}

/// By the thread itself, about to enter user mode.
pub(crate) fn settle_wants(utrace: &Utrace) {
    let wants = utrace.wants();
    signal::set_reported(wants & EARLY != 0, wants & Event::SignalIgn.bit() != 0);
}

/// Whether an engine of the current thread wants to hear of signals. If so, [`get_signal`] is called
/// next: the module stays until it has returned, or the thread has died in it.
pub(crate) fn enter() -> bool {
    global::get().table.lookup_current(SIGNALS).is_some()
        && !signal::is_put_off()
        && signal::enter()
}

/// Reports the signal, and says what the engines want of it.
fn report(signal: &Signal) -> Disposition {
    let event = match signal.class() {
        Class::Handled => Event::Signal,
        Class::Ignored => Event::SignalIgn,
        Class::Stop => Event::SignalStop,
        Class::Term => Event::SignalTerm,
        Class::Core => Event::SignalCore,
    };
    let mut disposition = Disposition::Deliver;
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
        Disposition::Hold if !outcome.stopped && !outcome.killed => Disposition::Deliver,
        // Left for the body, which ends the thread.
        _ if outcome.killed => Disposition::Hold,
        disposition => disposition,
    }
}

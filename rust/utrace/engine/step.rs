// SPDX-License-Identifier: GPL-2.0

//! Steps: a thread runs one instruction in user mode, or one block, and traps.
//!
//! Each engine has its own wish; the thread makes the shortest step that anybody wants. A wish lasts
//! until the trap comes, or the engine's callback of a round before user mode says otherwise. The
//! thread itself sets the trap flag, last of all before it enters user mode, and takes it off as soon
//! as it is back in the kernel, before anything else looks at it: system calls, signals, handlers,
//! children and the end of the thread find nothing of ours. What is left is the flag in user mode,
//! and the trap that it makes. As long as there is either, the thread keeps its [`Utrace`] in the
//! table, with engines or without, so that the trap finds us and not the program.

use super::{
    attach,
    global,
    report::Data,
    thread::{
        Utrace,
        STEPPING, //
    }, //
};
use crate::{
    core::{
        action::Step,
        event::SIGNALS, //
    },
    sys::{
        signal::{
            GetSignal,
            Signal, //
        },
        step::{
            self,
            Over,
            Phase, //
        },
        table::User,
        task,
        task_work::Notify, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// How many threads have a step under way: their trap must find our hooks.
static UNDER_WAY: Atomic<usize> = Atomic::new(0);

/// Dropped before the hooks go, and after the last engine: waits until no step is under way.
pub(crate) struct NoneUnderWay;

impl Drop for NoneUnderWay {
    fn drop(&mut self) {
        let mut waited = 0u32;
        while UNDER_WAY.load(Acquire) != 0 {
            fsleep(Delta::from_millis(1));
            waited += 1;
            if waited % 10_000 == 0 {
                pr_warn!(
                    "unload waits for {} threads that step\n",
                    UNDER_WAY.load(Acquire)
                );
            }
        }
    }
}

/// Whether threads can step over blocks.
pub(crate) fn has_block() -> bool {
    global::get().steps.has_block()
}

/// Whether the callback about to be called is of a round before user mode: its answer takes the
/// place of the wish that the engine had.
#[inline(always)]
pub(crate) fn is_decided_anew(data: &Data<'_, '_>) -> bool {
    match data {
        Data::Quiesce { event } => event.is_none_or(|event| event.bit() & SIGNALS != 0),
        Data::Signal { .. } => true,
        _ => false,
    }
}

/// An engine of the current thread has just said that it wants a step.
#[cold]
pub(crate) fn wanted(utrace: &Arc<Utrace>) {
    arm(utrace);
    if !utrace.settling.get() {
        // An exiting thread enters user mode no more.
        let _ = utrace.queue(Notify::Resume);
    }
}

/// A stop of the current thread is over, and somebody has asked for a step with that.
#[cold]
pub(crate) fn released(utrace: &Arc<Utrace>) {
    // A reaper makes no steps.
    if task::is_current(utrace.task()) {
        utrace.step_offered.set(false);
        wanted(utrace);
    }
}

/// From now on the thread's system calls and signals come to us.
fn arm(utrace: &Arc<Utrace>) {
    if !utrace.has(STEPPING) {
        utrace.set_special(STEPPING, true);
        utrace.renew();
        attach::update_wants(utrace);
    }
}

fn disarm(utrace: &Arc<Utrace>) {
    if utrace.has(STEPPING) {
        utrace.set_special(STEPPING, false);
        utrace.renew();
        attach::update_wants(utrace);
    }
}

/// In the number of an engine's step: it has begun, or its trap is queued.
const BEGUN: u32 = 1 << 8;

/// The step that the engines want. By the thread itself.
fn wish(utrace: &User<Utrace>) -> Option<Step> {
    // SAFETY: The thread itself, which has looked it up.
    let view = unsafe { utrace.view() };
    let mut wish = None;
    for engine in view.engines() {
        let offered = engine.step_on_release.swap(0);
        if offered != 0 {
            engine.step.store(offered);
        }
        if !engine.word.is_detached() {
            wish = Step::merge(wish, Step::from_raw(engine.step.load() & !BEGUN));
        }
    }
    wish
}

/// The step of those engines begins that want one.
fn begins(utrace: &User<Utrace>) {
    // SAFETY: As above.
    for engine in unsafe { utrace.view() }.engines() {
        let step = engine.step.load();
        if step != 0 {
            engine.step.store(step | BEGUN);
        }
    }
}

/// Keeps the structure in the table for a step. False when it is too late for that.
fn keep(utrace: &Utrace) -> bool {
    let mut list = utrace.list.lock();
    if list.closed {
        return false;
    }
    list.attached += 1;
    UNDER_WAY.fetch_add(1usize, Full);
    true
}

/// Takes the trap flag off. The structure may leave the table by that.
fn end(utrace: &Arc<Utrace>, in_call: bool) -> Option<Over> {
    let over = utrace.step.end(in_call, &global::get().steps)?;
    attach::let_go(utrace);
    UNDER_WAY.fetch_sub(1usize, Full);
    Some(over)
}

/// Queues the trap that ends a step here.
fn trap(user: &User<Utrace>, phase: Phase) {
    if keep(user) {
        begins(user);
        user.step.trap(phase, &global::get().steps);
    }
}

/// By the thread itself, last of all before it enters user mode: it steps as the engines want.
pub(crate) fn settle(user: &User<Utrace>) {
    let handler_begins = user.handler_begins.get();
    user.handler_begins.set(false);
    let phase = user.step.phase();
    if phase == Phase::None && !user.has(STEPPING) && !user.step_offered.get() {
        return;
    }
    // The trap comes first.
    if matches!(phase, Phase::CallMade | Phase::InHandler)
        || (phase == Phase::Running && step::trap_is_queued())
    {
        return;
    }
    let utrace: Arc<Utrace> = user.as_arc().into();
    end(&utrace, false);
    user.step_offered.set(false);
    let Some(wish) = wish(user) else {
        disarm(&utrace);
        return;
    };
    arm(&utrace);
    if step::signals_come_first() {
        // It comes here again from there.
        user.handler_begins.set(handler_begins);
        return;
    }
    if handler_begins {
        trap(user, Phase::InHandler);
    } else if keep(user) {
        begins(user);
        let block = wish == Step::Block && has_block();
        user.step.begin(block, &global::get().steps);
    }
}

/// The current thread begins a system call: nothing of a step is left in it meanwhile.
#[cold]
pub(crate) fn call_begins(utrace: &User<Utrace>) {
    end(&utrace.as_arc().into(), true);
}

/// The current thread has made a system call: that was the step.
#[cold]
pub(crate) fn call_ends(utrace: &User<Utrace>) {
    // Of a call whose beginning we were not told.
    end(&utrace.as_arc().into(), false);
    if wish(utrace).is_some() {
        trap(utrace, Phase::CallMade);
    }
}

/// The current thread looks for signals, and comes back to [`signals_end`] unless it dies.
pub(crate) fn signals_begin() -> Option<Over> {
    let utrace = task::with_current(|current| global::get().table.lookup(current))?;
    utrace.settling.set(true);
    match utrace.step.phase() {
        Phase::None => None,
        _ => end(&utrace.as_arc().into(), false),
    }
}

/// The thread goes on, perhaps into a handler: a step ends at the first instruction of that.
pub(crate) fn signals_end(handler_begins: bool) {
    let found = task::with_current(|current| global::get().table.lookup(current));
    let Some(utrace) = found else {
        return;
    };
    utrace.settling.set(false);
    if utrace.has(STEPPING) {
        if handler_begins && wish(&utrace).is_some() {
            utrace.handler_begins.set(true);
        }
        let arc: Arc<Utrace> = utrace.as_arc().into();
        // When the handler's frame is there.
        let _ = arc.queue(Notify::Resume);
    }
}

/// The trap has come: nobody waits for it any more. False if nobody did: the engines that wanted the
/// step have gone, or think differently.
pub(crate) fn is_made() -> bool {
    let mut expected = false;
    let found = task::with_current(|current| global::get().table.lookup(current));
    if let Some(utrace) = found {
        // SAFETY: The thread itself, which has looked it up.
        for engine in unsafe { utrace.view() }.engines() {
            if engine.step.load() & BEGUN != 0 {
                engine.step.store(0);
                expected |= !engine.word.is_detached();
            }
        }
    }
    expected
}

/// The current thread takes its signals without us, because we are about to be unloaded: there are
/// no engines any more, but perhaps the trap of a step.
#[cold]
pub(crate) fn signals_are_not_ours(utrace: &User<Utrace>) {
    let trap = Signal::next(global::get().signals);
    let arc: Arc<Utrace> = utrace.as_arc().into();
    // Its trap is dropped before we are let go.
    let mut list = utrace.list.lock();
    list.attached += 1;
    UNDER_WAY.fetch_add(1usize, Full);
    drop(list);
    if let (Some(over), Some(trap)) = (end(&arc, false), trap) {
        let unwanted = !over.shared && !over.is_the_programs();
        if unwanted && over.is_ended_by(trap.number(), trap.origin().0) {
            GetSignal::drop_signal(&trap);
            over.restore_choice();
        }
    }
    attach::let_go(&arc);
    UNDER_WAY.fetch_sub(1usize, Full);
}

/// The current thread exits.
pub(crate) fn thread_exits(utrace: &User<Utrace>) {
    if utrace.step.phase() != Phase::None {
        end(&utrace.as_arc().into(), false);
    }
}

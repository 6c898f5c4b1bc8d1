// SPDX-License-Identifier: GPL-2.0

//! What engines are asked for from outside their callbacks.

use super::{
    attach,
    object::Engine,
    step, //
};
use crate::{
    core::{
        action::{
            pending,
            Wish, //
        },
        event::{
            self,
            Event, //
        },
        hold,
        life::Detach,
        stop::{
            Found,
            Number,
            ReleaseError,
            Standing, //
        }, //
    },
    sys::{
        errno::{
            ealready,
            einprogress,
            eopnotsupp,
            estale, //
        },
        task,
        task_work::Notify,
        trace::{
            self,
            Counter,
            ResumeFound, //
        }, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

impl From<ReleaseError> for Error {
    fn from(err: ReleaseError) -> Error {
        match err {
            ReleaseError::Stale => estale(),
            ReleaseError::Gone => ESRCH,
        }
    }
}

/// Counts and traces what a resume came to.
fn note(
    engine: &Engine,
    ticket: Number,
    found: Result<Found, ReleaseError>,
) -> Result<Found, ReleaseError> {
    let seen = match found {
        Ok(Found::Nothing) => ResumeFound::Nothing,
        Ok(Found::Prepared) => ResumeFound::Prepared,
        Ok(Found::Parked) => ResumeFound::Parked,
        Err(ReleaseError::Stale) => ResumeFound::Stale,
        Err(ReleaseError::Gone) => ResumeFound::Gone,
    };
    seen.note(engine.utrace.task(), engine.serial, ticket.raw());
    found
}

/// Releases the stop that `ticket` names. From any context.
pub(crate) fn resume_ticket(engine: &Engine, ticket: Number) -> Result<Found, ReleaseError> {
    note(engine, ticket, release_ticket(engine, ticket))
}

/// Releases whatever holds the thread for this engine. From any context. Gives the phase of the
/// strongest stop found.
pub(crate) fn resume(engine: &Engine) -> Result<Found, ReleaseError> {
    note(engine, Number::NONE, release_all(engine))
}

fn release_ticket(engine: &Engine, ticket: Number) -> Result<Found, ReleaseError> {
    let utrace = &*engine.utrace;
    if engine.word.is_detached() {
        return Err(ReleaseError::Gone);
    }
    if ticket.is_ask() {
        hold::release_ask(utrace, &engine.ask, Some(ticket))
    } else {
        hold::release(utrace, &engine.word, Some(ticket))
    }
}

fn release_all(engine: &Engine) -> Result<Found, ReleaseError> {
    let utrace = &*engine.utrace;
    if engine.word.is_detached() {
        return Err(ReleaseError::Gone);
    }
    if is_held(engine) {
        // It is to run.
        engine.step.store(0);
        engine.step_on_release.store(0);
    }
    let report = hold::release(utrace, &engine.word, None)?;
    let ask = hold::release_ask(utrace, &engine.ask, None)?;
    Ok(match (report, ask) {
        (Found::Nothing, found) | (found, Found::Nothing) => found,
        (Found::Parked, _) | (_, Found::Parked) => Found::Parked,
        _ => Found::Prepared,
    })
}

/// A stop asked for from outside.
pub(crate) struct Asked {
    pub(crate) ticket: Number,
    /// The thread is parked, and stays so until the ticket is released.
    pub(crate) parked: bool,
}

/// Asks for a stop: at once when the thread is parked, else at its next quiescent point. From any
/// context.
pub(crate) fn stop(engine: &Engine) -> Result<Asked> {
    let utrace = &engine.utrace;
    check_alive(engine)?;
    let (ticket, parked) = hold::ask(&**utrace, &engine.ask)?;
    if engine.word.is_detached() {
        // The cleaning up may have been before the ask.
        let _ = hold::release_ask(&**utrace, &engine.ask, None);
        return Err(ESRCH);
    }
    Counter::Asks.add();
    trace::stop(utrace.task(), engine.serial, trace::ASK, ticket.raw());
    if !parked {
        utrace.add_pending(pending::of(Wish::Report));
        let queued = queue(engine, Notify::Resume);
        if queued.is_err() {
            let _ = hold::release_ask(&**utrace, &engine.ask, None);
        }
        queued?;
    }
    Ok(Asked { ticket, parked })
}

/// Has the thread make the reports that it owes before user mode.
fn queue(engine: &Engine, notify: Notify) -> Result {
    let utrace = &engine.utrace;
    utrace.queue(notify)?;
    // The last engine may have gone, and taken back what was queued, before this was.
    if engine.word.is_detached() {
        if utrace.is_closed() {
            utrace.cancel_work();
        }
        return Err(ESRCH);
    }
    Ok(())
}

fn check_alive(engine: &Engine) -> Result {
    if engine.word.is_detached() || task::is_exiting(engine.utrace.task()) {
        return Err(ESRCH);
    }
    Ok(())
}

/// `utrace_control`.
pub(crate) fn control(engine: &Arc<Engine>, action: Wish) -> Result {
    match action {
        Wish::Detach => return detach(engine),
        Wish::Stop => {
            return match stop(engine)?.parked {
                true => Ok(()),
                false => Err(einprogress()),
            }
        }
        Wish::Resume => {
            check_alive(engine)?;
            resume(engine)?;
            return Ok(());
        }
        Wish::SingleStep | Wish::BlockStep => return step(engine, action),
        Wish::Report | Wish::Interrupt => {}
    }
    check_alive(engine)?;
    if action == Wish::Report && engine.events() & Event::Quiesce.bit() == 0 {
        return Err(EINVAL);
    }
    let utrace = &engine.utrace;
    // Before the release: a thread that goes on at the entry of a call looks for it.
    utrace.add_pending(pending::of(action));
    hold::release(&**utrace, &engine.word, None)?;
    // A stop that was asked for and not reached stays asked for: this is how to get the thread
    // there.
    hold::release_parked_ask(&**utrace, &engine.ask)?;
    let notify = match action {
        Wish::Interrupt => Notify::Signal,
        _ => Notify::Resume,
    };
    queue(engine, notify)
}

/// Whether the thread is stopped for the engine, or is about to be. A hint.
fn is_held(engine: &Engine) -> bool {
    !matches!(engine.word.standing(), Standing::Over | Standing::Closed) || engine.ask.is_held()
}

/// Lets a thread go that is held for the engine, by a step. Of any other it asks for a report, whose
/// answer can be to step.
fn step(engine: &Arc<Engine>, action: Wish) -> Result {
    check_alive(engine)?;
    if action == Wish::BlockStep && !step::has_block() {
        return Err(eopnotsupp());
    }
    if engine.events() & Event::Quiesce.bit() == 0 {
        return Err(EINVAL);
    }
    let utrace = &engine.utrace;
    // Before the release: the thread looks for it when it goes on.
    let held = is_held(engine);
    if held {
        engine.step_on_release.store(action as u32);
        utrace.step_offered.set(true);
    }
    let report = hold::release(&**utrace, &engine.word, None)?;
    let ask = hold::release_parked_ask(&**utrace, &engine.ask)?;
    if (report, ask) == (Found::Nothing, Found::Nothing) {
        if held {
            // It was released by somebody else, or is not there yet.
            let _ = engine.step_on_release.compare_exchange(action as u32, 0);
        }
        utrace.add_pending(pending::of(Wish::Report));
    }
    queue(engine, Notify::Resume)
}

fn detach(engine: &Arc<Engine>) -> Result {
    let utrace = &engine.utrace;
    if engine.word.is_detached() || utrace.life.is_reaped() {
        return Err(ESRCH);
    }
    let dying = utrace.life.death_has_begun() && engine.word.is_in_callback();
    match attach::detach(engine) {
        Detach::CleanUp => Ok(()),
        Detach::InProgress if dying => Err(ealready()),
        Detach::InProgress => Err(einprogress()),
        Detach::Already => Err(ESRCH),
    }
}

/// `utrace_set_events`.
pub(crate) fn set_events(engine: &Engine, events: u32) -> Result {
    if events & !event::ALL != 0 {
        return Err(EINVAL);
    }
    let utrace = &engine.utrace;
    let old = engine.events();
    if engine.word.is_detached() || (utrace.life.is_reaped() && old & !events & REAP != 0) {
        return Err(ESRCH);
    }
    let dead = task::is_dead(utrace.task());
    if dead && (events & !old & event::DEATHS != 0)
        || utrace.life.death_has_begun() && (old & !events & event::DEATHS != 0)
    {
        return Err(ealready());
    }
    engine.store_events(events);
    if (old ^ events) & Event::Quiesce.bit() != 0 {
        utrace.renew();
    }
    attach::update_wants(utrace);
    let removed = old & !events != 0;
    match engine.word.callback() {
        // Also when it was removed before: who asks again until this is 0 waits for its end.
        Some(runs) if (removed || events & 1 << runs == 0) && !engine.is_called_by_current() => {
            Err(einprogress())
        }
        _ => Ok(()),
    }
}

const REAP: u32 = Event::Reap.bit();

/// `utrace_barrier`. May sleep.
pub(crate) fn barrier(engine: &Engine) -> Result {
    if task::is_current(engine.utrace.task()) || engine.is_called_by_current() {
        return Ok(());
    }
    if !attach::wait(engine, true) {
        return Err(ERESTARTSYS);
    }
    if engine.word.is_detached() {
        return Err(ESRCH);
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Attaching, finding and ending engines.

use super::{
    events::Events,
    global::{
        self,
        Slot, //
    },
    object::{
        Engine,
        Interest, //
    },
    payload::{
        Callbacks,
        Payload, //
    },
    signal,
    thread::{
        Engines,
        List,
        Utrace,
        STEPPING, //
    }, //
};
use crate::{
    core::{
        event,
        hold,
        life::Detach, //
    },
    sys::{
        module,
        step::Phase,
        task::{
            self,
            smp_mb, //
        },
        task_work::Notify,
        trace::{
            self,
            Counter, //
        }, //
    },
    tracehook::syscall_bit, //
};
use core::any::TypeId;
use kernel::{
    prelude::*,
    sync::{
        Arc,
        UniqueArc, //
    },
    task::Task, //
};

/// Which engine of a thread is meant.
#[derive(Clone, Copy)]
pub(crate) struct Match {
    /// Compare the tracer's type with this.
    pub(crate) ops: Option<TypeId>,
    /// Compare the address of the tracer's value with this.
    pub(crate) data: Option<usize>,
}

impl Match {
    /// Whether it is this one.
    pub(crate) fn fits(&self, engine: &Engine) -> bool {
        self.ops.is_none_or(|ops| ops == engine.identity.0)
            && self.data.is_none_or(|data| data == engine.identity.1)
    }
}

/// Says of an attached engine whether it is meant. Called with a spinlock held.
pub(crate) type Which<'a> = &'a dyn Fn(&Engine) -> bool;

fn find_in(list: &List, which: Which<'_>) -> Option<Arc<Engine>> {
    let mut engines = list.engines.as_ref()?.0.iter();
    engines
        .find(|engine| !engine.word.is_detached() && which(engine))
        .cloned()
}

/// The first engine of `task` that matches. `ENOENT` when there is none.
pub(crate) fn find(task: &Task, which: Which<'_>) -> Result<Arc<Engine>> {
    let utrace = global::get().table.lookup(task).ok_or(ENOENT)?;
    let list = utrace.list.lock();
    find_in(&list, which).ok_or(ENOENT)
}

/// Attaches a new engine to `task`. With `exclusive`, only if no engine matches.
///
/// May sleep. `EINVAL` for unknown events, `EPERM` for kernel threads, `EEXIST`, `ENOMEM`, `ESRCH` when the thread is gone.
pub(crate) fn attach(
    task: &Task,
    callbacks: KBox<dyn Callbacks>,
    wanted: Interest,
    exclusive: Option<Which<'_>>,
) -> Result<Arc<Engine>> {
    if wanted.events & !event::ALL != 0 {
        return Err(EINVAL);
    }
    if task::is_kernel(task) {
        return Err(EPERM);
    }
    crate::testing::allocation()?;
    let state = global::get();
    let owner = module::owner_of(callbacks.text());
    let identity = callbacks.identity();
    let takes_rounds = callbacks.takes_rounds();
    let mut callbacks = Some(callbacks);
    let mut slot = Some(Slot::new()?);
    let engine = loop {
        let (utrace, created) = find_or_make(task)?;
        let engine = match callbacks.take() {
            Some(callbacks) => Engine::new(
                utrace.clone(),
                state.next_serial(),
                owner,
                identity,
                takes_rounds,
                wanted.clone(),
                Payload::new(callbacks),
            ),
            None => Err(EINVAL),
        };
        let engine = engine.inspect_err(|_| discard(&utrace, created))?;
        match add(&utrace, &engine, exclusive, &mut slot) {
            Ok(true) => break engine,
            // The structure was on its way out; make another.
            // SAFETY: Nobody but us knows the engine.
            Ok(false) => callbacks = unsafe { engine.payload.take() },
            Err(err) => {
                discard(&utrace, created);
                return Err(err);
            }
        }
    };
    Counter::Attaches.add();
    trace::attach(task, engine.serial, engine.events());
    update_wants(&engine.utrace);
    // Either the reap's pass, which begins after it is noted, has the engine in its list, or we
    // see that it is noted.
    smp_mb();
    if engine.utrace.life.is_reaped() {
        detach_and_wait(&engine);
        return Err(ESRCH);
    }
    Ok(engine)
}

/// The structure of `task`; says whether it is new.
fn find_or_make(task: &Task) -> Result<(Arc<Utrace>, bool)> {
    let table = &global::get().table;
    loop {
        if let Some(utrace) = table.lookup(task) {
            return Ok((utrace.as_arc().into(), false));
        }
        let utrace = Utrace::new(task)?;
        // Whoever finds it before its ends are settled waits for the lock.
        let mut list = utrace.list.lock();
        match table.insert(utrace.clone()) {
            Ok(()) => {}
            Err(err) if err == EEXIST => continue,
            Err(err) => return Err(err),
        }
        let settled = settle(&utrace, &mut list);
        drop(list);
        settled?;
        return Ok((utrace, true));
    }
}

/// Sorts out a new structure of a thread that is dying or dead, whose hooks may have passed before
/// it was in the table. Each end is claimed by one party: the hook, or us.
fn settle(utrace: &Arc<Utrace>, list: &mut List) -> Result {
    // It is in the table: pairs with the barrier before the hooks' look-up, after the thread's
    // state has changed.
    smp_mb();
    if !task::is_dead(utrace.task()) {
        return Ok(());
    }
    if utrace.life.begin_death() {
        hold::kill(&**utrace);
        // Nobody is attached yet: a reap that came meanwhile has nobody to report to.
        utrace.life.end_death();
    }
    if task::is_claimed(utrace.task()) {
        // Whether the reap hook has passed nobody can say.
        list.closed = true;
        global::get().table.remove(utrace);
        return Err(ESRCH);
    }
    Ok(())
}

/// Takes a structure out of the table again, if it is ours and nobody has attached meanwhile.
fn discard(utrace: &Arc<Utrace>, created: bool) {
    if !created {
        return;
    }
    let mut list = utrace.list.lock();
    if list.attached == 0 && !list.closed {
        list.closed = true;
        global::get().table.remove(utrace);
    }
}

/// Puts the engine into the register and at the end of the list, where the thread may find it,
/// call it and clean it up at once. `Ok(false)`: the structure is closed.
fn add(
    utrace: &Utrace,
    engine: &Arc<Engine>,
    exclusive: Option<Which<'_>>,
    slot: &mut Option<Slot>,
) -> Result<bool> {
    let count = |list: &List| list.engines.as_ref().map_or(0, |engines| engines.0.len());
    loop {
        // Memory first, then the lock; again if the list has grown meanwhile.
        let room = count(&utrace.list.lock()) + 1;
        // Charged, as all that comes with an engine, to who attaches.
        let engines = Engines(KVec::with_capacity(room, GFP_KERNEL_ACCOUNT)?);
        let mut all = UniqueArc::new(engines, GFP_KERNEL_ACCOUNT)?;
        let mut list = utrace.list.lock();
        if list.closed {
            return Ok(false);
        }
        if exclusive.is_some_and(|which| find_in(&list, which).is_some()) {
            return Err(EEXIST);
        }
        if count(&list) >= room {
            continue;
        }
        let old = list.engines.iter().flat_map(|engines| engines.0.iter());
        for engine in old.filter(|engine| !engine.word.is_detached()) {
            // Within the capacity, so it cannot fail.
            let _ = all.0.push_within_capacity(engine.clone());
        }
        let _ = all.0.push_within_capacity(engine.clone());
        if let Some(slot) = slot.take() {
            global::get().register(slot, engine);
        }
        let before = utrace.replace(&mut list, Some(all.into()));
        list.attached += 1;
        drop(list);
        drop(before);
        return Ok(true);
    }
}

/// Recomputes which events the thread's engines want, and whether its system calls come to us.
pub(crate) fn update_wants(utrace: &Arc<Utrace>) {
    let list = utrace.list.lock();
    let engines = list.engines.iter().flat_map(|engines| engines.0.iter());
    let steps = if utrace.has(STEPPING) {
        event::STEPS
    } else {
        0
    };
    let wants = engines.fold(steps, |wants, engine| wants | engine.events());
    let before = utrace.wants();
    utrace.set_wants(wants);
    syscall_bit::update::<Events>(utrace.task());
    drop(list);
    signal::wants_changed(utrace, before, wants);
}

/// Ends the attachment. What follows depends on what is going on; [`Detach::InProgress`] means that
/// the callback that runs cleans up when it returns.
pub(crate) fn detach(engine: &Arc<Engine>) -> Detach {
    let outcome = engine.word.detach();
    if outcome == Detach::CleanUp {
        clean_up(engine);
    }
    outcome
}

/// Ends the attachment, and returns when no callback runs and the tracer has been let go. May
/// sleep. Not from a callback of this engine: there, the cleaning up follows the callback.
pub(crate) fn detach_and_wait(engine: &Arc<Engine>) {
    detach(engine);
    wait(engine, false);
}

/// Waits until no callback of the engine runs and, if it is detached, until it is cleaned up.
/// Gives `false` when a signal came first, which ends the wait only if `interruptible`.
pub(crate) fn wait(engine: &Engine, interruptible: bool) -> bool {
    let utrace = &engine.utrace;
    let mut list = utrace.list.lock();
    while engine.word.must_wait() {
        if !interruptible {
            utrace.settled().wait(&mut list);
        } else if utrace.settled().wait_interruptible(&mut list) {
            return !engine.word.must_wait();
        }
    }
    true
}

/// Wakes who waits in [`wait`].
pub(crate) fn notify_waiters(utrace: &Utrace) {
    let _list = utrace.list.lock();
    utrace.settled().notify_all();
}

/// One thing less keeps the structure in the table: an engine, or a step that was under way.
pub(crate) fn let_go(utrace: &Arc<Utrace>) {
    let mut list = utrace.list.lock();
    list.attached -= 1;
    let last = list.attached == 0;
    let mut engines = None;
    if last && !list.closed {
        list.closed = true;
        // In the same critical section: who finds a closed structure finds it out of the table.
        global::get().table.remove(utrace);
        engines = utrace.replace(&mut list, None);
    }
    drop(list);
    drop(engines);
    update_wants(utrace);
    if last {
        utrace.cancel_work();
    }
}

/// Undoes an attachment. Called once, by the party that the engine's life names.
pub(crate) fn clean_up(engine: &Arc<Engine>) {
    let utrace = &engine.utrace;
    // Its stops hold nobody any more.
    hold::close(&**utrace, &engine.word);
    let _ = hold::release_ask(&**utrace, &engine.ask, None);
    // A tracer that holds its own handle drops it now, and must not wait for us.
    engine.set_caller(true);
    // SAFETY: The life of the engine told us to.
    drop(unsafe { engine.payload.take() });
    engine.set_caller(false);
    let_go(utrace);
    if utrace.step.phase() != Phase::None {
        // It may have been this engine's: the thread looks who else wants it.
        // In a system call that does its work by itself, too.
        let _ = utrace.queue(Notify::Signal);
        if utrace.is_closed() {
            utrace.cancel_work();
        }
    }
    global::get().unregister(engine);
    Counter::Detaches.add();
    trace::detach(utrace.task(), engine.serial);
    if engine.word.cleaned() {
        notify_waiters(utrace);
    }
}

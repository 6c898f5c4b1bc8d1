// SPDX-License-Identifier: GPL-2.0

//! The work bit `SYSCALL_TRACEPOINT`, which brings a thread's system calls to the hooks.
//!
//! The kernel sets it on *every* thread when the first probe of `sys_enter` or `sys_exit` comes,
//! and clears it everywhere when the last one goes. We want it on our threads only, and want it to
//! stay there. So, while loaded, we hold one reference in the kernel's own count of users: the
//! kernel then never touches the bits. Who else comes and goes is seen in the hooks of
//! `syscall_regfunc` and `syscall_unregfunc`, and the bits of the other threads follow from here.
//!
//! [`OTHERS`] and the clearing of bits are ordered by [`static@LOCK`]: a bit is cleared only by somebody
//! who has seen, under the lock, that nobody else wants it.

use super::hooks::Events;
use crate::sys::{
    direct::DirectHook,
    task::smp_mb,
    workbit::{
        self,
        PerThread,
        Tracepoint,
        UnderMutex, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        SetOnce, //
    },
    task::Task, //
};

kernel::sync::global_lock! {
    // SAFETY: Initialised in `SyscallBit::take`, before any hook that uses it can be reached with
    // something to do.
    unsafe(uninit) static LOCK: SpinLock<()> = ();
}

/// Whether probes of `sys_enter` or `sys_exit` other than ours are connected.
static OTHERS: Atomic<bool> = Atomic::new(false);

/// Whether the kernel's count is held, so that the bits are ours to change.
static HELD: Atomic<bool> = Atomic::new(false);

/// What load and unload need, and the two tracepoints.
struct Facts {
    regfunc: c_ulong,
    unregfunc: c_ulong,
    enter: Tracepoint,
    exit: Tracepoint,
}

static FACTS: SetOnce<Facts> = SetOnce::new();

fn users() -> usize {
    FACTS.as_ref().map_or(0, |facts| {
        usize::from(facts.enter.is_enabled()) + usize::from(facts.exit.is_enabled())
    })
}

/// The bit in our hands, until dropped.
pub(crate) struct SyscallBit<E: Events>(PhantomData<fn(E)>);

impl<E: Events> SyscallBit<E> {
    /// Takes the bit over. The two hooks are those of the functions that the kernel changes it in.
    pub(crate) fn take(regfunc: &DirectHook, unregfunc: &DirectHook) -> Result<Self> {
        // SAFETY: Called once, by the module's init.
        unsafe { LOCK.init() };
        FACTS.populate(Facts {
            regfunc: regfunc.function(),
            unregfunc: unregfunc.function(),
            enter: Tracepoint::find(c"sys_enter")?,
            exit: Tracepoint::find(c"sys_exit")?,
        });
        workbit::under_tracepoints_mutex::<Take<E>>()?;
        Ok(SyscallBit(PhantomData))
    }

    /// Visits all threads once more when [`inherit`] is in place: a thread that was being made
    /// while the bits were cleared may have copied its parent's.
    pub(crate) fn sweep(&self) {
        workbit::for_each_thread::<ClearUnwanted<E>>();
    }
}

impl<E: Events> Drop for SyscallBit<E> {
    fn drop(&mut self) {
        if workbit::under_tracepoints_mutex::<Give>().is_err() {
            pr_err!("no memory to give the system call bit back: it stays set up\n");
        }
    }
}

struct Take<E>(PhantomData<E>);

impl<E: Events> UnderMutex for Take<E> {
    fn run() {
        let Some(facts) = FACTS.as_ref() else { return };
        OTHERS.store(users() != 0, Relaxed);
        // Sets all bits if we are the first; the hook sees that it is not held yet, and passes.
        // SAFETY: The address is that of `syscall_regfunc`, and its mutex is held.
        unsafe { workbit::call0(facts.regfunc) };
        HELD.xchg(true, Full);
        if users() == 0 {
            workbit::for_each_thread::<ClearUnwanted<E>>();
        }
    }
}

struct Give;

impl UnderMutex for Give {
    fn run() {
        let Some(facts) = FACTS.as_ref() else { return };
        let guard = LOCK.lock();
        HELD.xchg(false, Full);
        drop(guard);
        // SAFETY: The address is that of `syscall_unregfunc`, and its mutex is held.
        unsafe { workbit::call0(facts.unregfunc) };
    }
}

/// Before `syscall_regfunc`, under the kernel's mutex: somebody else comes. As the count is not
/// zero, the function will not set the bits.
pub(crate) fn before_register() {
    if !HELD.load(Relaxed) || users() != 0 {
        return;
    }
    set_others(true);
    workbit::for_each_thread::<SetBit>();
}

/// Before `syscall_unregfunc`, under the kernel's mutex: somebody else goes.
pub(crate) fn before_unregister<E: Events>() {
    // The tracepoint that is let go of still counts as enabled.
    if !HELD.load(Relaxed) || users() > 1 {
        return;
    }
    set_others(false);
    workbit::for_each_thread::<ClearUnwanted<E>>();
}

fn set_others(others: bool) {
    let guard = LOCK.lock();
    OTHERS.store(others, Relaxed);
    drop(guard);
    // Pairs with the barrier in `inherit`: either the thread that is being made sees `OTHERS`, or
    // the walk over all threads sees it.
    smp_mb();
}

struct SetBit;

impl PerThread for SetBit {
    fn each(task: &Task) {
        workbit::set(task);
    }
}

struct ClearUnwanted<E>(PhantomData<E>);

impl<E: Events> PerThread for ClearUnwanted<E> {
    fn each(task: &Task) {
        update::<E>(task);
    }
}

/// Makes the bit of `task` what it should be. Called when an engine has changed its mind, after
/// the change can be seen by [`Events::wants_syscalls`]. Does not sleep.
pub(crate) fn update<E: Events>(task: &Task) {
    let _guard = LOCK.lock();
    if !HELD.load(Relaxed) {
        return;
    }
    if OTHERS.load(Relaxed) || E::wants_syscalls(task) {
        workbit::set(task);
    } else if workbit::is_set(task) {
        workbit::clear(task);
    }
}

/// Makes the bit of a new thread, which was copied from its parent, its own.
pub(crate) fn inherit<E: Events>(child: &Task) {
    smp_mb();
    // The kernel copies the bit after the child can be found, and attached to.
    if workbit::is_set(child) != OTHERS.load(Relaxed) || E::wants_syscalls(child) {
        update::<E>(child);
    }
}

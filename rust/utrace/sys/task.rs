// SPDX-License-Identifier: GPL-2.0

//! Facts about threads, and the sleep of a parked one.

use super::{
    bindings,
    direct,
    percpu, //
};
use core::ptr::NonNull;
use kernel::{
    cred::Credential,
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    task::{
        Pid,
        Task, //
    },
    types::NotThreadSafe, //
};

/// Makes a reference from the pointer that a hook was given.
///
/// # Safety
///
/// `task` must be valid for `'a`.
pub(crate) unsafe fn from_raw<'a>(task: *mut bindings::task_struct) -> &'a Task {
    // SAFETY: By the function's contract; `Task` is a transparent wrapper.
    unsafe { &*task.cast::<Task>() }
}

/// Runs `f` with the current thread.
pub(crate) fn with_current<R>(f: impl FnOnce(&Task) -> R) -> R {
    f(kernel::current!())
}

pub(crate) fn is_current(task: &Task) -> bool {
    task.as_ptr() == Task::current_raw()
}

/// Tells threads apart; nothing else.
#[inline]
pub(crate) fn current_address() -> usize {
    Task::current_raw() as usize
}

/// Kernel threads, io workers included: they never enter user mode.
pub(crate) fn is_kernel(task: &Task) -> bool {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_task_is_kernel(task.as_ptr()) }
}

/// Whether the thread is a zombie, or nobody's child any more.
pub(crate) fn is_dead(task: &Task) -> bool {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_task_exit_state(task.as_ptr()) != 0 }
}

/// Whether somebody has claimed the right to release the thread.
pub(crate) fn is_claimed(task: &Task) -> bool {
    const EXIT_DEAD: c_int = 0x10;

    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_task_exit_state(task.as_ptr()) == EXIT_DEAD }
}

/// Whether the thread is past the point from where it runs no more work.
pub(crate) fn is_exiting(task: &Task) -> bool {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_task_is_exiting(task.as_ptr()) }
}

/// Whether no thread of the process is left. For the current thread, or under RCU.
pub(crate) fn is_group_dead(task: &Task) -> bool {
    // SAFETY: `task` is valid, and has its signal structure until it is freed.
    unsafe { bindings::utrace_is_group_dead(task.as_ptr()) }
}

/// Whether the current thread dies for the exec of another thread of its process.
pub(crate) fn current_dies_for_exec() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_current_exec_kill() }
}

/// The thread with number `nr` in the caller's pid namespace.
pub(crate) fn by_pid(nr: Pid) -> Result<ARef<Task>> {
    // SAFETY: No requirements.
    let task = unsafe { bindings::utrace_task_by_pid(nr) };
    let task = NonNull::new(task.cast::<Task>()).ok_or(ESRCH)?;
    // SAFETY: The function returned a reference, which becomes ours.
    Ok(unsafe { ARef::from_raw(task) })
}

/// Who may trace whom.
#[derive(Clone, Copy)]
pub(crate) struct PtraceAccess {
    may_access: c_ulong,
    /// 0 in a kernel without security modules.
    access_check: c_ulong,
}

impl PtraceAccess {
    pub(crate) fn resolve() -> Result<Self> {
        Ok(PtraceAccess {
            may_access: direct::resolve(c"ptrace_may_access")?,
            access_check: match cfg!(CONFIG_SECURITY) {
                true => direct::resolve(c"security_ptrace_access_check")?,
                false => 0,
            },
        })
    }

    /// Whether the caller may trace `task`, now.
    #[inline(never)]
    pub(crate) fn has(self, task: &Task) -> bool {
        // SAFETY: `task` is valid, and the address is that of the function.
        unsafe { bindings::utrace_may_ptrace(self.may_access, task.as_ptr()) }
    }

    /// If the caller may trace `task`: it executes no program until the guard goes. May sleep.
    #[inline(never)]
    pub(crate) fn begin(self, task: &Task) -> Result<PtraceGuard<'_>> {
        // SAFETY: `task` is valid, and the address is that of the function.
        to_result(unsafe { bindings::utrace_ptrace_begin(self.may_access, task.as_ptr()) })?;
        Ok(PtraceGuard(task, NotThreadSafe))
    }

    /// Whether security modules let one with these credentials trace the current thread, that wants it.
    pub(crate) fn by(self, tracer: &Credential) -> Result {
        // SAFETY: The credentials are valid, and the address is that of the function, or 0.
        to_result(unsafe { bindings::utrace_ptrace_by(self.access_check, tracer.as_ptr()) })
    }
}

/// See [`PtraceAccess::begin`].
pub(crate) struct PtraceGuard<'a>(&'a Task, NotThreadSafe);

impl Drop for PtraceGuard<'_> {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: It was begun, by this thread.
        unsafe { bindings::utrace_ptrace_end(self.0.as_ptr()) }
    }
}

/// Whether a fatal signal is pending for the current thread.
pub(crate) fn fatal_signal_pending() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_fatal_signal_pending() }
}

/// Whether a signal is pending for `task`, which is the current thread: if not, no fatal one is.
#[inline(always)]
pub(crate) fn is_signalled(task: &Task) -> bool {
    // SAFETY: `task` is valid; a volatile read, as others change the word.
    let flags = unsafe { (&raw const (*task.as_ptr()).thread_info.flags).read_volatile() };
    flags & bindings::UTRACE_SIGPENDING as c_ulong != 0
}

/// Whether a signal is pending for the current thread.
#[inline(always)]
pub(crate) fn current_is_signalled() -> bool {
    // SAFETY: The current thread is valid.
    is_signalled(unsafe { from_raw(percpu::current_task()) })
}

/// Whether the current thread is being killed. Without a call where no signal is pending.
#[inline(always)]
pub(crate) fn is_being_killed() -> bool {
    current_is_signalled() && fatal_signal_pending()
}

/// Sets the state in which a parked thread sleeps.
pub(crate) fn set_parked_state() {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_set_parked_state() }
}

/// Ends it.
pub(crate) fn set_running_state() {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_set_running_state() }
}

/// Gives up the CPU; sleeps if the state says so.
pub(crate) fn schedule() {
    // SAFETY: Called from contexts that may sleep.
    unsafe { bindings::schedule() }
}

/// Wakes a thread that sleeps in the state of [`set_parked_state`]. From any context.
///
/// Any other sleep in `__TASK_TRACED` would be woken too, so the caller knows that the thread is
/// parked.
pub(crate) fn wake_parked(task: &Task) {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_wake_parked(task.as_ptr()) }
}

/// Sets the state in which a parked thread waits to leave, until nobody looks at it any more.
pub(crate) fn set_leaving_state() {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_set_leaving_state() }
}

/// Wakes a thread from the state of [`set_leaving_state`]. The caller knows that the thread is in
/// that sleep and no other.
pub(crate) fn wake_leaving(task: &Task) {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_wake_leaving(task.as_ptr()) }
}

/// Whether the thread's process is exiting as a whole, so that signals to it are dropped. With its
/// siglock held.
pub(crate) fn is_group_exiting(task: &Task) -> bool {
    // SAFETY: `task` is valid, and the siglock keeps its signal structure.
    unsafe { bindings::utrace_is_group_exiting(task.as_ptr()) }
}

/// A full memory barrier. The kernel crate's has not the same form on all supported kernels.
pub(crate) fn smp_mb() {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_smp_mb() }
}

/// What the parent of the current thread, which is dead, was sent: a signal, or 0; -1 if nobody has
/// to wait for the thread, as when it has let go of itself, -2 if its process has other threads.
pub(crate) fn death_signal(task: &Task, let_go: bool) -> c_int {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_death_signal(task.as_ptr(), let_go) }
}

/// Changes the exit code of the process if it exits as a whole and the current thread is its leader.
pub(crate) fn set_group_exit_code(code: c_int) {
    // SAFETY: Called in `do_exit`, before the thread gives anything up.
    unsafe { bindings::utrace_set_group_exit_code(code) }
}

/// What loaded the program of the current thread.
pub(crate) fn current_binfmt() -> *const bindings::linux_binfmt {
    // SAFETY: Called for a thread that has loaded a program, and so has memory.
    unsafe { bindings::utrace_current_binfmt() }
}

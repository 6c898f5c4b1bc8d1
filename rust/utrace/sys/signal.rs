// SPDX-License-Identifier: GPL-2.0

//! The signals of the current thread. What is reported stays queued; see `signal.c`.

use super::{
    bindings,
    direct::{
        resolve,
        resolve_data, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    task::Task,
    types::NotThreadSafe, //
};

/// What a signal would do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Run a handler.
    Handled,
    /// Nothing.
    Ignored,
    /// Stop the process.
    Stop,
    /// End the process.
    Term,
    /// End the process, with a core dump.
    Core,
}

/// What a parent is told of a stopped process.
pub(crate) const CLD_STOPPED: c_int = 5;
/// And of one that goes on.
pub(crate) const CLD_CONTINUED: c_int = 6;

/// What of the kernel is not exported.
///
/// # Invariants
///
/// The addresses are those of the functions, and of the lock, that are named in `helpers.h`.
#[derive(Clone, Copy)]
pub(crate) struct Functions(bindings::utrace_signal_functions);

impl Functions {
    pub(crate) fn resolve() -> Result<Self> {
        let find = |name: &'static CStr| {
            resolve(name).inspect_err(|err| pr_err!("{}: no such function ({:?})\n", name, err))
        };
        // INVARIANT: As found by name.
        Ok(Functions(bindings::utrace_signal_functions {
            rearm_itimer: find(c"posixtimer_rearm_itimer")?,
            run_work: find(c"task_work_run")?,
            coredump: find(c"vfs_coredump")?,
            group_exit: find(c"do_group_exit")?,
            signal_stop: find(c"do_signal_stop")?,
            notify_parent: find(c"do_notify_parent_cldstop")?,
            pgrp_orphaned: find(c"is_current_pgrp_orphaned")?,
            clear_trapping: find(c"task_clear_jobctl_trapping")?,
            enter_frozen: find(c"cgroup_enter_frozen")?,
            leave_frozen: find(c"cgroup_leave_frozen")?,
            tasklist_lock: resolve_data(c"tasklist_lock")
                .inspect_err(|err| pr_err!("tasklist_lock: no such lock ({:?})\n", err))?,
        }))
    }
}

/// What an engine may change of a signal, or send one with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) handler: usize,
    pub(crate) flags: usize,
    pub(crate) restorer: usize,
    pub(crate) mask: u64,
}

/// What became of a signal that engines have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The queue has it as it is now.
    Queued,
    /// The queue cannot have it so: whoever acts on it takes it from there, and acts himself.
    Own,
    /// Something has taken it back.
    Gone,
}

/// A signal of the current thread that is being reported.
///
/// # Invariants
///
/// `raw` was filled by `utrace_signal_next`, in this thread, or is all zeroes and `number` 0.
pub(crate) struct Signal {
    raw: bindings::utrace_signal,
    /// The number under which it is queued.
    number: c_int,
    _not_send: NotThreadSafe,
}

impl Signal {
    /// The signal that the current thread would take next.
    pub(crate) fn next(functions: Functions) -> Option<Self> {
        let mut raw = bindings::utrace_signal::default();
        // SAFETY: `raw` is valid for the call, the address is that of the function.
        let number = unsafe { bindings::utrace_signal_next(&mut raw, functions.0.rearm_itimer) };
        (number != 0).then_some(Signal {
            raw,
            number,
            _not_send: NotThreadSafe,
        })
    }

    /// No signal: for engines to make one of.
    pub(crate) fn none() -> Self {
        Signal {
            raw: bindings::utrace_signal::default(),
            number: 0,
            _not_send: NotThreadSafe,
        }
    }

    /// The number, as engines may have changed it.
    pub(crate) fn number(&self) -> i32 {
        self.raw.info.__bindgen_anon_1.si_signo
    }

    pub(crate) fn set_number(&mut self, number: i32) {
        self.raw.info.__bindgen_anon_1.si_signo = number;
    }

    /// What it was to do when it was found.
    pub(crate) fn class(&self) -> Class {
        to_class(self.raw.class)
    }

    /// What it would do as engines have left it.
    pub(crate) fn class_now(&self) -> Class {
        // SAFETY: By the type invariant; the number is that of a signal after `settle`.
        to_class(unsafe { bindings::utrace_signal_class_now(&self.raw) })
    }

    /// `si_code`, and the sender of a signal that has one.
    pub(crate) fn origin(&self) -> (i32, i32, u32) {
        // SAFETY: The information was filled by the kernel; these fields are plain integers of
        // which any value is good.
        unsafe {
            let info = &self.raw.info.__bindgen_anon_1;
            let kill = &info._sifields._kill;
            (info.si_code, kill._pid, kill._uid)
        }
    }

    pub(crate) fn set_code(&mut self, code: i32) {
        self.raw.info.__bindgen_anon_1.si_code = code;
    }

    pub(crate) fn set_sender(&mut self, pid: i32, uid: u32) {
        // SAFETY: As above.
        let kill = unsafe { &mut self.raw.info.__bindgen_anon_1._sifields._kill };
        kill._pid = pid;
        kill._uid = uid;
    }

    /// The address of a fault.
    pub(crate) fn address(&self) -> usize {
        // SAFETY: As above.
        unsafe {
            let info = &self.raw.info.__bindgen_anon_1;
            info._sifields._sigfault._addr as usize
        }
    }

    pub(crate) fn set_address(&mut self, address: usize) {
        let info = &mut self.raw.info.__bindgen_anon_1;
        info._sifields._sigfault._addr = address as *mut c_void;
    }

    /// The value that came with a queued signal.
    pub(crate) fn value(&self) -> usize {
        // SAFETY: As above.
        unsafe {
            let info = &self.raw.info.__bindgen_anon_1;
            info._sifields._rt._sigval.sival_ptr as usize
        }
    }

    pub(crate) fn set_value(&mut self, value: usize) {
        let info = &mut self.raw.info.__bindgen_anon_1;
        info._sifields._rt._sigval.sival_ptr = value as *mut c_void;
    }

    /// What the thread is to do for it, as engines may have changed it.
    pub(crate) fn action(&self) -> Action {
        let action = &self.raw.action.sa;
        Action {
            handler: action.sa_handler.map_or(0, |handler| handler as usize),
            flags: action.sa_flags,
            restorer: action.sa_restorer.map_or(0, |restorer| restorer as usize),
            mask: action.sa_mask.sig[0] as u64,
        }
    }

    pub(crate) fn set_action(&mut self, to: Action) {
        let action = &mut self.raw.action.sa;
        // SAFETY: Addresses in user space, which the kernel never calls; null is none.
        unsafe {
            action.sa_handler = core::mem::transmute::<usize, bindings::__sighandler_t>(to.handler);
            action.sa_restorer =
                core::mem::transmute::<usize, bindings::__sigrestore_t>(to.restorer);
        }
        action.sa_flags = to.flags;
        action.sa_mask.sig[0] = to.mask as c_ulong;
    }

    /// The same signal once more, as it is now.
    pub(crate) fn copy(&self) -> Self {
        // INVARIANT: As that.
        Signal {
            // SAFETY: By the type invariant it is plain data; the queue's entry, to which both point,
            // is only ever compared with what is queued.
            raw: unsafe { core::ptr::read(&self.raw) },
            number: self.number,
            _not_send: NotThreadSafe,
        }
    }

    /// Whether not even ptrace may change what it does: the kernel ends the thread by it.
    pub(crate) fn is_immutable(&self) -> bool {
        self.raw.original.sa.sa_flags & bindings::UTRACE_SA_IMMUTABLE as c_ulong != 0
    }

    pub(crate) fn is_action_changed(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_action_changed(&self.raw) }
    }

    /// For C: the information, the action before any engine, and the action.
    pub(crate) fn parts(
        &mut self,
    ) -> (
        *mut bindings::kernel_siginfo_t,
        *const bindings::k_sigaction,
        *mut bindings::k_sigaction,
    ) {
        (&mut self.raw.info, &self.raw.original, &mut self.raw.action)
    }

    /// Has the queue know what the engines made of it.
    pub(crate) fn settle(&mut self) -> Change {
        // SAFETY: By the type invariant; by the thread itself.
        match unsafe { bindings::utrace_signal_change(&mut self.raw, self.number) } {
            bindings::utrace_signal_change_UTRACE_CHANGE_QUEUED => {
                self.number = self.number();
                Change::Queued
            }
            bindings::utrace_signal_change_UTRACE_CHANGE_OWN => Change::Own,
            _ => Change::Gone,
        }
    }

    /// Takes the signal from the queue. False when something else has taken it back.
    fn consume(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_consume(&self.raw, self.number) }
    }

    /// Sends it to the current thread.
    pub(crate) fn send(&mut self) {
        // SAFETY: The number is that of a signal, as the caller has seen to.
        unsafe { bindings::utrace_signal_send(&mut self.raw) }
    }
}

fn to_class(class: bindings::utrace_signal_class) -> Class {
    match class {
        bindings::utrace_signal_class_UTRACE_CLASS_HANDLED => Class::Handled,
        bindings::utrace_signal_class_UTRACE_CLASS_IGNORED => Class::Ignored,
        bindings::utrace_signal_class_UTRACE_CLASS_STOP => Class::Stop,
        bindings::utrace_signal_class_UTRACE_CLASS_CORE => Class::Core,
        _ => Class::Term,
    }
}

/// Whether this is the number of a signal that an engine may make: any but SIGKILL.
pub(crate) fn is_number(number: i32) -> bool {
    const SIGKILL: i32 = 9;

    (1..=64).contains(&number) && number != SIGKILL
}

/// Whether a uprobe wants signals to wait.
pub(crate) fn is_put_off() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signals_put_off() }
}

/// Says that the current thread is about to wrap `get_signal`, in whose body it may stop for long:
/// the module is in use until [`leave`]. False when that cannot be; then it must not.
pub(crate) fn enter() -> bool {
    // SAFETY: May sleep, as `get_signal` may.
    unsafe { bindings::utrace_signal_enter() }
}

/// Says that the current thread has left it, or will not come back, if it was there.
pub(crate) fn leave() {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_leave() }
}

/// Says that the current thread dies, wherever it was: as [`leave`]. What was its process's, and it
/// was about to act on, is its process's again.
pub(crate) fn leave_dying() {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_give_back() };
    leave();
}

/// A call of `get_signal` by the current thread, whose body has not run.
///
/// # Invariants
///
/// `body` is where the body begins, and `ksig` its argument.
pub(crate) struct GetSignal<'a> {
    body: c_ulong,
    ksig: NonNull<bindings::ksignal>,
    _call: PhantomData<&'a mut ()>,
    _not_send: NotThreadSafe,
}

impl GetSignal<'_> {
    /// # Safety
    ///
    /// The arguments must be those of a wrapped call that lasts for the lifetime.
    pub(crate) unsafe fn from_raw(body: c_ulong, ksig: NonNull<bindings::ksignal>) -> Self {
        // INVARIANT: By the contract.
        GetSignal {
            body,
            ksig,
            _call: PhantomData,
            _not_send: NotThreadSafe,
        }
    }

    /// Does what the body does first, with the thread's own signals blocked.
    pub(crate) fn run_work(&mut self, functions: &Functions) {
        // SAFETY: By the type invariants; the thread may be anywhere that its work brings it.
        unsafe { bindings::utrace_signal_run_work(&functions.0) }
    }

    /// Runs the body without any signal: for freezes, the end of the thread, and, unless somebody is
    /// to hear of them first (`report_stops`), for stops.
    pub(crate) fn run_without_signals(&mut self, report_stops: bool) -> bool {
        let (ksig, none) = (self.ksig.as_ptr(), core::ptr::null());
        // SAFETY: By the type invariant; without a signal none is looked at.
        unsafe { bindings::utrace_signal_body(self.body, ksig, none, 0, report_stops) }
    }

    /// Runs the body with this signal alone; likewise. True when its handler is to be run.
    pub(crate) fn run_with(&mut self, signal: &Signal, report_stops: bool) -> bool {
        let (ksig, number) = (self.ksig.as_ptr(), signal.number);
        // SAFETY: By the type invariants.
        unsafe { bindings::utrace_signal_body(self.body, ksig, &signal.raw, number, report_stops) }
    }

    /// Drops the signal.
    pub(crate) fn ignore(&mut self, signal: &Signal) {
        signal.consume();
    }

    /// Has its handler run, as it is now. False when something else has taken it back.
    pub(crate) fn deliver(&mut self, signal: &Signal) -> bool {
        let there = signal.consume();
        if there {
            // SAFETY: By the type invariants.
            unsafe { bindings::utrace_signal_deliver(self.ksig.as_ptr(), &signal.raw) };
        }
        there
    }

    /// Drops it before a call that is not wrapped.
    pub(crate) fn drop_signal(signal: &Signal) {
        signal.consume();
    }

    /// Ends the process as the signal would, if it is still there.
    pub(crate) fn kill(&mut self, signal: &Signal, core: bool, functions: &Functions) {
        if signal.consume() {
            // SAFETY: By the type invariants; may not return.
            unsafe { bindings::utrace_signal_kill(&signal.raw, core, &functions.0) }
        }
    }

    /// The number and the handler of the signal for which the body has returned true.
    pub(crate) fn handled(&self) -> (i32, usize) {
        // SAFETY: By the type invariant; the body has filled it.
        let ksig = unsafe { self.ksig.as_ref() };
        let handler = ksig.ka.sa.sa_handler;
        (ksig.sig, handler.map_or(0, |handler| handler as usize))
    }
}

/// Stops of the current process, in its `get_signal`, and what its parent hears of them.
impl Functions {
    /// Whether the process is in a process group that nobody would continue.
    pub(crate) fn is_orphaned(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_is_orphaned(&self.0) }
    }

    /// Takes part in the stop that another thread began. Sleeps until the process goes on. False
    /// when it was taken back before.
    pub(crate) fn join_stop(&self) -> bool {
        // SAFETY: By the type invariant; in a context that may sleep.
        unsafe { bindings::utrace_signal_join_stop(&self.0) }
    }

    /// Begins one for `signal`, as if by signal number `number`; likewise.
    pub(crate) fn begin_stop(&self, signal: &Signal, number: i32) -> bool {
        // SAFETY: By the type invariants; in a context that may sleep.
        unsafe { bindings::utrace_signal_begin_stop(&signal.raw, signal.number, number, &self.0) }
    }

    /// Tells the parent that the process goes on, unless another thread did. What it was told.
    pub(crate) fn tell_continued(&self) -> i32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_tell_continued(&self.0) }
    }

    /// By a thread that is about to sleep, parked: it counts as frozen for its cgroup.
    pub(crate) fn enter_frozen(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_enter_frozen(&self.0) }
    }

    /// It goes on.
    pub(crate) fn leave_frozen(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_leave_frozen(&self.0) }
    }

    /// By a parked thread: stops with its process, if that is stopped; or for a signal that comes
    /// to it, if that is `unreported`. Sleeps until the process goes on.
    pub(crate) fn stop_parked(&self, unreported: bool) {
        // SAFETY: By the type invariant; in a context that may sleep.
        unsafe { bindings::utrace_signal_stop_parked(unreported, &self.0) }
    }
}

/// Whether the current thread is about to take part in a stop that another thread began; and then,
/// whether it completes that. A thread under ptrace stops as ptrace has it.
pub(crate) fn stop_pending() -> Option<bool> {
    let mut completes = false;
    // SAFETY: The pointer is valid for the call.
    unsafe { bindings::utrace_signal_stop_pending(&mut completes) }.then_some(completes)
}

/// Whether the current thread is to take part in a stop; not under ptrace.
pub(crate) fn is_stop_pending() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_is_stop_pending() }
}

/// Whether the body that the current thread runs is not to take part in a stop now. With the siglock
/// held.
pub(crate) fn puts_off_stop(signal: c_int) -> bool {
    // SAFETY: By the contract of the hook.
    unsafe { bindings::utrace_signal_puts_off_stop(signal) }
}

/// Whether a stop that the current thread begins is complete at once.
pub(crate) fn stops_alone() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_stops_alone() }
}

/// Whether the current thread, back from a stop, is about to be stopped by ptrace.
pub(crate) fn stops_for_ptrace() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_stops_for_ptrace() }
}

/// Whether the current thread is under ptrace.
pub(crate) fn is_ptraced() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_is_ptraced() }
}

/// Sees to it that deadly signals, and ignored ones, come to the current thread's `get_signal`. Not
/// in the middle of a system call.
pub(crate) fn set_reported(any: bool, ignored: bool) {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_set_reported(any, ignored) }
}

/// As [`set_reported`] for deadly signals, by the thread itself with the siglock held, as soon as it
/// no longer waits in sigtimedwait(2).
pub(crate) fn restore_reported(ignored: bool) {
    // SAFETY: By the contract of the hook.
    unsafe { bindings::utrace_signal_restore_reported(ignored) }
}

/// Takes that back, for any thread. From contexts that may take the siglock.
pub(crate) fn clear_reported(task: &Task) {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_signal_clear_reported(task.as_ptr()) }
}

/// Takes back what a new thread has copied from its maker.
pub(crate) fn inherit(child: &Task) {
    // SAFETY: `child` is valid, and does not run yet.
    unsafe { bindings::utrace_signal_inherit(child.as_ptr()) }
}

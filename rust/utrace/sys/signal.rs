// SPDX-License-Identifier: GPL-2.0

//! The signals of the current thread. What is reported stays queued; see `signal.c`.

use super::{
    bindings,
    direct::resolve, //
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

/// Functions of the kernel that are not exported.
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    rearm_itimer: c_ulong,
    coredump: c_ulong,
    group_exit: c_ulong,
}

impl Functions {
    pub(crate) fn resolve() -> Result<Self> {
        let find = |name: &'static CStr| {
            resolve(name).inspect_err(|err| pr_err!("{}: no such function ({:?})\n", name, err))
        };
        Ok(Functions {
            rearm_itimer: find(c"posixtimer_rearm_itimer")?,
            coredump: find(c"vfs_coredump")?,
            group_exit: find(c"do_group_exit")?,
        })
    }
}

/// A signal of the current thread that is being reported.
///
/// # Invariants
///
/// `raw` was filled by `utrace_signal_next`, in this thread.
pub(crate) struct Signal {
    raw: bindings::utrace_signal,
    number: c_int,
    _not_send: NotThreadSafe,
}

impl Signal {
    /// The signal that the current thread would take next.
    pub(crate) fn next(functions: Functions) -> Option<Self> {
        let mut raw = bindings::utrace_signal::default();
        // SAFETY: `raw` is valid for the call, the address is that of the function.
        let number = unsafe { bindings::utrace_signal_next(&mut raw, functions.rearm_itimer) };
        (number != 0).then_some(Signal {
            raw,
            number,
            _not_send: NotThreadSafe,
        })
    }

    pub(crate) fn number(&self) -> i32 {
        self.number
    }

    pub(crate) fn class(&self) -> Class {
        match self.raw.class {
            bindings::utrace_signal_class_UTRACE_CLASS_HANDLED => Class::Handled,
            bindings::utrace_signal_class_UTRACE_CLASS_IGNORED => Class::Ignored,
            bindings::utrace_signal_class_UTRACE_CLASS_STOP => Class::Stop,
            bindings::utrace_signal_class_UTRACE_CLASS_CORE => Class::Core,
            _ => Class::Term,
        }
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

    /// The address of a fault.
    pub(crate) fn address(&self) -> usize {
        // SAFETY: As above.
        unsafe {
            let info = &self.raw.info.__bindgen_anon_1;
            info._sifields._sigfault._addr as usize
        }
    }

    /// The value that came with a queued signal.
    pub(crate) fn value(&self) -> usize {
        // SAFETY: As above.
        unsafe {
            let info = &self.raw.info.__bindgen_anon_1;
            info._sifields._rt._sigval.sival_ptr as usize
        }
    }

    /// Takes the signal from the queue. False when something else has taken it back.
    fn consume(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_signal_consume(&self.raw, self.number) }
    }
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

    /// Runs the body without any signal: for stops, freezes and the end of the thread.
    pub(crate) fn run_without_signals(&mut self) -> bool {
        let none = core::ptr::null();
        // SAFETY: By the type invariant; without a signal none is looked at.
        unsafe { bindings::utrace_signal_body(self.body, self.ksig.as_ptr(), none, 0) }
    }

    /// Runs the body with this signal alone. True when its handler is to be run.
    pub(crate) fn run_with(&mut self, signal: &Signal) -> bool {
        // SAFETY: By the type invariants.
        unsafe {
            bindings::utrace_signal_body(self.body, self.ksig.as_ptr(), &signal.raw, signal.number)
        }
    }

    /// Drops the signal.
    pub(crate) fn ignore(&mut self, signal: &Signal) {
        signal.consume();
    }

    /// Ends the process as the signal would, if it is still there.
    pub(crate) fn kill(&mut self, signal: &Signal, core: bool, functions: Functions) {
        if signal.consume() {
            let coredump = if core { functions.coredump } else { 0 };
            // SAFETY: The addresses are those of the functions; the second does not return.
            unsafe {
                bindings::utrace_signal_kill(
                    &signal.raw,
                    signal.number,
                    coredump,
                    functions.group_exit,
                )
            }
        }
    }

    /// Stops the process, as SIGSTOP would.
    pub(crate) fn stop(&mut self, signal: &Signal) {
        if signal.consume() {
            // SAFETY: No requirements.
            unsafe { bindings::utrace_signal_stop_process() };
        }
    }
}

/// Sees to it that deadly signals, and ignored ones, come to the current thread's `get_signal`. Not
/// in the middle of a system call.
pub(crate) fn set_reported(any: bool, ignored: bool) {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_signal_set_reported(any, ignored) }
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

// SPDX-License-Identifier: GPL-2.0

//! The per-thread bit that brings system calls to the tracepoint hooks.

use super::{
    bindings,
    task, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*,
    task::Task, //
};

pub(crate) fn is_set(task: &Task) -> bool {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_work_bit(task.as_ptr()) }
}

pub(crate) fn set(task: &Task) {
    // SAFETY: `task` is valid; the bit is changed atomically.
    unsafe { bindings::utrace_set_work_bit(task.as_ptr()) }
}

pub(crate) fn clear(task: &Task) {
    // SAFETY: As above.
    unsafe { bindings::utrace_clear_work_bit(task.as_ptr()) }
}

/// A function of a thread.
pub(crate) trait PerThread {
    /// Runs under RCU: must not sleep.
    fn each(task: &Task);
}

/// # Safety
///
/// `task` must be valid for the call.
unsafe extern "C" fn each<T: PerThread>(task: *mut bindings::task_struct) {
    // SAFETY: The C side passes threads that RCU keeps.
    T::each(unsafe { task::from_raw(task) });
}

/// Visits every thread of the machine.
pub(crate) fn for_each_thread<T: PerThread>() {
    // SAFETY: The function keeps to the contract of the callback.
    unsafe { bindings::utrace_visit_threads(Some(each::<T>)) }
}

/// Visits every thread of the process of `task`. Under RCU or with its siglock held.
pub(crate) fn for_each_thread_of_group<T: PerThread>(task: &Task) {
    // SAFETY: As above, and `task` is valid.
    unsafe { bindings::utrace_visit_group(task.as_ptr(), Some(each::<T>)) }
}

/// One of the kernel's tracepoints. They live as long as the kernel.
#[derive(Clone, Copy)]
pub(crate) struct Tracepoint(NonNull<bindings::tracepoint>);

// SAFETY: Only its static key is read.
unsafe impl Send for Tracepoint {}
// SAFETY: As above.
unsafe impl Sync for Tracepoint {}

impl Tracepoint {
    pub(crate) fn find(name: &'static CStr) -> Result<Self> {
        // SAFETY: `name` is a C string.
        let tp = unsafe { bindings::utrace_find_tracepoint(name.as_char_ptr()) };
        NonNull::new(tp).map(Tracepoint).ok_or(ENOENT)
    }

    /// Whether anybody is connected. Exact under the kernel's tracepoints mutex.
    pub(crate) fn is_enabled(self) -> bool {
        // SAFETY: Valid for ever.
        unsafe { bindings::utrace_tracepoint_enabled(self.0.as_ptr()) }
    }
}

/// Something to do under the mutex that serialises the users of tracepoints.
pub(crate) trait UnderMutex {
    fn run();
}

/// Runs `T` under it. One caller at a time; may sleep.
pub(crate) fn under_tracepoints_mutex<T: UnderMutex>() -> Result {
    extern "C" fn run<T: UnderMutex>() {
        T::run();
    }
    // SAFETY: Load and unload of the module, the only callers, exclude each other.
    to_result(unsafe { bindings::utrace_under_tracepoints_mutex(Some(run::<T>)) })
}

/// Connects to the tracepoint of generated signals; hears of each SIGKILL and stop signal, delivered
/// or dropped.
pub(crate) struct SignalProbe(());

impl SignalProbe {
    /// `Kill` and `Stop` are called with the siglock held and interrupts off.
    pub(crate) fn register<Kill: PerThread, Stop: PerThread>() -> Result<Self> {
        let (kill, stop) = (each::<Kill>, each::<Stop>);
        // SAFETY: The callbacks keep to their contract.
        to_result(unsafe { bindings::utrace_probe_signals(Some(kill), Some(stop)) })?;
        Ok(SignalProbe(()))
    }
}

impl Drop for SignalProbe {
    fn drop(&mut self) {
        // SAFETY: Registered in `register`.
        unsafe { bindings::utrace_unprobe_signals() }
    }
}

/// Calls `int f(void)` or `void f(void)` by address.
///
/// # Safety
///
/// `addr` must be where such a function begins, or just behind its landing pad.
pub(crate) unsafe fn call0(addr: c_ulong) -> c_long {
    // SAFETY: By the contract.
    unsafe { bindings::utrace_call0(addr) }
}

// SPDX-License-Identifier: GPL-2.0

//! Threads that hold still, so that their registers can be read and written.

use super::{
    bindings,
    direct, //
};
use core::marker::PhantomData;
use kernel::{
    prelude::*,
    task::Task,
    types::NotThreadSafe, //
};

/// A thread whose registers are where they belong: all that it had in user mode is saved.
///
/// # Invariants
///
/// `task` is the current thread; or it sleeps in the kernel and has its stack, its registers and
/// what else hangs on it as long as this lives, though it may be woken for a moment, which
/// [`Stiller::parked`] makes up for.
pub(crate) struct Still<'a> {
    task: &'a Task,
    stiller: Stiller,
    _not_send: PhantomData<NotThreadSafe>,
}

impl Still<'_> {
    pub(super) fn task(&self) -> *mut bindings::task_struct {
        self.task.as_ptr()
    }

    /// What C functions need to wait for a thread.
    pub(super) fn wait_function(&self) -> c_ulong {
        self.stiller.0
    }
}

/// Waits for threads to hold still: the address of `wait_task_inactive`, which is not exported.
///
/// That function takes the run queue's lock. So what is done to a thread between two waits that
/// count the same number of switches is done to a thread off its CPU, and seen by it when it runs.
#[derive(Clone, Copy)]
pub(crate) struct Stiller(c_ulong);

impl Stiller {
    /// Finds the function.
    pub(crate) fn resolve() -> Result<Self> {
        Ok(Stiller(direct::resolve(c"wait_task_inactive")?))
    }

    /// Runs `f` with the current thread.
    pub(crate) fn current<R>(self, f: impl FnOnce(&Still<'_>) -> R) -> R {
        // INVARIANT: It is the current one, and `f` cannot take it elsewhere.
        f(&Still {
            task: kernel::current!(),
            stiller: self,
            _not_send: PhantomData,
        })
    }

    /// Runs `f` with a parked thread off its CPU; again, if the thread was woken meanwhile and
    /// parked again. May sleep.
    ///
    /// # Safety
    ///
    /// Until this returns, `task` must not leave the function in which it parks: it sleeps there,
    /// or waits there for us to return.
    pub(crate) unsafe fn parked<R>(self, task: &Task, mut f: impl FnMut(&Still<'_>) -> R) -> R {
        // INVARIANT: By the contract.
        let still = Still {
            task,
            stiller: self,
            _not_send: PhantomData,
        };
        loop {
            let switches = self.wait(task);
            let result = f(&still);
            // Woken for nothing, as by another engine's resume: what was written may have been
            // overwritten when the thread was switched out again.
            if self.wait(task) == switches {
                return result;
            }
        }
    }

    /// Waits until the thread is off its CPU. Gives how often it has been switched out.
    fn wait(self, task: &Task) -> c_ulong {
        loop {
            // SAFETY: The address is that of the function, and `task` is valid.
            let switches = unsafe { bindings::utrace_wait_inactive(self.0, task.as_ptr()) };
            if switches != 0 {
                return switches;
            }
            // SAFETY: Called where sleeping is allowed.
            unsafe { bindings::utrace_wait_a_moment() };
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Facts about threads, and about who opened a session.

use super::bindings;
use core::ptr::NonNull;
use kernel::{
    cred::Credential,
    sync::aref::ARef,
    task::Task, //
};

/// Whoever opened a session: with whose rights, and in which pid namespace.
///
/// # Invariants
///
/// The structure was initialised, and holds its references.
pub(crate) struct Opener(bindings::kmview_opener);

// SAFETY: Credentials and namespaces are reference counted, and not changed.
unsafe impl Send for Opener {}
// SAFETY: As above.
unsafe impl Sync for Opener {}

impl Opener {
    /// The current thread.
    pub(crate) fn current() -> Self {
        let mut raw = bindings::kmview_opener::default();
        // SAFETY: `raw` is valid for the call.
        unsafe { bindings::kmview_opener_init(&mut raw) };
        // INVARIANT: It was just done.
        Opener(raw)
    }

    /// Whether it might ptrace a thread, by the credentials of both.
    pub(crate) fn may_trace(&self, task: &Task) -> bool {
        // SAFETY: By the type invariant; the thread is valid.
        unsafe { bindings::kmview_opener_may_trace(&self.0, task.as_ptr()) }
    }

    /// Whether it might trace the current thread, which wants it: security modules have a say.
    pub(crate) fn may_adopt_current(&self) -> bool {
        // SAFETY: By the type invariant.
        let cred = unsafe { Credential::from_ptr(self.0.cred) };
        self.may_trace(kernel::current!()) && utrace::current_may_be_traced_by(cred).is_ok()
    }

    /// Whether it may still look into the memory of a thread that is in its session.
    pub(crate) fn may_access(&self, task: &Task) -> bool {
        // SAFETY: By the type invariant; the thread is valid.
        unsafe { bindings::kmview_opener_may_access(&self.0, task.as_ptr()) }
    }

    /// The numbers of a thread and of its process as the opener sees them; 0 if it does not.
    pub(crate) fn numbers(&self, task: &Task) -> (i32, i32) {
        // SAFETY: By the type invariant; the thread is valid.
        unsafe {
            (
                bindings::kmview_tid(&self.0, task.as_ptr()),
                bindings::kmview_tgid(&self.0, task.as_ptr()),
            )
        }
    }
}

impl Clone for Opener {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant.
        unsafe { bindings::kmview_opener_get(&self.0) };
        // INVARIANT: It got references of its own.
        Opener(bindings::kmview_opener {
            cred: self.0.cred,
            pid_ns: self.0.pid_ns,
        })
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; they are not used any more.
        unsafe { bindings::kmview_opener_free(&mut self.0) };
    }
}

/// Whether the current thread is under a seccomp filter that it may not do without.
pub(crate) fn is_current_confined() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::kmview_is_confined() }
}

/// Sends SIGKILL.
pub(crate) fn kill(task: &Task) {
    // SAFETY: The thread is valid.
    unsafe { bindings::kmview_kill(task.as_ptr()) }
}

pub(crate) fn kill_current() {
    kill(kernel::current!());
}

/// Whether it is a zombie, or no longer even that.
pub(crate) fn is_dead(task: &Task) -> bool {
    // SAFETY: The thread is valid.
    unsafe { bindings::kmview_is_dead(task.as_ptr()) }
}

/// Whether the current thread was killed, and only has not noticed yet.
pub(crate) fn is_current_dying() -> bool {
    // SAFETY: The current thread is valid.
    unsafe { bindings::kmview_is_dying(Task::current_raw()) }
}

/// Of the threads of the same process that were made until `until`, that with the lowest number above
/// `after`.
pub(crate) fn thread_after(task: &Task, after: i32, until: u64) -> Option<ARef<Task>> {
    // SAFETY: The thread is valid.
    let next = unsafe { bindings::kmview_thread_after(task.as_ptr(), after, until) };
    // SAFETY: The function gave a reference, which becomes ours.
    NonNull::new(next.cast::<Task>()).map(|next| unsafe { ARef::from_raw(next) })
}

/// Whether it is a thread of the current process.
pub(crate) fn is_of_current_process(task: &Task) -> bool {
    // SAFETY: Both are valid.
    unsafe { bindings::kmview_same_process(task.as_ptr(), Task::current_raw()) }
}

/// The other name of a thread, for comparison.
pub(crate) fn address(task: &Task) -> usize {
    task.as_ptr() as usize
}

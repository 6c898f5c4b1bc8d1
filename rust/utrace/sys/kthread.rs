// SPDX-License-Identifier: GPL-2.0

//! Kernel threads.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use super::bindings;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::Arc, //
};

/// What a kernel thread does.
pub trait Body: Send + Sync + 'static {
    /// Runs once in the new thread, which ends when it returns. May sleep.
    ///
    /// [`Body::stop`] is called when the owner wants it to return.
    fn run(&self);

    /// Makes [`Body::run`] return. Called from the owner's thread.
    fn stop(&self);
}

/// A kernel thread of ours, of whatever body. Not generic, so that none of its code is compiled
/// into the modules that use it.
///
/// # Invariants
///
/// The pointer is a kernel thread that has not been stopped.
struct Raw(*mut bindings::task_struct);

impl Raw {
    /// # Safety
    ///
    /// `run` may be called with `data` until the thread is stopped.
    #[inline(never)]
    unsafe fn start(name: &CStr, run: fn(*mut c_void), data: *mut c_void) -> Result<Self> {
        let arguments = KBox::new((run, data), GFP_KERNEL)?;
        let raw = KBox::into_raw(arguments);
        // SAFETY: `raw` becomes the thread's, which frees it.
        let task = unsafe {
            bindings::utrace_kthread_create(Some(thread), raw.cast(), name.as_char_ptr())
        };
        let task = from_err_ptr(task).inspect_err(|_| {
            // SAFETY: There is no thread; the arguments are still ours.
            drop(unsafe { KBox::from_raw(raw) });
        })?;
        // SAFETY: `task` is new, and waits to be woken.
        unsafe { bindings::wake_up_process(task) };
        // INVARIANT: Just made.
        Ok(Raw(task))
    }

    #[inline(never)]
    fn bind(&self, cpu: u32) -> Result {
        // SAFETY: By the type invariant.
        to_result(unsafe { bindings::utrace_bind_to_cpu(self.0, cpu) })
    }

    #[inline(never)]
    fn stop(&self) {
        // SAFETY: By the type invariant; called once, when the owner is dropped.
        unsafe { bindings::kthread_stop(self.0) };
    }
}

/// # Safety
///
/// `data` must be what [`Raw::start`] made of its arguments.
unsafe extern "C" fn thread(data: *mut c_void) -> c_int {
    type Arguments = (fn(*mut c_void), *mut c_void);
    // SAFETY: What `Raw::start` passed.
    let arguments = unsafe { KBox::<Arguments>::from_raw(data.cast()) };
    let (run, data) = *arguments;
    drop(arguments);
    run(data);
    // A kernel thread that is to be stopped must not be gone when that happens.
    // SAFETY: No requirements.
    unsafe { bindings::utrace_kthread_wait_for_stop() };
    0
}

/// A running kernel thread. Dropping it stops it, and waits for its end.
///
/// # Invariants
///
/// `body` outlives the thread, which is stopped before it is dropped.
pub struct Kthread<B: Body> {
    thread: Raw,
    body: Arc<B>,
}

// SAFETY: A kernel thread can be stopped from any thread.
unsafe impl<B: Body> Send for Kthread<B> {}
// SAFETY: No method changes anything through a shared reference.
unsafe impl<B: Body> Sync for Kthread<B> {}

impl<B: Body> Kthread<B> {
    /// Starts a thread named `name` that runs `body`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and `EINTR` when the caller is killed while the thread is made.
    pub fn start(name: &CStr, body: Arc<B>) -> Result<Self> {
        let data = Arc::as_ptr(&body).cast_mut().cast::<c_void>();
        // SAFETY: `data` is what `run` expects; `body` stays until the thread has been stopped.
        let thread = unsafe { Raw::start(name, Self::run, data)? };
        Ok(Kthread { thread, body })
    }

    /// Keeps the thread on one CPU.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is no such CPU, or it is not online.
    pub fn bind(&self, cpu: u32) -> Result {
        self.thread.bind(cpu)
    }

    fn run(data: *mut c_void) {
        // SAFETY: `data` is the body that `start` passed, kept until the thread has ended.
        unsafe { &*data.cast::<B>() }.run();
    }
}

impl<B: Body> Drop for Kthread<B> {
    fn drop(&mut self) {
        self.body.stop();
        self.thread.stop();
    }
}

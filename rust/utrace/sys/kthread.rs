// SPDX-License-Identifier: GPL-2.0

//! Kernel threads.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use super::{
    bindings,
    module::{
        self,
        Owner, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::{
        Arc,
        Completion, //
    }, //
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

/// What keeps a started thread: stopped and dropped by whoever takes it from [`THREADS`].
struct Started {
    task: *mut bindings::task_struct,
    owner: Owner,
    body: KBox<dyn Stoppable>,
}

// SAFETY: A kernel thread can be stopped from any thread; bodies are `Send` and `Sync`.
unsafe impl Send for Started {}

impl Started {
    /// Ends the thread, and waits for that.
    fn stop(self) {
        self.body.stop();
        // SAFETY: The thread has not been stopped before, as `self` is used up.
        unsafe { bindings::kthread_stop(self.task) };
    }
}

/// A body of any type.
trait Stoppable: Send + Sync {
    fn stop(&self);
}

struct Shared<B: Body>(Arc<B>);

impl<B: Body> Stoppable for Shared<B> {
    fn stop(&self) {
        self.0.stop();
    }
}

kernel::sync::global_lock! {
    // SAFETY: Initialised by `init`, before any module can start a thread.
    unsafe(uninit) static THREADS: Mutex<KVec<Started>> = KVec::new();
}

/// Called once, by the module's init.
pub(crate) fn init() {
    // SAFETY: Called once.
    unsafe { THREADS.init() };
}

fn take(which: impl Fn(&Started) -> bool) -> Option<Started> {
    let mut threads = THREADS.lock();
    let found = threads.iter().position(which)?;
    threads.remove(found).ok()
}

/// Ends the threads that run code of a module which goes, whatever became of their handles.
pub(crate) fn stop_all_of(owner: Owner) {
    while let Some(started) = take(|started| started.owner == owner) {
        started.stop();
    }
}

/// Not generic, so that none of its code is compiled into the modules that use it.
///
/// # Safety
///
/// `run` must be callable once with `data`, in the new thread.
#[inline(never)]
unsafe fn start(
    name: &CStr,
    owner: Owner,
    run: fn(*mut c_void),
    data: *mut c_void,
    body: KBox<dyn Stoppable>,
) -> Result<*mut bindings::task_struct> {
    let begun = KBox::pin_init(Completion::new(), GFP_KERNEL)?;
    let mut arguments = Arguments {
        run,
        data,
        begun: &begun,
    };
    let mut threads = THREADS.lock();
    threads.reserve(1, GFP_KERNEL)?;
    let argument = core::ptr::from_mut(&mut arguments).cast();
    // SAFETY: The arguments stay until the thread has copied them.
    let task =
        unsafe { bindings::utrace_kthread_create(Some(thread), argument, name.as_char_ptr()) };
    let task = from_err_ptr(task)?;
    // SAFETY: `task` is new, and waits to be woken.
    unsafe { bindings::wake_up_process(task) };
    // A thread that is stopped before it has begun never begins.
    begun.wait_for_completion();
    // There is room for it.
    let _ = threads.push_within_capacity(Started { task, owner, body });
    Ok(task)
}

struct Arguments<'a> {
    run: fn(*mut c_void),
    data: *mut c_void,
    begun: &'a Completion,
}

/// # Safety
///
/// `argument` must be what [`start`] passed.
unsafe extern "C" fn thread(argument: *mut c_void) -> c_int {
    // SAFETY: `start` waits until we say that we have begun.
    let arguments = unsafe { &*argument.cast::<Arguments<'_>>() };
    let (run, data) = (arguments.run, arguments.data);
    arguments.begun.complete_all();
    run(data);
    // A kernel thread that is to be stopped must not be gone when that happens.
    // SAFETY: No requirements.
    unsafe { bindings::utrace_kthread_wait_for_stop() };
    0
}

#[inline(never)]
fn bind(task: *mut bindings::task_struct, cpu: u32) -> Result {
    // SAFETY: The thread stays until it is stopped.
    to_result(unsafe { bindings::utrace_bind_to_cpu(task, cpu) })
}

#[inline(never)]
fn stop(task: *mut bindings::task_struct) {
    if task == kernel::task::Task::current_raw() {
        // It cannot wait for itself; it is stopped when its module goes.
        return;
    }
    if let Some(started) = take(|started| started.task == task) {
        started.stop();
    }
}

/// A running kernel thread. Dropping it stops it, and waits for its end; a handle that is dropped
/// by the thread itself, or forgotten, leaves that to the end of its module.
pub struct Kthread<B: Body> {
    task: *mut bindings::task_struct,
    _body: PhantomData<Arc<B>>,
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
        let stoppable = KBox::new(Shared(body.clone()), GFP_KERNEL)?;
        let data = Arc::into_raw(body);
        // SAFETY: `run` takes over the reference that `data` is.
        let task = unsafe {
            start(
                name,
                module::owner_of(<Shared<B> as Stoppable>::stop as usize),
                Self::run,
                data.cast_mut().cast(),
                stoppable,
            )
        };
        let task = task.inspect_err(|_| {
            // SAFETY: From `into_raw` above; no thread has taken it.
            drop(unsafe { Arc::from_raw(data) });
        })?;
        Ok(Kthread {
            task,
            _body: PhantomData,
        })
    }

    /// Keeps the thread on one CPU.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is no such CPU, or it is not online.
    pub fn bind(&self, cpu: u32) -> Result {
        bind(self.task, cpu)
    }

    fn run(data: *mut c_void) {
        // SAFETY: `start` leaked this reference for us.
        unsafe { Arc::from_raw(data.cast::<B>().cast_const()) }.run();
    }
}

impl<B: Body> Drop for Kthread<B> {
    fn drop(&mut self) {
        stop(self.task);
    }
}

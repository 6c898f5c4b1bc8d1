// SPDX-License-Identifier: GPL-2.0

//! Work that a thread does before it enters user mode.
//!
//! C header: [`include/linux/task_work.h`](srctree/include/linux/task_work.h)

use super::bindings;
use core::marker::PhantomData;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    },
    task::Task,
    types::Opaque, //
};

/// How soon the thread gets to its work.
#[derive(Clone, Copy)]
pub(crate) enum Notify {
    /// When it next returns to user mode.
    Resume,
    /// At once: a blocking system call is left.
    Signal,
}

/// What runs when a [`TaskWork`] is reached.
///
/// # Safety
///
/// `OFFSET` must be the offset of the one `TaskWork<Self, ID>` in `Self`.
pub(crate) unsafe trait HasTaskWork<const ID: u32>: Sized {
    /// The offset of the work in `Self`.
    const OFFSET: usize;

    /// Runs in the thread, where it may sleep. `this` was given to [`TaskWork::queue`].
    fn run(this: Arc<Self>);
}

/// One piece of work, embedded in a reference counted `T`; queued at most once at a time.
///
/// # Invariants
///
/// The head's function is set while the work is queued, and null else. While it is set, or the work
/// is on a thread's list, the list owns a reference to the `T`.
#[pin_data]
pub(crate) struct TaskWork<T, const ID: u32> {
    #[pin]
    head: Opaque<bindings::callback_head>,
    _owner: PhantomData<fn(T)>,
}

// SAFETY: The head is touched only by `queue`, once for each setting of its function, and by the
// kernel's lock-free list.
unsafe impl<T: Send + Sync, const ID: u32> Send for TaskWork<T, ID> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync, const ID: u32> Sync for TaskWork<T, ID> {}

impl<T: HasTaskWork<ID>, const ID: u32> TaskWork<T, ID> {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::utrace_task_work_init(slot, None) }
            }),
            _owner: PhantomData,
        })
    }

    /// Sets the head's function, and says what it was.
    fn set_function(&self, function: usize) -> usize {
        // SAFETY: The head is valid, and its function, a pointer, is accessed atomically: by this,
        // and by who runs the work, for whom it does not change.
        let at = unsafe { Atomic::from_ptr((&raw mut (*self.head.get()).func).cast::<usize>()) };
        at.xchg(function, Full)
    }

    /// Queues the work of `owner` to `task`, unless it is queued already. From any context.
    ///
    /// `ESRCH` when the thread exits and does no more work.
    pub(crate) fn queue(&self, owner: &Arc<T>, task: &Task, notify: Notify) -> Result {
        if self.set_function(Self::trampoline as usize) != 0 {
            return Ok(());
        }
        // INVARIANT: This reference is the list's, until the work runs or is cancelled.
        let reference = Arc::into_raw(owner.clone());
        let add = match notify {
            Notify::Resume => bindings::utrace_task_work_resume,
            Notify::Signal => bindings::utrace_task_work_signal,
        };
        // SAFETY: `task` is valid, and the head, whose function was null, is on no list.
        let err = unsafe { add(task.as_ptr(), self.head.get()) };
        if err != 0 {
            self.set_function(0);
            // SAFETY: From `into_raw` above; the list did not take it.
            drop(unsafe { Arc::from_raw(reference) });
            return Err(ESRCH);
        }
        Ok(())
    }

    /// Takes the work from the list of `task`, if it is there and has not begun.
    pub(crate) fn cancel(&self, owner: &Arc<T>, task: &Task, cancel: Cancel) {
        // SAFETY: The address is that of `task_work_cancel`, both arguments are valid.
        let cancelled = unsafe {
            bindings::utrace_call2(
                cancel.0,
                task.as_ptr() as c_ulong,
                self.head.get() as c_ulong,
            )
        };
        // The function returns a C `bool`: only the low byte counts.
        if cancelled & 0xff != 0 {
            self.set_function(0);
            // SAFETY: By the invariant; the list has let go of it.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(owner)) });
        }
    }

    /// # Safety
    ///
    /// `head` must be that of a work that [`TaskWork::queue`] has queued.
    unsafe extern "C" fn trampoline(head: *mut bindings::callback_head) {
        let work = head.wrapping_byte_sub(core::mem::offset_of!(Self, head));
        let owner = work.wrapping_byte_sub(T::OFFSET).cast::<T>();
        // SAFETY: By the contract of `HasTaskWork` the work is at this offset in a `T`, whose
        // reference the list owned.
        let owner = unsafe { Arc::from_raw(owner.cast_const()) };
        // SAFETY: Points into `owner`. From here on the work may be queued again.
        unsafe { &*work.cast::<Self>() }.set_function(0);
        T::run(owner);
    }
}

/// The address of `task_work_cancel`, which is not exported.
#[derive(Clone, Copy)]
pub(crate) struct Cancel(c_ulong);

impl Cancel {
    /// Finds the function.
    pub(crate) fn resolve() -> Result<Self> {
        Ok(Cancel(super::direct::resolve(c"task_work_cancel")?))
    }
}

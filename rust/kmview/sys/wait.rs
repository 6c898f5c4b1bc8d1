// SPDX-License-Identifier: GPL-2.0

//! How those wait who read from a queue.

use super::bindings;
use kernel::{
    bindings::wait_queue_head,
    fs::File,
    prelude::*,
    task::MAX_SCHEDULE_TIMEOUT,
    time::Jiffies,
    types::Opaque, //
};

/// Has room for one thread that sleeps, and is woken by name.
///
/// # Invariants
///
/// The pointer is null, or that of a thread that has a [`Going`].
pub(crate) struct Sleeper(Opaque<*mut kernel::bindings::task_struct>);

// SAFETY: The pointer is changed by atomic exchanges.
unsafe impl Send for Sleeper {}
// SAFETY: As above.
unsafe impl Sync for Sleeper {}

impl Sleeper {
    pub(crate) const fn new() -> Self {
        Sleeper(Opaque::new(core::ptr::null_mut()))
    }

    /// The current thread is going to sleep. By [`Going::sleep`], without the lock under which it found
    /// nothing to do, and under which it is woken from now on; with it, this is called. `None`: another
    /// thread sleeps here.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Going<'_>> {
        // SAFETY: The pointer is valid. INVARIANT: It is this thread, until `Going` is dropped.
        unsafe { bindings::kmview_sleeper_begin(self.0.get()) }.then_some(Going(self))
    }

    /// Wakes who sleeps; `false`: nobody. Under the lock.
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        // SAFETY: The pointer is valid. By the type invariant, a thread that is found there has not
        // exited; who frees it later waits for readers of RCU before.
        unsafe { bindings::kmview_sleeper_wake(self.0.get()) }
    }
}

/// The current thread is going to sleep, or does, or has done so.
pub(crate) struct Going<'a>(&'a Sleeper);

impl Going<'_> {
    /// Before it wakes another thread, under a spin lock, as the last thing that it does before it
    /// sleeps: both together cost less.
    #[inline]
    pub(crate) fn wakes_first(&self) {
        // SAFETY: The current thread does not move to another CPU.
        unsafe { bindings::kmview_sleeper_wakes() }
    }

    /// Sleeps until the thread is woken, a signal comes or the time is over. Gives what is left of
    /// it. In a context that may sleep.
    pub(crate) fn sleep(self, timeout: Option<Jiffies>) -> Option<Jiffies> {
        let longest = |_| MAX_SCHEDULE_TIMEOUT;
        let wanted = timeout.map_or(MAX_SCHEDULE_TIMEOUT, |left| {
            left.try_into().unwrap_or_else(longest)
        });
        // SAFETY: The context may sleep.
        let left = unsafe { bindings::kmview_sleeper_sleep(wanted) };
        timeout.map(|_| left as Jiffies)
    }
}

impl Drop for Going<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The pointer is valid. INVARIANT: It is no longer this thread afterwards.
        unsafe { bindings::kmview_sleeper_end(self.0 .0.get()) }
    }
}

/// Before the current thread sleeps: lets another one run first, if one is to run on this CPU
/// instead. `false`: none is. What the thread would have waited for may have come meanwhile, and
/// neither a sleep nor a wake-up is needed then. In a context that may sleep.
pub(crate) fn give_way() -> bool {
    // SAFETY: The context may sleep.
    unsafe { bindings::kmview_give_way() }
}

/// Those who poll. As the kernel crate's `PollCondVar`, but it takes no lock to see that there are none.
#[pin_data(PinnedDrop)]
pub(crate) struct Pollers {
    #[pin]
    queue: Opaque<wait_queue_head>,
}

// SAFETY: The queue has a lock of its own.
unsafe impl Send for Pollers {}
// SAFETY: As above.
unsafe impl Sync for Pollers {}

impl Pollers {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            queue <- Opaque::ffi_init(|slot: *mut wait_queue_head| {
                // SAFETY: `slot` is valid for writes, and stays where it is.
                unsafe { bindings::kmview_pollers_init(slot) }
            }),
        })
    }

    /// Wakes them, or not more than one of those who do not want to be woken together. Under the lock
    /// under which they look whether there is something to read, after [`Poller::wait`].
    #[inline]
    pub(crate) fn wake(&self, all: bool) {
        // SAFETY: The queue is initialised.
        unsafe { bindings::kmview_pollers_wake(self.queue.get(), all) }
    }
}

#[pinned_drop]
impl PinnedDrop for Pollers {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The queue is initialised, and not used any more.
        unsafe { bindings::kmview_pollers_free(self.queue.get()) }
    }
}

/// One who polls.
///
/// # Invariants
///
/// The table is what the kernel gave to the file's `poll`, which goes on as long as this.
pub(crate) struct Poller<'a> {
    file: &'a File,
    table: *mut kernel::bindings::poll_table_struct,
}

impl<'a> Poller<'a> {
    /// # Safety
    ///
    /// `table` must be what the kernel gave to the `poll` of `file`, of which this is a part.
    pub(super) unsafe fn new(
        file: &'a File,
        table: *mut kernel::bindings::poll_table_struct,
    ) -> Self {
        // INVARIANT: By the contract.
        Poller { file, table }
    }

    /// Waits to be woken by [`Pollers::wake`], if that is what it came for.
    pub(crate) fn wait(&self, pollers: &Pollers) {
        // SAFETY: The file and the table are valid, by the type invariant. Whoever is in the queue
        // leaves it before it is dropped: see `kmview_pollers_free`.
        unsafe {
            bindings::kmview_pollers_add(pollers.queue.get(), self.file.as_ptr(), self.table);
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A spinlock that is taken with interrupts off, from any context.
//!
//! The kernel crate's `SpinLock` cannot be taken from a hard interrupt, and its `SpinLockIrq` does
//! not save the interrupt state on all supported kernels.

use super::bindings;
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    prelude::*,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// Guards `T` against every context, hard interrupts included.
///
/// # Invariants
///
/// `raw` is an initialised raw spinlock; `data` is accessed only by the holder.
#[pin_data]
pub(crate) struct IrqLock<T> {
    #[pin]
    raw: Opaque<bindings::raw_spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The lock hands `T` from thread to thread, one at a time.
unsafe impl<T: Send> Send for IrqLock<T> {}
// SAFETY: Only the holder of the lock reaches `T`.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    pub(crate) fn new(data: T) -> impl PinInit<Self> {
        Self::of_class(data, false)
    }

    /// One under which other ones are taken: the kernel's checks tell them apart.
    pub(crate) fn new_outer(data: T) -> impl PinInit<Self> {
        Self::of_class(data, true)
    }

    fn of_class(data: T, outer: bool) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: The C function initialises the lock.
            raw <- Opaque::ffi_init(move |slot| {
                // SAFETY: `slot` is valid for writes, and pinned.
                unsafe { bindings::utrace_lock_init(slot, outer) }
            }),
            data: UnsafeCell::new(data),
        })
    }

    pub(crate) fn lock(&self) -> IrqGuard<'_, T> {
        // SAFETY: By the type invariant, the lock is initialised.
        let flags = unsafe { bindings::utrace_lock_irqsave(self.raw.get()) };
        IrqGuard {
            lock: self,
            flags,
            _not_send: NotThreadSafe,
        }
    }
}

/// Holds an [`IrqLock`].
pub(crate) struct IrqGuard<'a, T> {
    lock: &'a IrqLock<T>,
    flags: c_ulong,
    _not_send: NotThreadSafe,
}

impl<T> Deref for IrqGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The guard holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for IrqGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The guard holds the lock, and is borrowed mutably.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for IrqGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: The guard holds the lock, and `flags` is what taking it returned.
        unsafe { bindings::utrace_unlock_irqrestore(self.lock.raw.get(), self.flags) }
    }
}

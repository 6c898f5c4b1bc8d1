// SPDX-License-Identifier: GPL-2.0

//! A value that one party at a time may have, and nobody waits for.

use super::atomic::AtomicFlag;
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::types::NotThreadSafe;

/// A lock that is only tried, and may be held while sleeping.
///
/// # Invariants
///
/// `value` is accessed only by whoever set `taken`.
pub(crate) struct TryCell<T> {
    taken: AtomicFlag,
    value: UnsafeCell<T>,
}

// SAFETY: The flag hands the value from thread to thread, one at a time.
unsafe impl<T: Send> Sync for TryCell<T> {}

impl<T> TryCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        TryCell {
            taken: AtomicFlag::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value until the guard is dropped, unless somebody has it. A full barrier.
    #[inline]
    pub(crate) fn try_take(&self) -> Option<TryGuard<'_, T>> {
        (!self.taken.swap(true)).then_some(TryGuard(self, NotThreadSafe))
    }
}

/// Has the value of a [`TryCell`]. Dropping it is a full barrier.
pub(crate) struct TryGuard<'a, T>(&'a TryCell<T>, NotThreadSafe);

impl<T> Deref for TryGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The guard has set the flag.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for TryGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The guard has set the flag, and is borrowed mutably.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for TryGuard<'_, T> {
    fn drop(&mut self) {
        self.0.taken.swap(false);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A value of one party, which may meet itself.

use core::{
    cell::{
        Cell,
        UnsafeCell, //
    },
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::types::NotThreadSafe;

/// A value that one party has at a time, handed on by means outside of this. It needs no atomics;
/// all it notices is that the party has the value already, further up its stack.
///
/// # Invariants
///
/// `value` is accessed only through the one guard that there is while `taken` is set, and both only
/// by the party of [`PassCell::take`].
pub(crate) struct PassCell<T> {
    taken: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: By the contract of `take`, one party at a time.
unsafe impl<T: Send> Sync for PassCell<T> {}

impl<T> PassCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        PassCell {
            taken: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value until the guard is dropped, unless the caller has it already.
    ///
    /// # Safety
    ///
    /// Nobody else calls this, or has a guard, and what the last one who did has done is ordered
    /// before this.
    #[inline(always)]
    pub(crate) unsafe fn take(&self) -> Option<PassGuard<'_, T>> {
        // A guard that is made in vain would give the value back.
        match self.taken.replace(true) {
            false => Some(PassGuard(self, NotThreadSafe)),
            true => None,
        }
    }
}

impl<T> PassCell<T> {
    /// A look at the value, taken or not.
    ///
    /// # Safety
    ///
    /// As for [`Self::take`], but that the caller may have a guard; it does not use that as long as
    /// it has what this returns.
    #[inline(always)]
    pub(crate) unsafe fn peek(&self) -> &T {
        // SAFETY: By the contract.
        unsafe { &*self.value.get() }
    }
}

/// Has the value of a [`PassCell`].
pub(crate) struct PassGuard<'a, T>(&'a PassCell<T>, NotThreadSafe);

impl<T> Deref for PassGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant of the cell.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for PassGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant of the cell, and the guard is borrowed mutably.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for PassGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.taken.set(false);
    }
}

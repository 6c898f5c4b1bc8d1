// SPDX-License-Identifier: GPL-2.0

//! A value that exists while the module is loaded.

use core::cell::UnsafeCell;
use kernel::sync::Arc;

/// Set once by the module's init and cleared by its exit.
///
/// # Invariants
///
/// The cell changes only while nobody can call [`Global::get`]: before the hooks are in place, and
/// after they are gone. Modules that use us are loaded after and unloaded before that.
pub(crate) struct Global<T>(UnsafeCell<Option<Arc<T>>>);

// SAFETY: By the type invariant nobody reads the cell while it changes.
unsafe impl<T: Send + Sync> Sync for Global<T> {}

impl<T> Global<T> {
    pub(crate) const fn new() -> Self {
        Global(UnsafeCell::new(None))
    }

    /// By the module's init.
    pub(crate) fn set(&self, value: Arc<T>) {
        // SAFETY: By the type invariant.
        unsafe { *self.0.get() = Some(value) };
    }

    /// By the module's exit.
    pub(crate) fn clear(&self) {
        // SAFETY: By the type invariant.
        unsafe { *self.0.get() = None };
    }

    /// The value.
    #[inline]
    pub(crate) fn get(&'static self) -> &'static T {
        // SAFETY: By the type invariant it is set, and does not change.
        unsafe { (*self.0.get()).as_ref().unwrap_unchecked() }
    }
}

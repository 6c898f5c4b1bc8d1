// SPDX-License-Identifier: GPL-2.0

//! Memory that the current process can read, and that the kernel alone writes.

use super::bindings;
use core::ptr::NonNull;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    page::PAGE_SIZE,
    prelude::*, //
};

/// An area of some process that a thread of it has taken: a place for each argument of a call.
///
/// # Invariants
///
/// It was taken, and holds a reference.
pub(crate) struct Area(NonNull<bindings::kmview_area>);

// SAFETY: It may be left, and its references dropped, by everybody.
unsafe impl Send for Area {}
// SAFETY: What is shared is guarded by locks.
unsafe impl Sync for Area {}

impl Area {
    /// Takes one of the current process, for the current thread; makes one if there is none. `low`: for
    /// a 32-bit call, which the thread is in.
    pub(crate) fn take(low: bool) -> Result<Self> {
        // SAFETY: The current thread is one of user space; it holds no lock.
        let area = from_err_ptr(unsafe { bindings::kmview_area_take(low) })?;
        // INVARIANT: The function took it, with a reference.
        NonNull::new(area).map(Area).ok_or(ENOMEM)
    }

    /// Whether a new call of the current thread may use it.
    pub(crate) fn fits(&self, low: bool) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kmview_area_fits(self.0.as_ptr(), low) }
    }

    /// The address of a place in the process.
    pub(crate) fn address(&self, place: usize) -> usize {
        // SAFETY: By the type invariant.
        unsafe { bindings::kmview_area_address(self.0.as_ptr(), place as c_uint) as usize }
    }

    /// Writes a place, at most a page.
    ///
    /// # Panics
    ///
    /// When there is no such place, or it is more.
    pub(crate) fn write(&mut self, place: usize, bytes: &[u8]) -> Result {
        assert!(place < 6 && bytes.len() <= PAGE_SIZE);
        // SAFETY: By the type invariant, and as just checked; who has `&mut self` writes alone.
        to_result(unsafe {
            bindings::kmview_area_write(
                self.0.as_ptr(),
                place as c_uint,
                bytes.as_ptr().cast(),
                bytes.len(),
            )
        })
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; it is not used any more.
        unsafe { bindings::kmview_area_leave(self.0.as_ptr()) }
    }
}

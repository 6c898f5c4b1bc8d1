// SPDX-License-Identifier: GPL-2.0

//! Open files, and the numbers that they have in the current process.

use super::bindings;
use crate::session::Session;
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Finds what the kernel does not export. By the module's init.
pub(crate) fn init() -> Result {
    // SAFETY: Called before anything else here is.
    to_result(unsafe { bindings::kmview_descriptor_init() })
}

/// An open file.
///
/// # Invariants
///
/// Holds a reference.
pub(crate) struct OpenedFile(NonNull<kernel::bindings::file>);

// SAFETY: Only references are taken and dropped, which everybody may.
unsafe impl Send for OpenedFile {}
// SAFETY: As above.
unsafe impl Sync for OpenedFile {}

impl OpenedFile {
    /// What the current process has open under this number.
    pub(crate) fn get(fd: i32) -> Result<Self> {
        // SAFETY: No requirements.
        let file = unsafe { bindings::kmview_file_get(fd) };
        // INVARIANT: The function gave a reference.
        NonNull::new(file).map(OpenedFile).ok_or(EBADF)
    }

    /// It is one of this session.
    pub(crate) fn is_of(&self, session: &Session) -> bool {
        // SAFETY: The file is open, by the type invariant; the other pointer is only compared.
        unsafe { bindings::kmview_is_of_session(self.0.as_ptr(), ptr::from_ref(session).cast()) }
    }

    /// Opens it in the current process, as the next number or as `target`. Gives the number.
    pub(crate) fn put(&self, target: Option<i32>, cloexec: bool) -> Result<i32> {
        // SAFETY: The file is open, by the type invariant; `init` has been called.
        let fd = unsafe { bindings::kmview_fd_put(self.0.as_ptr(), target.unwrap_or(-1), cloexec) };
        to_result(fd)?;
        Ok(fd)
    }
}

impl Drop for OpenedFile {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; it is not used any more.
        unsafe { bindings::kmview_file_put(self.0.as_ptr()) }
    }
}

/// Closes a number of the current process.
pub(crate) fn close(fd: i32) -> Result {
    // SAFETY: No requirements.
    to_result(unsafe { bindings::kmview_fd_close(fd) })
}

// SPDX-License-Identifier: GPL-2.0

//! The memory of other threads' processes.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)

use super::bindings;
use kernel::{
    prelude::*,
    task::Task, //
};

/// Reads up to the first byte that cannot be reached. Gives how many; none if there is no memory
/// any more. May sleep, for as long as a page takes to come.
pub(crate) fn read(task: &Task, addr: usize, buf: &mut [u8]) -> usize {
    // SAFETY: `task` is valid, and the buffer is as long as is said.
    unsafe {
        bindings::utrace_memory_read(
            task.as_ptr(),
            addr as c_ulong,
            buf.as_mut_ptr().cast(),
            buf.len(),
        )
    }
}

/// The same for writing. With `force` also to private mappings that are read-only.
pub(crate) fn write(task: &Task, addr: usize, buf: &[u8], force: bool) -> usize {
    // SAFETY: As above.
    unsafe {
        bindings::utrace_memory_write(
            task.as_ptr(),
            addr as c_ulong,
            buf.as_ptr().cast(),
            buf.len(),
            force,
        )
    }
}

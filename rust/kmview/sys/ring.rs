// SPDX-License-Identifier: GPL-2.0

//! Memory that is shared with a monitor, and the memory of the current thread.

use super::{
    abi::{
        Event,
        Ring as Head, //
    },
    atomic::AtomicU64,
    bindings, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{page::PAGE_SIZE, prelude::*};

/// A page with a `struct kmview_ring`, and data behind it. The monitor may write to all of it.
///
/// # Invariants
///
/// `base` is from `kmview_ring_alloc`, for a page and `size` bytes; `size` is a power of two.
pub(crate) struct Shared {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: It is memory, with no ties to a thread.
unsafe impl Send for Shared {}
// SAFETY: It is changed by atomic accesses, and by copying where its owner's lock says who may.
unsafe impl Sync for Shared {}

impl Shared {
    /// `size` is a power of two.
    pub(crate) fn new(size: usize) -> Result<Self> {
        // SAFETY: No requirements.
        let base = unsafe { bindings::kmview_ring_alloc(PAGE_SIZE + size) };
        // INVARIANT: It was just made.
        let this = Shared {
            base: NonNull::new(base.cast()).ok_or(ENOMEM)?,
            size,
        };
        this.store(offset_of!(Head, size), size as u64);
        Ok(this)
    }

    /// Of the data.
    pub(crate) fn size(&self) -> u64 {
        self.size as u64
    }

    /// For mapping: where it is, and how large it is.
    pub(crate) fn whole(&self) -> (*mut u8, usize) {
        (self.base.as_ptr(), PAGE_SIZE + self.size)
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: By the type invariant it is in the first page; everybody accesses it atomically.
        unsafe { &*self.base.as_ptr().add(offset).cast() }
    }

    fn store(&self, offset: usize, value: u64) {
        self.word(offset).store(value);
    }

    /// Shows the monitor what has been written before.
    pub(crate) fn set_head(&self, head: u64) {
        self.word(offset_of!(Head, head)).store(head);
    }

    pub(crate) fn set_lost(&self, lost: u64) {
        self.store(offset_of!(Head, lost), lost);
    }

    /// A later [`Self::tail`] sees what a monitor that missed this has done before.
    pub(crate) fn set_waiting(&self, waiting: u64) {
        self.store(offset_of!(Head, waiting), waiting);
        // SAFETY: No requirements.
        unsafe { bindings::kmview_smp_mb() };
    }

    /// As the monitor says: to be checked.
    pub(crate) fn tail(&self) -> u64 {
        self.word(offset_of!(Head, tail)).load()
    }

    /// Writes to the data, from a position on, which is taken modulo the size. By one party at a time.
    ///
    /// # Panics
    ///
    /// When it does not fit in front of the end.
    pub(crate) fn write(&self, pos: u64, bytes: &[u8]) {
        let at = pos as usize & (self.size - 1);
        assert!(bytes.len() <= self.size - at);
        // SAFETY: By the type invariant and the check, it is in the memory. What the monitor makes of
        // it meanwhile is its own business: nothing of it is read back.
        unsafe {
            self.base
                .as_ptr()
                .add(PAGE_SIZE + at)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }
}

impl Shared {
    /// Writes a word and an event behind it, at a position that is a multiple of 8.
    ///
    /// # Panics
    ///
    /// As for [`Self::write`].
    #[inline(always)]
    pub(crate) fn write_head(&self, pos: u64, head: u64, event: &Event) {
        let at = pos as usize & (self.size - 1);
        assert!(at % 8 == 0 && 8 + size_of::<Event>() <= self.size - at);
        // SAFETY: As in `write`; it is aligned.
        unsafe {
            let to = self.base.as_ptr().add(PAGE_SIZE + at).cast::<u64>();
            to.write_volatile(head);
            event.copy_words(to.add(1));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses it any more.
        unsafe { bindings::kmview_ring_free(self.base.as_ptr().cast()) }
    }
}

/// `CLOCK_MONOTONIC`, in ns.
pub(crate) fn now() -> u64 {
    // SAFETY: No requirements.
    unsafe { bindings::kmview_now() }
}

/// Copies from the memory of the current thread. Gives how many bytes there were.
pub(crate) fn copy_buffer(to: &mut [u8], from: u64) -> usize {
    // SAFETY: `to` is valid for writing as many bytes.
    unsafe { bindings::kmview_copy_buffer(to.as_mut_ptr().cast(), from as c_ulong, to.len()) }
}

/// The same, up to and with a NUL.
pub(crate) fn copy_string(to: &mut [u8], from: u64) -> usize {
    // SAFETY: As above.
    unsafe { bindings::kmview_copy_string(to.as_mut_ptr().cast(), from as c_ulong, to.len()) }
}

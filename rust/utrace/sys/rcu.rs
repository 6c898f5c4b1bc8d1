// SPDX-License-Identifier: GPL-2.0

//! Doing something with a reference after the readers that may look at the object.

use super::bindings;
use kernel::{
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// Embedded in a `T` that readers look at under RCU.
#[pin_data]
pub(crate) struct AfterReaders {
    #[pin]
    head: Opaque<bindings::callback_head>,
}

// SAFETY: Handed to RCU once.
unsafe impl Send for AfterReaders {}
// SAFETY: As above.
unsafe impl Sync for AfterReaders {}

impl AfterReaders {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Opaque::ffi_init(|slot: *mut bindings::callback_head| {
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write_bytes(0, 1) }
            }),
        })
    }
}

/// Says where the [`AfterReaders`] of a `T` is, and what it is for.
///
/// # Safety
///
/// `OFFSET` must be the offset of the `AfterReaders` field.
pub(crate) unsafe trait HasAfterReaders: Sized + Send + Sync {
    const OFFSET: usize;

    /// Called when no reader that found the object before can look at it any more, in a context
    /// that must not sleep.
    fn after_readers(this: Arc<Self>);
}

/// Has [`HasAfterReaders::after_readers`] called. From any context; once in the life of the object.
pub(crate) fn after_readers<T: HasAfterReaders>(reference: Arc<T>) {
    let raw = Arc::into_raw(reference);
    let head = raw.wrapping_byte_add(T::OFFSET).cast_mut().cast();
    // SAFETY: The head is in the object that the leaked reference keeps alive, and unused so far.
    unsafe { bindings::call_rcu(head, Some(callback::<T>)) };
}

/// # Safety
///
/// `head` must be that of a `T` which [`after_readers`] was given.
unsafe extern "C" fn callback<T: HasAfterReaders>(head: *mut bindings::callback_head) {
    let raw = head.wrapping_byte_sub(T::OFFSET).cast::<T>();
    // SAFETY: From `into_raw` in `after_readers`.
    T::after_readers(unsafe { Arc::from_raw(raw.cast_const()) });
}

/// Waits for all callbacks.
pub(crate) fn barrier() {
    // SAFETY: Called from contexts that may sleep.
    unsafe { bindings::rcu_barrier() }
}

/// Waits until every task has been through a point where it is in no trampoline.
pub(crate) fn synchronize_tasks() {
    // SAFETY: As above.
    unsafe { bindings::synchronize_rcu_tasks() }
}

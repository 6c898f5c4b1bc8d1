// SPDX-License-Identifier: GPL-2.0

//! Letting go of a reference after the readers that may look at it.

use super::bindings;
use kernel::{
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// Embedded in a `T` of which one reference is to be dropped after a grace period.
#[pin_data]
pub(crate) struct DeferredDrop {
    #[pin]
    head: Opaque<bindings::callback_head>,
}

// SAFETY: Handed to RCU once.
unsafe impl Send for DeferredDrop {}
// SAFETY: As above.
unsafe impl Sync for DeferredDrop {}

/// Says where the [`DeferredDrop`] of a `T` is.
///
/// # Safety
///
/// `OFFSET` must be the offset of the `DeferredDrop` field.
pub(crate) unsafe trait HasDeferredDrop: Sized + Send + Sync {
    const OFFSET: usize;
}

impl DeferredDrop {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Opaque::zeroed_head(),
        })
    }
}

trait ZeroedHead {
    fn zeroed_head() -> impl PinInit<Self>;
}

impl ZeroedHead for Opaque<bindings::callback_head> {
    fn zeroed_head() -> impl PinInit<Self> {
        Opaque::ffi_init(|slot: *mut bindings::callback_head| {
            // SAFETY: `slot` is valid for writes; RCU fills the head itself.
            unsafe { slot.write_bytes(0, 1) }
        })
    }
}

/// Drops `reference` after an RCU grace period, in a context that must not sleep. From any
/// context; once in the life of the object.
pub(crate) fn drop_later<T: HasDeferredDrop>(reference: Arc<T>) {
    let raw = Arc::into_raw(reference);
    let head = raw.wrapping_byte_add(T::OFFSET).cast_mut().cast();
    // SAFETY: The head is in the object that the leaked reference keeps alive, and unused so far.
    unsafe { bindings::call_rcu(head, Some(drop_reference::<T>)) };
}

/// # Safety
///
/// `head` must be that of a `T` of which [`drop_later`] leaked a reference.
unsafe extern "C" fn drop_reference<T: HasDeferredDrop>(head: *mut bindings::callback_head) {
    let raw = head.wrapping_byte_sub(T::OFFSET).cast::<T>();
    // SAFETY: From `into_raw` in `drop_later`.
    drop(unsafe { Arc::from_raw(raw.cast_const()) });
}

/// Waits for all deferred drops.
pub(crate) fn barrier() {
    // SAFETY: Called from contexts that may sleep.
    unsafe { bindings::rcu_barrier() }
}

/// Waits until every task has been through a point where it is in no trampoline.
pub(crate) fn synchronize_tasks() {
    // SAFETY: As above.
    unsafe { bindings::synchronize_rcu_tasks() }
}

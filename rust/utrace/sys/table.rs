// SPDX-License-Identifier: GPL-2.0

//! A resizable hash of reference counted objects, keyed by thread, looked up without a lock.

use super::{
    bindings,
    rcu::{
        drop_later,
        HasDeferredDrop, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        rcu,
        Arc,
        ArcBorrow, //
    },
    task::Task,
    types::Opaque, //
};

/// Embedded in the objects of a [`Table`].
#[pin_data]
pub(crate) struct Entry {
    #[pin]
    entry: Opaque<bindings::utrace_entry>,
}

// SAFETY: The table's code guards it.
unsafe impl Send for Entry {}
// SAFETY: As above.
unsafe impl Sync for Entry {}

impl Entry {
    /// An entry for `task`, which the object must keep alive.
    pub(crate) fn new(task: &Task) -> impl PinInit<Self> {
        let task = task.as_ptr();
        pin_init!(Self {
            entry <- Opaque::ffi_init(move |slot: *mut bindings::utrace_entry| {
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(bindings::utrace_entry { node: Default::default(), task }) }
            }),
        })
    }
}

/// Says where the [`Entry`] of a `T` is.
///
/// # Safety
///
/// `OFFSET` must be the offset of the `Entry` field.
pub(crate) unsafe trait HasEntry: HasDeferredDrop {
    const OFFSET: usize;
}

/// The table. Owns one reference to each object in it.
#[pin_data(PinnedDrop)]
pub(crate) struct Table<T: HasEntry> {
    #[pin]
    table: Opaque<bindings::rhashtable>,
    _objects: PhantomData<Arc<T>>,
}

// SAFETY: The hash has its own locks; the objects are `Send` and `Sync`.
unsafe impl<T: HasEntry> Send for Table<T> {}
// SAFETY: As above.
unsafe impl<T: HasEntry> Sync for Table<T> {}

impl<T: HasEntry> Table<T> {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            table <- Opaque::try_ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes, and pinned.
                to_result(unsafe { bindings::utrace_table_init(slot) })
            }),
            _objects: PhantomData,
        })
    }

    fn entry(object: &T) -> *mut bindings::utrace_entry {
        core::ptr::from_ref(object)
            .wrapping_byte_add(<T as HasEntry>::OFFSET)
            .cast_mut()
            .cast()
    }

    /// Adds `object`. `EEXIST` when its thread has one.
    pub(crate) fn insert(&self, object: Arc<T>) -> Result {
        // SAFETY: The table is initialised, the entry is in no table yet.
        let err = unsafe { bindings::utrace_table_insert(self.table.get(), Self::entry(&object)) };
        to_result(err)?;
        // The table's reference.
        let _ = Arc::into_raw(object);
        Ok(())
    }

    /// Takes `object` out; the table's reference is dropped when no reader can see it any more.
    ///
    /// The caller calls this once for each object inserted.
    pub(crate) fn remove(&self, object: &Arc<T>) {
        // SAFETY: The entry is in the table.
        unsafe { bindings::utrace_table_remove(self.table.get(), Self::entry(object)) };
        // SAFETY: The reference that `insert` leaked.
        drop_later(unsafe { Arc::from_raw(Arc::as_ptr(object)) });
    }

    /// Runs `f` with the object of `task`, under RCU.
    #[inline]
    pub(crate) fn with<R>(&self, task: &Task, f: impl FnOnce(ArcBorrow<'_, T>) -> R) -> Option<R> {
        let _guard = rcu::read_lock();
        // SAFETY: Under RCU, as the function asks.
        let entry = unsafe { bindings::utrace_table_lookup(self.table.get(), task.as_ptr()) };
        if entry.is_null() {
            return None;
        }
        let object = entry
            .wrapping_byte_sub(<T as HasEntry>::OFFSET)
            .cast::<T>()
            .cast_const();
        // SAFETY: The table's reference is dropped only after a grace period, and the pointer came
        // from `Arc::into_raw`.
        Some(f(unsafe { ArcBorrow::from_raw(object) }))
    }

    /// The object of `task`.
    #[inline]
    pub(crate) fn lookup(&self, task: &Task) -> Option<Arc<T>> {
        self.with(task, |object| object.into())
    }
}

#[pinned_drop]
impl<T: HasEntry> PinnedDrop for Table<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The table is initialised, and empty: every object is removed before the hooks go.
        unsafe { bindings::utrace_table_destroy(self.table.get()) };
    }
}

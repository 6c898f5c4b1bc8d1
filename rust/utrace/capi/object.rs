// SPDX-License-Identifier: GPL-2.0

//! `struct utrace_engine`: what C holds of an engine.

use super::{
    callbacks::Ops,
    registry, //
};
use crate::{
    engine::object::Engine,
    sys::{
        atomic::{
            AtomicU32,
            AtomicU64, //
        },
        bindings,
        lock::IrqLock,
        module::Owner, //
    }, //
};
use core::{
    cell::UnsafeCell,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What the object is the C half of.
struct Link {
    /// None before the attachment, and again once the owner's code has gone.
    engine: Option<Arc<Engine>>,
    /// Whether the last reference calls `release`.
    released_by_owner: bool,
}

/// The object. C sees the first field.
///
/// # Invariants
///
/// `ops` and `data` of `public` are written here only before the object is handed out, `ops` once
/// more when the attachment ends; `flags` only with `link` held. C writes `data` as it likes.
#[pin_data]
#[repr(C)]
pub(crate) struct CEngine {
    public: UnsafeCell<bindings::utrace_engine>,
    count: AtomicU32,
    /// The ticket of the callback that runs, or 0.
    ticket: AtomicU64,
    /// Where in a system call that callback finds the thread, in the form of `examine::place_of`;
    /// 0 without a callback.
    place: AtomicU32,
    pub(super) ops: Ops,
    pub(super) owner: Owner,
    #[pin]
    link: IrqLock<Link>,
}

// SAFETY: The pointers in `public` are C's, whose callbacks run in any thread; the rest is shared
// through atomics and the lock.
unsafe impl Send for CEngine {}
// SAFETY: As above, and by the type invariant.
unsafe impl Sync for CEngine {}

impl CEngine {
    /// The first reference to a new object.
    pub(super) fn make(ops: Ops, owner: Owner, data: *mut c_void) -> Result<CRef> {
        let this = KBox::pin_init(
            pin_init!(CEngine {
                public: UnsafeCell::new(bindings::utrace_engine {
                    ops: ops.as_ptr(),
                    data,
                    flags: 0,
                }),
                count: AtomicU32::new(1),
                ticket: AtomicU64::new(0),
                place: AtomicU32::new(0),
                ops,
                owner,
                link <- IrqLock::new(Link {
                    engine: None,
                    released_by_owner: false,
                }),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: It stays where it is until `CRef::drop` takes it back.
        let this = KBox::into_raw(unsafe { Pin::into_inner_unchecked(this) });
        // SAFETY: A box's pointer is not null. The count of 1 is this reference.
        Ok(CRef(unsafe { NonNull::new_unchecked(this) }))
    }

    /// Its address, which is what C knows, and by which the registry and the engine know it.
    pub(super) fn address(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::utrace_engine {
        self.public.get()
    }

    /// What C has in the field now.
    pub(super) fn data(&self) -> *mut c_void {
        // SAFETY: The field is valid; volatile, as C may write it meanwhile.
        unsafe { (&raw const (*self.public.get()).data).read_volatile() }
    }

    /// The engine; none once its owner's code has gone.
    pub(super) fn engine(&self) -> Option<Arc<Engine>> {
        self.link.lock().engine.clone()
    }

    pub(super) fn is_linked(&self) -> bool {
        self.link.lock().engine.is_some()
    }

    /// The attachment has come about: from now on the last reference calls `release`.
    pub(super) fn set_engine(&self, engine: Arc<Engine>) {
        let mut link = self.link.lock();
        link.engine = Some(engine);
        link.released_by_owner = true;
    }

    /// The owner's code goes: `release` is not called any more, and the engine is let go.
    pub(super) fn orphan(&self) {
        let mut link = self.link.lock();
        link.released_by_owner = false;
        let engine = link.engine.take();
        drop(link);
        drop(engine);
    }

    /// Shows C the events that the engine has now.
    pub(super) fn show_events(&self) {
        let link = self.link.lock();
        let events = link.engine.as_ref().map_or(0, |engine| engine.events());
        // SAFETY: The field is valid, and written with the lock held; volatile, as C may read it.
        unsafe { (&raw mut (*self.public.get()).flags).write_volatile(events as c_ulong) };
    }

    /// Shows C that the engine is detached.
    pub(super) fn show_detached(&self) {
        // SAFETY: The field is valid, and written once after the object was handed out; volatile, as
        // C may read it.
        unsafe { (&raw mut (*self.public.get()).ops).write_volatile(core::ptr::null()) };
    }

    pub(super) fn ticket(&self) -> u64 {
        self.ticket.load()
    }

    pub(super) fn set_ticket(&self, ticket: u64) {
        self.ticket.store(ticket);
    }

    pub(super) fn place(&self) -> u32 {
        self.place.load()
    }

    pub(super) fn set_place(&self, place: u32) {
        self.place.store(place);
    }

    /// Another reference, unless the last one has gone.
    pub(super) fn try_get(&self) -> Option<CRef> {
        let mut count = self.count.load();
        while count != 0 {
            match self.count.compare_exchange(count, count + 1) {
                Ok(_) => return Some(CRef(self.into())),
                Err(seen) => count = seen,
            }
        }
        None
    }
}

/// A counted reference to a [`CEngine`]: one of C's, or that of the attachment.
pub(crate) struct CRef(NonNull<CEngine>);

// SAFETY: `CEngine` is `Send` and `Sync`, and its count is atomic.
unsafe impl Send for CRef {}
// SAFETY: As above.
unsafe impl Sync for CRef {}

impl CRef {
    /// Gives the reference to C.
    pub(super) fn into_raw(self) -> *mut bindings::utrace_engine {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Takes a reference back from C.
    ///
    /// # Safety
    ///
    /// `engine` is from [`CRef::into_raw`], and the reference is the caller's to give.
    pub(super) unsafe fn from_raw(engine: *mut bindings::utrace_engine) -> Self {
        // SAFETY: By the contract; `public` is the first field.
        CRef(unsafe { NonNull::new_unchecked(engine.cast()) })
    }

    /// Looks at an engine that C holds a reference to, and keeps.
    ///
    /// # Safety
    ///
    /// `engine` is from [`CRef::into_raw`], and C's reference is held as long as the result is used.
    pub(super) unsafe fn borrow_raw(engine: *mut bindings::utrace_engine) -> ManuallyDrop<Self> {
        // SAFETY: By the contract; nothing is taken, as it is not dropped.
        ManuallyDrop::new(unsafe { Self::from_raw(engine) })
    }
}

impl Clone for CRef {
    fn clone(&self) -> Self {
        self.count.fetch_add(1);
        CRef(self.0)
    }
}

impl Deref for CRef {
    type Target = CEngine;

    fn deref(&self) -> &CEngine {
        // SAFETY: The reference keeps it.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for CRef {
    fn drop(&mut self) {
        // Wraps: the old value less one.
        if self.count.fetch_add(u32::MAX) != 1 {
            return;
        }
        // Nobody gets another one. Until it is out of the registry the owner's code stays.
        if registry::begin_release(self) {
            if self.link.lock().released_by_owner {
                self.ops.release(self.data());
            }
            registry::end_release(self);
        }
        // SAFETY: It came from a box, this was the last reference, and the registry has none.
        drop(unsafe { KBox::from_raw(self.0.as_ptr()) });
    }
}

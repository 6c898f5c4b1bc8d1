// SPDX-License-Identifier: GPL-2.0

//! A hash of reference counted objects, keyed by thread, looked up without a lock. There is one.

use super::{
    atomic::{
        AtomicPtr,
        AtomicU32, //
    },
    bindings,
    percpu::{
        self,
        NoPreempt, //
    },
    rcu::{
        after_readers,
        AfterReaders,
        HasAfterReaders, //
    },
    task, //
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    },
    task::Task,
    types::Opaque, //
};

const ANY: u32 = bindings::UTRACE_ENTRY_ANY;

/// In the users of an entry as long as the table keeps it; then only they do, and the last one is the
/// one that finds nothing left.
const PRESENT: u32 = 1 << 31;

/// Embedded in the objects of a [`Table`].
///
/// # Invariants
///
/// The table's reference to the object is dropped by whoever finds that the entry is no longer
/// [`PRESENT`], which it is until no reader can find it any more, and has no users.
///
/// The entry owns a reference to its task.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub(crate) struct Entry {
    #[pin]
    entry: Opaque<bindings::utrace_entry>,
    #[pin]
    after_readers: AfterReaders,
}

#[pinned_drop]
impl PinnedDrop for Entry {
    fn drop(self: Pin<&mut Self>) {
        let task = NonNull::from(self.task());
        // SAFETY: By the type invariant; nobody has the task from the entry any more.
        drop(unsafe { ARef::from_raw(task) });
    }
}

// SAFETY: The table's code guards it.
unsafe impl Send for Entry {}
// SAFETY: As above.
unsafe impl Sync for Entry {}

impl Entry {
    /// An entry for `task`.
    pub(crate) fn new(task: ARef<Task>) -> impl PinInit<Self> {
        // INVARIANT: The reference is the entry's now.
        let task = ARef::into_raw(task).as_ptr().cast();
        pin_init!(Self {
            entry <- Opaque::ffi_init(move |slot: *mut bindings::utrace_entry| {
                let entry = bindings::utrace_entry {
                    node: Default::default(),
                    task,
                    users: PRESENT as c_int,
                    filter: ANY,
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(entry) }
            }),
            after_readers <- AfterReaders::new(),
        })
    }

    #[inline(always)]
    pub(crate) fn task(&self) -> &Task {
        // SAFETY: By the type invariant; a `Task` is nothing but a `task_struct`.
        unsafe { &*(*self.entry.get()).task.cast::<Task>() }
    }

    /// What [`Table::lookup_current`] looks for.
    #[inline]
    pub(crate) fn filter(&self) -> u32 {
        self.filter_word().load() & !ANY
    }

    pub(crate) fn set_filter(&self, filter: u32) {
        self.filter_word().store(filter | ANY);
    }

    #[inline(always)]
    fn filter_word(&self) -> &AtomicU32 {
        // SAFETY: The entry is valid.
        unsafe { filter_of(self.entry.get()) }
    }

    #[inline(always)]
    fn users(&self) -> &AtomicU32 {
        // SAFETY: The entry is valid.
        unsafe { users_of(self.entry.get()) }
    }
}

/// # Safety
///
/// The entry is valid for `'a`.
#[inline(always)]
unsafe fn filter_of<'a>(entry: *mut bindings::utrace_entry) -> &'a AtomicU32 {
    // SAFETY: By the contract; the field is aligned, and only used atomically.
    unsafe { &*(&raw const (*entry).filter).cast::<AtomicU32>() }
}

/// # Safety
///
/// The entry is valid for `'a`.
#[inline(always)]
unsafe fn users_of<'a>(entry: *mut bindings::utrace_entry) -> &'a AtomicU32 {
    // SAFETY: As above.
    unsafe { &*(&raw const (*entry).users).cast::<AtomicU32>() }
}

/// The entry of `task` behind `entry`, or null.
#[cold]
#[inline(never)]
fn further(
    mut entry: *mut bindings::utrace_entry,
    task: *mut bindings::task_struct,
) -> *mut bindings::utrace_entry {
    // SAFETY: The caller is a reader of the table, so that what is found there is valid.
    while !entry.is_null() && unsafe { (*entry).task } != task {
        // SAFETY: As above; the node comes first, and its first field is the next one.
        entry = unsafe { &*entry.cast::<AtomicPtr<bindings::utrace_entry>>() }.load();
    }
    entry
}

/// The first entry of the list in which that of `task` is.
#[inline(always)]
fn bucket(task: *mut bindings::task_struct) -> &'static AtomicPtr<bindings::utrace_entry> {
    // As `hash_ptr` of the kernel, which has put it there.
    const GOLDEN_RATIO_64: u64 = 0x61C8_8646_80B5_83EB;
    let hash = (task as u64).wrapping_mul(GOLDEN_RATIO_64) >> (64 - bindings::UTRACE_TABLE_BITS);
    // SAFETY: The table has so many lists while hooks and modules look things up, and a list is a
    // pointer to the first node, which is what an entry begins with.
    unsafe { &*bindings::utrace_table_buckets.add(hash as usize).cast() }
}

/// Says where the [`Entry`] of a `T` is.
///
/// # Safety
///
/// `OFFSET` must be the offset of the `Entry` field.
pub(crate) unsafe trait HasEntry: Sized + Send + Sync {
    const OFFSET: usize;

    /// The object is out of the table, and nobody who found it there uses it any more. In a context
    /// that must not sleep.
    fn unused(&self);
}

fn entry<T: HasEntry>(object: &T) -> &Entry {
    let entry = core::ptr::from_ref(object).wrapping_byte_add(T::OFFSET);
    // SAFETY: By the contract of `HasEntry`.
    unsafe { &*entry.cast() }
}

// SAFETY: The entry is at its offset, and the field in it at its own.
unsafe impl<T: HasEntry> HasAfterReaders for T {
    const OFFSET: usize = <T as HasEntry>::OFFSET + core::mem::offset_of!(Entry, after_readers);

    fn after_readers(this: Arc<Self>) {
        // Takes it out: it is the highest bit, so that adding is subtracting.
        let users = entry(&*this).users().fetch_add(PRESENT);
        match users {
            PRESENT => this.unused(),
            // The last user drops the table's reference.
            _ => _ = Arc::into_raw(this),
        }
    }
}

/// The table. Owns one reference to each object in it.
///
/// # Invariants
///
/// The C side is initialised, and all its entries are those of `T`s.
pub(crate) struct Table<T: HasEntry>(PhantomData<Arc<T>>);

impl<T: HasEntry> Table<T> {
    /// Called once, as long as what it returned has not been dropped.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: There is no other table.
        to_result(unsafe { bindings::utrace_table_init() })?;
        // INVARIANT: It is initialised, and only `insert` adds to it.
        Ok(Table(PhantomData))
    }

    /// Adds `object`. `EEXIST` when its thread has one.
    pub(crate) fn insert(&self, object: Arc<T>) -> Result {
        let node = entry(&*object).entry.get();
        // SAFETY: The table is initialised, the entry is in no table yet.
        to_result(unsafe { bindings::utrace_table_insert(node) })?;
        // The table's reference.
        let _ = Arc::into_raw(object);
        Ok(())
    }

    /// Takes `object` out; the table's reference is dropped when nobody uses it any more.
    ///
    /// The caller calls this once for each object inserted.
    pub(crate) fn remove(&self, object: &Arc<T>) {
        // SAFETY: The entry is in the table.
        unsafe { bindings::utrace_table_remove(entry(&**object).entry.get()) };
        // SAFETY: The reference that `insert` leaked.
        after_readers(unsafe { Arc::from_raw(Arc::as_ptr(object)) });
    }

    /// The object of `task`.
    #[inline]
    pub(crate) fn lookup(&self, task: &Task) -> Option<User<T>> {
        // SAFETY: The table is initialised.
        self.user(unsafe { bindings::utrace_table_get(task.as_ptr()) })
    }

    /// The object of the current thread, if that is not being killed and the object's filter has
    /// one of these bits.
    #[inline(always)]
    pub(crate) fn lookup_current(&self, filter: u32) -> Option<User<T>> {
        if task::is_being_killed() {
            return None;
        }
        self.find_current(filter).map(Found::keep)
    }

    /// The object of the current thread, if its filter has one of these bits: to be looked at, without
    /// sleeping, and perhaps kept.
    #[inline(always)]
    pub(crate) fn find_current(&self, filter: u32) -> Option<Found<'_, T>> {
        match self.peek_current(filter) {
            Peek::Found(found) => Some(found),
            Peek::Nothing => None,
            Peek::Unsure => {
                let reader = NoPreempt::new();
                let current = percpu::current_task();
                let entry = further(bucket(current).load(), current);
                // SAFETY: What was found stays valid as long as we are a reader.
                unsafe { Self::wanted(entry, filter, reader) }
            }
        }
    }

    /// The same, where one look tells. [`Peek::Unsure`] where others are in the same place.
    #[inline(always)]
    pub(crate) fn peek_current(&self, filter: u32) -> Peek<'_, T> {
        let current = percpu::current_task();
        let reader = NoPreempt::new();
        let entry = bucket(current).load();
        // SAFETY: What is found in the table stays valid as long as we are a reader, and its task
        // does not change.
        if !entry.is_null() && unsafe { (*entry).task } != current {
            return Peek::Unsure;
        }
        // SAFETY: As above.
        match unsafe { Self::wanted(entry, filter, reader) } {
            Some(found) => Peek::Found(found),
            None => Peek::Nothing,
        }
    }

    /// # Safety
    ///
    /// The entry, if it is not null, was found in the table by the reader.
    #[inline(always)]
    unsafe fn wanted<'a>(
        entry: *mut bindings::utrace_entry,
        filter: u32,
        reader: NoPreempt,
    ) -> Option<Found<'a, T>> {
        let entry = NonNull::new(entry)?;
        // SAFETY: By the contract.
        let wanted = unsafe { filter_of(entry.as_ptr()) }.load() & filter != 0;
        // INVARIANT: By the contract.
        wanted.then_some(Found {
            entry,
            reader,
            _table: PhantomData,
        })
    }

    /// The object of an entry.
    ///
    /// # Safety
    ///
    /// The entry was found in the table.
    #[inline(always)]
    unsafe fn object(entry: *mut bindings::utrace_entry) -> NonNull<T> {
        let offset = <T as HasEntry>::OFFSET + core::mem::offset_of!(Entry, entry);
        // SAFETY: By the contract of `HasEntry`, and ours: not null.
        unsafe { NonNull::new_unchecked(entry.byte_sub(offset).cast()) }
    }

    #[inline(always)]
    fn user(&self, entry: *mut bindings::utrace_entry) -> Option<User<T>> {
        if entry.is_null() {
            return None;
        }
        // SAFETY: It was found in the table.
        // INVARIANT: And we have been counted. The pointer to the object is the one that `insert`
        // got from `Arc::into_raw`.
        Some(User(unsafe { Self::object(entry) }))
    }
}

impl<T: HasEntry> Drop for Table<T> {
    fn drop(&mut self) {
        // SAFETY: The table is initialised, and empty: every object is removed before the hooks go.
        unsafe { bindings::utrace_table_destroy() };
    }
}

/// What one look at the table has come to.
pub(crate) enum Peek<'a, T: HasEntry> {
    Found(Found<'a, T>),
    Nothing,
    Unsure,
}

/// An object of the current thread, which stays as long as the processor is not taken from that.
///
/// # Invariants
///
/// `entry` was found in the table by `reader`.
pub(crate) struct Found<'a, T: HasEntry> {
    entry: NonNull<bindings::utrace_entry>,
    reader: NoPreempt,
    _table: PhantomData<&'a T>,
}

impl<T: HasEntry> Found<'_, T> {
    /// The object, to be used for as long as one likes.
    #[inline(always)]
    pub(crate) fn keep(self) -> User<T> {
        // SAFETY: By the type invariant.
        unsafe { users_of(self.entry.as_ptr()) }.fetch_add(1);
        drop(self.reader);
        // SAFETY: By the type invariant.
        // INVARIANT: We have been counted. The pointer to the object is the one that `insert` got
        // from `Arc::into_raw`.
        User(unsafe { Table::object(self.entry.as_ptr()) })
    }
}

impl<T: HasEntry> Deref for Found<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { Table::<T>::object(self.entry.as_ptr()).as_ref() }
    }
}

/// Uses an object that was found in a table: what an [`Arc`] is, but cheaper to get and to drop.
///
/// # Invariants
///
/// Counted in the users of the entry of the object, which lives in an [`Arc`].
pub(crate) struct User<T: HasEntry>(NonNull<T>);

impl<T: HasEntry> User<T> {
    /// The object, to be kept for longer.
    pub(crate) fn as_arc(&self) -> ArcBorrow<'_, T> {
        // SAFETY: By the type invariant; the table's reference stays as long as there are users.
        unsafe { ArcBorrow::from_raw(self.0.as_ptr().cast_const()) }
    }
}

impl<T: HasEntry> Deref for User<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: As above.
        unsafe { self.0.as_ref() }
    }
}

impl<T: HasEntry> Drop for User<T> {
    #[inline]
    fn drop(&mut self) {
        let object = self.0;
        if entry(&**self).users().fetch_add(u32::MAX) == 1 {
            drop_removed(object);
        }
    }
}

/// Drops the table's reference to an object that nobody uses any more.
#[cold]
fn drop_removed<T: HasEntry>(object: NonNull<T>) {
    // SAFETY: By the invariant of `Entry`, it is the caller's to drop.
    unsafe { Arc::from_raw(object.as_ptr().cast_const()) }.unused();
}

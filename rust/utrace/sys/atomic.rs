// SPDX-License-Identifier: GPL-2.0

//! Atomics without a call.
//!
//! Where the kernel is built without inlined helpers, as distributions build it, each operation of
//! the kernel crate's `Atomic` is a call. What every event passes uses these, which the compiler
//! makes of one instruction each. Loads acquire, stores release, read-modify-writes are fully
//! ordered: on this architecture that is the same in Rust's memory model and in the kernel's.

use core::sync::atomic::{
    self,
    Ordering, //
};

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        /// An integer shared between threads and with interrupts.
        #[repr(transparent)]
        pub(crate) struct $name(atomic::$name);

        #[allow(dead_code)] // The types have all operations, whoever uses them.
        impl $name {
            pub(crate) const fn new(value: $int) -> Self {
                $name(atomic::$name::new(value))
            }

            /// Acquire.
            #[inline(always)]
            pub(crate) fn load(&self) -> $int {
                self.0.load(Ordering::Acquire)
            }

            /// Release.
            #[inline(always)]
            pub(crate) fn store(&self, value: $int) {
                self.0.store(value, Ordering::Release);
            }

            /// Full.
            #[inline(always)]
            pub(crate) fn swap(&self, value: $int) -> $int {
                self.0.swap(value, Ordering::SeqCst)
            }

            /// Full. Gives the old value, wrapping.
            #[inline(always)]
            pub(crate) fn fetch_add(&self, value: $int) -> $int {
                self.0.fetch_add(value, Ordering::SeqCst)
            }

            /// Full, also when it fails.
            #[inline(always)]
            pub(crate) fn compare_exchange(&self, old: $int, new: $int) -> Result<$int, $int> {
                self.0
                    .compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst)
            }
        }
    };
}

atomic!(AtomicU8, u8);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);

/// A pointer in a list that is changed under RCU.
#[repr(transparent)]
pub(crate) struct AtomicPtr<T>(atomic::AtomicPtr<T>);

impl<T> AtomicPtr<T> {
    /// Acquire.
    #[inline(always)]
    pub(crate) fn load(&self) -> *mut T {
        self.0.load(Ordering::Acquire)
    }
}

/// A flag shared between threads.
pub(crate) struct AtomicFlag(AtomicU8);

impl AtomicFlag {
    pub(crate) const fn new(value: bool) -> Self {
        AtomicFlag(AtomicU8::new(value as u8))
    }

    /// Acquire.
    #[inline(always)]
    pub(crate) fn get(&self) -> bool {
        self.0.load() != 0
    }

    /// Release.
    #[inline(always)]
    pub(crate) fn set(&self, value: bool) {
        self.0.store(value.into());
    }
}

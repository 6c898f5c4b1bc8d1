// SPDX-License-Identifier: GPL-2.0

//! What `core` is built on in the kernel; `rust/model` has the same over loom.

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Release, //
};

macro_rules! atomic {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        pub(crate) struct $name(Atomic<$int>);

        impl $name {
            #[inline]
            pub(crate) const fn new(value: $int) -> Self {
                $name(Atomic::new(value))
            }

            #[inline]
            pub(crate) fn load(&self) -> $int {
                self.0.load(Acquire)
            }

            #[inline]
            #[allow(dead_code)] // Not by both of the types.
            pub(crate) fn store(&self, value: $int) {
                self.0.store(value, Release)
            }

            #[inline]
            pub(crate) fn compare_exchange(&self, old: $int, new: $int) -> Result<$int, $int> {
                self.0.cmpxchg(old, new, Full)
            }
        }
    };
}

atomic! {
    /// Loads acquire, stores release, and read-modify-writes are fully ordered.
    AtomicU32, u32
}
atomic! {
    /// As [`AtomicU32`].
    AtomicU64, u64
}

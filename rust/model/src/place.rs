// SPDX-License-Identifier: GPL-2.0

//! What `core` is built on: loom's atomics. In the kernel it is `rust/utrace/place.rs`.

use loom::sync::atomic::Ordering::{
    AcqRel,
    Acquire,
    Relaxed,
    Release, //
};

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $int) -> Self {
                $name(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self) -> $int {
                self.0.load(Acquire)
            }

            pub(crate) fn store(&self, value: $int) {
                self.0.store(value, Release)
            }

            /// Weaker than the kernel's, which is fully ordered: what holds here holds there. A
            /// fence of loom's on either side would order more than a real one, and hide races.
            /// One that fails orders nothing, in the kernel too.
            pub(crate) fn compare_exchange(&self, old: $int, new: $int) -> Result<$int, $int> {
                self.0.compare_exchange(old, new, AcqRel, Relaxed)
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);

// SPDX-License-Identifier: GPL-2.0

//! Atomics without a call.
//!
//! Where the kernel is built without inlined helpers, as distributions build it, each operation of
//! the kernel crate's `Atomic` is a call. What every event passes uses these: the same
//! instructions, inline. The memory model is the kernel's: loads acquire, stores release,
//! read-modify-writes are fully ordered. Every block of assembly is a compiler barrier.

use core::{
    arch::asm,
    cell::UnsafeCell, //
};

macro_rules! atomic {
    ($name:ident, $int:ty, $modifier:tt, $acc:tt) => {
        /// An integer shared between threads and with interrupts.
        #[repr(transparent)]
        pub(crate) struct $name(UnsafeCell<$int>);

        // SAFETY: Every access is one atomic instruction.
        unsafe impl Sync for $name {}

        #[allow(dead_code)] // The types have all operations, whoever uses them.
        impl $name {
            pub(crate) const fn new(value: $int) -> Self {
                $name(UnsafeCell::new(value))
            }

            /// Acquire.
            #[inline(always)]
            pub(crate) fn load(&self) -> $int {
                let value: $int;
                // SAFETY: The pointer is valid and aligned; a plain load is an acquire on x86.
                unsafe {
                    asm!(concat!("mov {v", $modifier, "}, [{p}]"), p = in(reg) self.0.get(),
                        v = out(reg) value, options(nostack, preserves_flags, readonly))
                };
                value
            }

            /// Release.
            #[inline(always)]
            pub(crate) fn store(&self, value: $int) {
                // SAFETY: As above; a plain store is a release.
                unsafe {
                    asm!(concat!("mov [{p}], {v", $modifier, "}"), p = in(reg) self.0.get(),
                        v = in(reg) value, options(nostack, preserves_flags))
                }
            }

            /// Full.
            #[inline(always)]
            pub(crate) fn swap(&self, value: $int) -> $int {
                let old: $int;
                // SAFETY: As above; `xchg` is locked by itself.
                unsafe {
                    asm!(concat!("xchg [{p}], {v", $modifier, "}"), p = in(reg) self.0.get(),
                        v = inout(reg) value => old, options(nostack, preserves_flags))
                };
                old
            }

            /// Full. Gives the old value, wrapping.
            #[inline(always)]
            pub(crate) fn fetch_add(&self, value: $int) -> $int {
                let old: $int;
                // SAFETY: As above.
                unsafe {
                    asm!(concat!("lock xadd [{p}], {v", $modifier, "}"), p = in(reg) self.0.get(),
                        v = inout(reg) value => old, options(nostack))
                };
                old
            }

            /// Full, also when it fails.
            #[inline(always)]
            pub(crate) fn compare_exchange(&self, old: $int, new: $int) -> Result<$int, $int> {
                let seen: $int;
                // SAFETY: As above.
                unsafe {
                    asm!(concat!("lock cmpxchg [{p}], {v", $modifier, "}"), p = in(reg) self.0.get(),
                        v = in(reg) new, inout($acc) old => seen, options(nostack))
                };
                if seen == old {
                    Ok(old)
                } else {
                    Err(seen)
                }
            }
        }
    };
}

atomic!(AtomicU32, u32, ":e", "eax");
atomic!(AtomicU64, u64, ":r", "rax");

/// A flag shared between threads.
pub(crate) struct AtomicFlag(AtomicU32);

impl AtomicFlag {
    pub(crate) const fn new(value: bool) -> Self {
        AtomicFlag(AtomicU32::new(value as u32))
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

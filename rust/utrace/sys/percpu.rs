// SPDX-License-Identifier: GPL-2.0

//! Who runs on this processor, and whether it may be taken away, without a call.
//!
//! Where the kernel is built without inlined helpers, as distributions build it, the kernel crate
//! calls for each of these. What every event passes uses the same instructions, inline.

use super::bindings;
use core::arch::asm;
use kernel::types::NotThreadSafe;

/// The current thread.
#[inline(always)]
pub(crate) fn current_task() -> *mut bindings::task_struct {
    let task;
    // SAFETY: It reads a word of this processor's, which is the same wherever the thread runs, and as
    // long as it lives.
    unsafe {
        asm!("mov {t}, gs:[rip + {p}]", t = out(reg) task, p = sym bindings::current_task,
            options(nostack, preserves_flags, pure, nomem))
    };
    task
}

/// The processor is not taken from the current thread until this is dropped: an RCU read section.
pub(crate) struct NoPreempt(NotThreadSafe);

const fn width<T>(_: *const T) -> usize {
    size_of::<T>()
}

/// Of the count, which also holds, at its other end, whether somebody waits for the processor.
const COUNT_IS_LONG: bool = width(&raw const bindings::__preempt_count) == 8;

impl NoPreempt {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        // SAFETY: It counts, in a word of this processor's; undone by `drop`. No code before or
        // after it is moved across.
        unsafe {
            if COUNT_IS_LONG {
                asm!("inc qword ptr gs:[rip + {p}]", p = sym bindings::__preempt_count,
                    options(nostack))
            } else {
                asm!("inc dword ptr gs:[rip + {p}]", p = sym bindings::__preempt_count,
                    options(nostack))
            }
        }
        NoPreempt(NotThreadSafe)
    }
}

/// What `preempt_enable` calls: it saves all registers.
#[cfg(CONFIG_PREEMPT_DYNAMIC)]
macro_rules! preempt_schedule {
    () => {
        "call __SCT__preempt_schedule"
    };
}
#[cfg(not(CONFIG_PREEMPT_DYNAMIC))]
macro_rules! preempt_schedule {
    () => {
        "call preempt_schedule_thunk"
    };
}

impl Drop for NoPreempt {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: As above. Zero: it may be taken away, and somebody waits. There is no red zone in
        // the kernel, whose functions need no alignment of the stack.
        unsafe {
            if COUNT_IS_LONG {
                asm!("dec qword ptr gs:[rip + {p}]", "jnz 2f", preempt_schedule!(), "2:",
                    p = sym bindings::__preempt_count, options(nostack))
            } else {
                asm!("dec dword ptr gs:[rip + {p}]", "jnz 2f", preempt_schedule!(), "2:",
                    p = sym bindings::__preempt_count, options(nostack))
            }
        }
    }
}

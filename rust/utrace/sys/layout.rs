// SPDX-License-Identifier: GPL-2.0

//! Checks, when the module is loaded, that bindgen and the C compiler agree about the structures
//! that are made here.

use super::bindings;
use core::mem::offset_of;
use kernel::prelude::*;

/// `ENOEXEC`, and a message, when a structure differs.
pub(crate) fn check() -> Result {
    // SAFETY: A constant of ours.
    let c = unsafe { &bindings::utrace_layout };
    let entry_task = offset_of!(bindings::utrace_entry, task);
    let notifier_call = offset_of!(bindings::notifier_block, notifier_call);
    same::<bindings::callback_head>("callback_head", c.callback_head)?;
    same::<bindings::ftrace_ops>("ftrace_ops", c.ftrace_ops)?;
    same::<bindings::notifier_block>("notifier_block", c.notifier_block)?;
    same::<bindings::raw_spinlock_t>("raw_spinlock_t", c.raw_spinlock)?;
    same::<bindings::utrace_entry>("utrace_entry", c.entry)?;
    same::<bindings::utrace_syscall>("utrace_syscall", c.syscall)?;
    same::<bindings::utrace_regset>("utrace_regset", c.regset)?;
    equal("utrace_entry.task", entry_task, c.entry_task)?;
    equal(
        "notifier_block.notifier_call",
        notifier_call,
        c.notifier_call,
    )
}

fn same<T>(what: &str, c: usize) -> Result {
    equal(what, size_of::<T>(), c)
}

fn equal(what: &str, rust: usize, c: usize) -> Result {
    if rust == c {
        return Ok(());
    }
    pr_err!(
        "{}: {} bytes in Rust, {} in C; this build does not fit the kernel\n",
        what,
        rust,
        c
    );
    Err(ENOEXEC)
}

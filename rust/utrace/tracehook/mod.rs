// SPDX-License-Identifier: GPL-2.0

//! The only layer that knows where the kernel's functions are.
//!
//! * `entry.S`: the trampolines; `call.S`: calls of functions that are not exported.
//! * [`hooks`]: which function means which event, and how they are put in place and taken away.
//! * [`syscall_bit`]: keeps the bit that brings a thread's system calls to us, and nobody else's.

#[macro_use]
pub(crate) mod hooks;
pub(crate) mod syscall_bit;

pub(crate) use hooks::{
    Events,
    Hooks, //
};

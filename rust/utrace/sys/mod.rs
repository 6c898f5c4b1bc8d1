// SPDX-License-Identifier: GPL-2.0

//! Thin safe wrappers over what the kernel crate lacks. Nothing above this layer names a binding.

pub(crate) mod atomic;
pub(crate) mod bindings;
pub(crate) mod direct;
pub(crate) mod errno;
pub(crate) mod global;
pub(crate) mod kthread;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod module;
pub(crate) mod param;
pub(crate) mod pass_cell;
pub(crate) mod percpu;
pub(crate) mod rcu;
pub(crate) mod regset;
pub(crate) mod signal;
pub(crate) mod step;
pub(crate) mod still;
pub(crate) mod syscall;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod task_work;
pub(crate) mod trace;
pub(crate) mod workbit;

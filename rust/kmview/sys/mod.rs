// SPDX-License-Identifier: GPL-2.0

//! Wrappers over what the kernel crate lacks. All `unsafe` of the module is here.

pub(crate) mod abi;
pub(crate) mod area;
/// As utrace has it; not all of it is used here.
#[allow(dead_code)]
#[path = "../../utrace/sys/atomic.rs"]
pub(crate) mod atomic;
mod bindings;
pub(crate) mod descriptor;
pub(crate) mod device;
pub(crate) mod errno;
pub(crate) mod names;
pub(crate) mod registry;
pub(crate) mod ring;
pub(crate) mod task;
pub(crate) mod uapi;
pub(crate) mod wait;

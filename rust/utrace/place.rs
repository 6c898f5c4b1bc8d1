// SPDX-License-Identifier: GPL-2.0

//! What `core` is built on in the kernel; `rust/model` has the same over loom.

pub(crate) use crate::sys::atomic::{
    AtomicU32,
    AtomicU64, //
};

// SPDX-License-Identifier: GPL-2.0

//! Module parameters, alike on all supported kernels.

use core::borrow::Borrow;

/// The value of a module parameter: `param(module_parameters::pid.value())`. The kernel crate
/// gives a copy or a reference, as its version has it.
#[inline]
pub fn param<T: Copy>(value: impl Borrow<T>) -> T {
    *value.borrow()
}

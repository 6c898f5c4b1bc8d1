// SPDX-License-Identifier: GPL-2.0

//! Errors that the kernel crate does not name on all supported kernels.

use kernel::{
    bindings,
    prelude::*, //
};

/// The ticket is over.
pub(crate) fn estale() -> Error {
    Error::from_errno(-(bindings::ESTALE as c_int))
}

/// The kernel has not this feature.
pub(crate) fn eopnotsupp() -> Error {
    Error::from_errno(-(bindings::EOPNOTSUPP as c_int))
}

/// A structure holds what this kernel does not know.
pub(crate) fn e2big() -> Error {
    Error::from_errno(-(bindings::E2BIG as c_int))
}

/// A string does not end where it should.
pub(crate) fn enametoolong() -> Error {
    Error::from_errno(-(bindings::ENAMETOOLONG as c_int))
}

// SPDX-License-Identifier: GPL-2.0

//! Errors that the kernel crate does not name on all supported kernels.

use super::bindings;
use kernel::prelude::*;

macro_rules! errors {
    ($($name:ident = $errno:ident;)*) => {$(
        pub(crate) fn $name() -> Error {
            Error::from_errno(-(bindings::$errno as c_int))
        }
    )*};
}

errors! {
    estale = ESTALE;
    einprogress = EINPROGRESS;
    ealready = EALREADY;
    eopnotsupp = EOPNOTSUPP;
    enametoolong = ENAMETOOLONG;
}

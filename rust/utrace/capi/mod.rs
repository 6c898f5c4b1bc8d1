// SPDX-License-Identifier: GPL-2.0

//! The API for modules in C: `include/linux/utrace.h`, where each function is described.
//!
//! * [`object`]: `struct utrace_engine`, its references and its end.
//! * [`registry`]: all of them, by the module that owns their callbacks.
//! * [`callbacks`]: how the callbacks of `struct utrace_engine_ops` are called, and what they return.
//! * [`functions`]: the exported functions, whose types are checked against the header.
//! * [`examine`]: those that look at a thread.
//!
//! What is to come gets its functions in [`functions`], by the macro below, and its callbacks, whose
//! places in the structure are there already, in [`callbacks`].
//!
//! This is an edge of the crate: what C promises in the header is believed here, and nowhere else.

/// Defines a function of the C API, and checks its type against the header's declaration of it: a
/// signature that drifts does not compile.
macro_rules! c_abi {
    ($(
        $(#[$attribute:meta])*
        unsafe fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    )*) => {$(
        const _: () = {
            if true {
                bindings::$name
            } else {
                $name
            };
        };

        $(#[$attribute])*
        #[no_mangle]
        unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? $body
    )*};
}

mod callbacks;
mod examine;
mod functions;
mod object;
mod registry;

pub(crate) use registry::{
    start,
    Running, //
};

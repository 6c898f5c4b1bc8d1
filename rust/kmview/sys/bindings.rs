// SPDX-License-Identifier: GPL-2.0

//! What bindgen makes of `bindings.h`; every other type is the kernel crate's.

#![allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    rustdoc::all,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::cast_lossless
)]

mod generated {
    use kernel::bindings::*;
    include!(concat!(
        env!("UTRACE_OBJTREE"),
        "/bindings/kmview_generated.rs"
    ));
}
pub(crate) use generated::*;

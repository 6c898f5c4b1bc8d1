// SPDX-License-Identifier: GPL-2.0

//! `/dev/kmview`: what `device.c` calls.

use super::{
    bindings,
    wait::Poller, //
};
use crate::{
    file::OpenFile,
    session::Session, //
};
use core::ptr;
use kernel::{
    error::to_result,
    fs::File,
    prelude::*,
    seq_file::SeqFile,
    types::ForeignOwnable, //
};

/// The device, until it is dropped.
pub(crate) struct Device(());

impl Device {
    pub(crate) fn register() -> Result<Self> {
        // SAFETY: Called once, by the module's init.
        to_result(unsafe { bindings::kmview_device_register() })?;
        Ok(Device(()))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: It was registered.
        unsafe { bindings::kmview_device_unregister() }
    }
}

/// Closes what descriptors of the session the current process has, unless it shares them.
pub(crate) fn close_own_files(session: &Session) {
    // SAFETY: The pointer is only compared.
    unsafe { bindings::kmview_close_own_files(ptr::from_ref(session).cast()) }
}

/// Does `f` with the file of the device that the current process has open as `fd`.
///
/// # Errors
///
/// `EBADF`: it has nothing open so. `EINVAL`: it is none of the device.
pub(crate) fn with_file<R>(fd: i32, f: impl FnOnce(&OpenFile) -> R) -> Result<R> {
    // SAFETY: No requirements.
    let file = unsafe { bindings::kmview_fget(fd) };
    if file.is_null() {
        return Err(EBADF);
    }
    // SAFETY: We have a reference.
    let private = unsafe { bindings::kmview_file_of(file) };
    let result = match private.is_null() {
        true => Err(EINVAL),
        // SAFETY: It is what was opened, and the reference keeps it.
        false => Ok(f(unsafe { open_file(private) })),
    };
    // SAFETY: The reference was ours, and is not used any more.
    unsafe { bindings::kmview_fput(file) };
    result
}

/// # Safety
///
/// `private` must be from [`kmview_file_open`], and not be released while the result is used.
unsafe fn open_file<'a>(private: *mut c_void) -> &'a OpenFile {
    // SAFETY: By the contract.
    unsafe { <Pin<KBox<OpenFile>> as ForeignOwnable>::borrow(private.cast()) }.get_ref()
}

/// Defines what C calls, and checks its type against `helpers.h`.
macro_rules! for_c {
    ($(
        unsafe fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    )*) => {$(
        const _: () = {
            if true {
                bindings::$name
            } else {
                $name
            };
        };

        /// # Safety
        ///
        /// As `helpers.h` and `device.c` have it.
        #[no_mangle]
        unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? $body
    )*};
}

for_c! {
    unsafe fn kmview_file_open() -> *mut c_void {
        match OpenFile::new() {
            Ok(file) => file.into_foreign().cast(),
            Err(err) => err.to_ptr(),
        }
    }

    unsafe fn kmview_file_release(private: *mut c_void) {
        // SAFETY: The file is released, once.
        drop(unsafe { <Pin<KBox<OpenFile>> as ForeignOwnable>::from_foreign(private.cast()) });
    }

    unsafe fn kmview_file_read(
        private: *mut c_void,
        buf: c_ulong,
        size: usize,
        nonblock: bool,
    ) -> c_long {
        // SAFETY: C calls with what it opened.
        match unsafe { open_file(private) }.read(buf as usize, size, nonblock) {
            Ok(done) => done as c_long,
            Err(err) => err.to_errno() as c_long,
        }
    }

    unsafe fn kmview_file_poll(
        private: *mut c_void,
        file: *mut kernel::bindings::file,
        table: *mut kernel::bindings::poll_table_struct,
    ) -> c_uint {
        // SAFETY: C gives what the kernel gave it, valid for the call.
        let poller = unsafe { Poller::new(File::from_raw_file(file), table) };
        // SAFETY: C calls with what it opened.
        unsafe { open_file(private) }.poll(&poller)
    }

    unsafe fn kmview_file_ioctl(private: *mut c_void, cmd: c_uint, arg: c_ulong) -> c_long {
        // SAFETY: C calls with what it opened.
        match unsafe { open_file(private) }.ioctl(cmd, arg as usize) {
            Ok(result) => result as c_long,
            Err(err) => err.to_errno() as c_long,
        }
    }

    unsafe fn kmview_file_show(private: *mut c_void, m: *mut kernel::bindings::seq_file) {
        // SAFETY: C gives what the kernel gave it, valid for the call.
        let m = unsafe { SeqFile::from_raw(m) };
        // SAFETY: C calls with what it opened.
        unsafe { open_file(private) }.show(m);
    }

    unsafe fn kmview_file_ring(private: *mut c_void, size: *mut usize) -> *mut c_void {
        // SAFETY: C calls with a file that is open.
        let (base, len) = match unsafe { open_file(private) }.ring() {
            Some(ring) => ring.whole(),
            None => (ptr::null_mut(), 0),
        };
        // SAFETY: C gives room for it.
        unsafe { size.write(len) };
        base.cast()
    }

    unsafe fn kmview_file_is_of(private: *mut c_void, session: *const c_void) -> bool {
        // SAFETY: C calls with a file that is open.
        unsafe { open_file(private) }.is_of(session.cast())
    }
}

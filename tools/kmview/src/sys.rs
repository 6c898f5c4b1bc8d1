// SPDX-License-Identifier: GPL-2.0

//! The calls of the system on which the rest is built: the unsafe part.

use super::{
    abi,
    Error,
    Result, //
};
use std::{
    io,
    os::fd::{
        AsRawFd,
        BorrowedFd, //
    }, //
};

/// Makes an ioctl whose argument is a structure, and gives what it returns. A signal does not end it.
///
/// # Safety
///
/// Addresses inside of `argument` must be good for what the ioctl does with them.
pub(crate) unsafe fn ioctl<T>(
    fd: BorrowedFd<'_>,
    request: u32,
    argument: &mut T,
    operation: &'static str,
) -> Result<u32> {
    loop {
        // SAFETY: By the contract.
        if let Some(result) = unsafe { ioctl_until_signal(fd, request, argument, operation)? } {
            return Ok(result);
        }
    }
}

/// The same; None if a signal came (`EINTR`).
///
/// # Safety
///
/// As for [`ioctl`].
pub(crate) unsafe fn ioctl_until_signal<T>(
    fd: BorrowedFd<'_>,
    request: u32,
    argument: &mut T,
    operation: &'static str,
) -> Result<Option<u32>> {
    // SAFETY: The number names the size of `T`, which the kernel reads and writes; by the contract.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request as libc::Ioctl, &raw mut *argument) };
    if result >= 0 {
        return Ok(Some(result as u32));
    }
    let err = io::Error::last_os_error();
    match err.raw_os_error() {
        Some(libc::EINTR) => Ok(None),
        _ => Err(Error::of(operation, err)),
    }
}

/// Makes an ioctl without any argument.
pub(crate) fn ioctl_plain(fd: BorrowedFd<'_>, request: u32, operation: &'static str) -> Result<()> {
    // SAFETY: It touches no memory of ours.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request as libc::Ioctl) };
    if result < 0 {
        return Err(Error::of(operation, io::Error::last_os_error()));
    }
    Ok(())
}

/// Reads events. `EINTR` is passed on: the caller may have something to do.
pub(crate) fn read_events(fd: BorrowedFd<'_>, events: &mut [abi::Event]) -> io::Result<usize> {
    let size = size_of_val(events);
    // SAFETY: The structures are plain numbers, of which any are good; the size is theirs.
    let result = unsafe { libc::read(fd.as_raw_fd(), events.as_mut_ptr().cast(), size) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as usize / size_of::<abi::Event>())
}

/// Asks for the adoption of the calling process. Async-signal-safe: for use after a fork.
pub(crate) fn adopt_raw(fd: i32, mut adopt: abi::Adopt) -> io::Result<()> {
    // SAFETY: The structure is the one that the ioctl reads, and has no addresses in it.
    if unsafe { libc::ioctl(fd, abi::ADOPT as libc::Ioctl, &raw mut adopt) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

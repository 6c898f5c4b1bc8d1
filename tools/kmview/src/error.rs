// SPDX-License-Identifier: GPL-2.0

//! What can go wrong, and what to do about it.

use std::io;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no `/dev/kmview`.
    #[error(
        "/dev/kmview is not there: is the module loaded? (modprobe kmview, or insmod utrace.ko, then kmview.ko)"
    )]
    NotLoaded,
    /// `/dev/kmview` is there, but not for us.
    #[error("no permission to open /dev/kmview: ask for its group or mode to be set, or be root")]
    DevicePermission,
    /// We are under a seccomp filter, as in a container.
    #[error("/dev/kmview is not for processes under a seccomp filter, as in a container: start this outside of it, or with CAP_SYS_ADMIN")]
    Confined,
    /// The device speaks another version of the protocol.
    #[error("the kernel's kmview speaks version {kernel}, this program {program}: one of them is to be updated")]
    Version {
        /// The kernel's.
        kernel: u32,
        /// Ours.
        program: u32,
    },
    /// The kernel's kmview lacks a feature.
    #[error("{0}: not supported by the kmview of this kernel")]
    Unsupported(&'static str),
    /// The event is over: answered, its thread let go, or killed.
    #[error("{0}: the event is over (answered, or its thread is gone)")]
    Stale(&'static str),
    /// The kernel does not allow it: what ptrace may not do.
    #[error(
        "{0}: not permitted (the same rules as for ptrace: owner, dumpable, Yama, user namespace)"
    )]
    NotPermitted(&'static str),
    /// A program could not be started.
    #[error("cannot start the program: {0}")]
    Spawn(io::Error),
    /// Something else.
    #[error("{0}: {1}")]
    Os(&'static str, io::Error),
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The number of the error that the kernel gave, if it gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::NotLoaded => Some(libc::ENOENT),
            Error::DevicePermission => Some(libc::EACCES),
            Error::Version { .. } => None,
            Error::Unsupported(_) => Some(libc::EOPNOTSUPP),
            Error::Stale(_) => Some(libc::ESTALE),
            Error::Confined | Error::NotPermitted(_) => Some(libc::EPERM),
            Error::Spawn(err) | Error::Os(_, err) => err.raw_os_error(),
        }
    }

    /// Whether the event that the call was about is over: it happens, when threads are killed.
    pub fn is_stale(&self) -> bool {
        matches!(self, Error::Stale(_))
    }

    pub(crate) fn of(operation: &'static str, err: io::Error) -> Self {
        match err.raw_os_error() {
            Some(libc::EOPNOTSUPP) => Error::Unsupported(operation),
            Some(libc::ESTALE) => Error::Stale(operation),
            Some(libc::EPERM) => Error::NotPermitted(operation),
            _ => Error::Os(operation, err),
        }
    }
}
